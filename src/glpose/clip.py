"""Which other frames support a key frame: neighbours in time, and similar crops of the video.

Local: `local_frames` says which frame fills each slot, `local_weights` is T of the paper (eq. 2).
Global: `CropMemory` keeps a bounded, seeded sample of the video's crops; `draw` takes candidates
from it and `rank` keeps the most similar ones with their weights (eq. 3). Plain NumPy: the runtime,
the training data and the evaluation all use these functions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int64

Border = Literal["clamp", "key", "reflect"]
LocalWeight = Literal["linear", "inverse", "exp", "softmax", "ones"]
Similarity = Literal["dot", "cosine", "channel", "over_channels"]
SoftmaxOver = Literal["kept", "all"]
Pool = Literal["other_frames", "other_crops", "all"]
Pad = Literal["repeat", "key", "zeros"]
Sampling = Literal["random", "even"]


def local_offsets(k: int, stride: int = 1) -> tuple[int, ...]:
    """Slots by time: -k..-1, +1..+k, in steps of `stride` frames."""
    return tuple(o * stride for o in range(-k, k + 1) if o != 0)


def local_weights(offsets: Sequence[int], kind: LocalWeight) -> tuple[float, ...]:
    """T(d) of each slot: larger for nearer frames, summing to 1 (except for "ones").

    The paper says only "distance function"; these choices are ours.
    """
    distance = np.abs(np.asarray(offsets, np.float64))
    if len(distance) == 0:
        return ()
    if kind == "ones":
        return (1.0,) * len(distance)
    weight = {
        "linear": distance.max() + distance.min() - distance,
        "inverse": 1 / distance,
        "exp": 2.0**-distance,
        "softmax": np.exp(-distance),
    }[kind]
    return tuple(float(w) for w in weight / weight.sum())


def local_frames(
    key: int, offsets: Sequence[int], is_present: Callable[[int], bool], border: Border
) -> list[int]:
    """The frame that fills each slot, given where the person is present.

    "clamp" steps from an absent frame towards the key until the person is present (at the ends of a
    video this repeats the first or last frame); "key" takes the key frame; "reflect" takes the
    frame at the same distance on the other side if the person is there, else the key frame.
    """
    frames = []
    for offset in offsets:
        frame = key + offset
        if not is_present(frame):
            if border == "clamp":
                step = -1 if offset > 0 else 1
                while frame != key and not is_present(frame):
                    frame += step
            else:
                mirrored = key - offset
                frame = mirrored if border == "reflect" and is_present(mirrored) else key
        frames.append(frame)
    return frames


@dataclass(frozen=True, slots=True, eq=False)
class MemoryEntry:
    """One remembered crop: where it came from, its features and its embedding.

    Features may be kept in half precision, which is exact enough and saves half the memory.
    """

    frame: int
    track_id: int
    score: float
    features: Float[np.ndarray, "channels h w"]
    embedding: Float32[np.ndarray, " embedding"]


class CropMemory:
    """A uniform sample of all crops offered so far, at most `capacity` of them.

    Reservoir sampling (Vitter, 1985, algorithm R): memory stays bounded however long the video is,
    every crop is equally likely to be kept, and a seed makes it repeatable. `sampling` is how
    candidates are drawn from it: at random, or evenly spaced in time order.
    """

    def __init__(self, capacity: int, seed: int = 0, sampling: Sampling = "random") -> None:
        self._capacity, self._seed, self._sampling = capacity, seed, sampling
        self._rng = np.random.default_rng(seed)
        self._entries: list[MemoryEntry] = []
        self._offered = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[MemoryEntry]:
        return iter(self._entries)

    def add(self, entry: MemoryEntry) -> None:
        """Offer a crop; whether it is kept depends on the seed and on the order of the calls."""
        self._offered += 1
        if len(self._entries) < self._capacity:
            self._entries.append(entry)
        else:
            place = int(self._rng.integers(self._offered))
            if place < self._capacity:
                self._entries[place] = entry

    def draw(
        self, key_frame: int, track_id: int, num: int, min_score: float, pool: Pool
    ) -> list[MemoryEntry]:
        """`num` candidates for a key crop, without replacement; fewer if there are not enough.

        They are of `pool` and have a score above `min_score`, in single precision as of boxes.

        The draw depends on the seed, the key frame and the person, not on earlier draws.
        """
        limit = float(np.float32(min_score))
        eligible = [
            e for e in self._entries if e.score > limit and _in_pool(e, key_frame, track_id, pool)
        ]
        if len(eligible) <= num:
            return eligible
        if self._sampling == "even":
            eligible.sort(key=lambda e: (e.frame, e.track_id))
            return [eligible[i] for i in evenly_spaced(len(eligible), num)]
        rng = np.random.default_rng([self._seed, key_frame, track_id])
        return [eligible[i] for i in rng.choice(len(eligible), num, replace=False)]


def evenly_spaced(num: int, want: int) -> Int64[np.ndarray, " want"]:
    """`want` different indices below `num`, from the first to the last."""
    assert want <= num
    return np.linspace(0, num - 1, want).round().astype(np.int64)


def _in_pool(entry: MemoryEntry, key_frame: int, track_id: int, pool: Pool) -> bool:
    if pool == "all":
        return True
    if pool == "other_frames":
        return entry.frame != key_frame
    return (entry.frame, entry.track_id) != (key_frame, track_id)


def rank(
    key: Float32[np.ndarray, " embedding"],
    candidates: Float32[np.ndarray, "candidates embedding"],
    num: int,
    similarity: Similarity = "dot",
    temperature: float = 1.0,
    softmax_over: SoftmaxOver = "kept",
) -> tuple[Int64[np.ndarray, " kept"], Float32[np.ndarray, "kept weights"]]:
    """The `num` most similar candidates, best first, and their weights W_g (paper, eq. 3).

    Weights have one column, or one per channel for "channel" (a softmax over the crops in each
    channel) and "over_channels" (a softmax over the channels of each crop). Fewer candidates than
    `num` yield fewer rows.
    """
    product = candidates * key
    score = product.sum(-1)
    if similarity == "cosine":
        norms = np.linalg.norm(candidates, axis=-1) * np.linalg.norm(key)
        score = score / np.maximum(norms, 1e-12)
    order = np.argsort(-score, kind="stable")
    kept = order[:num]
    if similarity == "over_channels":
        weight = _softmax(product[kept] / temperature, axis=1)
    else:
        values = product if similarity == "channel" else score[:, None]
        counted = kept if softmax_over == "kept" else order
        weight = _softmax(values[counted] / temperature, axis=0)[: len(kept)]
    return kept.astype(np.int64), weight.astype(np.float32)


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    if x.shape[0] == 0:
        return x
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def pad_rows(num: int, want: int, pad: Pad) -> Int64[np.ndarray, " want"]:
    """Which of `num` ranked rows fills each of `want` slots; -1 stands for the key crop.

    "repeat" cycles through the rows from the best one (the key crop if there are none), "key" pads
    with the key crop, "zeros" with -2, an empty slot.
    """
    filler = {"repeat": -1, "key": -1, "zeros": -2}[pad]
    if pad == "repeat" and num > 0:
        return np.arange(want) % num
    return np.where(np.arange(want) < num, np.arange(want), filler).astype(np.int64)


def global_slots(
    key: Float32[np.ndarray, " embedding"],
    candidates: Float32[np.ndarray, "candidates embedding"],
    num: int,
    *,
    similarity: Similarity = "dot",
    temperature: float = 1.0,
    softmax_over: SoftmaxOver = "kept",
    pad: Pad = "repeat",
) -> tuple[Int64[np.ndarray, " num"], Float32[np.ndarray, "num weights"]]:
    """Which candidate fills each of `num` slots, as in `pad_rows`, and the weights of the slots.

    With enough candidates this is `rank`. Otherwise a repeated crop keeps its own weight, the key
    crop gets the mean weight of the candidates, an empty slot 0, and all are scaled to sum to 1
    again (in each channel; for "over_channels" each slot sums to 1 already).
    """
    kept, weight = rank(key, candidates, num, similarity, temperature, softmax_over)
    rows = pad_rows(len(kept), num, pad)
    if len(kept) == num:
        return kept, weight
    usual = weight.mean(0) if len(kept) else np.full(weight.shape[1], 1 / weight.shape[1])
    slots = np.stack([weight[r] if r >= 0 else usual * (r == -1) for r in rows])
    if similarity != "over_channels":
        slots = slots / np.maximum(slots.sum(0), 1e-12)
    slots = slots.astype(np.float32)
    chosen = kept[np.maximum(rows, 0)] if len(kept) else rows
    return np.where(rows >= 0, chosen, rows).astype(np.int64), slots
