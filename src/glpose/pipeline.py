"""The main path: from the frames of a video to the poses of its people. Start at `estimate_poses`.

Each person is cut out of each frame and encoded once; for every frame the features of the person,
of its neighbours in time and of similar crops of the video are then fused into heatmaps.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
from jaxtyping import Float32

from glpose.crop import crop_from_image, cut
from glpose.errors import BadWeights
from glpose.heatmap import crop_from_heatmap, decode
from glpose.runtime.card import Card, FusionCard
from glpose.runtime.protocols import Detector, Estimator
from glpose.skeleton import by_name
from glpose.timing import Timings
from glpose.track.cuts import CutDetector
from glpose.track.tracker import Tracker
from glpose.types import CropSpec, Frame, FramePoses, HeatmapSpec, People
from glpose.window import Key, SeenFrame, Window, global_inputs

PeopleOf = Callable[[Frame], People]
"""Who is in a frame; asked once for each frame that could be decoded, in order."""

BLOCK_FRAMES = 8
"""Frames that are encoded together; more costs memory and delay, fewer leave cores idle."""
_BLOCK_BYTES = 2**26  # of pictures in a block: 4K videos get smaller blocks
_KEYS_AT_ONCE = 8
MIN_MEAN_SCORE = 0.22
"""Between the mean joint scores of tables and pillars (0.1 to 0.2) and of people (0.3 and more)."""
_MEMORY_CROPS = 128


def estimate_poses(
    frames: Iterable[Frame],
    people_of: PeopleOf,
    estimate: Estimator,
    *,
    block_frames: int = BLOCK_FRAMES,
    memory_crops: int = _MEMORY_CROPS,
    seed: int = 0,
    timings: Timings | None = None,
) -> Iterator[FramePoses]:
    """Yield one FramePoses for each frame, in order, some frames late.

    Memory is bounded by the window of the estimator, a block of frames and `memory_crops` crops of
    the video, not by its length. `block_frames` changes speed only, never a result.
    """
    spent = timings or Timings()
    how = _Settings(estimate.card)
    window = Window(how.fusion, memory_crops, seed)
    for block in _blocks(frames, block_frames, spent):
        ready = []
        for seen in _see(block, people_of, estimate, how, spent):
            ready += window.push(seen)
        yield from _poses(ready, estimate, how, spent)
    yield from _poses(list(window.drain()), estimate, how, spent)


def without_phantoms(
    poses: Iterable[FramePoses], min_mean_score: float = MIN_MEAN_SCORE
) -> Iterator[FramePoses]:
    """Leave out people whom the pose network does not see in their boxes.

    A detector may take a table for a person; joints then have low scores all over. Numbers of the
    others stay. Not for boxes that a user gives: those are taken at their word.
    """
    for frame in poses:
        kept = frame.score.mean(1) >= min_mean_score if len(frame.people) else np.zeros(0, bool)
        people = People(
            frame.people.xyxy[kept], frame.people.score[kept], frame.people.track_id[kept]
        )
        yield FramePoses(
            frame.frame, frame.time_s, people, frame.xy[kept], frame.score[kept], frame.status
        )


class DetectAndTrack:
    """A `PeopleOf` that finds people itself: detector, scene cuts and tracker."""

    def __init__(
        self, detect: Detector, tracker: Tracker | None = None, timings: Timings | None = None
    ) -> None:
        self._detect, self._tracker = detect, tracker or Tracker()
        self._cuts, self._spent = CutDetector(), timings or Timings()

    def __call__(self, frame: Frame) -> People:
        """The people of the next frame, which must be decodable."""
        assert frame.rgb is not None
        with self._spent("detect"):
            detections = self._detect(frame.rgb)
        with self._spent("track"):
            cut = self._cuts.update(frame.rgb)
            return self._tracker.update(frame.index, detections, cut=cut)


class _Settings:
    """The parts of a card that the pipeline cannot do without."""

    def __init__(self, card: Card) -> None:
        if card.crop is None or card.heatmap is None or card.skeleton is None:
            raise BadWeights(
                f"'{card.name}' is a {card.kind} whose card lacks crop, heatmap or skeleton; "
                "expected the weights of a pose estimator"
            )
        self.num_joints = len(by_name(card.skeleton).joints)
        self.crop: CropSpec = card.crop
        self.heatmap: HeatmapSpec = card.heatmap
        self.fusion = card.fusion or FusionCard()
        self.is_exact = bool(self.fusion.offsets) and self.fusion.neighbour_box == "exact"
        self.crop_from_heatmap = crop_from_heatmap(card.crop, card.heatmap)


def _blocks(frames: Iterable[Frame], num: int, spent: Timings) -> Iterator[list[Frame]]:
    source = iter(frames)
    while True:
        block: list[Frame] = []
        size = 0
        while len(block) < num and size < _BLOCK_BYTES:
            with spent("decode"):
                found = list(islice(source, 1))
            if not found:
                break
            block += found
            size += 0 if found[0].rgb is None else found[0].rgb.nbytes
        if not block:
            return
        yield block


def _see(
    block: list[Frame], people_of: PeopleOf, estimate: Estimator, how: _Settings, spent: Timings
) -> Iterator[SeenFrame]:
    """Find the people of each frame, cut them out, and encode all of them at once."""
    people = [People.empty() if f.rgb is None else people_of(f) for f in block]
    with spent("crop"):
        maps = [tuple(crop_from_image(box, how.crop) for box in p.xyxy) for p in people]
        crops = [
            cut(frame.rgb, to_crop, how.crop)
            for frame, own in zip(block, maps, strict=True)
            for to_crop in own
            if frame.rgb is not None
        ]
    features, embedding = np.zeros((0, 1, 1, 1), np.float32), np.zeros((0, 1), np.float32)
    if crops:
        with spent("encode"):
            features, embedding = estimate.encode(np.stack(crops))
    begin = 0
    for frame, own_people, own_maps in zip(block, people, maps, strict=True):
        rows = slice(begin, begin + len(own_people))
        begin = rows.stop
        yield SeenFrame(
            frame.index,
            frame.time_s,
            frame.status,
            own_people,
            own_maps,
            features[rows],
            embedding[rows],
            frame.rgb if how.is_exact else None,
        )


def _poses(
    ready: list[tuple[SeenFrame, list[Key]]], estimate: Estimator, how: _Settings, spent: Timings
) -> Iterator[FramePoses]:
    """Fuse, decode and map back to the picture the keys of some frames, a few at a time."""
    keys = [key for _, own in ready for key in own]
    parts = [
        _fuse(keys[start : start + _KEYS_AT_ONCE], estimate, how, spent)
        for start in range(0, len(keys), _KEYS_AT_ONCE)
    ]
    found = iter([joint for xy, score in parts for joint in zip(xy, score, strict=True)])
    for seen, own in ready:
        if not own:
            yield FramePoses.empty(seen.frame, seen.time_s, how.num_joints, seen.status)
            continue
        xy, score = zip(*islice(found, len(own)), strict=True)
        yield FramePoses(
            seen.frame, seen.time_s, seen.people, np.stack(xy), np.stack(score), seen.status
        )


def _fuse(
    keys: list[Key], estimate: Estimator, how: _Settings, spent: Timings
) -> tuple[Float32[np.ndarray, "n joints 2"], Float32[np.ndarray, "n joints"]]:
    """Joints of some keys in image pixels, with their scores."""
    local = _local_slots(keys, estimate, how, spent)
    with spent("fuse"):
        key = np.stack([k.seen.features[k.row] for k in keys])
        global_, weight = global_inputs(keys, how.fusion)
        heatmaps = estimate.fuse(key, local, global_, weight)
        heatmap_xy, score = decode(heatmaps, how.heatmap)
        xy = [
            (k.crop_from_image.inverse() @ how.crop_from_heatmap).apply(points)
            for k, points in zip(keys, heatmap_xy, strict=True)
        ]
    return np.stack(xy).astype(np.float32), score


def _local_slots(
    keys: list[Key], estimate: Estimator, how: _Settings, spent: Timings
) -> Float32[np.ndarray, "n slots channels h w"]:
    """Features of the neighbours, in the order of the card's offsets."""
    shape = keys[0].seen.features.shape[1:]
    slots = [(key, seen) for key in keys for seen in key.neighbours]
    if not slots:
        return np.zeros((len(keys), 0, *shape), np.float32)
    if how.is_exact:
        with spent("crop"):
            crops = [
                cut(seen.rgb, key.crop_from_image, how.crop)
                for key, seen in slots
                if seen.rgb is not None
            ]
        with spent("encode"):
            features, _ = estimate.encode(np.stack(crops))
    else:
        features = np.stack([seen.features[seen.row(key.track_id)] for key, seen in slots])
    return features.reshape(len(keys), -1, *shape)
