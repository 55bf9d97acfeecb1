"""`glpose synth`: a data set of rendered figures in an official layout, for trying things out."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glpose.cli.checks import Switch
from glpose.cli.output import say


def synth(
    folder: Path,
    /,
    *,
    layout: Annotated[str, Parameter(name="--as")],
    seed: int = 0,
    videos: int = 8,
    frames: int = 24,
    mat: Switch = False,
) -> int:
    """Write a small set of rendered figures in the official layout of a data set.

    Parameters
    ----------
    folder
        A new or empty folder for the set.
    layout
        posetrack17, posetrack18, jhmdb or coco.
    seed
        Random seed; the same seed gives the same files.
    videos
        How many videos, about a quarter of them for validation; coco takes pictures from them.
    frames
        The length of the longest video; others are one or two frames shorter.
    mat
        Write the annotations of posetrack17 as MATLAB files instead of JSON.

    """
    from glpose.synth.layouts import write_layout

    written = write_layout(layout, folder, seed=seed, num_videos=videos, num_frames=frames, mat=mat)
    say(
        f"wrote {folder}: {layout}, {written.num_videos} videos, {written.num_pictures} pictures, "
        f"{written.num_people} labelled people"
    )
    return 0
