"""The library's entry points: `run` for a video, and the parts of it that commands share."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from glpose import __version__
from glpose.config import checked_truth, real_number
from glpose.errors import BadInput
from glpose.flow import Flow, Motions
from glpose.formats.results import check_people, read_boxes
from glpose.hindsight import NO_HINDSIGHT, HindsightSpec
from glpose.imaging import dense_flow
from glpose.lifting import check_height, lift_frames, lift_settings
from glpose.pipeline import (
    BLOCK_FRAMES,
    DetectAndTrack,
    FollowPoses,
    PeopleOf,
    estimate_poses,
)
from glpose.refine import Refiner
from glpose.refine.limbs import LimbsSpec, with_plausible_limbs
from glpose.refine.phantoms import without_phantoms
from glpose.refine.sides import LEGS, SidesSpec, with_sides_in_time
from glpose.refine.steady import SteadySpec, with_steady_joints
from glpose.result import PoseStream
from glpose.runtime.alone import alone, can_follow
from glpose.runtime.card import DetectorCard, PoseCard
from glpose.runtime.detector import BoxDetector, ThoroughDetector
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import open_detector, open_estimator, open_lifter
from glpose.runtime.presets import MOST_WAIT, Effort, Plan, Preset, Wish
from glpose.runtime.protocols import Detector, Estimator
from glpose.skeleton import Skeleton
from glpose.stoppable import Stoppable
from glpose.timing import Timings
from glpose.track.by_pose import PoseTracker, PoseTrackerSpec
from glpose.track.given import GivenPeople
from glpose.track.scenes import STALL_S, Scenes
from glpose.track.tracker import Tracker
from glpose.types import Frame, FrameAndPoses, People, PoseResult, VideoInfo
from glpose.video.arrays import checked_rate
from glpose.video.given import Given, find_given, let_go
from glpose.video.source import frames_within
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_LIFT, DEFAULT_PICTURE, DEFAULT_POSE

_MOST_PEOPLE = 1000  # 300 KB for each in each of nine frames

SomeResult = TypeVar("SomeResult", bound=PoseResult)

Boxes = Mapping[int, People]
"""People by frame index; other frames have nobody."""


PICTURE_TRY_SCORE = 0.15
"""As `PoseTrackerSpec.try_score`, for means over several views of a picture, see docs/results.md.

A lower one changes nothing: `TrackerSpec.low_score` is as high.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """The loaded networks of a run; `record` describes them in results."""

    estimate: Estimator
    detect: Detector | None
    record: dict[str, dict[str, object]]

    @property
    def skeleton(self) -> Skeleton:
        """The joints of the poses."""
        return self.estimate.card.joints

    @property
    def detector_card(self) -> DetectorCard | None:
        """The card of the detector, if there is one."""
        return None if self.detect is None else self.detect.card


def run(
    source: Given,
    *,
    boxes: str | Path | Boxes | None = None,
    weights: str | Path | None = None,
    detector: str | Path = DEFAULT_DETECTOR,
    start_s: float | None = None,
    end_s: float | None = None,
    frames: tuple[int, int | None] | None = None,
    fps: float | None = None,
    engine: EngineSpec = EngineSpec(),
    refiners: Sequence[Refiner] | None = None,
    preset: Preset = "balanced",
    detect_every: int | None = None,
    flip: bool | None = None,
    fuse: bool | None = None,
    small_people: bool | None = None,
    causal: bool = False,
    allow_network: bool = False,
) -> PoseStream:
    """Poses of a video or of pictures: one object per frame, in order.

    Read them in a loop, or all at once with `collect`. The source is read lazily, as poses are
    consumed. It is one of

    * the path of a video, a picture or a folder of pictures, a glob of pictures, or a list of them,
      which may name a picture more than once; a set of paths is sorted as a folder is;
    * an array of RGB, uint8: a picture (height, width, 3), or a video (frames, height, width, 3);
    * a list or an iterator of such pictures;
    * the number of a camera of this computer, from 0 (Linux); pictures that come while poses are
      estimated are left out;
    * with `allow_network` the address of a stream: http, https, rtsp, rtmp; it is connected again a
      bounded number of times if it breaks off;
    * the content of a video or picture file: bytes, or an open file; it is kept in a temporary file;
    * a `Source` such as `ArraySource`.

    `fps` is the rate of pictures, which have no times; 25 if not given. In a single picture every
    person is found, also those whom a video would have to confirm.

    Frames before `start_s` and from `end_s` on are left out; of the others only those from
    `frames[0]` to the one before `frames[1]` are taken, or to the end if that is None. With `boxes`
    (a file of box lines, a `poses.jsonl`, or people by frame) detection and tracking are skipped.
    `weights` are those of poses; None means `pose_small`, and for a single picture `picture_small`.
    `engine` runs the networks. `refiners` are applied in order; None means the usual ones, see
    `usual_refiners`.

    `preset` says how much is done for a frame: "fast", "balanced" or "best", see
    `runtime.presets`; its parts can be set one by one. The detector looks at every
    `detect_every`-th frame, less often where nothing changes beside people (up to the 20th; not
    with 1 or `causal`), and wherever the poses of the frame before do not say where people
    are; with `flip` each person is looked at mirrored, too; without `fuse` the networks see each
    frame alone. With the shipped weights a single picture is searched in four views, and its people
    are looked at in ten (with `dkd_small` once, or mirrored, too, with `flip`, unless `fuse` is False),
    unless `flip` is False, or not given and the preset "fast". With `small_people` (not given: all
    presets but "fast") people who are small in a large picture are searched in an input up to twice as
    large, in videos about every 10 frames while there are such people, else more seldom. Who appears is
    followed back into the frames before, while the pose is sure; limbs that no body can have are chosen
    anew among the places that maps point to; and joints that a frame does not show well go where the
    frames around say.

    With `causal` nothing after a frame counts for its people and poses, as for a live source (see
    `glpose.Live`), unless `refiners` are given that look ahead.

    Several processes have to be started by spawn, as `multiprocessing.get_context("spawn")` does:
    in one that was forked from a process that had used glpose, this is an error.

    Raises: GLPoseError at the call, not later, if source, boxes or weights cannot be used.
    """
    check_kinds(boxes=boxes, weights=weights, detector=detector, engine=engine, refiners=refiners)
    start_s, end_s, frames = checked_span(start_s, end_s, frames)
    fps = None if fps is None else checked_rate(fps, "fps")
    wish = Wish(preset, detect_every, flip, fuse, small_people)
    causal = checked_truth(causal, "causal")
    allow_network = checked_truth(allow_network, "allow_network")
    entries = find_given([source], fps, allow_network=allow_network)
    for problem in (entry.error for entry in entries if entry.error is not None):
        raise problem
    if len(entries) != 1:
        raise BadInput(
            f"{source!s:.80}: holds {len(entries)} videos; expected one, call run for each of them"
        )
    (entry,) = entries
    with ExitStack() as held:
        video = entry.open(fps)
        held.callback(let_go, video)  # a camera is not kept if anything else cannot be used
        taken = Stoppable(frames_within(video, start_s, end_s, frames))
        people = read_boxes(boxes) if isinstance(boxes, str | Path) else boxes
        people = checked_boxes(people, video.info, entry.label)
        if weights is None:
            weights = usual_weights(is_still=video.info.is_still)
        models = load_models(weights, None if people is not None else detector, engine)
        card, is_given = models.estimate.card, people is not None
        effort = wish.effort(
            card,
            is_still=video.info.is_still,
            is_given=is_given,
            detector=models.detector_card,
        )
        pairs = poses_of(
            taken,
            video.info,
            models,
            people,
            refiners=refiners,
            keep_pictures=False,
            effort=effort,
            causal=causal,
        )
        held.pop_all()
    settings = {
        "glpose": __version__,
        **effort_settings(preset, effort, follows=follows(models, people), searches=people is None),
        "start_s": start_s,
        "end_s": end_s,
        "frames": frames,
        "causal": causal,
    }

    def close() -> None:
        try:
            taken.close()
        finally:
            let_go(video)

    return PoseStream(
        pairs,
        video.info,
        models.skeleton,
        models.record,
        settings,
        close,
        lambda: video.warnings,
    )


def lift(
    result: SomeResult,
    *,
    weights: str | Path = DEFAULT_LIFT,
    height_m: float | None = None,
    engine: EngineSpec = EngineSpec(),
) -> SomeResult:
    """The same poses with joints in space, `lifted`, for every person who is seen long enough.

    Lengths are in metres with the `height_m` of the people, else in their statures; see
    `types.PosesInSpace` for the frame of reference, `runtime.lift` for gaps and ends of tracks.

    Raises: BadInput if nobody can be lifted, BadWeights.
    """
    check_kinds(engine=engine)
    _check_kind("weights", weights, str | Path, "a name or a path")
    _check_kind("result", result, PoseResult, "a result: load one, or collect() a stream")
    check_height(height_m)
    opened = open_lifter(weights, engine)
    video = result.video
    with np.errstate(under="ignore"):
        frames = lift_frames(
            result.frames, result.skeleton, video.rate_hz, opened.network, height_m, video.size_hw
        )
    return replace(
        result,
        frames=frames,
        models={**result.models, "lift": opened.record},
        settings={**result.settings, **lift_settings(opened.network, height_m)},
    )


def follows(models: Models, boxes: Boxes | None) -> bool:
    """Whether the detector may skip frames, as poses are followed; else it looks at all, or at none."""
    return boxes is None and can_follow(models.estimate.card)


def effort_settings(
    preset: Preset, effort: Effort, *, follows: bool, searches: bool
) -> dict[str, object]:
    """What was done for a frame, as results tell it."""
    return {
        "preset": preset,
        "detect_every": effort.detect_every if follows else None,
        "flip": effort.flip,
        "fuse": effort.fuse,
        "thorough": effort.thorough,
        "small_people": effort.small_people if searches else None,
    }


def usual_weights(*, is_still: bool) -> str:
    """The shipped pose weights for a picture, or for a video."""
    return DEFAULT_PICTURE if is_still else DEFAULT_POSE


def load_models(
    weights: str | Path = DEFAULT_POSE,
    detector: str | Path | None = DEFAULT_DETECTOR,
    engine: EngineSpec = EngineSpec(),
) -> Models:
    """Load the networks; without a detector if it is None. Raises BadWeights."""
    pose = open_estimator(weights, engine)
    record = {"pose": pose.record}
    if detector is None:
        return Models(pose.network, None, record)
    finder = open_detector(detector, engine)
    return Models(pose.network, finder.network, record | {"detector": finder.record})


def poses_of(
    frames: Iterable[Frame],
    info: VideoInfo,
    models: Models,
    boxes: Boxes | None = None,
    timings: Timings | None = None,
    *,
    refiners: Sequence[Refiner] | None = None,
    keep_pictures: bool = True,
    effort: Effort = Effort(),
    causal: bool = False,
    block_frames: int = BLOCK_FRAMES,
    motions: Motions | None = None,
    stall_s: float = STALL_S,
) -> Iterator[FrameAndPoses]:
    """Frames with their poses, of the people in `boxes` or else detected and tracked ones.

    The other arguments are as in `run` and `estimate_poses`; if refiners are given, pictures are
    always kept, since refiners may read them.
    """
    plan = Plan(effort, models.estimate.card, info.is_still)
    if plan.looks_alone:
        models = replace(models, estimate=alone(models.estimate))
    if plan.searches_views and isinstance(models.detect, BoxDetector):
        models = replace(
            models, detect=ThoroughDetector(models.detect, small_people=effort.small_people)
        )
    largest_hw = info.largest_hw or info.size_hw
    rate_hz = float(info.rate_hz)
    reach = HindsightSpec(rate_hz=rate_hz).within_bytes(largest_hw)
    hindsight = NO_HINDSIGHT if causal else reach
    scenes = Scenes(rate_hz, stall_s)
    people_of = _people_of(info, models, boxes, timings, effort, hindsight, scenes)
    keep_pictures = keep_pictures or bool(refiners)
    pairs = estimate_poses(
        frames,
        people_of,
        models.estimate,
        options=plan.options(causal=causal),
        block_frames=block_frames,
        timings=timings,
        keep_pictures=keep_pictures,
        motions=motions,
        hindsight=hindsight,
    )
    usual: Sequence[Refiner] = ()
    if refiners is None:
        usual = usual_refiners(
            boxes,
            models.skeleton,
            largest_hw,
            rate_hz=rate_hz,
            causal=causal,
            is_still=info.is_still,
        )
    as_given = (people_of.as_given,) if isinstance(people_of, GivenPeople) else ()
    for refine in (*usual, *as_given, *(refiners or ())):
        pairs = refine(pairs)
    return with_names(pairs, info)


def with_names(pairs: Iterator[FrameAndPoses], info: VideoInfo) -> Iterator[FrameAndPoses]:
    """The frames with the names of their files, where several pictures in files are the video."""
    names = info.pictures
    if not names:
        return pairs
    return ((frame, replace(poses, picture=names[poses.frame])) for frame, poses in pairs)


def usual_refiners(
    boxes: Boxes | None,
    joints: Skeleton,
    size_hw: tuple[int, int],
    *,
    rate_hz: float = math.nan,
    causal: bool = False,
    steady: bool = True,
    is_still: bool = False,
) -> tuple[Refiner, ...]:
    """`without_phantoms`, unless a user gave the boxes, and then those of sides, limbs and steady joints.

    `size_hw` is the size of the video's pictures; of large ones fewer are held back, and none with
    `causal`. `rate_hz` is what the video's header tells, NaN if it is not known; times that say
    otherwise count more. Without `steady` only names of joints change, not their places. Limbs are left
    out for a picture (`is_still`), and steady joints with `causal`; knees that leave their legs stay so
    in both, and where pictures are too large to look four frames ahead.
    """
    limbs = LimbsSpec(lookahead=0) if causal else LimbsSpec().within_bytes(size_hw)
    usual: list[Refiner] = [] if boxes is not None else [without_phantoms]
    sides = partial(with_sides_in_time, joints=joints, size_hw=size_hw, rate_hz=rate_hz)
    usual.append(partial(sides, causal=causal, legs=not is_still))
    # In a picture, without other frames, it does harm, see docs/results.md.
    if steady and not is_still:
        usual.append(partial(with_plausible_limbs, joints=joints, how=limbs))
    # The frames before alone do not make joints better, see docs/tried.md.
    if steady and not causal:
        usual.append(partial(with_steady_joints, how=SteadySpec().within_bytes(size_hw)))
    return tuple(usual)


def shared_motions(card: PoseCard, flow: Flow = dense_flow) -> Motions:
    """The flow of a video, found by `flow`, for an estimator and for a refiner behind the usual ones.

    If the estimator searches flow, it is remembered until the refiner gets to the frame: at most
    300 MB. Above 30 frames a second that is too long, and flow is searched twice.
    """
    if not any(slot.flow for slot in card.neighbours):
        return Motions(flow)
    held_back = SidesSpec().lookahead + LEGS.lookahead + LimbsSpec().lookahead
    held_back += SteadySpec().reach + BLOCK_FRAMES + 1
    return Motions(flow, keep=2 * held_back)  # from each frame to both of those next to it


def _people_of(
    info: VideoInfo,
    models: Models,
    boxes: Boxes | None,
    timings: Timings | None,
    effort: Effort,
    hindsight: HindsightSpec,
    scenes: Scenes,
) -> PeopleOf:
    if boxes is not None:
        return GivenPeople(boxes, scenes)
    if models.detect is None:
        raise BadInput("neither boxes nor a detector were given; expected one of them")
    if can_follow(models.estimate.card):
        usual = PoseTrackerSpec()
        if info.is_still:
            # No later frame could tell who stands next to others, or needs a box that goes along.
            usual = replace(usual, crowd_frames=1, moves_boxes=False)
        if isinstance(models.detect, ThoroughDetector):
            usual = replace(usual, try_score=PICTURE_TRY_SCORE)
        # Whoever comes in between two looks is followed back to where they came from.
        is_caught_up = hindsight.reach >= usual.look_every
        alone = usual.look_every if is_caught_up else usual.look_alone
        # Who is beside others is believed some frames after the look.
        still = min(MOST_WAIT, max(0, hindsight.reach - usual.crowd_frames + 1))
        spec = replace(usual, look_every=effort.detect_every, look_alone=alone, look_still=still)
        tracker = PoseTracker(models.skeleton, size_hw=info.size_hw, poses=spec)
        return FollowPoses(models.detect, tracker, timings, scenes, closely=effort.small_people)
    return DetectAndTrack(models.detect, Tracker(size_hw=info.size_hw), timings, scenes)


def checked_span(
    start_s: float | None, end_s: float | None, frames: tuple[int, int | None] | None = None
) -> tuple[float | None, float | None, tuple[int, int | None] | None]:
    """A span of time and of frames, in numbers of Python.

    Raises: BadInput for what cannot contain a frame.
    """
    start_s, end_s = _seconds("start", start_s), _seconds("end", end_s)
    begin = start_s or 0.0
    if not 0 <= begin < float("inf") or (end_s is not None and not end_s > begin):
        raise BadInput(
            f"the span from {begin:g} s to {'the end' if end_s is None else f'{end_s:g} s'} is "
            "empty; expected a start of at least 0 and an end behind it"
        )
    if frames is None:
        return start_s, end_s, None
    expected = "expected the first frame, from 0, and the one behind the last, or None"
    whole = isinstance(frames, tuple | list) and len(frames) == 2
    if not whole or not all(isinstance(n, int | np.integer) for n in frames if n is not None):
        raise BadInput(f"frames is {frames!r:.60}; {expected}")
    first, end = frames
    if first is None or first < 0 or (end is not None and end <= first):
        raise BadInput(f"the frames from {first} to before {end} are none; {expected}")
    return start_s, end_s, (int(first), None if end is None else int(end))


def _seconds(name: str, value: object) -> float | None:
    found = real_number(value)
    if value is not None and found is None:
        raise BadInput(f"the {name} is {value!r:.40}; expected a number of seconds")
    return found


def check_kinds(**arguments: object) -> None:
    """Raises BadInput for an argument of `run` of another kind than it takes."""
    kinds = {
        "boxes": (str | Path | Mapping | None, "a file, or people by frame"),
        "weights": (str | Path | None, "a name or a path"),
        "detector": (str | Path, "a name or a path"),
        "engine": (EngineSpec, "a glpose.EngineSpec"),
        "refiners": (Sequence | None, "a list of refiners"),
    }
    for name, value in arguments.items():
        _check_kind(name, value, *kinds[name])
    refiners = arguments.get("refiners")
    for refine in refiners if isinstance(refiners, Sequence) else ():
        if not callable(refine):
            raise BadInput(f"refiners holds a {type(refine).__name__}; expected functions")


def _check_kind(name: str, value: object, kind: Any, expected: str) -> None:
    if isinstance(value, str) and not value.strip():  # as a path it would be the current folder
        raise BadInput(f"{name} is empty; expected {expected}")
    if not isinstance(value, kind):
        raise BadInput(f"{name} is a {type(value).__name__}; expected {expected}")


def _check_shapes(people: People, frame: int) -> None:
    """Raises BadInput for people that are not a box, a score and a whole number each."""
    arrays = {"xyxy": people.xyxy, "score": people.score, "track_id": people.track_id}
    num = len(people.track_id) if np.ndim(people.track_id) == 1 else 0
    shapes = {"xyxy": (num, 4), "score": (num,), "track_id": (num,)}
    for name, array in arrays.items():
        kind = "iu" if name == "track_id" else "fiu"
        if (
            not isinstance(array, np.ndarray)
            or array.shape != shapes[name]
            or array.dtype.kind not in kind
        ):
            found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else ""
            raise BadInput(
                f"frame {frame}: {name} of the boxes is {found or type(array).__name__}; expected "
                "arrays of numbers, xyxy of n x 4, score and track_id of n, these whole ones"
            )


def checked_boxes(boxes: Boxes | None, info: VideoInfo, name: str) -> Boxes | None:
    """A copy of the boxes in the types of `People`, whatever numbers they were given in.

    Raises: BadInput for boxes that are none, are beyond the video's end, or share a track id.
    """
    if boxes is None:
        return None
    checked: dict[int, People] = {}
    for frame, people in boxes.items():
        if not isinstance(frame, int | np.integer) or not isinstance(people, People):
            raise BadInput(
                f"the boxes hold {type(people).__name__} for the frame {frame!r:.40}; expected "
                "glpose.People by number of frame"
            )
        if frame < 0:
            raise BadInput(f"the boxes name frame {frame}; expected frames from 0")
        _check_shapes(people, int(frame))
        if len(people) > _MOST_PEOPLE:
            raise BadInput(
                f"frame {frame} has {len(people)} boxes; expected at most {_MOST_PEOPLE}, since the "
                "features of all people of some frames are kept in memory"
            )
        # Before anything is computed: sums of small whole numbers would overflow.
        xyxy, score = people.xyxy.astype(np.float32), people.score.astype(np.float32)
        whose = People(xyxy, score, people.track_id.astype(np.int64))
        check_people(whose, f"frame {frame} of the boxes")
        if len(wrong := score[~((score >= 0) & (score <= 1))]):
            raise BadInput(
                f"frame {frame} of the boxes has the score {wrong[0]:g}; expected 0 to 1"
            )
        checked[int(frame)] = whose
    last = max(checked, default=-1)
    if info.num_frames is not None and last >= info.num_frames:
        raise BadInput(
            f"the boxes name frame {last}, but {name} has {info.num_frames} frames (the first is "
            "0); give the boxes of this video"
        )
    return checked
