"""How a run ended, by what lies beside its poses: `summary.json`, or the mark of one that has not ended."""

import json
from pathlib import Path

from glpose.files import open_regular
from glpose.formats.results import POSES
from glpose.formats.text.lines import first_value
from glpose.jobs.writers import OVERLAY
from glpose.video.writer import partial_of

SUMMARY = "summary.json"
BEGUN = ".glpose-begun.json"
"""In the folder of a run until it has a summary: what it is of."""

_IN_WORDS = {
    "begun": "has not ended, or was killed",
    "interrupted": "was interrupted",
    "failed": "failed",
}
"""Where something lacks in the source alone, the poses are all that there can be."""


def read_record(folder: Path) -> dict[str, object]:
    """What the last run there says of itself; nothing if it is not to be read."""
    for name in (SUMMARY, BEGUN):  # a run puts the summary before it away when it begins
        try:
            record = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            return record
    return {}


def how_ended(folder: Path) -> str:
    """How the run of a folder ended, in words, if not well; else empty.

    Poses without any trace of a run are whole: they were copied, or written by Python.
    """
    state = read_record(folder).get("state")
    if state is None and partial_of(folder / OVERLAY).exists():
        state = "begun"  # by a version that left no mark
    return _IN_WORDS.get(str(state), "")


def lack_of(poses: Path, num_frames: int) -> str:
    """One line about a file of poses that holds less than its run was to write; else empty."""
    if _is_cut_off(poses, num_frames):
        return (
            f"{poses}: the last line is cut off, as a killed run leaves it; the {num_frames} whole "
            "frames were used; run the video again for the rest"
        )
    if poses.name != POSES or not (ended := how_ended(poses.parent)):
        return ""
    return (
        f"{poses}: of a run that {ended}; the {num_frames} frames that are there were used; see "
        f"glpose info {poses.parent}"
    )


def _is_cut_off(poses: Path, num_frames: int) -> bool:
    if first_value(poses)[1]:  # one object, which is read as a whole or not at all
        return False
    with open_regular(poses) as lines:
        return sum(1 for line in lines if line.strip()) > 1 + num_frames
