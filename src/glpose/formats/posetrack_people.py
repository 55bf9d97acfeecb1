"""A person of a PoseTrack file, in the 15 joints of the evaluation, whichever the file's form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int8

from glpose.formats.lines import FARTHEST_PX
from glpose.formats.tree import Node
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, FrameTruth, People

MISSING_SCORE = -9999.0
"""The score of a predicted joint or pose to which the file gives none, as in poseval."""

RATE_HZ = 25.0
"""Nominal: PoseTrack's files do not say how fast a video is."""

NUM_JOINTS = len(POSETRACK15.joints)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person of one frame; joints as POSETRACK15, NaN where absent.

    `visibility` is 0 absent, 1 hidden (labelled, flag 0), 2 otherwise. `xyxy` is the person box,
    zeros without joints; `head_px` NaN without a head box. `joint_score` and `score` are those of
    predictions, `MISSING_SCORE` where the file has none.
    """

    track_id: int
    xy: Float64[np.ndarray, "15 2"]
    visibility: Int8[np.ndarray, " 15"]
    xyxy: Float64[np.ndarray, " 4"]
    head_px: float
    joint_score: Float64[np.ndarray, " 15"]
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class FileFrame:
    """A frame of a file: what it calls its picture, and whether it is labelled.

    `name` is the path of the picture as the file has it, "" if it has none; `number` the file's
    own number of the frame: `imgnum` of 2017, the image's id of 2018, None if it has none.
    """

    name: str
    number: int | None
    labelled: bool
    people: tuple[Person, ...]
    ignore: tuple[Float64[np.ndarray, "_ 2"], ...] = ()


def no_joints() -> Float64[np.ndarray, "15 2"]:
    """Nothing but NaN, to be filled in."""
    return np.full((NUM_JOINTS, 2), np.nan)


def extent(
    xy: Float64[np.ndarray, "joints 2"], *, grow: float, add_px: float
) -> Float64[np.ndarray, " 4"]:
    """The box around the joints, its far corner `add_px` further, then `grow` times as large.

    Zeros without joints. It is not cut at the picture's border.
    """
    found = xy[np.isfinite(xy).all(-1)]
    if not len(found):
        return np.zeros(4)
    near, far = found.min(0), found.max(0) + add_px
    centre, half = (near + far) / 2, (far - near) / 2 * grow
    return np.concatenate([centre - half, centre + half])


def head_length(corners: Float64[np.ndarray, " 4"]) -> float:
    """0.6 times the diagonal of a head box `xyxy`, in pixels."""
    return float(0.6 * np.hypot(corners[2] - corners[0], corners[3] - corners[1]))


def pixels(node: Node) -> float:
    """A coordinate. Raises: BadInput if it is not finite or beyond all pictures."""
    value = node.number()
    if abs(value) > FARTHEST_PX:
        raise node.error(str(value), f"a coordinate within {FARTHEST_PX:g} pixels")
    return value


def polygon(
    xy: Sequence[tuple[float, float]],
) -> tuple[Float64[np.ndarray, "points 2"], ...]:
    """A region as a tuple of one, or of none: fewer than three points enclose nothing."""
    return (np.array(xy, np.float64),) if len(xy) > 2 else ()


def truth_of(
    frame: int, source: FileFrame, dtype: type[np.float32] | type[np.float64]
) -> FrameTruth:
    """A frame's people as truth; joints and regions as `dtype`."""
    people = source.people
    xy = np.array([p.xy for p in people], dtype).reshape(-1, NUM_JOINTS, 2)
    visibility = np.array([p.visibility for p in people], np.int8).reshape(-1, NUM_JOINTS)
    return FrameTruth(
        frame,
        frame / RATE_HZ,
        People(
            np.array([p.xyxy for p in people], np.float32).reshape(-1, 4),
            np.ones(len(people), np.float32),
            np.array([p.track_id for p in people], np.int64),
        ),
        xy,
        visibility,
        tuple(region.astype(dtype) for region in source.ignore),
        np.array([p.head_px for p in people], np.float64),
    )


def poses_of(frame: int, source: FileFrame) -> FramePoses:
    """A frame's people as predictions, in float64."""
    people = source.people
    xy = np.array([p.xy for p in people], np.float64).reshape(-1, NUM_JOINTS, 2)
    score = np.array([p.joint_score for p in people], np.float64).reshape(-1, NUM_JOINTS)
    return FramePoses(
        frame,
        frame / RATE_HZ,
        People(
            np.array([p.xyxy for p in people], np.float32).reshape(-1, 4),
            np.array([p.score for p in people], np.float32),
            np.array([p.track_id for p in people], np.int64),
        ),
        xy,
        np.where(np.isfinite(xy).all(-1), score, 0.0),
    )


def people_of(poses: FramePoses) -> tuple[Person, ...]:
    """The people of a frame to be written; who has no joints is left out."""
    xy, joint_score, score = _short(poses.xy), _short(poses.score), _short(poses.people.score)
    found = np.isfinite(xy[..., 0] + xy[..., 1])
    return tuple(
        Person(
            track_id=int(poses.people.track_id[i]),
            xy=np.where(found[i][:, None], xy[i], np.nan),
            visibility=np.where(found[i], 2, 0).astype(np.int8),
            xyxy=poses.people.xyxy[i].astype(np.float64),
            head_px=np.nan,
            joint_score=np.where(found[i], joint_score[i], 0.0),
            score=float(score[i]),
        )
        for i in range(len(poses.people))
        if found[i].any()
    )


def dummy_person() -> Person:
    """What the family of DCPose writes into empty frames: the first joint at (0, 0), score -100."""
    xy, score, visibility = no_joints(), np.zeros(NUM_JOINTS), np.zeros(NUM_JOINTS, np.int8)
    xy[0], score[0], visibility[0] = 0.0, -100.0, 2
    return Person(0, xy, visibility, np.zeros(4), np.nan, score, -100.0)


def _short(values: Float[np.ndarray, "*axes"]) -> Float64[np.ndarray, "*axes"]:
    """The shortest decimals that read back as the same float32; float64 stays as it is."""
    return values if values.dtype == np.float64 else values.astype(str).astype(np.float64)
