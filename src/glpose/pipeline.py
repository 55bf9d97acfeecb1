"""The pipeline from the frames of a video to the poses of its people. Start at `estimate_poses`.

Each person is cropped from each frame and encoded once. For each key, the features of its own crop,
those of its temporal neighbours, or summaries of them, and those of similar crops of the video, as
far as the estimator has slots for them, then give the joint maps.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from glpose.alignment import Alignment
from glpose.clip import CropMemory
from glpose.codecs.codec import Maps
from glpose.crop import crop_from_image, cut, weight_of_box
from glpose.flow import Motions
from glpose.hindsight import NO_HINDSIGHT, FollowedFrame, Hindsight, HindsightSpec, Looked
from glpose.metrics.calibration import calibrated
from glpose.poses import confident, finish
from glpose.runtime.alone import Alone, answers, looks_alone
from glpose.runtime.card import KeySlot, NeighbourSlot, PoseCard, SimilarSlot
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import (
    CloseDetector,
    Detector,
    Encoded,
    Estimator,
    Inputs,
    Starting,
)
from glpose.runtime.views import with_views
from glpose.timing import Timings
from glpose.track.by_pose import PoseTracker
from glpose.track.close_looks import CloseLooks
from glpose.track.cuts import thumbnail
from glpose.track.scenes import Scenes
from glpose.track.stillness import Stillness
from glpose.track.tracker import Tracker
from glpose.types import Affine, Detections, Frame, FrameAndPoses, FramePoses, OtherPlaces, People
from glpose.window import Key, SeenFrame, States, Window, in_turns, remember, similar_inputs

PeopleOf = Callable[[Frame], People]
"""The people in a frame; called once for each decodable frame, in order."""

BLOCK_FRAMES = 8
"""Frames whose given people are encoded together: more cost memory, fewer leave cores idle."""
_Kept = tuple[States, Alignment]
"""What is remembered from one call of the solver to the next."""

_NOTHING = Encoded(np.zeros((0, 1, 1, 1), np.float32), np.zeros((0, 1), np.float32))
_BLOCK_BYTES = 2**26  # of pictures in a block: 4K videos get smaller blocks
_BLOCK_PEOPLE = 256  # and so do crowds
_AT_ONCE = 8  # crops, or keys: as many as go through the graphs of `OnnxEstimator` at once
_OTHER_PLACES = 3  # of each joint
MEMORY_CROPS = 128
"""Crops of the video that are kept as candidates."""


def estimate_poses(
    frames: Iterable[Frame],
    people_of: PeopleOf,
    estimate: Estimator,
    *,
    options: PoseOptions = PoseOptions(),
    pool: CropMemory | None = None,
    is_key: Callable[[int], bool] | None = None,
    block_frames: int = BLOCK_FRAMES,
    memory_crops: int = MEMORY_CROPS,
    seed: int = 0,
    timings: Timings | None = None,
    keep_pictures: bool = True,
    motions: Motions | None = None,
    hindsight: HindsightSpec = NO_HINDSIGHT,
    cut_scores: bool = True,
) -> Iterator[FrameAndPoses]:
    """Yield each frame with its poses, in order, with a delay of some frames.

    There is none with `block_frames` 1 and `options.causal`, or an estimator without neighbours
    after the key: each frame is then yielded before the next one is asked for.

    Memory is bounded by the window of the estimator, a block of frames and `memory_crops` crops,
    whatever the length of the video. `block_frames` changes only the speed, never a result.

    `pool` holds the candidates of the whole video, from `remember_video`; without it candidates
    come from the frames so far. `is_key` selects the frames whose poses are wanted; others only
    serve as context and are yielded without people. Estimators with the order "in_time" solve them
    too, to carry their states. `motions` are those of the video, if others ask for its flow, too.

    With `hindsight` and a `Follower`, people are also followed back from where they appear; not
    with `options.causal`.

    If `frames` fail, or a `Follower`, the frames before are yielded first, with what is known.

    Scores of the maps are cut at 1, unless joints are to be ranked by them (not `cut_scores`).
    Calibrated ones are the same either way: beyond the last point a calibration is constant.

    Frames are yielded as given. Without `keep_pictures` they are yielded without `rgb`, and
    pictures are dropped after people are cropped; only the `status` of the poses then says whether
    a frame could be decoded.
    """
    spent = timings or Timings()
    look = with_views(estimate, options)
    if looks_alone(look.card):
        look = Alone(look)  # nothing reads features again
    how = _Settings(look.card, options, cut_scores=cut_scores)
    assert (pool is not None) == how.needs_pool, "candidates of the video come from remember_video"
    memory = CropMemory(memory_crops, seed, options.sampling)
    solves_all = how.card.order == "in_time"
    keys = None if solves_all else is_key
    window = Window(how.card, memory, pool, options.neighbours, keys, causal=options.causal)
    alignment = Alignment(how.crop, how.codec, motions or Motions())
    kept = States(how.card.states, how.card.starter), alignment
    blocks = _seen_blocks(frames, people_of, look, how, spent, num=block_frames, back=hindsight)
    problem: Exception | None = None
    while True:
        try:
            seen_frames = next(blocks, None)
        except Exception as found:  # noqa: BLE001 - it is raised after what is known is given out
            seen_frames, problem = None, found
        if seen_frames is None:
            break
        if not keep_pictures:
            seen_frames = [replace(s, given=Frame(s.frame, s.time_s, None)) for s in seen_frames]
        ready = [pair for seen in seen_frames for pair in window.push(seen)]
        yield from _wanted(_poses(ready, look, how, kept, spent), is_key)
        del seen_frames, ready  # before the next block is seen
    yield from _wanted(_poses(list(window.drain()), look, how, kept, spent), is_key)
    if problem is not None:
        raise problem


def remember_video(
    frames: Iterable[Frame],
    people_of: PeopleOf,
    estimate: Estimator,
    *,
    options: PoseOptions = PoseOptions(candidates="video"),
    memory_crops: int = MEMORY_CROPS,
    seed: int = 0,
) -> CropMemory | None:
    """The first of two passes, if candidates come from the whole video instead of the past.

    At most `memory_crops` crops are kept, a seeded sample if there are more. Returns None without
    reading frames if the options or the estimator do not need this pass.
    """
    spent = Timings()
    look = with_views(estimate, options)
    how = _Settings(look.card, options)
    if not how.needs_pool:
        return None
    memory = CropMemory(memory_crops, seed, options.sampling)
    for block in _blocks(frames, BLOCK_FRAMES, spent):
        for some in _see(block, people_of, look, how, spent):
            for seen in some:
                remember(seen, how.card, memory)
    return memory


class DetectAndTrack:
    """A `PeopleOf` made of detector, tracker, and what tells where a new scene begins."""

    def __init__(
        self,
        detect: Detector,
        tracker: Tracker | None = None,
        timings: Timings | None = None,
        scenes: Scenes | None = None,
    ) -> None:
        self._detect, self._tracker = detect, tracker or Tracker()
        self._scenes, self._spent = scenes or Scenes(), timings or Timings()

    def __call__(self, frame: Frame) -> People:
        """The people of the next frame, which must be decodable."""
        assert frame.rgb is not None
        with self._spent("detect"):
            detections = self._detect(frame.rgb)
        with self._spent("track"):
            self._scenes.update(frame)
            self._tracker.pace = self._scenes.pace
            self._tracker.resize(frame.rgb.shape[:2])
            return self._tracker.update(frame.index, detections, scene=self._scenes.scene)


@runtime_checkable
class Follower(Protocol):
    """A `PeopleOf` that learns where people are from their poses in each frame."""

    @property
    def scene(self) -> int:
        """The number of the last frame's scene, also if it was left and is back."""
        ...

    @property
    def exchanged(self) -> Mapping[int, int]:
        """The numbers that changed hands in the last frame, the ones before as keys."""
        ...

    @property
    def upside_down(self) -> Bool[np.ndarray, " n"]:
        """Which of the people to look for are to be looked for upside down."""
        ...

    def __call__(self, frame: Frame) -> People:
        """The people to look for in a frame."""
        ...

    def learn(
        self,
        xy: Float32[np.ndarray, "n joints 2"],
        score: Float32[np.ndarray, "n joints"],
    ) -> tuple[People, Int64[np.ndarray, " kept"]]:
        """Take the poses of these people, in image pixels; return the people found, and their rows.

        Scores are as decoded, not calibrated.

        Called once after each frame that has people to look for.
        """
        ...


class FollowPoses:
    """A `Follower` made of detector, tracker by pose, and what tells where a new scene begins.

    With `closely` the detector, if it can, looks closely now and then, see `CloseLooks`.
    """

    def __init__(
        self,
        detect: Detector,
        tracker: PoseTracker,
        timings: Timings | None = None,
        scenes: Scenes | None = None,
        *,
        closely: bool = False,
    ) -> None:
        self._detect, self._tracker = detect, tracker
        self._closer = detect if closely and isinstance(detect, CloseDetector) else None
        self._close = CloseLooks()
        self._scenes, self._spent = scenes or Scenes(), timings or Timings()
        self._stillness = Stillness()
        self._rgb: np.ndarray | None = None

    @property
    def scene(self) -> int:
        """See `Follower`."""
        return self._scenes.scene

    @property
    def exchanged(self) -> Mapping[int, int]:
        """See `Follower`."""
        return self._tracker.exchanged

    @property
    def upside_down(self) -> Bool[np.ndarray, " n"]:
        """See `Follower`."""
        return self._tracker.upside_down

    def __call__(self, frame: Frame) -> People:
        """See `Follower`; the frame must be decodable."""
        assert frame.rgb is not None
        self._rgb = frame.rgb
        with self._spent("track"):
            small = thumbnail(frame.rgb)
            cut = self._scenes.update(frame, small)
            self._tracker.pace = self._scenes.pace
            if cut:
                self._stillness = Stillness()
            looks = cut or self._wants_look(frame.index, small)
            if looks:
                self._stillness.looked(frame.index, small, frame.rgb.shape[:2])
        detections = None
        if looks:
            with self._spent("detect"):
                detections = self._found(frame.index, frame.rgb, opens=cut)
        with self._spent("track"):
            self._tracker.resize(frame.rgb.shape[:2])
            people = self._tracker.update(frame.index, detections, scene=self._scenes.scene)
            if not len(people):  # else `learn` says who of them is there
                self._stillness.saw(people.xyxy)
            return people

    def _found(
        self, frame: int, rgb: UInt8[np.ndarray, "height width 3"], *, opens: bool
    ) -> Detections:
        if self._closer is None:
            return self._detect(rgb)
        # Usual looks may miss who was found by a close one, and would end the try.
        tries = self._closer.is_small(self._tracker.tried_xyxy, rgb.shape[:2]).any()
        if self._close.take(frame, opens=opens, tries=bool(tries)):
            return self._closer.closely(rgb)
        return self._detect(rgb)

    def _wants_look(self, frame: int, small: UInt8[np.ndarray, "72 128 3"]) -> bool:
        """Whether the detector looks at a frame that is no cut."""
        # Pictures are compared only where it matters.
        wants_look = self._tracker.wants_look
        return wants_look(frame) and wants_look(frame, self._stillness.still_frames(small))

    def learn(
        self,
        xy: Float32[np.ndarray, "n joints 2"],
        score: Float32[np.ndarray, "n joints"],
    ) -> tuple[People, Int64[np.ndarray, " kept"]]:
        """See `Follower`."""
        assert self._rgb is not None
        people, rows = self._tracker.learn(xy, score, self._rgb)
        self._stillness.saw(people.xyxy)
        if self._closer is not None:
            small = self._closer.is_small(people.xyxy, self._rgb.shape[:2])
            self._close.saw(small=bool(small.any()))
        return people, rows


class _Settings:
    """The settings from a card and the options combined."""

    def __init__(self, card: PoseCard, options: PoseOptions, *, cut_scores: bool = True) -> None:
        self.card, self.options, self.cut_scores = card, options, cut_scores
        self.crop, self.joints = card.crop, card.joints
        self.codec = (
            card.codec if options.decode is None else card.codec.with_decoding(options.decode)
        )
        is_exact = any(slot.box == "exact" for slot in card.neighbours)
        has_flow = any(slot.flow for slot in card.neighbours)
        is_cut_again = is_exact or has_flow or card.starter is not None
        self.keeps_rgb = is_cut_again or options.neighbours == "all"
        self.needs_pool = options.candidates == "video" and bool(card.similar)
        self.crop_from_map = self.codec.crop_from_map(card.crop)

    def find(
        self, maps: Maps, people: Iterable[tuple[np.ndarray, Affine]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Joints in map pixels and their scores, which may exceed 1.

        `people` has the box of each person, in image pixels, and the map from the image to the crop.
        """
        xy, score = self.codec.decode(maps)
        found = self.codec.peaks(maps, 1 + _OTHER_PLACES) if self.options.in_box else None
        if found is None:
            return xy, score
        places, height = found
        weight = np.stack(
            [
                weight_of_box(xyxy, (to_crop.inverse() @ self.crop_from_map).apply(own))
                for (xyxy, to_crop), own in zip(people, places, strict=True)
            ]
        )
        best = np.argmax(height * np.nan_to_num(weight), -1)
        # The first place is what was decoded; of the others the score is that of the map, too.
        row, joint = np.nonzero(best)
        xy[row, joint] = places[row, joint, best[row, joint]]
        score[row, joint] = height[row, joint, best[row, joint]]
        return xy, score


def _blocks(frames: Iterable[Frame], num: int, spent: Timings) -> Iterator[list[Frame]]:
    source = iter(frames)
    while True:
        block: list[Frame] = []
        size = 0
        while len(block) < num and size < _BLOCK_BYTES:
            try:
                with spent("decode"):
                    found = list(islice(source, 1))
            except Exception:
                yield block
                raise
            if not found:
                break
            block += found
            size += 0 if found[0].rgb is None else found[0].rgb.nbytes
        if not block:
            return
        yield block


def _seen_blocks(
    frames: Iterable[Frame],
    people_of: PeopleOf,
    estimate: Estimator,
    how: _Settings,
    spent: Timings,
    *,
    num: int,
    back: HindsightSpec,
) -> Iterator[list[SeenFrame]]:
    """The frames with their people, some at a time, as late as somebody may still be found in them."""
    if not isinstance(people_of, Follower):
        for block in _blocks(frames, num, spent):
            yield from _see(block, people_of, estimate, how, spent)
        return
    look = partial(_look, estimate=estimate, how=how, spent=spent)
    hindsight = Hindsight(look, how.joints, NO_HINDSIGHT if how.options.causal else back)
    ready: list[SeenFrame] = []
    try:
        for block in _blocks(frames, num, spent):
            for frame in block:
                ready += hindsight.push(_follow(frame, people_of, estimate, how, spent))
            yield ready
            ready = []
    except Exception:
        yield [*ready, *hindsight.drain()]
        raise
    yield list(hindsight.drain())


def _see(
    block: list[Frame], people_of: PeopleOf, estimate: Estimator, how: _Settings, spent: Timings
) -> Iterator[list[SeenFrame]]:
    """Find the people of each frame, and see them; of crowds some frames at a time."""
    if isinstance(people_of, Follower):
        for frame in block:
            yield [_follow(frame, people_of, estimate, how, spent).seen]
        return
    people = [
        People.empty() if f.rgb is None else confident(people_of(f), how.options.min_box)
        for f in block
    ]
    begin = num = 0
    for end, own in enumerate(people, 1):
        num += len(own)
        if num >= _BLOCK_PEOPLE or end == len(block):
            yield _encoded(block[begin:end], people[begin:end], estimate, how, spent)
            begin, num = end, 0


def _encoded(
    frames: list[Frame], people: list[People], estimate: Estimator, how: _Settings, spent: Timings
) -> list[SeenFrame]:
    """Crop the people of some frames, and encode the crops of all frames together."""
    with spent("crop"):
        maps = [tuple(crop_from_image(box, how.crop) for box in p.xyxy) for p in people]
    wanted = [
        (frame.rgb, to_crop)
        for frame, own in zip(frames, maps, strict=True)
        for to_crop in own
        if frame.rgb is not None
    ]
    crops = (one for some in _encodings(wanted, estimate, how, spent) for one in some.each())
    seen: list[SeenFrame] = []
    for frame, own_people, own_maps in zip(frames, people, maps, strict=True):
        num = len(own_maps)
        encoded = Encoded.joined(islice(crops, num), num) if num else _NOTHING
        seen.append(_seen(frame, own_people, own_maps, encoded, how))
    return seen


def _encodings(
    wanted: Sequence[tuple[UInt8[np.ndarray, "_ _ 3"], Affine]],
    estimate: Estimator,
    how: _Settings,
    spent: Timings,
) -> Iterator[Encoded]:
    """Cut crops from pictures, and encode them, a few at a time."""
    for begin in range(0, len(wanted), _AT_ONCE):
        with spent("crop"):
            some = wanted[begin : begin + _AT_ONCE]
            crops = np.stack([cut(rgb, to_crop, how.crop) for rgb, to_crop in some])
        with spent("encode"):
            encoded = estimate.encode(crops)
        yield encoded


def _seen(
    frame: Frame,
    people: People,
    maps: tuple[Affine, ...],
    encoded: Encoded,
    how: _Settings,
) -> SeenFrame:
    return SeenFrame(
        frame.index,
        frame.time_s,
        frame.status,
        people,
        maps,
        encoded.features,
        encoded.embedding,
        frame,
        frame.rgb if how.keeps_rgb else None,
        encoded.summary,
    )


def _follow(
    frame: Frame, people_of: Follower, estimate: Estimator, how: _Settings, spent: Timings
) -> FollowedFrame:
    """Look for the expected people of one frame; what is found says where to look next."""
    expected = People.empty() if frame.rgb is None else people_of(frame)
    num_joints = len(how.joints.joints)
    if frame.rgb is None or not len(expected):
        nobody = _seen(frame, People.empty(), (), _NOTHING, how)
        xy, score = np.zeros((0, num_joints, 2), np.float32), np.zeros((0, num_joints), np.float32)
        return FollowedFrame(nobody, xy, score, people_of.scene)
    found = _look(frame.rgb, expected.xyxy, people_of.upside_down, estimate, how, spent)
    with spent("track"):
        people, rows = people_of.learn(found.xy, found.score)
        kept = people.score >= how.options.min_box
        people, rows = people[kept], rows[kept]
    own_maps = tuple(found.crop_from_image[row] for row in rows)
    seen = _seen(frame, people, own_maps, found.encoded.take(rows), how)
    return FollowedFrame(
        seen, found.xy[rows], found.score[rows], people_of.scene, people_of.exchanged
    )


def _look(
    rgb: UInt8[np.ndarray, "height width 3"],
    boxes: Float32[np.ndarray, "n 4"],
    upside_down: Bool[np.ndarray, " n"],
    estimate: Estimator,
    how: _Settings,
    spent: Timings,
) -> Looked:
    """See people in some boxes of a picture, each alone, and upside down in some."""
    with spent("crop"):
        maps = tuple(
            crop_from_image(box, how.crop, rotation_deg=180.0 * turned)
            for box, turned in zip(boxes, upside_down, strict=True)
        )
    people = zip(boxes, maps, strict=True)
    found: list[tuple[np.ndarray, np.ndarray]] = []

    def looks() -> Iterator[Encoded]:
        for some in _encodings([(rgb, to_crop) for to_crop in maps], estimate, how, spent):
            with spent("encode"):
                own = islice(people, len(some.features))
                found.append(how.find(answers(estimate, some), own))
            yield some

    encoded = Encoded.joined(looks(), len(maps))
    xy, score = (np.concatenate(parts) for parts in zip(*found, strict=True))
    in_image = [(m.inverse() @ how.crop_from_map).apply(p) for m, p in zip(maps, xy, strict=True)]
    return Looked(maps, encoded, np.stack(in_image).astype(np.float32), np.minimum(score, 1))


def _poses(
    ready: list[tuple[SeenFrame, list[Key]]],
    estimate: Estimator,
    how: _Settings,
    kept: _Kept,
    spent: Timings,
) -> Iterator[FrameAndPoses]:
    """Solve for the keys of some frames, a few at a time, and map joints to image pixels."""
    keys = [key for _, own in ready for key in own]
    parts = [
        _solve(some, estimate, how, kept, spent)
        for some in in_turns(keys, _AT_ONCE, in_time=how.card.order == "in_time")
    ]
    found = iter([person for part in parts for person in zip(*part, strict=True)])
    for seen, own in ready:
        if not own:
            num_joints = len(how.joints.joints)
            yield seen.given, FramePoses.empty(seen.frame, seen.time_s, num_joints, seen.status)
            continue
        xy, score, evidence, places, place_score = zip(*islice(found, len(own)), strict=True)
        poses = FramePoses(
            seen.frame,
            seen.time_s,
            seen.people,
            np.stack(xy),
            np.stack(score),
            seen.status,
            None if evidence[0] is None else np.stack(evidence),
            other_places=None
            if places[0] is None
            else OtherPlaces(np.stack(places), np.stack(place_score)),
        )
        yield seen.given, finish(poses, how.options, how.joints, how.crop)


def _wanted(
    pairs: Iterator[FrameAndPoses], is_key: Callable[[int], bool] | None
) -> Iterator[FrameAndPoses]:
    """Without the people of frames that were solved only to keep states."""
    for frame, poses in pairs:
        if is_key is None or is_key(poses.frame):
            yield frame, poses
        else:
            num_joints = poses.xy.shape[1]
            yield frame, FramePoses.empty(poses.frame, poses.time_s, num_joints, poses.status)


_OfKeys = np.ndarray | list[None]
"""Something of each key, or None for each if it is not known."""


def _solve(
    keys: list[Key], estimate: Estimator, how: _Settings, kept: _Kept, spent: Timings
) -> tuple[_OfKeys, ...]:
    """Joints of some keys in image pixels, scores, evidence of sides, other places and their scores."""
    states, _ = kept
    started = states.starts(keys)
    maps = _maps(keys, started, estimate, how, kept, spent)
    with spent("fuse"):
        people = ((key.seen.people.xyxy[key.row], key.crop_from_image) for key in keys)
        map_xy, peak = how.find(maps, people)
        score = np.minimum(peak, 1)
        states.keep(keys, maps, score, started)
        evidence = how.codec.side_evidence(maps, map_xy, how.joints.mirror)
        peaks = how.codec.peaks(maps, 1 + _OTHER_PLACES)
        to_image = [key.crop_from_image.inverse() @ how.crop_from_map for key in keys]

        def in_image(map_xy: np.ndarray) -> np.ndarray:
            moved = [to.apply(own) for to, own in zip(to_image, map_xy, strict=True)]
            return np.stack(moved).astype(np.float32)

        unknown: _OfKeys = [None] * len(keys)
        places = place_score = unknown
        if peaks is not None:
            other_xy, other_score = _others(map_xy, *peaks)
            places = in_image(other_xy)
            place_score = calibrated(other_score, how.card.calibration)
        return (
            in_image(map_xy),
            calibrated(score if how.cut_scores else peak, how.card.calibration),
            unknown if evidence is None else evidence,
            places,
            place_score,
        )


def _others(
    map_xy: np.ndarray, places: np.ndarray, score: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places and scores without those of the joints: the nearest ones, or the first of each."""
    far = np.nan_to_num(np.linalg.norm(places - map_xy[:, :, None], axis=-1), nan=np.inf)
    is_other = np.arange(places.shape[2]) != far.argmin(-1)[..., None]
    shape = (*map_xy.shape[:2], places.shape[2] - 1)
    return places[is_other].reshape(*shape, 2), score[is_other].reshape(shape)


def _maps(
    keys: list[Key],
    started: Bool[np.ndarray, " n"],
    estimate: Estimator,
    how: _Settings,
    kept: _Kept,
    spent: Timings,
) -> Maps:
    """What the starter makes of the keys that are started, and the solver of all others."""
    others = [key for key, is_new in zip(keys, started, strict=True) if not is_new]
    parts: list[Maps] = []
    if others:
        inputs = _inputs(others, estimate, how, kept, spent)
        with spent("fuse"):
            parts.append(estimate.solve(inputs))
    if started.any():
        with spent("crop"):
            # With the transform of the key: the tracker may know a better box by now.
            crops = [
                cut(key.seen.rgb, key.crop_from_image, how.crop)
                for key, is_new in zip(keys, started, strict=True)
                if is_new and key.seen.rgb is not None
            ]
        assert isinstance(estimate, Starting)
        with spent("start"):
            parts.append(estimate.start(np.stack(crops)))
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([np.flatnonzero(~started), np.flatnonzero(started)]))
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}


def _inputs(
    keys: list[Key], estimate: Estimator, how: _Settings, kept: _Kept, spent: Timings
) -> Inputs:
    """The contents of all slots."""
    inputs: Inputs = {}
    states, alignment = kept
    for slot in how.card.neighbours:
        inputs[slot.name] = _neighbours(keys, slot, estimate, how, spent)
        if slot.flow:
            with spent("flow"):
                inputs[slot.flow] = alignment.inputs(keys, slot, exact=slot.box == "exact")
    with spent("fuse"):
        inputs |= states.inputs(keys)
        for slot in how.card.slots:
            if isinstance(slot, KeySlot):
                inputs[slot.name] = np.stack([k.seen.features[k.row] for k in keys])
            elif isinstance(slot, SimilarSlot):
                inputs |= similar_inputs(keys, slot)
    return inputs


def _neighbours(
    keys: list[Key], slot: NeighbourSlot, estimate: Estimator, how: _Settings, spent: Timings
) -> Float32[np.ndarray, "n offsets channels h w"]:
    """Features or summaries of the neighbours, in the order of the slot's offsets."""
    shape = keys[0].seen.for_neighbours.shape[1:]
    frames = [key.neighbours[slot.name] for key in keys]
    told = np.zeros((len(keys), len(slot.offsets), *shape), np.float32)
    # Frames to crop with the box of a key, by key and frame.
    again: dict[tuple[int, int], SeenFrame] = {}
    for i, key in enumerate(keys):
        for place, seen in enumerate(frames[i]):
            row = seen.row(key.track_id)
            if seen is key.seen:
                told[i, place] = seen.for_neighbours[key.row]
            elif slot.box == "exact" or row < 0:
                again[i, seen.frame] = seen
            else:
                told[i, place] = seen.for_neighbours[row]
    wanted = [
        (seen.rgb, keys[i].crop_from_image)
        for (i, _), seen in again.items()
        if seen.rgb is not None
    ]
    crops = (one for some in _encodings(wanted, estimate, how, spent) for one in some.each())
    for ((i, _), seen), one in zip(again.items(), crops, strict=True):
        told[i, [other is seen for other in frames[i]]] = one.for_neighbours
    return told
