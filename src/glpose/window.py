"""What the pipeline keeps of a video: a window of frames, a sample of all crops, and states.

All are bounded, however long the video is. The inputs of a key frame depend only on the frames up
to `lookahead` after it, pushed in order, so grouping frames into blocks does not change results.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from glpose.clip import CropMemory, MemoryEntry, global_slots, local_frames
from glpose.crop import shows_upside_down
from glpose.runtime.card import NeighbourSlot, PoseCard, SimilarSlot, Starter, StateSlot
from glpose.runtime.options import Neighbours
from glpose.runtime.protocols import Features, Summary
from glpose.types import Affine, Frame, FrameStatus, People


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """A frame with its people, their crop transforms, features and embeddings.

    `summary` is what slots of neighbours hold in place of features, if anything. `rgb` is kept only
    if neighbours may be cropped again with the box of a key, or keys for a starter; `given` is the
    frame that is yielded with its poses.
    """

    frame: int
    time_s: float
    status: FrameStatus
    people: People
    crop_from_image: tuple[Affine, ...]
    features: Features
    embedding: Float32[np.ndarray, "n embedding"]
    given: Frame
    rgb: UInt8[np.ndarray, "height width 3"] | None = None
    summary: Summary | None = None

    @property
    def for_neighbours(self) -> Features | Summary:
        """The summaries, or else the features."""
        return self.features if self.summary is None else self.summary

    def row(self, track_id: int) -> int:
        """The row of a person in this frame, -1 if absent."""
        (rows,) = np.nonzero(self.people.track_id == track_id)
        return int(rows[0]) if len(rows) else -1


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A person in a key frame, with neighbours and candidates by slot name.

    `neighbours` has a frame for each offset, `candidates` the crops sampled from the video.
    """

    seen: SeenFrame
    row: int
    neighbours: Mapping[str, tuple[SeenFrame, ...]]
    candidates: Mapping[str, tuple[MemoryEntry, ...]]

    @property
    def track_id(self) -> int:
        """The person's track id."""
        return int(self.seen.people.track_id[self.row])

    @property
    def crop_from_image(self) -> Affine:
        """The transform from the key frame to the person's crop."""
        return self.seen.crop_from_image[self.row]


class Window:
    """Takes frames in order and yields them with their keys once their neighbours are known.

    Candidates come from `pool`, the crops of the whole video, or, if it is None, from `memory`,
    which is filled by the frames pushed so far. With `causal` each frame is yielded as it is pushed:
    of its neighbours only those before it are known, as at the end of a video.
    """

    def __init__(
        self,
        card: PoseCard,
        memory: CropMemory,
        pool: CropMemory | None = None,
        neighbours: Neighbours = "tracked",
        is_key: Callable[[int], bool] | None = None,
        *,
        causal: bool = False,
    ) -> None:
        self._card, self._neighbours, self._is_key = card, neighbours, is_key
        # An empty pool is a valid pool: the video has no usable crop.
        self._memory, self._is_past = (memory, True) if pool is None else (pool, False)
        offsets = [
            sign * offset
            for slot in card.neighbours
            for offset in slot.offsets
            for sign in ((1, -1) if slot.border == "reflect" else (1,))
        ]
        self.lookback = max(0, -min(offsets, default=0))
        self.lookahead = 0 if causal else max(0, max(offsets, default=0))
        self._frames: dict[int, SeenFrame] = {}
        self._waiting: deque[SeenFrame] = deque()

    def push(self, seen: SeenFrame) -> Iterator[tuple[SeenFrame, list[Key]]]:
        """Take the next frame; yield those whose lookahead it completes."""
        self._frames[seen.frame] = seen
        self._waiting.append(seen)
        if self._is_past:
            remember(seen, self._card, self._memory)
        while self._waiting and self._waiting[0].frame + self.lookahead <= seen.frame:
            done = self._waiting.popleft()
            yield self._ready(done)
            if done.summary is not None:  # which is all that later keys read
                nothing = np.zeros((len(done.people), 0, 0, 0), np.float32)
                self._frames[done.frame] = replace(done, features=nothing)
        oldest = (self._waiting[0] if self._waiting else seen).frame - self.lookback
        for frame in [f for f in self._frames if f < oldest]:
            del self._frames[frame]

    def drain(self) -> Iterator[tuple[SeenFrame, list[Key]]]:
        """Yield the frames still waiting, after the last push."""
        while self._waiting:
            yield self._ready(self._waiting.popleft())

    def _ready(self, seen: SeenFrame) -> tuple[SeenFrame, list[Key]]:
        if self._is_key is not None and not self._is_key(seen.frame):
            return seen, []
        return seen, [self._key(seen, row) for row in range(len(seen.people))]

    def _key(self, seen: SeenFrame, row: int) -> Key:
        card, track_id = self._card, int(seen.people.track_id[row])
        turned = shows_upside_down(seen.crop_from_image[row])
        known = range(seen.frame - self.lookback, seen.frame + self.lookahead + 1)

        def helps(frame: int, slot: NeighbourSlot) -> bool:
            if frame not in known or frame not in self._frames:
                return False
            other = self._frames[frame]
            there = other.row(track_id)
            if there < 0:
                return self._neighbours == "all" and other.status == "ok"
            # Features of a crop that is turned otherwise do not fit; some are cut as the key.
            same = shows_upside_down(other.crop_from_image[there]) == turned
            return same or slot.box == "exact"

        neighbours = {
            slot.name: tuple(
                self._frames[frame]
                for frame in local_frames(
                    seen.frame, slot.offsets, partial(helps, slot=slot), slot.border
                )
            )
            for slot in card.neighbours
        }
        candidates = {
            slot.name: tuple(
                self._memory.draw(
                    seen.frame, track_id, slot.num_candidates, slot.min_score, slot.pool
                )
            )
            for slot in card.similar
        }
        return Key(seen, row, neighbours, candidates)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The states of a person after a frame, `num_frames` frames after the start."""

    frame: int
    num_frames: int
    states: Mapping[str, np.ndarray]
    upside_down: bool


class States:
    """The last states of a recurrent graph for each person, by track id; old ones are dropped.

    With a starter also those of people who are to start anew, see `Starter`. States are not moved
    when a person's crop moves: whoever makes them sees to it that they need not be.
    """

    def __init__(self, slots: tuple[StateSlot, ...], starter: Starter | None = None) -> None:
        self._slots, self._starter = slots, starter
        self._longest_gap = max((slot.max_gap for slot in slots), default=0)
        self._kept: dict[int, _Kept] = {}

    def starts(self, keys: list[Key]) -> Bool[np.ndarray, " n"]:
        """Which keys are to be started: those without all states, if there is a starter."""
        if self._starter is None:
            return np.zeros(len(keys), bool)
        shortest_gap = min(slot.max_gap for slot in self._slots)
        return np.array([self._before(key, shortest_gap) is None for key in keys], bool)

    def _before(self, key: Key, max_gap: int) -> _Kept | None:
        """The last states of a person, if they are not too old and of a crop of the same way up."""
        kept = self._kept.get(key.track_id)
        if kept is None or key.seen.frame - kept.frame > max_gap:
            return None
        return kept if kept.upside_down == shows_upside_down(key.crop_from_image) else None

    def inputs(self, keys: list[Key]) -> dict[str, np.ndarray]:
        """The states before these keys, one row each; zeros for a new person or after too long a gap."""
        arrays = {slot.name: np.zeros((len(keys), *slot.shape), np.float32) for slot in self._slots}
        for row, key in enumerate(keys):
            for slot in self._slots:
                kept = self._before(key, slot.max_gap)
                if kept is not None:
                    arrays[slot.name][row] = kept.states[slot.name]
        return arrays

    def keep(
        self,
        keys: list[Key],
        outputs: Mapping[str, np.ndarray],
        score: Float32[np.ndarray, "n joints"],
        started: Bool[np.ndarray, " n"],
    ) -> None:
        """Store the state outputs for these keys, each the latest of its person, or drop them.

        `score` are those of the joints, as decoded; `started` as from `starts`.
        """
        if not self._slots:
            return
        for row, key in enumerate(keys):
            states = {slot.name: outputs[slot.output][row] for slot in self._slots}
            before = None if started[row] else self._kept.get(key.track_id)
            num_frames = 1 if before is None else before.num_frames + 1
            turned = shows_upside_down(key.crop_from_image)
            self._kept[key.track_id] = _Kept(key.seen.frame, num_frames, states, turned)
            if self._starter is not None and (
                score[row].mean() < self._starter.min_score or num_frames == self._starter.every
            ):
                del self._kept[key.track_id]
        oldest = keys[-1].seen.frame - self._longest_gap
        self._kept = {n: kept for n, kept in self._kept.items() if kept.frame >= oldest}


def in_turns(keys: list[Key], most: int, *, in_time: bool) -> Iterator[list[Key]]:
    """The keys in order, in groups of at most `most`; with `in_time` a person once per group."""
    group: list[Key] = []
    for key in keys:
        is_there = in_time and any(other.track_id == key.track_id for other in group)
        if group and (is_there or len(group) == most):
            yield group
            group = []
        group.append(key)
    if group:
        yield group


def remember(seen: SeenFrame, card: PoseCard, memory: CropMemory) -> None:
    """Add the people of a frame to the memory if their score is high enough for a slot."""
    if not card.similar:
        return
    people = seen.people
    for row in np.flatnonzero(people.score > min(slot.min_score for slot in card.similar)):
        memory.add(
            MemoryEntry(
                seen.frame,
                int(people.track_id[row]),
                float(people.score[row]),
                seen.features[row].astype(np.float16),
                seen.embedding[row],
            )
        )


def similar_inputs(keys: list[Key], slot: SimilarSlot) -> dict[str, np.ndarray]:
    """Features and weights of the most similar crops of the video, best first."""
    shape = keys[0].seen.features.shape[1:]
    features = np.zeros((len(keys), slot.num, *shape), np.float32)
    weights = []
    for key, places in zip(keys, features, strict=True):
        candidates = key.candidates[slot.name]
        embedding = key.seen.embedding[key.row]
        others = np.array([c.embedding for c in candidates], np.float32)
        rows, weight = global_slots(
            embedding,
            others.reshape(-1, len(embedding)),
            slot.num,
            similarity=slot.similarity,
            temperature=slot.temperature,
            softmax_over=slot.softmax_over,
            pad=slot.pad,
        )
        weights.append(weight)
        for place, row in zip(places, rows, strict=True):
            if row >= 0:
                place[...] = candidates[row].features
            elif row == -1:
                place[...] = key.seen.features[key.row]
    return {slot.name: features, slot.weight: np.stack(weights)}
