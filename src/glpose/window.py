"""What the pipeline remembers of a video: a window of frames, and a sample of all crops.

Both are bounded, however long the video is. What a key frame may see depends on nothing but the
frames up to `lookahead` after it, offered in order; so how frames are grouped changes no result.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.clip import CropMemory, MemoryEntry, global_slots, local_frames
from glpose.runtime.card import FusionCard
from glpose.runtime.options import Neighbours
from glpose.runtime.protocols import Features
from glpose.types import Affine, Frame, FrameStatus, People


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """A frame with its people, the maps that cut them out, and what the encoder says of them.

    `rgb` is kept only where neighbours may be cut again, with the box of a key; `given` is the
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

    def row(self, track_id: int) -> int:
        """The row of a person in this frame, -1 for someone who is not there."""
        (rows,) = np.nonzero(self.people.track_id == track_id)
        return int(rows[0]) if len(rows) else -1


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A person in a key frame, and what helps: a frame for each local slot, and candidates."""

    seen: SeenFrame
    row: int
    neighbours: tuple[SeenFrame, ...]
    candidates: tuple[MemoryEntry, ...]

    @property
    def track_id(self) -> int:
        """The person's number."""
        return int(self.seen.people.track_id[self.row])

    @property
    def crop_from_image(self) -> Affine:
        """The map that cut the person out of the key frame."""
        return self.seen.crop_from_image[self.row]


class Window:
    """Takes frames in order and gives them back with their keys once their neighbours are known.

    Candidates come from `pool`, the crops of the whole video, or, if it is None, from `memory`,
    which the frames fill as they come.
    """

    def __init__(
        self,
        card: FusionCard,
        memory: CropMemory,
        pool: CropMemory | None = None,
        neighbours: Neighbours = "tracked",
        is_key: Callable[[int], bool] | None = None,
    ) -> None:
        self._card, self._neighbours, self._is_key = card, neighbours, is_key
        self._memory, self._is_past = pool or memory, pool is None
        self.lookback = max(0, -min(card.offsets, default=0))
        self.lookahead = max(0, max(card.offsets, default=0))
        if card.border == "reflect":
            self.lookback = self.lookahead = max(self.lookback, self.lookahead)
        self._frames: dict[int, SeenFrame] = {}
        self._waiting: deque[SeenFrame] = deque()

    def push(self, seen: SeenFrame) -> Iterator[tuple[SeenFrame, list[Key]]]:
        """Take the next frame; give those whose lookahead is complete with it."""
        self._frames[seen.frame] = seen
        self._waiting.append(seen)
        if self._is_past:
            remember(seen, self._card, self._memory)
        while self._waiting and self._waiting[0].frame + self.lookahead <= seen.frame:
            yield self._ready(self._waiting.popleft())
        oldest = (self._waiting[0] if self._waiting else seen).frame - self.lookback
        for frame in [f for f in self._frames if f < oldest]:
            del self._frames[frame]

    def drain(self) -> Iterator[tuple[SeenFrame, list[Key]]]:
        """The frames still waiting, when no more will come."""
        while self._waiting:
            yield self._ready(self._waiting.popleft())

    def _ready(self, seen: SeenFrame) -> tuple[SeenFrame, list[Key]]:
        if self._is_key is not None and not self._is_key(seen.frame):
            return seen, []
        return seen, [self._key(seen, row) for row in range(len(seen.people))]

    def _key(self, seen: SeenFrame, row: int) -> Key:
        card, track_id = self._card, int(seen.people.track_id[row])
        known = range(seen.frame - self.lookback, seen.frame + self.lookahead + 1)

        def helps(frame: int) -> bool:
            if frame not in known or frame not in self._frames:
                return False
            other = self._frames[frame]
            if self._neighbours == "all":
                return other.status == "ok"
            return other.row(track_id) >= 0

        frames = local_frames(seen.frame, card.offsets, helps, card.border)
        candidates: list[MemoryEntry] = []
        if card.num_global:
            candidates = self._memory.draw(
                seen.frame, track_id, card.num_candidates, card.min_score, card.pool
            )
        return Key(seen, row, tuple(self._frames[f] for f in frames), tuple(candidates))


def remember(seen: SeenFrame, card: FusionCard, memory: CropMemory) -> None:
    """Offer the people of a frame to the memory, as far as the card takes them for candidates."""
    if not card.num_global:
        return
    people = seen.people
    for row in np.flatnonzero(people.score >= card.min_score):
        memory.add(
            MemoryEntry(
                seen.frame,
                int(people.track_id[row]),
                float(people.score[row]),
                seen.features[row].astype(np.float16),
                seen.embedding[row],
            )
        )


def global_inputs(
    keys: list[Key], card: FusionCard
) -> tuple[Float32[np.ndarray, "n crops channels h w"], Float32[np.ndarray, "n crops weights"]]:
    """Features and weights of the most similar crops of the video, best first."""
    shape = keys[0].seen.features.shape[1:]
    if not card.num_global:
        return np.zeros((len(keys), 0, *shape), np.float32), np.zeros((len(keys), 0, 1), np.float32)
    features = np.zeros((len(keys), card.num_global, *shape), np.float32)
    weights = []
    for key, slots in zip(keys, features, strict=True):
        embedding = key.seen.embedding[key.row]
        others = np.array([c.embedding for c in key.candidates], np.float32)
        rows, weight = global_slots(
            embedding,
            others.reshape(-1, len(embedding)),
            card.num_global,
            similarity=card.similarity,
            temperature=card.temperature,
            softmax_over=card.softmax_over,
            pad=card.pad,
        )
        weights.append(weight)
        for slot, row in zip(slots, rows, strict=True):
            if row >= 0:
                slot[...] = key.candidates[row].features
            elif row == -1:
                slot[...] = key.seen.features[key.row]
    return features, np.stack(weights)
