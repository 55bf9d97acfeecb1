"""Predictions of a validation as one picture, for inspection."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64, UInt8

from glpose.crop import crop_from_image, cut
from glpose.imaging import draw_dot
from glpose.skeleton import Skeleton
from glpose.train.data.sets import LABELLED
from glpose.train.data.tracks import Tracks
from glpose.types import CropSpec, FramePoses, People
from glpose.viewer.overlay import draw

NUM_SAMPLES = 16
"""People on a sheet."""

_SIZE_HW = (256, 192)
_GAP_PX = 4
_GROUND = 32
_TRUTH = (255, 255, 255)
_EDGE = (16, 16, 16)


def spread(num: int) -> list[int]:
    """At most `NUM_SAMPLES` indices below `num`, evenly spaced and deterministic."""
    return np.unique(np.linspace(0, num - 1, min(num, NUM_SAMPLES)).astype(int)).tolist()


def draw_rows(
    tracks: Tracks,
    rows: Int64[np.ndarray, " rows"],
    found: Float[np.ndarray, "rows joints 2"],
    skeleton: Skeleton,
) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """Some rows of tracks as `draw_sample` has them, with the joints found there."""
    return [
        draw_sample(
            tracks.pictures[int(tracks.picture[row])],
            tracks.xyxy[row],
            xy,
            np.where((tracks.state[row] == LABELLED)[:, None], tracks.xy[row], np.nan),
            skeleton,
        )
        for row, xy in zip(rows.tolist(), found, strict=True)
    ]


def draw_sample(
    rgb: UInt8[np.ndarray, "height width 3"],
    xyxy: Float[np.ndarray, " 4"],
    xy: Float[np.ndarray, "joints 2"],
    truth_xy: Float[np.ndarray, "joints 2"],
    skeleton: Skeleton,
) -> UInt8[np.ndarray, "h w 3"]:
    """A crop of a person with the predicted joints as a skeleton and the labelled ones as dots.

    Box and joints are in pixels of the picture; a joint without a label is NaN.
    """
    spec = CropSpec(_SIZE_HW)
    to_sample = crop_from_image(xyxy, spec)
    found = to_sample.apply(xy.astype(np.float64))[None].astype(np.float32)
    people = People(
        to_sample.apply(xyxy.reshape(2, 2).astype(np.float64)).reshape(1, 4).astype(np.float32),
        np.ones(1, np.float32),
        np.ones(1, np.int64),
    )
    poses = FramePoses(0, 0.0, people, found, np.ones(found.shape[:2], np.float32))
    sample = draw(cut(rgb, to_sample, spec), poses, skeleton, numbered=False)
    for point in to_sample.apply(
        truth_xy[np.isfinite(truth_xy).all(1)].astype(np.float64)
    ).tolist():
        draw_dot(sample, point, 3.0, _EDGE)
        draw_dot(sample, point, 2.0, _TRUTH)
    return sample


def contact_sheet(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], num_columns: int = 8
) -> UInt8[np.ndarray, "height width 3"]:
    """Pictures in a grid, row by row, in cells of the size of the largest; at least one picture."""
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
