"""Poses of one video from files of any tool: ours, COCO results, and PoseTrack predictions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from glpose.errors import BadInput
from glpose.files import open_regular
from glpose.formats.posetrack.labels import read_prediction_file
from glpose.formats.posetrack.people import MISSING_SCORE
from glpose.formats.results import (
    POSES,
    load,
    poses_file_of,
    poses_files_below,
    poses_files_of,
    result_of,
)
from glpose.formats.text.kinds import HEAD, kind_of
from glpose.formats.text.lines import FARTHEST_PX, first_value
from glpose.formats.text.rows import top
from glpose.formats.text.tree import Node, is_empty, read_tree
from glpose.skeleton import COCO17, POSETRACK15, Skeleton
from glpose.types import FramePoses, People, PoseResult, VideoInfo

_EXPECTED = (
    "JSON: the poses.jsonl of glpose run, or the folder it is in, COCO results, or predictions of "
    "PoseTrack; give one of these"
)
_FORMS = (
    "expected COCO results (a list, 'image_id' is the number of the frame, from 0) or predictions of "
    "PoseTrack (one file a video); convert them to one of these, or use the poses.jsonl of glpose run"
)
_OPENPOSE = "*_keypoints.json"


@dataclass(frozen=True, slots=True, eq=False)
class GivenPoses:
    """Poses in the order of frames; frames may be left out. `video` is None where the file has none.

    People have the track id -1 where the file has none. `settings` are those of a run of glpose.
    """

    skeleton: Skeleton
    frames: tuple[FramePoses, ...]
    video: VideoInfo | None
    models: dict[str, dict[str, object]]
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def has_ids(self) -> bool:
        """Whether all people have track ids."""
        return all((poses.people.track_id >= 0).all() for poses in self.frames)


def read_poses(path: Path) -> GivenPoses:
    """Read a `poses.jsonl`, COCO results, or the PoseTrack predictions of one sequence.

    A result of glpose may be one object too, as of `Result.to_dict`, however it is written.

    In COCO results (a JSON list, 17 joints) `image_id` is the number of the frame, from 0; `bbox`
    and `track_id` may be given, and joints at (0, 0) with score 0 are missing. Scores are cut to
    0 to 1; those that PoseTrack's predictions lack are 1, and people of negative scores alone, which
    are written where nobody is, are left out.

    Raises: BadInput naming what cannot be read.
    """
    if _has_header(path):
        return _given(load(path, needs_ids=False))
    root = read_tree(path)
    if isinstance(root.value, dict) and "format" in root.value:
        return _given(result_of(path, root.value, needs_ids=False))
    _check_form(path, root.value)
    if isinstance(root.value, list) and root.value:
        return GivenPoses(COCO17, tuple(_coco_frames(path, root.value)), None, {})
    if isinstance(root.value, dict) and root.value:
        return GivenPoses(POSETRACK15, _posetrack_frames(path, root), None, {})
    raise root.error("empty", "a poses.jsonl, COCO results, or predictions of PoseTrack")


def find_poses(path: Path) -> Path:
    """The file of poses that is meant by a path, as `poses_file_of`, for poses of any tool.

    Raises: BadInput, which names the forms of other tools, for a folder without poses of glpose.
    """
    with _in_other_forms(path):
        return poses_file_of(path)


def find_all_poses(path: Path) -> list[Path]:
    """As `find_poses`, but all of them for a folder that holds folders of results."""
    with _in_other_forms(path):
        return poses_files_of(path)


@contextmanager
def _in_other_forms(path: Path) -> Iterator[None]:
    try:
        yield
    except BadInput as problem:
        if any(path.glob(_OPENPOSE)):
            raise BadInput(f"{path}: holds poses of OpenPose, a file a frame; {_FORMS}") from None
        if poses_files_below(path) or not any(path.glob("*.json")):
            raise
        raise BadInput(f"{path}: holds no {POSES}; {_FORMS}") from problem


def _check_form(path: Path, value: object) -> None:
    """Raises: BadInput for JSON that looks like poses of a tool in a form that is not read."""
    found = ""
    if isinstance(value, list):
        first = value[0].get("image_id") if value and isinstance(value[0], dict) else None
        if isinstance(first, str):
            found = f"'[0].image_id' is the name {first!r:.40}, as AlphaPose writes it"
    elif isinstance(value, dict) and value and not {"annolist", "images"} & value.keys():
        keys = ", ".join(f"'{key}'" for key in list(value)[:8])
        tools = {"instance_info": "MMPose", "people": "OpenPose"}
        tool = next((f", as {tools[key]} writes them" for key in tools if key in value), "")
        found = f"its keys are {keys}{tool}"
    if found:
        raise BadInput(f"{path}: {found}; {_FORMS}")


def check_order(poses: Path, usage: str) -> None:
    """Raises: BadInput, with the usage, for a video in the place of poses: the two were exchanged."""
    try:
        with open_regular(poses) as file:
            kind = kind_of(poses, file.read(HEAD))
    except OSError:  # who reads it says why
        return
    if kind in ("a video", "a picture"):
        raise BadInput(f"{poses}: is {kind}, in the place of poses; the order is {usage}")


def _given(result: PoseResult) -> GivenPoses:
    return GivenPoses(result.skeleton, result.frames, result.video, result.models, result.settings)


def _has_header(path: Path) -> bool:
    """Whether the first line is the header of our own format, and the frames follow on others."""
    first, goes_on = first_value(path, _EXPECTED)
    if goes_on:
        return False
    return path.suffix == ".jsonl" or (isinstance(first, dict) and "format" in first)


def _posetrack_frames(path: Path, root: Node) -> tuple[FramePoses, ...]:
    """The predictions of a sequence as poses of a video, with scores from 0 to 1."""
    frames = read_prediction_file(path)
    ids = chain(
        top(root).rows("annolist").rows("annorect").raw("track_id"),
        top(root).rows("annotations").raw("track_id"),
    )
    is_numbered = not any(map(is_empty, ids))
    return tuple(_posetrack_frame(poses, is_numbered=is_numbered) for poses in frames)


def _posetrack_frame(poses: FramePoses, *, is_numbered: bool) -> FramePoses:
    def usual(score: np.ndarray) -> np.ndarray:
        return np.clip(np.where(score == MISSING_SCORE, 1.0, score), 0, 1).astype(np.float32)

    found = np.isfinite(poses.xy).all(-1)
    is_bad = (poses.score < 0) & (poses.score != MISSING_SCORE)
    is_dummy = (is_bad | ~found).all(-1)
    people, xy = poses.people[~is_dummy], poses.xy[~is_dummy].astype(np.float32)
    score = np.where(np.isfinite(xy).all(-1), usual(poses.score[~is_dummy]), 0)
    ids = people.track_id if is_numbered else np.full(len(people), -1, np.int64)
    who = People(people.xyxy, usual(people.score), ids)
    return FramePoses(poses.frame, poses.time_s, who, xy, score.astype(np.float32))


def _coco_frames(path: Path, entries: Iterable[object]) -> list[FramePoses]:
    people: dict[int, list[Node]] = {}
    for i, value in enumerate(entries):
        entry = Node(path, f"[{i}]", value)
        frame = entry.at("image_id").whole()
        if frame < 0:
            raise entry.at("image_id").error(str(frame), "the number of a frame, from 0")
        people.setdefault(frame, []).append(entry)
    return [_coco_frame(frame, people[frame]) for frame in sorted(people)]


def _coco_frame(frame: int, people: list[Node]) -> FramePoses:
    num = len(COCO17.joints)
    joints = np.stack([p.at("keypoints").numbers(3 * num).reshape(num, 3) for p in people])
    if not (np.abs(joints) <= FARTHEST_PX).all():
        raise people[0].at("keypoints").error("beyond any picture", "pixels")
    xy, score = joints[..., :2].astype(np.float32), np.clip(joints[..., 2], 0, 1).astype(np.float32)
    xy[(joints == 0).all(-1)] = np.nan
    rows = [(_box(p, own), _score(p), _number(p)) for p, own in zip(people, xy, strict=True)]
    who = People(
        np.array([row[0] for row in rows], np.float32),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )
    ids, count = np.unique(who.track_id[who.track_id >= 0], return_counts=True)
    if (count > 1).any():
        raise (
            people[0]
            .at("track_id")
            .error(f"{ids[count.argmax()]} twice for picture {frame}", "each person once")
        )
    return FramePoses(frame, 0.0, who, xy, score)


def _box(person: Node, xy: np.ndarray) -> list[float]:
    """The box as x1, y1, x2, y2: as given, or around the joints."""
    given = person.get("bbox")
    if given is not None:
        x, y, width, height = given.numbers(4)
        if width > 0 and height > 0:
            return [x, y, x + width, y + height]
        raise given.error(f"{width} x {height} pixels", "a box with a width and a height")
    if np.isnan(xy).all():
        raise person.at("keypoints").error(
            "without any joint", "a joint that is found, or a 'bbox'"
        )
    low, high = np.nanmin(xy, 0), np.nanmax(xy, 0)
    return [*low.tolist(), *np.maximum(high, low + 1).tolist()]


def _score(person: Node) -> float:
    return float(np.clip(person.at("score").number(), 0, 1))


def _number(person: Node) -> int:
    given = person.get("track_id")
    return -1 if given is None else given.whole()
