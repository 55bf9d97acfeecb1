"""Moments of clips: a frame, one near, one between and some away, all turned and coloured alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from glpose.crop import crop_from_image, cut
from glpose.systems.css.spec import MomentsConfig
from glpose.train.data.augment import Augmentation, draw_look, jitter_colour
from glpose.train.data.crops import ROUNDED_S
from glpose.train.data.store import PictureStore
from glpose.train.system import ArrayBatch
from glpose.types import CropSpec

STILL = Augmentation(rotation_share=0.0, scale=0.0, half_body_share=0.0, flip_share=0.0)
"""No augmentation, for validation."""


class _Choices(NamedTuple):
    """Places in a clip to choose from for an anchor. A clip lacks the first that no anchor has."""

    near: Int64[np.ndarray, " near"]
    away: Int64[np.ndarray, " away"]
    between: Int64[np.ndarray, " between"]


class Clips:
    """The crops of some sources as clips: those that have moments near, between and away.

    `lacking` counts the others by what they lack: "near", "away" or "between".
    """

    def __init__(self, stores: Sequence[PictureStore], how: MomentsConfig) -> None:
        self.stores, self._how = stores, how
        self.source: list[int] = []
        self.rows: list[Int64[np.ndarray, " _"]] = []
        self.times_s: list[Float64[np.ndarray, " _"]] = []
        self.anchors: list[Int64[np.ndarray, " _"]] = []
        self.lacking: Counter[str] = Counter()
        for number, store in enumerate(stores):
            clip = store.labels["clip"]
            for rows in np.split(np.arange(len(clip)), np.flatnonzero(np.diff(clip)) + 1):
                times_s = store.labels["time_s"][rows]
                num_found = [_num_found(self._choices(times_s, i)) for i in range(len(rows))]
                most = max(num_found)
                if most < len(_Choices._fields):
                    self.lacking[_Choices._fields[most]] += 1
                else:
                    self.source.append(number)
                    self.rows.append(rows)
                    self.times_s.append(times_s)
                    self.anchors.append(np.flatnonzero(np.array(num_found) == most))

    def __len__(self) -> int:
        return len(self.rows)

    def held_out(self) -> tuple[list[int], list[int]]:
        """Clips to learn from, and clips to validate on; of a single clip, it is both."""
        every = min(self._how.held_out, max(1, len(self)))
        kept = list(range(every - 1, len(self), every))
        rest = [clip for clip in range(len(self)) if clip not in set(kept)]
        return rest or kept, kept

    def draw(self, clip: int, rng: np.random.Generator) -> Int64[np.ndarray, " moments"]:
        """Places in a clip: the anchor, then near, between, and away."""
        anchor = int(rng.choice(self.anchors[clip]))
        near, away, between = self._choices(self.times_s[clip], anchor)
        num = self._how.num_away
        chosen = rng.choice(away, num, replace=len(away) < num)
        return np.array([anchor, rng.choice(near), rng.choice(between), *chosen])

    def _choices(self, times_s: Float64[np.ndarray, " frames"], anchor: int) -> _Choices:
        apart_s = np.abs(times_s - times_s[anchor])
        near = (apart_s > 0) & (apart_s <= self._how.near_s + ROUNDED_S)
        away = apart_s >= self._how.away_s - ROUNDED_S
        between = (apart_s > 0) & ~near & ~away
        return _Choices(*map(np.flatnonzero, (near, away, between)))


def _num_found(choices: _Choices) -> int:
    """How many of the kinds there are, up to the first of which there is none."""
    return sum(takewhile(bool, (len(places) > 0 for places in choices)))


class MomentsData:
    """Batches of moments, see `train.system.TrainData`; a row depends on seed, step and place."""

    num_samples, has_epochs = None, False
    """Moments are drawn at random."""

    def __init__(
        self,
        clips: Clips,
        chosen: Sequence[int],
        crop: CropSpec,
        how: Augmentation,
        config: MomentsConfig,
        seed: int,
        *,
        background: bool,
    ) -> None:
        self._clips, self._chosen, self._crop, self._how = clips, list(chosen), crop, how
        self._stored, self._seed, self._background = config.crops.stored(crop), seed, background

    def describe(self, step: int) -> None:
        """None: the rows are drawn one by one."""

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """`crops`, `seconds` and, if asked for, `background` of the given rows, see `step`."""
        samples = [self._sample(np.random.default_rng([self._seed, step, i])) for i in numbers]
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]}

    def _sample(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        clips = self._clips
        clip = self._chosen[int(rng.integers(len(self._chosen)))]
        places = clips.draw(clip, rng)
        store, rows = clips.stores[clips.source[clip]], clips.rows[clip][places]
        look, colours = draw_look(rng, self._how), int(rng.integers(2**32))
        height, width = self._stored.size_hw
        # A box of which the network's crop, unaugmented, is the middle of the stored one.
        half = np.array([width, height]) / (2 * self._stored.padding)
        middle = crop_from_image(np.concatenate([-half, half]), self._stored).apply(np.zeros(2))
        to_crop = look.crop_from_image(np.concatenate([middle - half, middle + half]), self._crop)

        def seen(picture: np.ndarray) -> np.ndarray:
            rgb = cut(np.ascontiguousarray(picture), to_crop, self._crop)
            if not self._how.colour:
                return rgb
            # Each anew from one seed: what differs within a clip would be no appearance.
            return jitter_colour(np.random.default_rng(colours), rgb, self._how.colour)

        pictures = [store[int(row)] for row in rows]
        sample = {
            "crops": np.stack([seen(picture[:, :width]) for picture in pictures]),
            "seconds": clips.times_s[clip][places].astype(np.float32),
        }
        if self._background:
            sample["background"] = seen(pictures[0][:, width:])
        return sample
