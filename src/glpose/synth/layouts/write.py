"""Write a whole data set: first into a hidden folder, so that it appears complete or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

from glpose.errors import BadConfig, BadInput, reason
from glpose.files import did_you_mean
from glpose.synth.layouts.coco import write_coco
from glpose.synth.layouts.jhmdb import write_jhmdb
from glpose.synth.layouts.order import Order, Written, write_text
from glpose.synth.layouts.posetrack17 import write_posetrack17
from glpose.synth.layouts.posetrack18 import write_posetrack18

_WRITERS: dict[str, Callable[[Path, Order], Written]] = {
    "posetrack17": write_posetrack17,
    "posetrack18": write_posetrack18,
    "jhmdb": write_jhmdb,
    "coco": write_coco,
}
LAYOUTS = tuple(_WRITERS)
_PART = ".unfinished"


def write_layout(
    name: str,
    folder: Path,
    *,
    seed: int = 0,
    num_videos: int = 8,
    num_frames: int = 24,
    size_hw: tuple[int, int] | None = None,
    mat: bool = False,
) -> Written:
    """Write rendered people in the official layout of a data set, named as in `LAYOUTS`.

    The same arguments give the same bytes. `folder` may exist but must be empty. `num_frames` is
    the length of the longest video, `size_hw` the picture size (None: the usual one of the layout;
    COCO makes some portrait), `mat` writes PoseTrack 2017 as MATLAB files.

    Raises: BadConfig for an unknown name or unusable numbers; BadInput if the folder is
    not empty or cannot be written, in which case nothing is left in it.
    """
    order = Order(seed, num_videos, num_frames, size_hw, mat)
    _check(name, order)
    was_there = _claim(folder)
    part = folder / _PART
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)  # left by a run that was killed
            part.mkdir()
            written = _WRITERS[name](part, order)
            write_text(part / "README.txt", _about(name, order, written))
            for path in sorted(part.iterdir()):
                path.replace(folder / path.name)
            part.rmdir()
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            if not was_there and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
            raise
    except OSError as problem:
        raise _cannot_write(folder, reason(problem)) from problem
    except BadInput as problem:  # from writing a picture
        raise _cannot_write(folder, str(problem)) from problem
    return written


def _check(name: str, order: Order) -> None:
    if name not in LAYOUTS:
        raise BadConfig(f"unknown layout '{name}'; {did_you_mean(name, LAYOUTS)}")
    if order.mat and name != "posetrack17":
        raise BadConfig(
            f"MATLAB annotations were asked for, but {name} has none to choose; leave --mat out"
        )
    if order.seed < 0:
        raise BadConfig(f"the seed is {order.seed}; expected a whole number from 0")
    if order.num_videos < 2:
        raise BadConfig(
            f"{order.num_videos} videos were asked for; expected at least 2, "
            "one for training and one for validation"
        )
    if order.num_frames < 1:
        raise BadConfig(f"videos of {order.num_frames} frames were asked for; expected at least 1")


def _claim(folder: Path) -> bool:
    """Whether the folder exists already. Raises: BadInput if it cannot be used."""
    try:
        found = sorted(p.name for p in folder.iterdir() if p.name != _PART)
    except FileNotFoundError:
        return False
    except NotADirectoryError as problem:
        raise BadInput(f"{folder}: is a file; expected a new or empty folder") from problem
    except OSError as problem:
        raise BadInput(f"{folder}: cannot be read ({reason(problem)}); choose another") from problem
    if found:
        raise BadInput(
            f"{folder}: is not empty (it holds {found[0]}); "
            "expected a new or empty folder, so that nothing is mixed or lost"
        )
    return True


def _cannot_write(folder: Path, reason: str) -> BadInput:
    return BadInput(
        f"{folder}: the set cannot be written ({reason}); free some space or choose another folder"
    )


def _about(name: str, order: Order, written: Written) -> str:
    options = f"--seed {order.seed} --videos {order.num_videos} --frames {order.num_frames}"
    size = "" if order.size_hw is None else f", pictures of {order.size_hw[1]}x{order.size_hw[0]}"
    return (
        f"SYNTHETIC. Rendered figures in the layout of {name}, to try tools on; not the data set,\n"
        "and results on it say nothing about results on the data set.\n\n"
        f"{written.num_videos} videos, {written.num_pictures} pictures, "
        f"{written.num_people} labelled people.\n"
        f"Made by: glpose synth --as {name} FOLDER {options}{' --mat' if order.mat else ''}{size}\n"
    )
