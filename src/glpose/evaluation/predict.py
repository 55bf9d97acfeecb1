"""Predict poses for a labelled sequence and boxes, for evaluation on the official sets."""

from collections.abc import Callable, Collection, Container, Generator, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from glpose.clip import Sampling, evenly_spaced
from glpose.errors import VideoError
from glpose.formats.dataset import LabelledSequence
from glpose.geometry import box_area, clip_box
from glpose.imaging import read_image
from glpose.pipeline import MEMORY_CROPS, PeopleOf, estimate_poses, remember_video
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
    Candidates from the whole video take two passes; the first encodes only the crops that will be
    remembered.
    """
    card = estimate.card
    from_past = options.candidates == "past" and bool(card.similar)
    pool, wanted = None, _ALL
    if not from_past:
        least = max(min((slot.min_score for slot in card.similar), default=0.0), options.min_box)
        some = sample_crops(people, memory_crops, seed, least, options.sampling)
        pool = remember_video(
            frames(some),
            _given(some, clip_boxes=clip_boxes),
            estimate,
            options=options,
            memory_crops=memory_crops,
            seed=seed,
        )
        offsets = [offset for slot in card.neighbours for offset in slot.offsets]
        reach = max(map(abs, offsets), default=0)
        if card.order == "in_time":
            wanted = range(max(keys, default=-1) + reach + 1)
        else:
            wanted = {key + offset for key in keys for offset in range(-reach, reach + 1)}
    is_exact = card.neighbours and all(slot.box == "exact" for slot in card.neighbours)
    if not from_past and is_exact and card.order == "any":
        # Neighbours are cut with the keys' boxes, so the people in other frames are not needed.
        people = {key: people[key] for key in keys if key in people}
    yield from (
        poses
        for _, poses in estimate_poses(
            frames(wanted),
            _given(people, clip_boxes=clip_boxes),
            estimate,
            options=options,
            pool=pool,
            is_key=keys.__contains__,
            memory_crops=memory_crops,
            seed=seed,
            keep_pictures=False,
            cut_scores=cut_scores,
        )
        if poses.frame in keys
    )


def _given(people: Mapping[int, People], *, clip_boxes: bool) -> PeopleOf:
    def people_of(frame: Frame) -> People:
        found = people.get(frame.index, People.empty())
        if not clip_boxes or not len(found) or frame.rgb is None:
            return found
        size_hw = frame.rgb.shape[:2]
        return replace(found, xyxy=np.stack([clip_box(box, size_hw) for box in found.xyxy]))

    return people_of


def sample_crops(
    people: Mapping[int, People], num: int, seed: int, min_score: float, sampling: Sampling
) -> dict[int, People]:
    """At most `num` people of a video with at least that score, random or evenly spaced in time."""
    crops = [
        (frame, int(row))
        for frame in sorted(people)
        for row in np.flatnonzero(people[frame].score >= min_score)
    ]
    if len(crops) > num:
        if sampling == "even":
            places = evenly_spaced(len(crops), num)
        else:
            places = np.sort(np.random.default_rng(seed).choice(len(crops), num, replace=False))
        crops = [crops[place] for place in places]
    rows: dict[int, list[int]] = {}
    for frame, row in crops:
        rows.setdefault(frame, []).append(row)
    return {frame: people[frame][some] for frame, some in rows.items()}


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
