"""Joints of one person as markers in a TRC file (track row column), for OpenSim and its relatives.

Written from the description in OpenSim's documentation ("Marker (.trc) Files"), without the blank row
there, as Pose2Sim and Sports2D write them. Unknown places are empty cells.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from glpose.formats.text.lines import as_text, write_text

METRES_A_PIXEL = 1e-3
"""A length for places in pixels, since the format knows no pixels: as Sports2D has it."""


def write_trc(
    path: Path,
    joints: Sequence[str],
    frame: Int64[np.ndarray, " frames"],
    time_s: Float[np.ndarray, " frames"],
    xyz_m: Float[np.ndarray, "frames joints 3"],
    rate_hz: float,
) -> None:
    """Write places in metres, y up, NaN where unknown; frames are counted from 1 there.

    Raises: BadInput if the file cannot be written. Nothing is left half written.
    """
    rate, num = f"{rate_hz:.6g}", len(frame)
    axes = [f"{axis}{n}" for n in range(1, len(joints) + 1) for axis in "XYZ"]
    table = [
        ["PathFileType", "4", "(X/Y/Z)", as_text(path.name)],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
         "OrigDataStartFrame", "OrigNumFrames"],
        [rate, rate, str(num), str(len(joints)), "m", rate, "1", str(num)],
        ["Frame#", "Time", *(cell for name in joints for cell in (name, "", ""))],
        ["", "", *axes],
    ]  # fmt: skip
    for number, moment_s, places in zip(frame.tolist(), time_s.tolist(), xyz_m, strict=True):
        cells = ("" if np.isnan(value) else f"{value:.5f}" for value in places.ravel().tolist())
        table.append([str(number + 1), f"{moment_s:.6f}", *cells])
    write_text(path, "".join("\t".join(row) + "\n" for row in table))
