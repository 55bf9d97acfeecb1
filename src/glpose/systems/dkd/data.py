"""Stretches of consecutive frames of one person, each with one random transform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glpose.codecs.gaussian import HEATMAPS
from glpose.systems.dkd.spec import DKDConfig, StretchConfig
from glpose.train.data.augment import Look, draw_look, recolour
from glpose.train.data.people import locate, targets
from glpose.train.data.tracks import Tracks
from glpose.train.system import ArrayBatch


class StretchData:
    """Batches of stretches, see `train.system.TrainData`; all places of all sets are equally likely."""

    has_epochs = False

    def __init__(
        self,
        sets: list[Tracks],
        config: DKDConfig,
        data: StretchConfig,
        batch_size: int,
        seed: int,
    ) -> None:
        self._sets, self._config, self._data = sets, config, data
        self._batch_size, self._seed = batch_size, seed
        self._starts = [_starts(tracks, data.num_frames) for tracks in sets]
        self._ends = np.cumsum([len(starts) for starts in self._starts])
        self._mirror = np.array(config.joints.mirror)

    @property
    def num_samples(self) -> int:
        """How many stretches of full length there are."""
        return int(self._ends[-1])

    def describe(self, step: int) -> list[str]:
        """Clip, frame and person of the first frame of each stretch of a step."""
        chosen = (self._chosen(step, number)[:2] for number in range(self._batch_size))
        return [tracks.describe(row) for tracks, row in chosen]

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """`rgb` (n, T, h, w, 3), target maps (n, T, J, h, w) and `weight` (n, T, J).

        `first` are the true maps of frame 0 with noise (n, J, h, w), to begin with where `given`
        (n, J): labelled joints in single transitions. Where two people are `beside` each other (n),
        all joints are given, since the initializer does not know who is meant.
        """
        samples = [self._sample(step, number) for number in numbers]
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]}

    def _chosen(self, step: int, number: int) -> tuple[Tracks, int, np.random.Generator]:
        """The set and the first row of a stretch, and what its other choices are drawn from."""
        rng = np.random.default_rng([self._seed, step, number])
        ((source, place),) = locate(rng.integers(self.num_samples, size=1), self._ends)
        return self._sets[source], int(self._starts[source][place]), rng

    def _sample(self, step: int, number: int) -> dict[str, np.ndarray]:
        tracks, begin, rng = self._chosen(step, number)
        num_frames, share = self._data.frames_at(step), self._data.beside_share
        made = self._stretch(tracks, begin, num_frames, rng)
        true = made[HEATMAPS][0]
        noise = self._data.noise * rng.standard_normal(true.shape)
        made |= {"beside": np.array(False), "given": (made["weight"][0] > 0) & (num_frames == 2)}
        if share and rng.random() < share:
            ((source, place),) = locate(rng.integers(self.num_samples, size=1), self._ends)
            other = self._sets[source], int(self._starts[source][place])
            made |= beside(made, self._stretch(*other, num_frames, rng), left=rng.random() < 0.5)
            made |= {"beside": np.array(True), "given": np.ones_like(made["given"])}
        return made | {"first": (made[HEATMAPS][0] + noise).astype(np.float32)}

    def _stretch(
        self, tracks: Tracks, begin: int, num_frames: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        look = draw_look(rng, self._data.augmentation)
        colours = int(rng.integers(2**32))
        frames = [
            self._frame(tracks, row, look, colours) for row in range(begin, begin + num_frames)
        ]
        return {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}

    def _frame(self, tracks: Tracks, row: int, look: Look, colours: int) -> dict[str, np.ndarray]:
        """The crop moves with the person's box, as it does in use."""
        crop, codec, how = self._config.crop, self._config.codec, self._data.augmentation
        to_crop = look.crop_from_image(tracks.xyxy[row], crop)
        rgb = recolour(colours, tracks.cut(row, to_crop, crop), how.colour)
        xy, state = tracks.xy[row], tracks.state[row]
        if look.mirror:
            xy, state = xy[self._mirror], state[self._mirror]
        map_from_image = codec.crop_from_map(crop).inverse() @ to_crop
        map_xy = map_from_image.apply(np.nan_to_num(xy).astype(np.float64))
        return {"rgb": rgb, **targets(map_xy, state, codec, self._data.absent_weight)}


def beside(
    one: dict[str, np.ndarray], other: dict[str, np.ndarray], *, left: bool
) -> dict[str, np.ndarray]:
    """Two stretches in one: half of the crop shows the middle of one, the rest that of the other.

    Their `rgb` (T, h, w, 3), maps (T, J, h, w) and `weight` (T, J) become those of `one`, who is on
    the `left` or on the right; joints that are cut off have the weight 0.
    """
    maps = one[HEATMAPS]
    cells = maps.shape[-1]
    stride = one["rgb"].shape[2] // cells
    half = cells // 2
    begin, begin_other = (cells - half) // 2, half // 2
    middle = one["rgb"][:, :, stride * begin : stride * (begin + half)]
    rest = other["rgb"][:, :, stride * begin_other : stride * (begin_other + cells - half)]
    rgb = np.concatenate([middle, rest] if left else [rest, middle], 2)
    moved = np.zeros_like(maps)
    to = 0 if left else cells - half
    moved[..., to : to + half] = maps[..., begin : begin + half]
    column = maps.max(-2).argmax(-1)
    is_cut = (maps.max((-2, -1)) > 0) & ((column < begin) | (column >= begin + half))
    return {"rgb": rgb, HEATMAPS: moved, "weight": np.where(is_cut, 0, one["weight"])}


def _starts(tracks: Tracks, num_frames: int) -> np.ndarray:
    """The rows that are followed by so many frames, themselves counted."""
    runs = [run[: len(run) - num_frames + 1] for run in tracks.runs() if len(run) >= num_frames]
    return np.concatenate([np.zeros(0, np.int64), *runs])
