"""Stretches of consecutive frames of one person, each with one random transform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glpose.codecs.gaussian import HEATMAPS
from glpose.systems.dkd.spec import DKDConfig, StretchConfig
from glpose.train.data.augment import Look, draw_look, jitter_colour
from glpose.train.data.people import locate, targets
from glpose.train.data.tracks import Tracks
from glpose.train.system import ArrayBatch


class StretchData:
    """Batches of stretches, see `train.system.TrainData`; all places of all sets are equally likely."""

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

        In single transitions also `first`: the true maps of frame 0 (n, J, h, w), with noise.
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
        num_frames = self._data.frames_at(step)
        look = draw_look(rng, self._data.augmentation)
        colours = int(rng.integers(2**32))
        frames = [
            self._frame(tracks, row, look, colours) for row in range(begin, begin + num_frames)
        ]
        made = {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}
        if num_frames == 2:
            true = made[HEATMAPS][0]
            noise = self._data.noise * rng.standard_normal(true.shape)
            made["first"] = (true + noise).astype(np.float32)
        return made

    def _frame(self, tracks: Tracks, row: int, look: Look, colours: int) -> dict[str, np.ndarray]:
        """The crop moves with the person's box, as it does in use."""
        crop, codec, how = self._config.crop, self._config.codec, self._data.augmentation
        to_crop = look.crop_from_image(tracks.xyxy[row], crop)
        rgb = tracks.cut(row, to_crop, crop)
        if how.colour:
            rgb = jitter_colour(np.random.default_rng(colours), rgb, how.colour)
        xy, state = tracks.xy[row], tracks.state[row]
        if look.mirror:
            xy, state = xy[self._mirror], state[self._mirror]
        map_from_image = codec.crop_from_map(crop).inverse() @ to_crop
        map_xy = map_from_image.apply(np.nan_to_num(xy).astype(np.float64))
        return {"rgb": rgb, **targets(map_xy, state, codec, self._data.absent_weight)}


def _starts(tracks: Tracks, num_frames: int) -> np.ndarray:
    """The rows that are followed by so many frames, themselves counted."""
    runs = [run[: len(run) - num_frames + 1] for run in tracks.runs() if len(run) >= num_frames]
    return np.concatenate([np.zeros(0, np.int64), *runs])
