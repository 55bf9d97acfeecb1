"""Heatmaps of key frames and their neighbours, and the flow between them, computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float16, Float32, Int64, UInt8

from glpose.alignment import Alignment
from glpose.crop import crop_from_image, cut
from glpose.damage import DAMAGE, damage
from glpose.flow import Motions
from glpose.systems.flowing.net import Flowing
from glpose.systems.flowing.spec import GONE, KEY, NEIGHBOURS
from glpose.train.data.people import targets
from glpose.train.data.sets import LABELLED
from glpose.train.data.tracks import Tracks
from glpose.train.system import ArrayBatch
from glpose.types import Affine, Frame, People
from glpose.window import Key, SeenFrame

_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Some keys of a set: rows of its `tracks`.

    `maps` are the heatmaps of the clean key, then of its neighbours; `damaged` those of the key
    crop damaged; `gone` the flow that leads to the neighbours, in map pixels. `is_key` tells which
    neighbours are the key itself, as at the ends of a clip.
    """

    tracks: Tracks
    rows: Int64[np.ndarray, " keys"]
    maps: Float16[np.ndarray, "keys frames joints h w"]
    damaged: Float16[np.ndarray, "keys joints h w"]
    gone: Float16[np.ndarray, "keys offsets 2 h w"]
    is_key: Bool[np.ndarray, "keys offsets"]
    crop_from_image: tuple[Affine, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(
        self, keys: Int64[np.ndarray, " n"], is_damaged: Bool[np.ndarray, " n"]
    ) -> ArrayBatch:
        """What the solver gets for these keys."""
        maps = self.maps[keys].astype(np.float32)
        hurt = self.damaged[keys].astype(np.float32)
        key = np.where(is_damaged[:, None, None, None], hurt, maps[:, 0])
        return {
            KEY: key,
            NEIGHBOURS: np.where(
                self.is_key[keys][..., None, None, None], key[:, None], maps[:, 1:]
            ),
            GONE: self.gone[keys].astype(np.float32),
        }


def align_set(model: Flowing, tracks: Tracks, num: int, box_noise: float, seed: int) -> Aligned:
    """At most `num` people with a labelled joint, evenly chosen over a set."""
    labelled = np.flatnonzero((tracks.state == LABELLED).any(1))
    rows = labelled[np.unique(np.linspace(0, len(labelled) - 1, num).astype(np.int64))]
    config, rng = model.config, np.random.default_rng([seed, 8])
    alignment = Alignment(config.crop, config.codec, Motions())
    slot = config.neighbours
    noise = rng.normal(0, box_noise, (len(tracks), 4)) if box_noise else np.zeros((len(tracks), 4))
    sides = np.tile(tracks.xyxy[:, 2:] - tracks.xyxy[:, :2], 2)
    boxes = (tracks.xyxy + noise * sides).astype(np.float32)
    near = [tracks.neighbours(row, config.offsets, slot.border) for row in rows.tolist()]
    gone, to_crops = [], []

    def crops() -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for row, others in zip(rows.tolist(), near, strict=True):
            frames = [_seen(tracks, i, boxes[i], model) for i in (row, *others.tolist())]
            key = Key(frames[0], 0, {slot.name: tuple(frames[1:])}, {})
            gone.append(alignment.inputs([key], slot, exact=False)[0].astype(np.float16))
            to_crops.append(key.crop_from_image)
            own = [
                cut(f.rgb, f.crop_from_image[0], config.crop) for f in frames if f.rgb is not None
            ]
            yield from own
            yield damage(rng, own[0], DAMAGE[rng.integers(len(DAMAGE))])

    maps = _encoded(model, crops())
    maps = maps.reshape(len(rows), 2 + len(config.offsets), *maps.shape[1:])
    is_key = np.stack(near) == rows[:, None]
    return Aligned(tracks, rows, maps[:, :-1], maps[:, -1], np.stack(gone), is_key, tuple(to_crops))


def _seen(tracks: Tracks, row: int, xyxy: Float32[np.ndarray, 4], model: Flowing) -> SeenFrame:
    """A frame with one person, as the pipeline has it; without features."""
    rgb = tracks.pictures[int(tracks.picture[row])]
    frame = int(tracks.frame[row])
    people = People(xyxy[None], np.ones(1, np.float32), np.ones(1, np.int64))
    nothing = np.zeros((1, 1, 1, 1), np.float32)
    # Frames of different clips must not be taken for each other where flow is remembered.
    number = int(tracks.clip[row]) * 1_000_000 + frame
    given = Frame(number, 0.0, rgb)
    maps = (crop_from_image(xyxy, model.config.crop),)
    return SeenFrame(number, 0.0, "ok", people, maps, nothing, nothing[:, 0, 0], given, rgb)


@torch.inference_mode()
def _encoded(
    model: Flowing, crops: Iterator[UInt8[np.ndarray, "h w 3"]]
) -> Float16[np.ndarray, "n joints h w"]:
    device = next(model.encoder.parameters()).device
    found: list[np.ndarray] = []
    block: list[np.ndarray] = []

    def flush() -> None:
        if block:
            given = torch.from_numpy(np.stack(block)).to(device)
            found.append(model.encode(given).float().cpu().numpy().astype(np.float16))
            block.clear()

    for crop in crops:
        block.append(crop)
        if len(block) == _AT_ONCE:
            flush()
    flush()
    return np.concatenate(found)


class AlignedData:
    """Batches of the keys of some sets, see `train.system.TrainData`."""

    has_epochs = False

    def __init__(
        self, sets: list[Aligned], model: Flowing, damage_share: float, batch_size: int, seed: int
    ) -> None:
        self._sets, self._config = sets, model.config
        self._damage_share, self._batch_size, self._seed = damage_share, batch_size, seed

    @property
    def num_samples(self) -> int:
        """How many keys there are."""
        return sum(map(len, self._sets))

    def describe(self, step: int) -> list[str]:
        """Clip, frame and person of each key of a step."""
        chosen = (self._chosen(step, number) for number in range(self._batch_size))
        return [s.tracks.describe(int(s.rows[key])) for s, key, _ in chosen]

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """The solver's inputs, target maps, weights, and the clean key's maps (`alone`)."""
        samples = [self._sample(*self._chosen(step, number)) for number in numbers]
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]}

    def _chosen(self, step: int, number: int) -> tuple[Aligned, int, bool]:
        rng = np.random.default_rng([self._seed, step, number])
        place = int(rng.integers(self.num_samples))
        for held in self._sets:
            if place < len(held):
                return held, place, bool(rng.random() < self._damage_share)
            place -= len(held)
        raise AssertionError("a place beyond the last set")

    def _sample(self, held: Aligned, key: int, is_damaged: bool) -> dict[str, np.ndarray]:  # noqa: FBT001
        config, row = self._config, int(held.rows[key])
        map_from_image = (
            config.codec.crop_from_map(config.crop).inverse() @ held.crop_from_image[key]
        )
        map_xy = map_from_image.apply(np.nan_to_num(held.tracks.xy[row]).astype(np.float64))
        made = held.inputs(np.array([key]), np.array([is_damaged]))
        return {
            **{name: values[0] for name, values in made.items()},
            **targets(map_xy, held.tracks.state[row], config.codec, 0.0),
            "alone": held.maps[key, 0].astype(np.float32),
        }
