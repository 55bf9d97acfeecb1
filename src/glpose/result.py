"""What `glpose.run` gives: poses as they are found, collected results, and one person over time.

    result = glpose.run("walk.mp4").collect()
    wrist = result.track(2)["left_wrist"]         # (time, 2)
    picture = result.at(10).plot(rgb)             # frame 10 of the video

Joints are asked for by name or, in arrays, by their place in `skeleton.joints`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, UInt8

from glpose.config import checked_truth
from glpose.errors import BadInput, MissingExtra, one_line
from glpose.forked import use_natives
from glpose.formats import results
from glpose.skeleton import Skeleton
from glpose.stoppable import Stoppable
from glpose.types import FrameAndPoses, FramePoses, PoseResult, VideoInfo, track_ids_of
from glpose.video.arrays import checked_picture
from glpose.viewer.overlay import draw

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingImports] - it is optional

Joints = str | Sequence[str]
"""The name of a joint, or several names."""


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Poses(FramePoses):
    """The people of one frame with named joints: `poses["left_wrist"]` has a row for each person."""

    skeleton: Skeleton

    @classmethod
    def of(cls, poses: FramePoses, skeleton: Skeleton) -> "Poses":
        """The same poses with the names of their joints."""
        known = {part.name: getattr(poses, part.name) for part in fields(FramePoses)}
        return cls(**known, skeleton=skeleton)

    def __getitem__(self, joints: Joints) -> Float[np.ndarray, "n *joints 2"]:
        """The joint of each person in x and y, (n, 2); of several joints (n, joints, 2).

        Raises: BadInput for a name that the skeleton lacks.
        """
        return self.xy[:, _places(self.skeleton, joints)]

    def plot(
        self, rgb: UInt8[np.ndarray, "height width 3"], *, numbered: bool = True
    ) -> UInt8[np.ndarray, "height width 3"]:
        """A copy of the frame's picture with everybody drawn in, and their numbers.

        Raises: BadInput if it is no RGB picture of uint8.
        """
        rgb = checked_picture(rgb, "the picture to draw on")
        numbered = checked_truth(numbered, "numbered")
        return draw(rgb, self, self.skeleton, numbered=numbered)

    def to_dict(self) -> dict[str, object]:
        """The frame as its line in `poses.jsonl`: plain lists and numbers, for JSON."""
        return results.frame_line(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Track:
    """One person from the first to the last frame with them, all frames in between included.

    Where the person was not found, coordinates are NaN and scores 0. `frame` counts from 0 in the
    video, `times_s` is in seconds, `xyxy` the box and `xy` the joints in pixels of the picture.
    """

    track_id: int
    skeleton: Skeleton
    frame: Int64[np.ndarray, " time"]
    times_s: Float64[np.ndarray, " time"]
    xyxy: Float32[np.ndarray, "time 4"]
    xy: Float[np.ndarray, "time joints 2"]
    score: Float[np.ndarray, "time joints"]

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        """One line, as all arrays would be pages."""
        span = f"frames {self.frame[0]} to {self.frame[-1]}" if len(self) else "no frames"
        return f"Track({self.track_id}, {span})"

    def __getitem__(self, joints: Joints) -> Float[np.ndarray, "time *joints 2"]:
        """The joint in x and y over time, (time, 2); of several joints (time, joints, 2).

        Raises: BadInput for a name that the skeleton lacks.
        """
        return self.xy[:, _places(self.skeleton, joints)]

    def to_pandas(self) -> "pd.DataFrame":
        """As `Result.to_pandas`, of this person; frames without them have NaN and the score 0."""
        people = np.full(len(self), self.track_id)
        return _table(self.skeleton, self.frame, self.times_s, people, self.xy, self.score)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result(PoseResult):
    """All poses of a video: `frames` in order, one by number with `at`, each person with `track`.

    `warnings` are the problems of its source, one line each; files of results do not keep them.
    """

    frames: tuple[Poses, ...]
    warnings: tuple[str, ...] = ()

    def at(self, frame: int) -> Poses:
        """The poses of a frame by its number in the video. Raises: BadInput if it is not there."""
        found = PoseResult.at(self, frame)
        assert isinstance(found, Poses)
        return found

    @property
    def track_ids(self) -> tuple[int, ...]:
        """The numbers of all people, in order."""
        return track_ids_of(self.frames)

    def track(self, track_id: int) -> Track:
        """The person of a number. Raises: BadInput if nobody has it."""
        rows = [
            (place, row)
            for place, poses in enumerate(self.frames)
            for row in np.flatnonzero(poses.people.track_id == track_id).tolist()
        ]
        if not rows:
            known = ", ".join(map(str, self.track_ids)) or "nobody is in it"
            raise BadInput(
                f"{self.video.name}: nobody has the number {track_id}; the numbers are: {known}"
            )
        first, last = rows[0][0], rows[-1][0]
        span, joints = self.frames[first : last + 1], len(self.skeleton.joints)
        kind = self.frames[first].xy.dtype
        track = Track(
            track_id,
            self.skeleton,
            np.array([poses.frame for poses in span], np.int64),
            np.array([poses.time_s for poses in span], np.float64),
            np.full((len(span), 4), np.nan, np.float32),
            np.full((len(span), joints, 2), np.nan, kind),
            np.zeros((len(span), joints), kind),
        )
        for place, row in rows:
            poses, i = self.frames[place], place - first
            track.xyxy[i] = poses.people.xyxy[row]
            track.xy[i], track.score[i] = poses.xy[row], poses.score[row]
        return track

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each joint of each person in each frame.

        Columns: frame, time_s, track_id, joint (its name), x and y in pixels, score. Raises:
        MissingExtra without pandas.
        """
        rows = [(poses, i) for poses in self.frames for i in range(len(poses.people))]
        num = len(self.skeleton.joints)
        return _table(
            self.skeleton,
            np.array([poses.frame for poses, _ in rows], np.int64),
            np.array([poses.time_s for poses, _ in rows], np.float64),
            np.array([poses.people.track_id[i] for poses, i in rows], np.int64),
            np.array([poses.xy[i] for poses, i in rows], np.float32).reshape(-1, num, 2),
            np.array([poses.score[i] for poses, i in rows], np.float32).reshape(-1, num),
        )

    def to_dict(self) -> dict[str, object]:
        """The whole as plain dictionaries, lists and numbers, for JSON.

        The keys are those of the first line of `poses.jsonl`, and `frames` with the other lines.
        """
        header = results.header(self.video, self.skeleton, self.models, self.settings)
        return header | {"frames": [poses.to_dict() for poses in self.frames]}


class PoseStream(Iterator[Poses]):
    """The poses of a video while they are estimated: one `Poses` a frame, in order, once.

    `video` says what is known about the video, `skeleton` which joints are estimated. Each
    thread may close it, and a `with` statement closes it at its end; `let_go` is called then.
    `warned` tells the problems of the source so far.
    """

    def __init__(
        self,
        pairs: Iterator[FrameAndPoses],
        video: VideoInfo,
        skeleton: Skeleton,
        models: dict[str, dict[str, object]],
        settings: dict[str, object],
        let_go: Callable[[], None] = lambda: None,
        warned: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.video, self.skeleton = video, skeleton
        self._models, self._settings = models, settings
        self._let_go, self._warned = let_go, warned
        self._poses = Stoppable(Poses.of(poses, skeleton) for _, poses in pairs)

    def __next__(self) -> Poses:
        use_natives()  # in a fork nobody fills the queue that would be waited for
        with np.errstate(under="ignore"):  # whatever the caller has set
            try:
                return next(self._poses)
            except Exception as problem:
                if not isinstance(problem, StopIteration):
                    self._let_go()  # nothing more can come, and a camera may serve one at a time
                raise

    def __enter__(self) -> "PoseStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Problems of the source found so far, one line each, such as frames that are missing."""
        return tuple(dict.fromkeys(map(one_line, self._warned())))

    def collect(self) -> Result:
        """Read all frames that are still to come, and keep them: some kilobytes a frame."""
        frames = tuple(self)
        return Result(
            self.video, self.skeleton, frames, self._models, self._settings, self.warnings
        )

    def close(self) -> None:
        """Stop early: reading ends, and no more poses come.

        A thread that waits for poses meanwhile may still get some.
        """
        self._poses.close()
        # Frames of which none was asked for have not opened what would let go of their source, and a
        # refiner may hold on to others.
        self._let_go()


def load(path: str | Path) -> Result:
    """Read the `poses.jsonl` of a run, or of its folder; of a run that was killed, all whole lines.

    Raises: BadInput with the line number if it is not what `glpose run` writes.
    """
    if not isinstance(path, str | os.PathLike):
        raise BadInput(f"found a {type(path).__name__}; expected the path of a poses.jsonl")
    if isinstance(path, str) and not path.strip():  # it would be the current folder
        raise BadInput("found an empty name; expected the path of a poses.jsonl")
    found = results.load(results.poses_file_of(Path(path)))
    frames = tuple(Poses.of(poses, found.skeleton) for poses in found.frames)
    return Result(found.video, found.skeleton, frames, found.models, found.settings)


def _places(skeleton: Skeleton, joints: Joints) -> int | list[int]:
    if isinstance(joints, str):
        return skeleton.index(joints)
    if isinstance(joints, Sequence) and all(isinstance(joint, str) for joint in joints):
        return [skeleton.index(joint) for joint in joints]
    raise BadInput(
        f"found {joints!r:.60} in place of a joint; expected a name or a list of names, such as "
        f"'{skeleton.joints[0]}'; with numbers use .xy"
    )


def _table(
    skeleton: Skeleton,
    frame: Int64[np.ndarray, " rows"],
    time_s: Float64[np.ndarray, " rows"],
    track_id: Int64[np.ndarray, " rows"],
    xy: Float[np.ndarray, "rows joints 2"],
    score: Float[np.ndarray, "rows joints"],
) -> "pd.DataFrame":
    """A row for each joint of each given row."""
    try:
        import pandas as pd  # pyright: ignore[reportMissingImports]
    except ImportError as problem:
        raise MissingExtra("pandas") from problem
    num = len(skeleton.joints)
    columns = {
        "frame": np.repeat(frame, num),
        "time_s": np.repeat(time_s, num),
        "track_id": np.repeat(track_id, num),
        "joint": np.tile(np.array(skeleton.joints), len(frame)),
        "x": xy[..., 0].reshape(-1),
        "y": xy[..., 1].reshape(-1),
        "score": score.reshape(-1),
    }
    return pd.DataFrame(columns)
