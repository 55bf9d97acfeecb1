"""Training clips for GLPose: tracks of people in videos.

`ClipData` cuts a key crop, its neighbours and its
proposals for each sample, as in the paper; `features` makes samples from cached features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from glpose.crop import cut
from glpose.damage import DAMAGE, damage
from glpose.geometry import clip_box
from glpose.systems.glpose.spec import ClipConfig, GLPoseConfig
from glpose.train.data.augment import Look, draw_look, random_box, recolour
from glpose.train.data.epochs import sample_rows
from glpose.train.data.people import locate, targets, upper_body
from glpose.train.data.sets import LABELLED
from glpose.train.data.tracks import Tracks
from glpose.train.system import ArrayBatch
from glpose.types import Affine


class ClipData:
    """Samples of crops, cut on the fly: key, neighbours and proposals.

    The key and its neighbours share one augmentation; the neighbours are cut with the key's box
    ("exact") or each with its own.
    """

    def __init__(
        self,
        tracks: list[Tracks],
        config: GLPoseConfig,
        data: ClipConfig,
        batch_size: int,
        seed: int,
    ) -> None:
        self._tracks, self._config, self._data = tracks, config, data
        self._batch_size, self._seed = batch_size, seed
        self._keys = [np.flatnonzero((t.state == LABELLED).any(1)) for t in tracks]
        self._ends = np.cumsum([len(keys) for keys in self._keys])
        self._mirror = np.array(config.joints.mirror)
        self._upper = upper_body(config.joints)

    @property
    def num_samples(self) -> int:
        """Number of people to train on."""
        return int(self._ends[-1])

    @property
    def has_epochs(self) -> bool:
        """Whether the settings ask for each person once per epoch."""
        return self._data.order == "epochs"

    @property
    def tracks(self) -> list[Tracks]:
        """The sets."""
        return self._tracks

    def evenly(self, most: int) -> Int64[np.ndarray, " keys"]:
        """At most `most` keys of the first set, evenly spaced."""
        keys = self._keys[0]
        return keys[np.unique(np.linspace(0, len(keys) - 1, most).astype(np.int64))]

    def describe(self, step: int) -> list[str]:
        """Clip, frame and person of each sample in the batch of a step."""
        return [self._tracks[s].describe(int(self._keys[s][i])) for s, i in self._chosen(step)]

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """Crops, target maps and joint weights of these batch rows; only these are computed."""
        chosen = [(s, int(self._keys[s][place])) for s, place in self._chosen(step)]
        samples = [
            self.sample(*chosen[i], np.random.default_rng([self._seed, step, i])) for i in numbers
        ]
        names = [name for name in samples[0] if name != "to_crop"]  # for scoring only
        return {name: np.stack([s[name] for s in samples]) for name in names}

    def _chosen(self, step: int) -> list[tuple[int, int]]:
        """For each sample of a step, its set and an index into the set's keys."""
        if self._data.order == "epochs":
            rows = sample_rows(step, self._batch_size, self.num_samples, self._seed)
            return locate(rows, self._ends)
        # As one row more: without it these numbers would be those of the first row.
        rng = np.random.default_rng([self._seed, step, self._batch_size])
        sources = rng.integers(len(self._tracks), size=self._batch_size)
        return [(int(s), int(rng.integers(len(self._keys[s])))) for s in sources]

    def sample(self, source: int, key: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """One person in one frame: its crops, target maps and joint weights."""
        tracks, config, how = self._tracks[source], self._config, self._data.augmentation
        look = draw_look(rng, how)
        colours = int(rng.integers(2**31))

        def shown(rgb: np.ndarray, damage_share: float) -> np.ndarray:
            """Jitter a crop's colours as in the whole sample; damage it with that probability."""
            rgb = recolour(colours, rgb, how.colour)
            if rng.random() < damage_share:
                rgb = damage(rng, rgb, DAMAGE[rng.integers(len(DAMAGE))])
            return rgb

        picture = tracks.pictures[int(tracks.picture[key])]
        valid = tracks.state[key] == LABELLED
        xyxy = self._box(tracks, key, rng, picture.shape[:2])
        box = random_box(rng, xyxy, tracks.xy[key], valid, self._upper, how)
        to_key = look.crop_from_image(box, config.crop)
        xy, state = tracks.xy[key], tracks.state[key]
        if look.mirror:
            xy, state = xy[self._mirror], state[self._mirror]
        found = key_targets(to_key, xy, state, config, self._data)
        rgb = shown(cut(picture, to_key, config.crop), self._data.damage_share)
        sample = {"key": rgb, **found, "to_crop": to_key.matrix}
        if config.offsets:
            own, places, crops = self._local(tracks, key, look, to_key, rng)
            local = np.stack([shown(crop, self._data.neighbour_damage_share) for crop in crops])
            # Also the key fills slots, at the ends of a clip: a damaged one must not be whole there.
            local[np.array(places) == own] = rgb
            sample["local"] = local
        if config.global_.n:
            wanted = config.global_
            rows = tracks.proposals(key, wanted.num_candidates, wanted.pool, rng)
            crops = np.stack(
                [self._proposal(tracks, row, look, colours, rng) for row in rows.tolist()]
            )
            crops[rows == key] = rgb
            # Padded by repetition to a fixed shape; only the first `num_proposals` are used.
            places = np.arange(config.global_.num_candidates) % len(rows)
            sample["proposals"], sample["num_proposals"] = crops[places], np.array(len(rows))
        return sample

    def _local(
        self,
        tracks: Tracks,
        key: int,
        look: Look,
        to_key: Affine,
        rng: np.random.Generator,
    ) -> tuple[int, list[int], Iterator[UInt8[np.ndarray, "h w 3"]]]:
        """The key's picture or row, those of the local slots, and the crops of these."""
        config = self._config
        how = key, config.offsets, config.local.border
        if config.local.box == "exact":
            numbers = tracks.neighbour_pictures(*how)
            crops = (cut(tracks.pictures[number], to_key, config.crop) for number in numbers)
            return int(tracks.picture[key]), numbers, crops
        rows = tracks.neighbours(*how).tolist()
        return key, rows, (self._own_crop(tracks, row, look, rng) for row in rows)

    def _proposal(
        self, tracks: Tracks, row: int, look: Look, colours: int, rng: np.random.Generator
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A candidate as it is, with the key's look and colours, or with some of its own."""
        how, augment = self._data.augmentation, self._config.global_.augment
        if augment == "none":
            return self._own_crop(tracks, row, Look(), rng)
        if augment == "own":
            look = draw_look(rng, how)
            colours = int(rng.integers(2**31)) if how.colour else 0
        return recolour(colours, self._own_crop(tracks, row, look, rng), how.colour)

    def _own_crop(
        self, tracks: Tracks, row: int, look: Look, rng: np.random.Generator
    ) -> UInt8[np.ndarray, "h w 3"]:
        """A person's crop, cut with its box in the same frame."""
        picture = tracks.pictures[int(tracks.picture[row])]
        xyxy = self._box(tracks, row, rng, picture.shape[:2])
        return cut(picture, look.crop_from_image(xyxy, self._config.crop), self._config.crop)

    def _box(
        self,
        tracks: Tracks,
        row: int,
        rng: np.random.Generator,
        size_hw: tuple[int, ...],
    ) -> Float32[np.ndarray, " 4"]:
        """A person's box, clipped to the picture and jittered according to the settings."""
        xyxy = tracks.xyxy[row]
        if self._data.clip_boxes:
            xyxy = clip_box(xyxy, size_hw)
        return noisy_box(xyxy, self._data.box_noise, rng)


def noisy_box(
    xyxy: Float32[np.ndarray, " 4"], strength: float, rng: np.random.Generator
) -> Float32[np.ndarray, " 4"]:
    """Shift each edge by Gaussian noise times the box's side, to imitate a detector."""
    noise = rng.standard_normal(4) * strength
    return (xyxy + noise * np.tile(xyxy[2:] - xyxy[:2], 2)).astype(np.float32)


def drifted_box(
    xyxy: Float32[np.ndarray, " 4"], drift: Float64[np.ndarray, " 3"]
) -> Float32[np.ndarray, " 4"]:
    """Move a box by two shares of its sides, and scale it by the exponential of the third."""
    size = xyxy[2:] - xyxy[:2]
    centre = (xyxy[:2] + xyxy[2:]) / 2 + drift[:2] * size
    half = size / 2 * np.exp(drift[2])
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def key_targets(
    to_crop: Affine, xy: np.ndarray, state: np.ndarray, config: GLPoseConfig, data: ClipConfig
) -> dict[str, np.ndarray]:
    """Target maps and joint weights of a crop from joints in image pixels and their states."""
    map_from_image = config.codec.crop_from_map(config.crop).inverse() @ to_crop
    map_xy = map_from_image.apply(np.nan_to_num(xy).astype(np.float64))
    return targets(map_xy, state, config.codec, data.absent_weight)
