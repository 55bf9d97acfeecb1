"""Many small pictures as one, to be looked at."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

_GAP_PX = 4
_GROUND = 32


def contact_sheet(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], num_columns: int = 8
) -> UInt8[np.ndarray, "height width 3"]:
    """Pictures row by row, each at the top left of a cell that fits the largest; at least one."""
    assert pictures
    num_columns = min(num_columns, len(pictures))
    num_rows = -(-len(pictures) // num_columns)
    cell = np.max([p.shape[:2] for p in pictures], axis=0) + _GAP_PX
    height, width = cell * [num_rows, num_columns] + _GAP_PX
    sheet = np.full((height, width, 3), _GROUND, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = cell * divmod(i, num_columns) + _GAP_PX
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
