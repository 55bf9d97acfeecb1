"""The files of a run: `poses.jsonl` ("glpose/1"), boxes and `summary.json`.

`poses.jsonl` starts with a header line and has one line for each frame. Lines are written as they
come, so that a killed run leaves a readable file; `load` reads it back. A joint that was not found
is `[null, null, 0.0]` in the file and NaN with score 0 in memory. A person whose left and right
limbs may be exchanged has `"sides": "unsure"`, one who was not found in the frame but put there
from frames around it `"source": "propagated"`. After `glpose smooth` a person also has the `raw`
coordinates, and the numbers of the joints that were `filled` in or replaced as `outliers`. The
`video` of a single picture is marked with `"still": true`; frames that are picture files have the
name as `picture`.

People who were lifted have `joints_3d`, [x, y, z] relative to their root or [null, null, null] for
each joint, and `window` with the words "padded" and "bridged" where they apply; what these mean is
said by `types.PosesInSpace`, the unit by `settings` of the header.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float, Float32

from glpose.config import real_number, to_plain
from glpose.errors import BadInput
from glpose.files import check_name, whole_file
from glpose.formats.text.lines import (
    FARTHEST_PX,
    Line,
    cannot_read,
    cannot_write,
    dump,
    first_value,
    has_area,
    is_number,
    is_pixel,
    read_lines,
    write_text,
)
from glpose.formats.text.tree import read_tree
from glpose.skeleton import SKELETONS, Skeleton
from glpose.types import (
    BeforeSmoothing,
    FramePoses,
    FrameStatus,
    People,
    PoseResult,
    PosesInSpace,
    VideoInfo,
)

FORMAT = "glpose/1"
POSES = "poses.jsonl"
OLD = ".glpose-old-"
"""How the name of a folder begins that holds results while a run is to replace them."""

_UNSURE, _PROPAGATED = "unsure", "propagated"
_PADDED, _BRIDGED = "padded", "bridged"
_PX, _SCORE, _SECONDS, _SPACE = 2, 4, 6, 4  # decimals


class ResultWriter:
    """Writes `poses.jsonl`: the header at once, then a line for each frame, each flushed.

    Use it in a `with` statement. Raises BadInput if the file cannot be written (disk full,
    folder not writable); lines written before that stay readable.
    """

    def __init__(
        self,
        path: str | Path,
        video: VideoInfo,
        skeleton: Skeleton,
        models: Mapping[str, Mapping[str, object]] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Open the file, replacing an existing one, and write the header."""
        self._path = Path(path)
        self._num_joints = len(skeleton.joints)
        self._frame = -1
        first = header(video, skeleton, models or {}, settings or {})
        try:
            check_name(self._path)
            self._file: IO[str] = self._path.open("w", encoding="utf-8", newline="\n")
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem
        try:
            self._write_line(first)
        except BadInput:
            self.close()
            raise

    def write(self, poses: FramePoses) -> None:
        """Append a frame. Frames must come in order, each once, with the joints of the header."""
        if poses.frame <= self._frame:
            raise BadInput(
                f"{self._path}: frame {poses.frame} came after frame {self._frame}; "
                "expected each frame once and in order"
            )
        if poses.xy.shape[1:] != (self._num_joints, 2):
            raise BadInput(
                f"{self._path}: frame {poses.frame} has joints of shape {poses.xy.shape[1:]}; "
                f"expected ({self._num_joints}, 2) as in the header"
            )
        self._check_numbers(poses)
        found = poses.score[np.isfinite(poses.xy).all(-1)]
        for score in (poses.people.score, found):
            wrong = score[~((np.round(score, _SCORE) >= 0) & (np.round(score, _SCORE) <= 1))]
            if len(wrong):
                raise BadInput(
                    f"{self._path}: frame {poses.frame} has the score {wrong[0]:g}; expected 0 to 1"
                )
        check_people(poses.people, f"{self._path}: frame {poses.frame}")
        self._write_line(frame_line(poses))
        self._frame = poses.frame

    def _check_numbers(self, poses: FramePoses) -> None:
        """Raises: BadInput for a time or coordinates that `load` would refuse."""
        if not is_number(real_number(poses.time_s)):
            raise BadInput(
                f"{self._path}: frame {poses.frame} is at {poses.time_s!r:.40} s; expected a "
                "finite number below 1e300"
            )
        before, lifted = poses.before, poses.lifted
        for xy in (poses.xy, before and before.xy, lifted and lifted.xyz):
            if xy is not None and (far := np.abs(xy[np.isfinite(xy)]) > FARTHEST_PX).any():
                raise BadInput(
                    f"{self._path}: frame {poses.frame} has a joint at {xy[np.isfinite(xy)][far][0]:g}; "
                    f"expected at most {FARTHEST_PX:g} pixels, as no picture is larger"
                )

    def close(self) -> None:
        """Close the file; all lines are written already."""
        try:
            self._file.close()
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem

    def __enter__(self) -> "ResultWriter":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.close()
        except BadInput:
            if error is None:  # otherwise the first error is the useful one
                raise

    def _write_line(self, data: Mapping[str, object]) -> None:
        try:
            self._file.write(dump(data) + "\n")
            self._file.flush()
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem


def write_whole_result(
    path: Path,
    frames: Iterable[FramePoses],
    video: VideoInfo,
    skeleton: Skeleton,
    models: Mapping[str, Mapping[str, object]] | None = None,
    settings: Mapping[str, object] | None = None,
) -> None:
    """Write all frames of a video, or nothing. Raises: BadInput if that fails."""
    try:
        with (
            whole_file(path) as part,
            ResultWriter(part, video, skeleton, models, settings) as writer,
        ):
            for poses in frames:
                writer.write(poses)
    except OSError as problem:
        raise cannot_write(path, problem) from problem


def load(path: str | Path, *, needs_ids: bool = True) -> PoseResult:
    """Read `poses.jsonl`; for a killed run, all complete lines.

    A file with the whole in one object, as of `Result.to_dict`, is read, too, however it is written.
    Unless the file `needs_ids`, people may lack a `track_id`, which is -1 then.

    Raises: BadInput with the line number if anything differs from what `ResultWriter` writes.
    """
    path = Path(path)
    lines = _expanded(result_lines(path, forgive_last=True))
    first = next(lines, None)
    if first is None:
        raise BadInput(
            f"{path}: found no whole line; expected a header with format {FORMAT}; "
            f"the run stopped before it began, run it again{put_aside(path.parent)}"
        )
    return _result(first, lines, needs_ids=needs_ids)


def poses_file_of(path: Path) -> Path:
    """The file of poses that is meant by a path: itself, or `poses.jsonl` in a folder of results.

    Raises: BadInput for a folder without, or one that cannot be looked into.
    """
    files = poses_files_of(path)
    if is_folder_of_results(path, files):
        named = ", ".join(str(file.parent) for file in files[:3])
        raise BadInput(
            f"{path}: holds results in folders of their own; give one: {named}"
            f"{', ...' if files[3:] else ''}"
        )
    return files[0]


def poses_files_of(path: Path) -> list[Path]:
    """As `poses_file_of`, but all of them for a folder that holds folders of results.

    Raises: BadInput for a folder without, or one that cannot be looked into.
    """
    try:
        if not path.is_dir():
            return [path]
        if (path / POSES).is_file():
            return [path / POSES]
        below = poses_files_below(path)
    except OSError as problem:
        raise cannot_read(path, problem, "a results folder of glpose run") from problem
    if not below:
        raise BadInput(
            f"{path}: holds no {POSES}; expected a results folder of glpose run{put_aside(path)}"
        )
    return below


def poses_files_below(path: Path) -> list[Path]:
    """`poses.jsonl` of each folder in a folder, but of those whose names begin with a dot."""
    files = (file for file in path.glob(f"*/{POSES}") if file.is_file())
    return sorted(file for file in files if not file.parent.name.startswith("."))


def is_folder_of_results(path: Path, files: Sequence[Path]) -> bool:
    """Whether `poses_files_of` has found these files in folders below a path."""
    return files[0].parent.parent == path and files[0] != path / POSES


def left_aside(folder: Path) -> list[Path]:
    """The folders with what killed runs were to replace, that of the last one first."""
    places = (place for place in folder.glob(f"{OLD}*") if place.is_dir() and not _is_empty(place))
    return sorted(places, key=lambda place: place.stat().st_mtime_ns, reverse=True)


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:  # another user's
        return False


def put_aside(folder: Path) -> str:
    """Where the results are that killed runs were to replace, and how to have them back; else empty."""
    places = left_aside(folder)
    if not places:
        return ""
    if holds_frames(folder / POSES):
        return f"; results before these are in {', '.join(map(str, places))}"
    return (
        f"; the results before are in {places[0]}; run the video again without --overwrite to have them "
        "back"
    )


def holds_frames(path: str | Path) -> bool:
    """Whether a `poses.jsonl` has more than its header; also if it cannot be read, for then nobody knows.

    If so, results stand, and those that a killed run was to replace do not come back by themselves.
    """
    path = Path(path)
    try:
        if not path.exists():
            return False
        lines = list(islice(_expanded(result_lines(path, forgive_last=True)), 2))
        return len(lines) > 1 or (not lines and path.stat().st_size > 0)
    except (BadInput, OSError):
        return True


def count_frames(path: Path) -> int:
    """How many whole lines a `poses.jsonl` has behind its header; 0 if it cannot be read."""
    try:
        return max(0, sum(1 for _ in result_lines(path, forgive_last=True)) - 1)
    except BadInput:
        return 0


def result_of(path: Path, whole: dict[str, Any], *, needs_ids: bool = True) -> PoseResult:
    """The result that a file holds as one object, as of `Result.to_dict`. Raises: as `load`."""
    first, *frames = _expanded([Line(path, 1, whole)])
    return _result(first, frames, needs_ids=needs_ids)


def result_lines(path: Path, *, forgive_last: bool = False) -> Iterator[Line]:
    """The lines of a file, or the one object that it is as a whole. Raises: as `read_lines`."""
    if not first_value(path)[1]:
        yield from read_lines(path, forgive_last=forgive_last)
        return
    root = read_tree(path)
    if not isinstance(root.value, dict):
        raise root.error("a list", f"the results of a run, with format {FORMAT}")
    yield Line(path, 1, root.value)


def _expanded(lines: Iterable[Line]) -> Iterator[Line]:
    """The header and a line for each frame, also where the header has the `frames` in it."""
    for count, line in enumerate(lines):
        yield line
        if count == 0 and "format" in line.data and "frames" in line.data:
            for i, frame in enumerate(line.list("frames")):
                yield line.inner(frame, f"frames[{i}]")


def _result(first: Line, lines: Iterable[Line], *, needs_ids: bool) -> PoseResult:
    _check_format(first)
    video = _read_video(first.inner(first.value("video", "an object"), "video"))
    skeleton = _read_skeleton(first.inner(first.value("skeleton", "an object"), "skeleton"))
    models = first.inner(first.value("models", "an object"), "models").data
    for name, model in models.items():
        first.inner(model, f"models.{name}")
    settings = first.inner(first.value("settings", "an object"), "settings").data
    frames: list[FramePoses] = []
    for line in lines:
        frames.append(_read_frame(line, len(skeleton.joints), needs_ids=needs_ids))
        if len(frames) > 1 and frames[-1].frame <= frames[-2].frame:
            raise line.error(
                f"frame {frames[-1].frame} after frame {frames[-2].frame}",
                "each frame once and in order",
            )
    return PoseResult(video, skeleton, tuple(frames), models, settings)


def read_boxes(path: str | Path) -> dict[int, People]:
    """People by frame from lines of boxes, or from any file or folder that `load` reads.

    A line is `{"frame": 0, "people": [{"track_id": 1, "box_xyxy": [x1, y1, x2, y2],
    "box_score": 0.9}]}`; other keys are ignored, frames without a line have nobody. The caller,
    who knows the video, has to check that the frames exist.

    Raises: BadInput with the line number for broken JSON, NaN, an empty or inverted box, a
    negative frame, a frame or (within a frame) a `track_id` that comes twice, or a missing key.
    """
    path = Path(path)
    if path.is_dir():
        path = poses_file_of(path)
    boxes: dict[int, People] = {}
    for count, line in enumerate(_expanded(result_lines(path))):
        if count == 0 and "format" in line.data:
            _check_format(line)
            continue
        frame = line.whole("frame")
        if frame in boxes:
            raise line.error(f"frame {frame} for the second time", "each frame once")
        boxes[frame] = _read_people(line, _people_lines(line))
    return boxes


def check_people(people: People, where: str) -> None:
    """Raises: BadInput for people whom no file could give back; `where` names the frame."""
    fits = has_area(people.xyxy) & (np.abs(people.xyxy) <= FARTHEST_PX).all(-1)
    if not fits.all():
        raise BadInput(
            f"{where} has the box {people.xyxy[np.argmin(fits)].tolist()}; expected finite x1, y1, "
            "x2, y2 in pixels with x2 > x1 and y2 > y1, also when rounded to two decimals"
        )
    ids, count = np.unique(people.track_id, return_counts=True)
    if (ids < 0).any():
        raise BadInput(
            f"{where} has the track_id {ids[0]}; expected whole numbers from 0 that int64 can hold"
        )
    if (count > 1).any():
        raise BadInput(
            f"{where} has the track_id {ids[count.argmax()]} twice; expected one box for each person"
        )


def write_boxes(path: str | Path, people: Mapping[int, People]) -> None:
    """Write people by frame, as `read_boxes` reads them; atomically."""
    for frame, some in people.items():
        check_people(some, f"{path}: frame {frame}")
    lines = [
        dump({"frame": frame, "people": _people(people[frame])}) + "\n" for frame in sorted(people)
    ]
    write_text(Path(path), "".join(lines))


def write_summary(path: str | Path, summary: Mapping[str, object]) -> None:
    """Write `summary.json` atomically; numbers that are not finite become null."""
    write_text(Path(path), dump(_finite(to_plain(summary))) + "\n")


def frame_line(poses: FramePoses) -> dict[str, Any]:
    """The line of a frame as plain data, rounded as in the file."""
    people = _people(poses.people)
    for person, xy, score in zip(people, poses.xy, poses.score, strict=True):
        found = np.isfinite(xy).all(-1) & np.isfinite(score)
        table = zip(_round(xy, _PX), _round(score, _SCORE), found, strict=True)
        person["joints"] = [[*p, s] if ok else [None, None, 0.0] for p, s, ok in table]
    marks = (
        ("sides", _UNSURE, poses.unsure_sides),
        ("source", _PROPAGATED, poses.propagated),
    )
    for key, word, marked in marks:
        for row in () if marked is None else np.flatnonzero(marked):
            people[row][key] = word
    if poses.before is not None:
        _add_raw(people, poses.before)
    if poses.lifted is not None:
        _add_lifted(people, poses.lifted)
    return {
        "frame": int(poses.frame),
        "time_s": round(float(poses.time_s), _SECONDS),
        "status": poses.status,
        **({} if poses.picture is None else {"picture": poses.picture}),
        "people": people,
    }


def header(
    video: VideoInfo,
    skeleton: Skeleton,
    models: Mapping[str, Mapping[str, object]],
    settings: Mapping[str, object],
) -> dict[str, object]:
    """The first line of `poses.jsonl`, as plain data; a rate that is not known is null."""
    height, width = video.size_hw
    first = {
        "format": FORMAT,
        "video": {
            "name": video.name,
            "width": width,
            "height": height,
            "rotation": video.rotation_deg,
            "fps": video.rate_hz,
            "frames": video.num_frames,
            "duration_s": video.duration_s,
            **({"still": True} if video.is_still else {}),
        },
        "skeleton": {
            "name": skeleton.name,
            "joints": skeleton.joints,
            "bones": skeleton.bones,
        },
        "models": models,
        "settings": settings,
    }
    return json.loads(dump(_finite(to_plain(first))))


def _add_raw(people: list[dict[str, Any]], before: BeforeSmoothing) -> None:
    for row, person in enumerate(people):
        found = np.isfinite(before.xy[row]).all(-1)
        table = zip(_round(before.xy[row], _PX), found, strict=True)
        person["raw"] = [xy if ok else [None, None] for xy, ok in table]
        for key, marked in (("filled", before.is_filled), ("outliers", before.is_outlier)):
            if marked[row].any():
                person[key] = np.flatnonzero(marked[row]).tolist()


def _add_lifted(people: list[dict[str, Any]], lifted: PosesInSpace) -> None:
    rows = zip(people, lifted.xyz, lifted.padded, lifted.bridged, strict=True)
    for person, xyz, padded, bridged in rows:
        found = np.isfinite(xyz).all(-1)
        if not found.any():
            continue
        table = zip(_round(xyz, _SPACE), found, strict=True)
        person["joints_3d"] = [p if ok else [None, None, None] for p, ok in table]
        words = [word for word, is_so in ((_PADDED, padded), (_BRIDGED, bridged)) if is_so]
        if words:
            person["window"] = words


def _people(people: People) -> list[dict[str, Any]]:
    return [
        {"track_id": int(track_id), "box_xyxy": box, "box_score": score}
        for track_id, box, score in zip(
            people.track_id,
            _round(people.xyxy, _PX),
            _round(people.score, _SCORE),
            strict=True,
        )
    ]


def _round(values: Float[np.ndarray, "..."], decimals: int) -> list[Any]:
    # float64, so that 0.1 is not written as 0.10000000149; + 0, so that zero is not -0.0.
    return (np.round(values.astype(np.float64), decimals) + 0.0).tolist()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not is_number(value):
        return None
    return value


def _check_format(line: Line) -> None:
    found = line.value("format", FORMAT)
    if found != FORMAT:
        raise line.error(
            f'format "{found}"', FORMAT, "give a poses.jsonl of glpose, or update glpose"
        )


def _read_video(line: Line) -> VideoInfo:
    def perhaps(key: str) -> float | None:
        return None if line.value(key, "a number or null") is None else line.number_at(key)

    frames = None if line.value("frames", "a number or null") is None else line.whole("frames")
    rate_hz = perhaps("fps")
    return VideoInfo(
        name=line.text("name"),
        size_hw=(line.whole("height"), line.whole("width")),
        rate_hz=math.nan if rate_hz is None else rate_hz,
        num_frames=frames,
        duration_s=perhaps("duration_s"),
        rotation_deg=line.whole("rotation", -360),
        is_still=line.data.get("still") is True,
    )


def _read_skeleton(line: Line) -> Skeleton:
    name, joints = line.text("name"), line.list("joints")
    if name not in SKELETONS:
        raise line.error(f"skeleton '{name}'", " or ".join(sorted(SKELETONS)), "update glpose")
    if joints != list(SKELETONS[name].joints):
        raise line.error(f"{len(joints)} joints", f"the joints of {name} in their order")
    return SKELETONS[name]


def _read_frame(line: Line, num_joints: int, *, needs_ids: bool) -> FramePoses:
    status: FrameStatus
    match line.text("status"):
        case "ok":
            status = "ok"
        case "undecodable":
            status = "undecodable"
        case other:
            raise line.error(f'status "{other}"', '"ok" or "undecodable"')
    people = _people_lines(line)
    joints = np.array([_read_joints(person, num_joints) for person in people], np.float32)
    joints = joints.reshape(-1, num_joints, 3)
    return FramePoses(
        frame=line.whole("frame"),
        time_s=line.number_at("time_s"),
        people=_read_people(line, people, needs_ids=needs_ids),
        xy=joints[..., :2],
        score=joints[..., 2],
        status=status,
        unsure_sides=np.array([person.data.get("sides") == _UNSURE for person in people], bool),
        propagated=np.array([p.data.get("source") == _PROPAGATED for p in people], bool),
        lifted=_read_lifted(people, num_joints),
        before=_read_raw(people, num_joints),
        picture=line.text("picture") if "picture" in line.data else None,
    )


def _read_raw(people: list[Line], num_joints: int) -> BeforeSmoothing | None:
    """The raw joints of people who were smoothed; None if these are not."""
    if not any("raw" in person.data for person in people):
        return None
    xy = np.full((len(people), num_joints, 2), np.nan, np.float32)
    marks = {key: np.zeros((len(people), num_joints), bool) for key in ("filled", "outliers")}
    for row, person in enumerate(people):
        raw = person.list("raw")
        if len(raw) != num_joints or not all(map(_is_place, raw)):
            raise person.error(
                '"raw" of another form', f"{num_joints} times [x, y] or [null, null]"
            )
        xy[row] = [[np.nan if v is None else v for v in place] for place in raw]
        for key, marked in marks.items():
            joints = person.list(key) if key in person.data else []
            if not all(type(j) is int and 0 <= j < num_joints for j in joints):
                raise person.error(f'"{key}" {joints!r:.60}', f"joints from 0 to {num_joints - 1}")
            marked[row, joints] = True
    return BeforeSmoothing(xy, marks["filled"], marks["outliers"])


def _is_place(place: Any) -> bool:
    if not isinstance(place, list) or len(place) != 2:
        return False
    return all(map(is_pixel, place)) or place == [None, None]


def _read_lifted(people: Sequence[Line], num_joints: int) -> PosesInSpace | None:
    if not any("joints_3d" in person.data for person in people):
        return None
    xyz = np.full((len(people), num_joints, 3), np.nan, np.float32)
    words: list[list[Any]] = [[] for _ in people]
    for row, person in enumerate(people):
        if "joints_3d" not in person.data:
            continue
        joints = person.list("joints_3d")
        if len(joints) != num_joints or not all(map(_is_in_space, joints)):
            raise person.error(
                "joints_3d that are not [x, y, z] or [null, null, null]",
                f"{num_joints} of them as in the header",
            )
        xyz[row] = [[np.nan if v is None else v for v in joint] for joint in joints]
        words[row] = person.list("window") if "window" in person.data else []
    return PosesInSpace(
        xyz,
        np.array([_PADDED in row for row in words], bool),
        np.array([_BRIDGED in row for row in words], bool),
    )


def _is_in_space(joint: Any) -> bool:
    if not isinstance(joint, list) or len(joint) != 3:
        return False
    return all(map(is_pixel, joint)) or joint == [None, None, None]


def _people_lines(line: Line) -> list[Line]:
    return [line.inner(person, f"people[{i}]") for i, person in enumerate(line.list("people"))]


def _read_people(line: Line, people: Iterable[Line], *, needs_ids: bool = True) -> People:
    def number_of(person: Line) -> int:
        return person.whole("track_id") if needs_ids or "track_id" in person.data else -1

    rows = [(p.box("box_xyxy"), p.score("box_score"), number_of(p)) for p in people]
    track_id = [row[2] for row in rows]
    twice = {number for number in track_id if number >= 0 and track_id.count(number) > 1}
    if twice:
        raise line.error(f"track_id {min(twice)} twice in a frame", "each person once")
    return People(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array(track_id, np.int64),
    )


def _read_joints(person: Line, num_joints: int) -> Float32[np.ndarray, "joints 3"]:
    joints = person.list("joints")
    if len(joints) != num_joints:
        raise person.error(f"{len(joints)} joints", f"{num_joints} as in the header")
    for i, joint in enumerate(joints):
        if not _is_joint(joint):
            raise person.error(f"joints[{i}] {joint!r:.60}", "[x, y, score] or [null, null, 0.0]")
    return np.array(
        [[np.nan if v is None else v for v in joint] for joint in joints], np.float32
    ).reshape(-1, 3)


def _is_joint(joint: Any) -> bool:
    if not isinstance(joint, list) or len(joint) != 3:
        return False
    x, y, score = joint
    if not is_number(score) or not 0 <= score <= 1:
        return False
    return (is_pixel(x) and is_pixel(y)) or (x is None and y is None and score == 0)
