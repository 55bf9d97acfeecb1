"""How a run ended, by what lies beside its poses: `summary.json`, or the mark of one that has not ended.

What is made of the poses of a run that did not end well says so in the `settings` of its header.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from glpose.errors import pasted
from glpose.files import open_regular
from glpose.formats.results import POSES
from glpose.formats.text.lines import first_value
from glpose.jobs.writers import OVERLAY, POSES_3D, SMOOTH, SMOOTH_3D
from glpose.video.writer import partial_of

SUMMARY = "summary.json"
BEGUN = ".glpose-begun.json"
"""In the folder of a run until it has a summary: what it is of."""
RUN_STATE = "run_state"
"""The setting with the state of the run that poses were made of, where it did not end well."""

_IN_WORDS = {
    "begun": "has not ended, or was killed",
    "interrupted": "was interrupted",
    "failed": "failed",
}
"""States of runs whose poses are not all that there can be; "incomplete" lacks something of the source."""
_OF_RUN = (POSES, POSES_3D, SMOOTH, SMOOTH_3D)


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
    return _IN_WORDS.get(_state_in(folder), "")


def lack_of(poses: Path, num_frames: int, settings: Mapping[str, object]) -> str:
    """One line about a file of poses that holds less than its run was to write; else empty.

    `settings` are those of its header.
    """
    if _is_cut_off(poses, num_frames):
        return (
            f"{poses}: the last line is cut off, as a killed run leaves it; the {num_frames} whole "
            "frames were used; run the video again for the rest"
        )
    if ended := _IN_WORDS.get(_state_beside(poses)):
        return (
            f"{poses}: of a run that {ended}; the {num_frames} frames that are there were used; see "
            f"glpose info {pasted(poses.parent)}"
        )
    if ended := _IN_WORDS.get(str(settings.get(RUN_STATE))):
        return (
            f"{poses}: made of results of a run that {ended}; the {num_frames} frames that are there "
            "were used; run the video again for the rest"
        )
    return ""


def passed_on(poses: Path, num_frames: int, settings: Mapping[str, object]) -> dict[str, object]:
    """What `lack_of` finds as settings of what is made of the poses; nothing if it finds nothing."""
    told = str(settings.get(RUN_STATE))
    states = ("begun" if _is_cut_off(poses, num_frames) else "", _state_beside(poses), told)
    state = next((state for state in states if state in _IN_WORDS), "")
    return {RUN_STATE: state} if state else {}


def _state_in(folder: Path) -> str:
    state = read_record(folder).get("state")
    if state is None and partial_of(folder / OVERLAY).exists():
        state = "begun"  # by a version that left no mark
    return str(state)


def _state_beside(poses: Path) -> str:
    """The state of the run in whose folder a file lies under a name that makes it one of the run's."""
    return _state_in(poses.parent) if poses.name in _OF_RUN else ""


def _is_cut_off(poses: Path, num_frames: int) -> bool:
    if first_value(poses)[1]:  # one object, which is read as a whole or not at all
        return False
    with open_regular(poses) as lines:
        return sum(1 for line in lines if line.strip()) > 1 + num_frames
