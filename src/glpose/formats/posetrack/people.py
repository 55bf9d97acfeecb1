"""The people of a PoseTrack file of either form, in the 15 joints of the evaluation."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Float64, Int8, Int64

from glpose.formats.text.lines import FARTHEST_PX
from glpose.formats.text.rows import Rows
from glpose.geometry import outside_all
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, FrameTruth, People

MISSING_SCORE = -9999.0
"""The score of a predicted joint or pose that has none in the file, as in poseval."""

RATE_HZ = 25.0
"""Nominal: PoseTrack's files do not give the frame rate."""

NUM_JOINTS = len(POSETRACK15.joints)


@dataclass(frozen=True, slots=True, eq=False)
class FilePeople:
    """People of a frame, or of all frames of a file; joints as POSETRACK15, NaN where absent.

    `visibility` is 0 if absent, 1 if hidden (labelled, flag 0), else 2. `xyxy` is the person box,
    zeros without joints; `head_px` is NaN without a head box. `listed` says who has a list of joints,
    be it empty: in 2018's form everybody. `joint_score` and `score` are for
    predictions, `MISSING_SCORE` where the file has none.
    """

    track_id: Int64[np.ndarray, " people"]
    xy: Float64[np.ndarray, "people 15 2"]
    visibility: Int8[np.ndarray, "people 15"]
    xyxy: Float64[np.ndarray, "people 4"]
    head_px: Float64[np.ndarray, " people"]
    listed: Bool[np.ndarray, " people"]
    joint_score: Float64[np.ndarray, "people 15"]
    score: Float64[np.ndarray, " people"]

    def __len__(self) -> int:
        return len(self.track_id)

    def __getitem__(self, which: slice | np.ndarray) -> "FilePeople":
        return FilePeople(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class FileFrame:
    """A frame of a file: the name of its picture, its people, and whether it is labelled.

    `name` is the path of the picture as the file has it, "" if it has none; `number` is the
    file's number of the frame: `imgnum` of 2017, the image id of 2018, None if it has none.
    """

    name: str
    number: int | None
    labelled: bool
    people: FilePeople
    ignore: tuple[Float64[np.ndarray, "_ 2"], ...] = ()


def extent(
    xy: Float64[np.ndarray, "people joints 2"], *, grow: float, add_px: float
) -> Float64[np.ndarray, "people 4"]:
    """The box around the joints, its far corner moved out by `add_px`, then scaled by `grow`.

    Zeros without joints. It is not clipped to the picture.
    """
    found = np.isfinite(xy.sum(-1, keepdims=True))
    is_empty = ~found.any(-2)
    near = np.where(is_empty, 0, np.where(found, xy, np.inf).min(1))
    far = np.where(is_empty, 0, np.where(found, xy, -np.inf).max(1) + add_px)
    centre, half = (near + far) / 2, (far - near) / 2 * grow
    return np.concatenate([centre - half, centre + half], -1)


def head_length(corners: Float64[np.ndarray, "people 4"]) -> Float64[np.ndarray, " people"]:
    """0.6 times the diagonal of a head box `xyxy`, in pixels."""
    return 0.6 * np.hypot(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])


def headless(frame: FileFrame) -> list[int]:
    """The track ids of people who cannot be scored, since errors are measured by the head.

    They have joints outside the ignore regions, but no head box.
    """
    people = frame.people
    rows = np.isnan(people.head_px) & outside_all(people.xy, frame.ignore).any(-1)
    return people.track_id[rows].tolist()


def pixels(rows: Rows, key: str, missing: float | None = None) -> Float64[np.ndarray, " rows"]:
    """Coordinates. Raises: BadInput if one is missing, not finite or larger than any picture."""
    values = rows.numbers(key, missing)
    far = np.flatnonzero(np.abs(values) > FARTHEST_PX)
    if len(far):
        raise (
            rows.node(int(far[0]))
            .at(key)
            .error(str(float(values[far[0]])), f"a coordinate within {FARTHEST_PX:g} pixels")
        )
    return values


def regions_of(
    shapes: Iterable[Float64[np.ndarray, "_ 2"]],
) -> tuple[Float64[np.ndarray, "_ 2"], ...]:
    """The regions with at least three points: fewer enclose nothing."""
    return tuple(shape for shape in shapes if len(shape) > 2)


def places(rows: Rows) -> Int64[np.ndarray, " rows"]:
    """The index of each row among those of its owner; rows must be sorted by owner."""
    return np.arange(len(rows)) - np.searchsorted(rows.owner, rows.owner)


def truth_of(
    frame: int, source: FileFrame, dtype: type[np.float32] | type[np.float64]
) -> FrameTruth:
    """A frame's people as truth; joints and regions as `dtype`."""
    people = source.people
    return FrameTruth(
        frame,
        frame / RATE_HZ,
        People(
            people.xyxy.astype(np.float32),
            np.ones(len(people), np.float32),
            people.track_id.copy(),
        ),
        people.xy.astype(dtype),
        people.visibility.copy(),
        tuple(region.astype(dtype) for region in source.ignore),
        people.head_px.copy(),
        people.listed.copy(),
    )


def poses_of(frame: int, source: FileFrame) -> FramePoses:
    """A frame's people as predictions, in float64."""
    people = source.people
    return FramePoses(
        frame,
        frame / RATE_HZ,
        People(
            people.xyxy.astype(np.float32),
            people.score.astype(np.float32),
            people.track_id.copy(),
        ),
        people.xy.copy(),
        np.where(np.isfinite(people.xy).all(-1), people.joint_score, 0.0),
        listed=people.listed.copy(),
    )


def nobody() -> FilePeople:
    """The people of an empty frame."""
    return _written(np.zeros((0, NUM_JOINTS, 2)), np.zeros((0, NUM_JOINTS)), np.zeros(0))


def people_of(poses: FramePoses) -> FilePeople:
    """The people of a frame to be written, without those who have no joints."""
    people = _written(_short(poses.xy), _short(poses.score), _short(poses.people.score))
    people.track_id[:] = poses.people.track_id
    people.xyxy[:] = poses.people.xyxy
    return people[np.flatnonzero(people.visibility.any(-1))]


def dummy_person() -> FilePeople:
    """What the DCPose family writes into empty frames: joint 0 at (0, 0), score -100."""
    xy = np.full((1, NUM_JOINTS, 2), np.nan)
    xy[0, 0] = 0.0
    return _written(xy, np.full((1, NUM_JOINTS), -100.0), np.array([-100.0]))


def are_dummies(poses: FramePoses) -> Bool[np.ndarray, " people"]:
    """Who of a frame's predictions is no pose: without joints, or as `dummy_person`."""
    is_dummy = (poses.score < 0) & (poses.score != MISSING_SCORE) & (poses.xy == 0).all(-1)
    return (is_dummy | ~np.isfinite(poses.xy).all(-1)).all(-1)


def _written(
    xy: Float64[np.ndarray, "people 15 2"],
    joint_score: Float64[np.ndarray, "people 15"],
    score: Float64[np.ndarray, " people"],
) -> FilePeople:
    found = np.isfinite(xy.sum(-1))
    return FilePeople(
        track_id=np.arange(len(xy)),
        xy=np.where(found[..., None], xy, np.nan),
        visibility=np.where(found, 2, 0).astype(np.int8),
        xyxy=np.zeros((len(xy), 4)),
        head_px=np.full(len(xy), np.nan),
        listed=np.ones(len(xy), bool),
        joint_score=np.where(found, joint_score, 0.0),
        score=score,
    )


def _short(values: Float[np.ndarray, "*axes"]) -> Float64[np.ndarray, "*axes"]:
    """The shortest decimals that read back as the same float32; float64 is unchanged."""
    return values if values.dtype == np.float64 else values.astype(str).astype(np.float64)
