"""Predict poses for a labelled sequence and boxes, for evaluation on the official sets."""

from collections.abc import Callable, Collection, Container, Generator, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from glpose.clip import CropMemory, MemoryEntry, Pool, rank
from glpose.codecs.codec import Maps
from glpose.errors import VideoError
from glpose.formats.dataset import LabelledSequence
from glpose.geometry import box_area, clip_box
from glpose.imaging import read_image
from glpose.pipeline import PeopleOf, estimate_poses, remember_video
from glpose.poses import confident
from glpose.runtime.card import SimilarSlot
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Encoded, Estimator, Inputs
from glpose.skeleton import Skeleton, convert
from glpose.types import Frame, FramePoses, FrameTruth, People
from glpose.video.reader import open_video, read_ahead

RATE_HZ = 25.0
"""Frame rate assumed for sequences of pictures; only their times depend on it."""

FramesOf = Callable[[Container[int]], Iterable[Frame]]
"""Reads the wanted frames of a video in order; called once per pass."""

_Place = tuple[int, int]
"""The frame and the number of a person."""

_Crops = dict[_Place, MemoryEntry]

_ALL = range(2**62)

MEMORY_CROPS = 2048
"""Crops whose features are kept as candidates: 1.36 GB of HRNet-W48 at 384x288.

In a video with more, each box is first embedded, and what is used is then encoded in parts: fewer
than all that are drawn, unless a slot weighs all of these.
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
    of their own; features of `memory_crops` crops are kept, so that long videos take several passes:
    one to embed all crops, then one for the features of each part, and one for its poses.
    """
    card = estimate.card
    from_past = options.candidates == "past" and bool(card.similar)
    offsets = [offset for slot in card.neighbours for offset in slot.offsets]
    reach = max(map(abs, offsets), default=0)
    parts: Iterable[tuple[Iterable[int], CropMemory | None]] = [(keys, None)]
    if card.similar and not from_past:
        is_whole, solved = card.order == "in_time", {*keys}
        if is_whole:  # who is between is solved for, too, and who is in the window of the last key
            last = max(keys, default=-1) + reach
            solved |= {frame for frame in people if frame <= last}
        candidates = _Candidates(
            frames,
            people,
            estimate,
            options,
            clip_boxes=clip_boxes,
            most=memory_crops,
            seed=seed,
        )
        parts = candidates.parts(sorted(solved), is_whole=is_whole)
    is_exact = card.neighbours and all(slot.box == "exact" for slot in card.neighbours)
    if not from_past and is_exact and card.order == "any":
        # Neighbours are cut with the keys' boxes, so the people in other frames are not needed.
        people = {key: people[key] for key in keys if key in people}
    for frames_solved, pool in parts:
        some = {*frames_solved}.intersection(keys)
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


class _Candidates:
    """All boxes of a video, to draw candidates from, and the features of those that are used.

    If more than `most` are drawn, all are embedded first, and only the most similar get features,
    or all where weights are shares of all (`softmax_over`).
    """

    def __init__(
        self,
        frames: FramesOf,
        people: Mapping[int, People],
        estimate: Estimator,
        options: PoseOptions,
        *,
        clip_boxes: bool,
        most: int,
        seed: int,
    ) -> None:
        self._frames, self._estimate, self._options = frames, estimate, options
        self._clip_boxes, self._most, self._seed = clip_boxes, most, seed
        self._found = {frame: confident(people[frame], options.min_box) for frame in sorted(people)}
        self._crops = {
            (frame, number): MemoryEntry(frame, number, score, _NO_FEATURES, _NO_EMBEDDING)
            for frame, own in self._found.items()
            for number, score in zip(own.track_id.tolist(), own.score.tolist(), strict=True)
        }

    def parts(self, solved: list[int], *, is_whole: bool) -> Iterator[tuple[set[int], CropMemory]]:
        """Some frames at a time, in order, with the candidates of their people.

        No more than `most` have features, unless one frame needs more, or all are one (`is_whole`).
        """
        chosen, held = self._chosen({*solved})
        while solved:
            some, needed = set[int](), set[_Place]()
            for frame in solved:
                more = needed | chosen.get(frame, set())
                if some and len(more) > self._most and not is_whole:
                    break
                some.add(frame)
                needed = more
            held = {place: entry for place, entry in held.items() if place in needed}
            # Not by a name of its own, which would keep all features until the next ones are made.
            held |= self._encoded(needed - held.keys())
            yield some, self._pool(self._crops | held, _Held)
            solved = solved[len(some) :]

    def _chosen(self, solved: Collection[int]) -> tuple[dict[int, set[_Place]], _Crops]:
        """Which crops need features for which frame, and those that have them already."""
        held: _Crops = {}
        slots = self._estimate.card.similar
        while True:
            pool = self._pool(self._crops)
            drawn = {
                place: [
                    [*map(_place, pool.draw(*place, s.num_candidates, s.min_score, s.pool))]
                    for s in slots
                ]
                for place in self._crops
                if place[0] in solved
            }
            wanted = {at for own in drawn.values() for some in own for at in some}
            fit = len(wanted) <= self._most
            held = {place: entry for place, entry in held.items() if fit and place in wanted}
            if fit:
                held |= self._encoded(wanted - held.keys())
                lost = wanted - held.keys()
            else:
                self._embed({at for at in wanted | drawn.keys() if not self._is_embedded(at)})
                lost = {at for at in wanted if not self._is_embedded(at)}
            if not lost:
                break
            for place in lost:  # of pictures that cannot be read: draw again
                del self._crops[place]
        chosen: dict[int, set[_Place]] = {}
        for place, own in drawn.items():
            for slot, some in zip(slots, own, strict=True):
                used = some if fit else self._most_similar(place, some, slot)
                chosen.setdefault(place[0], set()).update(used)
        return chosen, held

    def _most_similar(self, key: _Place, drawn: list[_Place], slot: SimilarSlot) -> list[_Place]:
        """Those that a key uses; all where weights are shares of all."""
        if slot.softmax_over == "all" or not drawn:
            return drawn
        if not self._is_embedded(key):  # a picture that cannot be read has no poses either
            return []
        embeddings = np.stack([self._crops[place].embedding for place in drawn])
        rows, _ = rank(self._crops[key].embedding, embeddings, slot.num, slot.similarity)
        return [drawn[row] for row in rows]

    def _is_embedded(self, place: _Place) -> bool:
        return self._crops[place].embedding.size > 0

    def _embed(self, places: Collection[_Place]) -> None:
        """Without views, since crops are ranked by the plain ones, and whatever their score."""
        found = {
            frame: replace(own, score=np.full_like(own.score, np.inf))
            for frame, own in self._of(places).items()
        }
        plain = replace(self._options, flip=False, views=())
        embedded = self._remembered(found, _Embedder(self._estimate), plain, len(places))
        for entry in embedded:
            own = self._crops[_place(entry)]
            self._crops[_place(entry)] = replace(own, embedding=entry.embedding)

    def _encoded(self, places: Collection[_Place]) -> _Crops:
        entries = self._remembered(self._of(places), self._estimate, self._options, len(places))
        return {_place(entry): entry for entry in entries}

    def _remembered(
        self, found: Mapping[int, People], estimate: Estimator, options: PoseOptions, num: int
    ) -> Iterable[MemoryEntry]:
        if not found:
            return ()
        given = _given(found, clip_boxes=self._clip_boxes)
        frames = self._frames(found)
        return remember_video(frames, given, estimate, options=options, memory_crops=num) or ()

    def _of(self, places: Collection[_Place]) -> dict[int, People]:
        """The people of these crops, by frame."""
        numbers: dict[int, list[int]] = {}
        for frame, number in places:
            numbers.setdefault(frame, []).append(number)
        return {f: self._found[f][np.isin(self._found[f].track_id, n)] for f, n in numbers.items()}

    def _pool(self, crops: _Crops, kind: type[CropMemory] = CropMemory) -> CropMemory:
        pool = kind(len(crops), self._seed, self._options.sampling)
        for entry in crops.values():
            pool.add(entry)
        return pool


class _Held(CropMemory):
    """Crops of which only those with features are given as candidates, drawn as from all."""

    def draw(
        self, key_frame: int, track_id: int, num: int, min_score: float, pool: Pool
    ) -> list[MemoryEntry]:
        drawn = super().draw(key_frame, track_id, num, min_score, pool)
        return [entry for entry in drawn if entry.features.size]


class _Embedder:
    """An `Estimator` whose features are left out."""

    def __init__(self, estimate: Estimator) -> None:
        self._estimate, self.card = estimate, estimate.card

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        nothing = np.zeros((len(crops), 0, 0, 0), np.float32)
        return Encoded(nothing, self._estimate.encode(crops).embedding)

    def solve(self, inputs: Inputs) -> Maps:
        return self._estimate.solve(inputs)


def _place(entry: MemoryEntry) -> _Place:
    return entry.frame, entry.track_id


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
