"""PCK of an estimator on labelled clips: the pipeline that users run, with given boxes."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt8

from glpose.damage import damage
from glpose.errors import BadInput
from glpose.evaluation.predict import predict
from glpose.metrics.pck import Pck, pck
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Estimator
from glpose.skeleton import Skeleton, convert
from glpose.types import Frame, FrameTruth

_PERIOD = 5
"""Every fifth frame is damaged: with k = 4 all neighbours of a damaged frame are clean."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """A clip: a function that reads its frames, and the ground truth of each."""

    name: str
    frames: Callable[[], Iterable[Frame]]
    truth: tuple[FrameTruth, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Joints predicted with given boxes, one row per person and frame.

    `guess_xy` and `truth_xy` are in image pixels, joints in the order of the estimator's skeleton.
    `labelled`: the truth has the joint inside the picture; `placed`: it has coordinates at all.
    `damage` is the index of the kind of damage in `damage_kinds`, -1 without damage.
    """

    guess_xy: Float32[np.ndarray, "people joints 2"]
    guess_score: Float32[np.ndarray, "people joints"]
    truth_xy: Float32[np.ndarray, "people joints 2"]
    labelled: Bool[np.ndarray, "people joints"]
    placed: Bool[np.ndarray, "people joints"]
    truth_xyxy: Float32[np.ndarray, "people 4"]
    damage: Int64[np.ndarray, " people"]

    def of_damage(self, kind: int) -> "Scored":
        """The rows with one kind of damage."""
        rows = self.damage == kind
        return Scored(*(getattr(self, field.name)[rows] for field in fields(self)))

    def pck(
        self, joints: Bool[np.ndarray, " joints"], limit: float, *, outside: bool = False
    ) -> Pck:
        """PCK by box over these joints; `outside` also counts joints outside the picture."""
        counted = (self.placed if outside else self.labelled) & joints
        return pck(self.guess_xy, self.truth_xy, counted, self.truth_xyxy, limit)


def evaluate_clips(
    clips: Iterable[LabelledClip],
    truth_skeleton: Skeleton,
    estimate: Estimator,
    *,
    damage_kinds: tuple[str, ...] = (),
    options: PoseOptions = PoseOptions(),
) -> Scored:
    """Run the pipeline on each clip with its true boxes; collect predicted and true joints.

    With `damage_kinds` ("blur", "noise", "cover", ...) every fifth frame is damaged where the
    people are, alternating between the kinds, and only those frames are scored. The damage depends
    only on clip and frame, so that all estimators see the same pictures.
    """
    skeleton = estimate.card.joints
    rows: list[tuple[np.ndarray, ...]] = []
    for number, clip in enumerate(clips):
        truth = {t.frame: t for t in clip.truth}
        kinds = {frame: damage_kind(frame, number, len(damage_kinds)) for frame in truth}
        keys = [frame for frame, kind in kinds.items() if kind >= 0 or not damage_kinds]
        boxes = {frame: t.people for frame, t in truth.items()}

        def frames(
            wanted: Container[int],
            clip: LabelledClip = clip,
            truth: dict[int, FrameTruth] = truth,
            number: int = number,
        ) -> Iterator[Frame]:
            frames = clip.frames()
            if damage_kinds:
                frames = damaged_frames(frames, truth, number, damage_kinds)
            return (frame for frame in frames if frame.index in wanted)

        for poses in predict(frames, boxes, frozenset(keys), estimate, options):
            if len(poses.people) == 0:
                continue
            true = truth[poses.frame]
            _, there, here = np.intersect1d(
                true.people.track_id, poses.people.track_id, return_indices=True
            )
            visible = (true.visibility[there] > 0).astype(np.float32)
            xy, labelled = convert(true.xy[there], visible, truth_skeleton, skeleton)
            kind = np.full(len(poses.people), kinds[poses.frame], np.int64)
            own = true.people.xyxy[there]
            rows.append((poses.xy[here], poses.score[here], xy, labelled > 0, own, kind))
    if not rows:
        raise BadInput("no clip has a labelled person to score; expected at least one")
    guess, score, xy, labelled, xyxy, kind = (
        np.concatenate(part) for part in zip(*rows, strict=True)
    )
    placed = np.asarray(np.isfinite(xy).all(-1))
    return Scored(guess, score, xy, labelled, placed, xyxy, kind)


def damage_kind(frame: int, clip: int, num: int, *, every: int = _PERIOD, in_a_row: int = 1) -> int:
    """Which of `num` kinds of damage a frame of a clip has, -1 for none.

    Of `every` frames `in_a_row` are damaged, all by one kind; the kinds take turns.
    """
    period, rest = divmod(frame + clip, every)
    return (period + clip) % num if num and rest < in_a_row else -1


def damaged_frames(
    frames: Iterable[Frame],
    truth: Mapping[int, FrameTruth],
    clip: int,
    kinds: tuple[str, ...],
    *,
    every: int = _PERIOD,
    in_a_row: int = 1,
) -> Iterator[Frame]:
    """The frames of a clip, some of them damaged where the people are, see `damage_kind`.

    The damage depends only on the numbers of clip and frame. The pictures given are not changed.
    """
    for frame in frames:
        kind = damage_kind(frame.index, clip, len(kinds), every=every, in_a_row=in_a_row)
        if frame.rgb is None or kind < 0 or frame.index not in truth:
            yield frame
            continue
        rgb = frame.rgb.copy()
        for row, box in enumerate(truth[frame.index].people.xyxy):
            rng = np.random.default_rng([clip, frame.index, row])
            _damage_box(rgb, box, rng, kinds[kind])
        yield Frame(frame.index, frame.time_s, rgb)


def _damage_box(
    rgb: UInt8[np.ndarray, "height width 3"],
    xyxy: Float[np.ndarray, "4"],
    rng: np.random.Generator,
    kind: str,
) -> None:
    """Damage, in place, a person's box enlarged by a quarter as crops are."""
    centre, size = (xyxy[:2] + xyxy[2:]) / 2, (xyxy[2:] - xyxy[:2]) * 1.25
    low = np.maximum(np.floor(centre - size / 2), 0).astype(int)
    high = np.minimum(np.ceil(centre + size / 2), rgb.shape[1::-1]).astype(int)
    if (high - low).min() >= 16:
        part = rgb[low[1] : high[1], low[0] : high[0]]
        part[...] = damage(rng, part, kind)
