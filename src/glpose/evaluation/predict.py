"""Predict poses for a labelled sequence and boxes, for evaluation on the official sets."""

from collections.abc import Callable, Collection, Container, Generator, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from glpose.clip import CropMemory, MemoryEntry, Sampling
from glpose.errors import VideoError
from glpose.formats.dataset import LabelledSequence
from glpose.geometry import box_area, clip_box
from glpose.imaging import read_image
from glpose.pipeline import PeopleOf, estimate_poses, remember_video
from glpose.poses import confident
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Estimator
from glpose.skeleton import Skeleton, convert
from glpose.types import Frame, FramePoses, FrameTruth, People
from glpose.video.reader import open_video, read_ahead

RATE_HZ = 25.0
"""Frame rate assumed for sequences of pictures; only their times depend on it."""

FramesOf = Callable[[Container[int]], Iterable[Frame]]
"""Reads the wanted frames of a video in order; called once per pass."""


_ALL = range(2**62)

MEMORY_CROPS = 2048
"""Crops whose features are kept as candidates: 1.36 GB of HRNet-W48 at 384x288.

A video with more boxes is read in parts, and what is drawn again for another part is encoded again:
of 6,000 boxes, 40 in each frame, each one about eleven times with 20 candidates a person.
"""

_NO_FEATURES, _NO_EMBEDDING = np.zeros((0, 0, 0), np.float16), np.zeros(0, np.float32)


def predict(
    frames: FramesOf,
    people: Mapping[int, People],
    keys: Collection[int],
    estimate: Estimator,
    options: PoseOptions,
    *,
    clip_boxes: bool = False,
    cut_scores: bool = True,
    memory_crops: int = MEMORY_CROPS,
    seed: int = 0,
) -> Iterator[FramePoses]:
    """Poses of the people in the frames `keys`, in order; other frames only serve as context.

    `clip_boxes` first clips boxes to the picture, as the HRNet family does with true boxes.
    Scores are not to be cut (`cut_scores`, see `estimate_poses`) where joints are ranked by them.

    Only frames that are needed are read: all up to the last key where the estimator keeps states.
    Candidates from the whole video are drawn from all boxes before their crops are encoded, in passes
    of their own; features of `memory_crops` crops are kept, so that long videos take several passes.
    """
    card = estimate.card
    from_past = options.candidates == "past" and bool(card.similar)
    offsets = [offset for slot in card.neighbours for offset in slot.offsets]
    reach = max(map(abs, offsets), default=0)
    parts: Iterable[tuple[Collection[int], CropMemory | None]] = [(keys, None)]
    if card.similar and not from_past:
        parts = _candidates(
            frames,
            people,
            keys,
            estimate,
            options,
            clip_boxes=clip_boxes,
            reach=reach,
            most=memory_crops,
            seed=seed,
        )
    is_exact = card.neighbours and all(slot.box == "exact" for slot in card.neighbours)
    if not from_past and is_exact and card.order == "any":
        # Neighbours are cut with the keys' boxes, so the people in other frames are not needed.
        people = {key: people[key] for key in keys if key in people}
    for some, pool in parts:
        wanted: Container[int] = _ALL
        if not from_past and card.order == "in_time":
            wanted = range(max(some, default=-1) + reach + 1)
        elif not from_past:
            wanted = {key + offset for key in some for offset in range(-reach, reach + 1)}
        found = estimate_poses(
            frames(wanted),
            _given(people, clip_boxes=clip_boxes),
            estimate,
            options=options,
            pool=pool,
            is_key=some.__contains__,
            seed=seed,
            keep_pictures=False,
            cut_scores=cut_scores,
        )
        yield from (poses for _, poses in found if poses.frame in some)
        del pool, found  # before the next features are made


def _given(people: Mapping[int, People], *, clip_boxes: bool) -> PeopleOf:
    def people_of(frame: Frame) -> People:
        found = people.get(frame.index, People.empty())
        if not clip_boxes or not len(found) or frame.rgb is None:
            return found
        size_hw = frame.rgb.shape[:2]
        return replace(found, xyxy=np.stack([clip_box(box, size_hw) for box in found.xyxy]))

    return people_of


def _candidates(
    frames: FramesOf,
    people: Mapping[int, People],
    keys: Collection[int],
    estimate: Estimator,
    options: PoseOptions,
    *,
    clip_boxes: bool,
    reach: int,
    most: int,
    seed: int,
) -> Iterator[tuple[Collection[int], CropMemory]]:
    """Some keys at a time, in order, with all crops of the video to draw candidates from.

    Only the crops that are drawn for these keys have features. No more than `most` do, unless one
    frame needs more, or all frames are solved together, to carry states.
    """
    slots, is_whole = estimate.card.similar, estimate.card.order == "in_time"
    found = {frame: confident(people[frame], options.min_box) for frame in sorted(people)}
    bare = {
        (frame, number): MemoryEntry(frame, number, score, _NO_FEATURES, _NO_EMBEDDING)
        for frame, own in found.items()
        for number, score in zip(own.track_id.tolist(), own.score.tolist(), strict=True)
    }
    encoded: dict[tuple[int, int], MemoryEntry] = {}
    left = sorted(keys)
    if is_whole:  # who is between is solved for, too, and who is in the window of the last key
        last = max(keys, default=-1) + reach
        left = sorted({*keys, *(frame for frame in people if frame <= last)})
    while left:
        pool = _pool(bare, seed, options.sampling)
        some, wanted = set[int](), set[tuple[int, int]]()
        for key in left:
            drawn = {
                (entry.frame, entry.track_id)
                for number in (found[key].track_id.tolist() if key in found else ())
                for slot in slots
                for entry in pool.draw(key, number, slot.num_candidates, slot.min_score, slot.pool)
            }
            if some and len(wanted | drawn) > most and not is_whole:
                break
            some.add(key)
            wanted |= drawn
        encoded = {place: entry for place, entry in encoded.items() if place in wanted}
        if lacking := wanted - encoded.keys():
            numbers: dict[int, list[int]] = {}
            for frame, number in lacking:
                numbers.setdefault(frame, []).append(number)
            chosen = {f: found[f][np.isin(found[f].track_id, n)] for f, n in numbers.items()}
            # Not by a name of its own, which would keep all features until the next ones are made.
            encoded |= {
                (entry.frame, entry.track_id): entry
                for entry in remember_video(
                    frames(numbers),
                    _given(chosen, clip_boxes=clip_boxes),
                    estimate,
                    options=options,
                    memory_crops=len(lacking),
                )
                or ()
            }
        if unread := wanted - encoded.keys():  # of pictures that cannot be read: draw again
            bare = {place: entry for place, entry in bare.items() if place not in unread}
            continue
        yield some.intersection(keys), _pool(bare | encoded, seed, options.sampling)
        left = left[len(some) :]


def _pool(
    crops: Mapping[tuple[int, int], MemoryEntry], seed: int, sampling: Sampling
) -> CropMemory:
    pool = CropMemory(len(crops), seed, sampling)
    for entry in crops.values():
        pool.add(entry)
    return pool


def frames_of(sequence: LabelledSequence) -> FramesOf:
    """A reader of a sequence; a picture that cannot be read becomes an undecodable frame."""

    def read(wanted: Container[int]) -> Iterable[Frame]:
        if sequence.video is not None:
            return (frame for frame in open_video(sequence.video).frames() if frame.index in wanted)
        return read_ahead(_pictures(sequence, wanted), 4)

    return read


def _pictures(sequence: LabelledSequence, wanted: Container[int]) -> Generator[Frame, None, None]:
    for index, path in enumerate(sequence.images):
        if index in wanted:
            try:
                rgb = read_image(path)
            except VideoError:
                rgb = None
            yield Frame(index, index / RATE_HZ, rgb)


def true_people(truth: Iterable[FrameTruth]) -> dict[int, People]:
    """The labelled people with a non-empty box, by frame."""
    return {frame.frame: frame.people[box_area(frame.people.xyxy) > 0] for frame in truth}


def in_skeleton(poses: FramePoses, source: Skeleton, target: Skeleton) -> FramePoses:
    """Convert poses to another skeleton; joints that the source lacks are NaN."""
    if source is target:
        return poses
    xy, score = convert(poses.xy, poses.score, source, target)
    return FramePoses(poses.frame, poses.time_s, poses.people, xy, score, poses.status)
