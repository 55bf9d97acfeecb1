"""Cached features: a frozen encoder encodes every crop of a set once; samples are made of these.

An epoch of the fusion then takes minutes on a CPU; ablations with one encoder share the features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from glpose.clip import global_slots
from glpose.damage import DAMAGE, damage
from glpose.errors import BadConfig
from glpose.systems.glpose.data import drifted_box, key_targets, noisy_box
from glpose.systems.glpose.spec import ClipConfig, GLPoseConfig
from glpose.train.data.augment import Look, draw_look, recolour
from glpose.train.data.sets import LABELLED
from glpose.train.data.store import cached_folder
from glpose.train.data.tracks import Tracks
from glpose.train.system import ArrayBatch
from glpose.types import Affine

Encode = Callable[[UInt8[np.ndarray, "n h w 3"]], Float32[np.ndarray, "n c h w"]]

FEATURES_VERSION = 1
"""To be raised if the same crops get other features: by other damage, colours, looks or boxes."""

_MAPS = "maps.npz"
_LARGE = ("clean", "damaged")
# How much of a box's drift is left in the next frame: 0.8 of it after four.
_DRIFT_LEFT = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """The random choices of a sample: the key, whether it is damaged, and the other crops.

    `hit` tells for each local slot whether it is damaged; `proposals` are rows of the tracks, and
    `hurt` tells which of them are damaged.
    """

    key: int
    damaged: bool
    hit: list[bool]
    proposals: Int64[np.ndarray, " proposals"]
    hurt: Bool[np.ndarray, " proposals"]


class FeatureData:
    """Feature samples from one set of tracks; each crop is cut with its own box and encoded once.

    A variant uses one augmentation per track, the same in all its frames, and moves the box of each
    frame as a detector or a tracker does (`ClipConfig`). Features are float16; `folder` keeps them
    between runs, and worker processes memory-map them from there.
    """

    def __init__(
        self,
        tracks: Tracks,
        config: GLPoseConfig,
        data: ClipConfig,
        encode: Encode,
        *,
        seed: int,
        num_variants: int,
        folder: Path | None = None,
    ) -> None:
        self.tracks, self._config, self._data, self._folder = tracks, config, data, folder
        n = len(tracks)
        self.num = n * num_variants
        # Shifted in each variant, so that different rows get a damaged copy.
        variant, row = np.divmod(np.arange(self.num), n)
        self._has_damaged = (row + variant) % data.damaged_stride == 0
        self._damaged_place = np.cumsum(self._has_damaged) - 1
        if folder is None or not (folder / _MAPS).exists():
            h, w = config.heatmap.size_hw
            shape = (config.backbone.channels, h, w)
            self.clean = np.empty((self.num, *shape), np.float16)
            self.damaged = np.empty((int(self._has_damaged.sum()), *shape), np.float16)
            self.to_crop: list[Affine] = []
            self._mirrored = np.empty(self.num, bool)
            for variant in range(num_variants):
                self._encode_variant(variant, encode, np.random.default_rng([seed, variant]))
            if folder is not None:
                self._save(folder)
                del self.clean, self.damaged
        if folder is not None:
            self._load(folder)  # also after saving: another run may have been first
        self.embedding = _embedding(self.clean)
        labelled = (tracks.state == LABELLED).any(1)
        self.keys = np.flatnonzero(np.tile(labelled, num_variants))
        self.damaged_keys = self.keys[self._has_damaged[self.keys]]

    def seen_by(self, config: GLPoseConfig) -> FeatureData:
        """The same features, for a fusion with different slots."""
        other = FeatureData.__new__(FeatureData)
        other.__dict__.update(self.__dict__, _config=config)
        return other

    def __getstate__(self) -> dict:
        return self.__dict__ if self._folder is None else self.__dict__ | dict.fromkeys(_LARGE)

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if self._folder is not None:
            self.clean, self.damaged = (
                np.load(self._folder / f"{name}.npy", mmap_mode="r") for name in _LARGE
            )

    def _load(self, folder: Path) -> None:
        self.clean = np.load(folder / "clean.npy")
        self.damaged = np.load(folder / "damaged.npy")
        with np.load(folder / _MAPS) as maps:
            self.to_crop = [Affine(m) for m in maps["to_crop"]]
            self._mirrored = maps["mirrored"]

    def _save(self, folder: Path) -> None:
        with cached_folder(folder, _MAPS) as part:
            _save_whole(part / "clean.npy", self.clean)
            _save_whole(part / "damaged.npy", self.damaged)
            to_crop = np.stack([m.matrix for m in self.to_crop])
            np.savez(part / _MAPS, to_crop=to_crop, mirrored=self._mirrored)

    def _encode_variant(self, variant: int, encode: Encode, rng: np.random.Generator) -> None:
        tracks, crop, how = self.tracks, self._config.crop, self._data.augmentation
        n = len(tracks)
        looks: dict[int, tuple[Look, int]] = {}
        boxes = self._boxes(rng)
        for start in range(0, n, 32):
            rows = np.arange(start, min(start + 32, n))
            clean, damaged = [], []
            for row in rows.tolist():
                track = int(tracks.track[row])
                if track not in looks:
                    looks[track] = draw_look(rng, how), int(rng.integers(2**31))
                look, colour_seed = looks[track]
                to_crop = look.crop_from_image(next(boxes), crop)
                rgb = recolour(colour_seed, tracks.cut(row, to_crop, crop), how.colour)
                self.to_crop.append(to_crop)
                self._mirrored[variant * n + row] = look.mirror
                clean.append(rgb)
                if self._has_damaged[variant * n + row]:
                    kind = DAMAGE[rng.integers(len(DAMAGE))]
                    damaged.append(damage(rng, rgb, kind, strength=rng.uniform(0.4, 1.1)))
            features = encode(np.stack(clean + damaged))
            self.clean[variant * n + rows] = features[: len(rows)]
            if damaged:
                places = self._damaged_place[variant * n + rows]
                kept = self._has_damaged[variant * n + rows]
                self.damaged[places[kept]] = features[len(rows) :]

    def _boxes(self, rng: np.random.Generator) -> Iterator[Float32[np.ndarray, " 4"]]:
        """The boxes of all rows, in order, as the settings move them."""
        tracks, data = self.tracks, self._data
        drift, track = np.zeros(3), -1
        for row in range(len(tracks)):
            xyxy = tracks.xyxy[tracks.before(row) if data.box_lag else row]
            if data.box_drift:
                new = rng.standard_normal(3) * data.box_drift
                is_same = track == tracks.track[row]
                left = _DRIFT_LEFT if is_same else 0.0
                drift, track = left * drift + np.sqrt(1 - left**2) * new, tracks.track[row]
                xyxy = drifted_box(xyxy, drift)
            yield noisy_box(xyxy, data.box_noise, rng)

    def sample(
        self, i: int, rng: np.random.Generator, *, damaged: bool, neighbour_damage: float = 0.0
    ) -> dict[str, np.ndarray]:
        """The features of key i and its slots, its target maps and joint weights."""
        return self.make(self.draw(i, rng, damaged=damaged, neighbour_damage=neighbour_damage))

    def draw(
        self,
        i: int,
        rng: np.random.Generator,
        *,
        damaged: bool,
        neighbour_damage: float = 0.0,
        damage_run: int = 1,
    ) -> Draw:
        """Make the random choices of a sample of key i without reading features.

        A damaged key is one of at most `damage_run` damaged frames in a row. Proposals are whole,
        unless the key itself is one.
        """
        offsets = np.array(self._config.offsets, np.int64)
        hit = rng.random(len(offsets)) < neighbour_damage
        if damaged and damage_run > 1:
            length = int(rng.integers(1, damage_run + 1))
            first = -int(rng.integers(length))
            hit |= (offsets >= first) & (offsets < first + length)
        proposals = self._proposals(i, rng)
        return Draw(
            i, damaged, hit.tolist(), proposals, damaged & (proposals == i % len(self.tracks))
        )

    def draw_hurt(self, i: int, rng: np.random.Generator, hurt: Bool[np.ndarray, " rows"]) -> Draw:
        """The sample of key i in a video in which these rows of the tracks are damaged."""
        row = i % len(self.tracks)
        hit = hurt[self._neighbours(row)]
        proposals = self._proposals(i, rng)
        return Draw(i, bool(hurt[row]), hit.tolist(), proposals, hurt[proposals])

    def _neighbours(self, row: int) -> Int64[np.ndarray, " slots"]:
        config = self._config
        return self.tracks.neighbours(row, config.offsets, config.local.border)

    def _proposals(self, i: int, rng: np.random.Generator) -> Int64[np.ndarray, " proposals"]:
        how = self._config.global_
        if not how.n:
            return np.zeros(0, np.int64)
        return self.tracks.proposals(i % len(self.tracks), how.num_candidates, how.pool, rng)

    def similar(
        self, draw: Draw
    ) -> tuple[Int64[np.ndarray, " num"], Float32[np.ndarray, "num weights"]]:
        """Which proposal fills each global slot of a sample, as in `clip.pad_rows`, and W_g."""
        g, i = self._config.global_, draw.key
        proposals = i - i % len(self.tracks) + draw.proposals
        embedding = self.embedding[proposals]
        for place in np.flatnonzero(draw.hurt).tolist():
            embedding[place] = _embedding(self._features(int(proposals[place]), damaged=True))
        return global_slots(
            _embedding(self._features(i, damaged=draw.damaged)),
            embedding,
            g.n,
            similarity=g.similarity,
            temperature=g.temperature,
            softmax_over=g.softmax_over,
            pad=g.pad,
        )

    def make(self, draw: Draw) -> dict[str, np.ndarray]:
        """The features of a key and its slots, its target maps and joint weights."""
        config, n, i = self._config, len(self.tracks), draw.key
        base, row = i - i % n, i % n
        sample: dict[str, np.ndarray] = {"key": self._features(i, damaged=draw.damaged)}
        if self._data.unlabelled_weight:
            sample["clean"] = self.clean[i]
        if config.offsets:
            slots = base + self._neighbours(row)
            # At the ends of a clip the key fills slots too: a damaged one must not be whole there.
            sample["local"] = np.stack(
                [
                    self._features(slot, damaged=draw.damaged if slot == i else is_hit)
                    for slot, is_hit in zip(slots.tolist(), draw.hit, strict=True)
                ]
            )
        if config.global_.n:
            places, sample["global_weight"] = self.similar(draw)
            sample["global"] = np.stack([self._global(draw, place) for place in places.tolist()])
        xy, state = self.tracks.xy[row], self.tracks.state[row]
        if self._mirrored[i]:
            mirror = np.array(config.joints.mirror)
            xy, state = xy[mirror], state[mirror]
        return sample | key_targets(self.to_crop[i], xy, state, config, self._data)

    def _global(self, draw: Draw, place: int) -> np.ndarray:
        """The features of a proposal; place -1 is the key and -2 an empty slot."""
        if place < 0:
            return self._features(draw.key, damaged=draw.damaged) * np.float16(place == -1)
        i = draw.key - draw.key % len(self.tracks) + int(draw.proposals[place])
        return self._features(i, damaged=bool(draw.hurt[place]))

    def _features(self, i: int, *, damaged: bool) -> np.ndarray:
        if damaged and self._has_damaged[i]:
            return self.damaged[self._damaged_place[i]]
        return self.clean[i]


def _save_whole(path: Path, array: np.ndarray) -> None:
    """As `np.save`, whose last bytes may be lost without a word where nothing more can be written."""
    with path.open("wb") as file:
        array = np.ascontiguousarray(array)
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data)


def _embedding(features: np.ndarray) -> Float32[np.ndarray, "*n channels"]:
    return features.mean((-2, -1), dtype=np.float32)


class FeatureMix:
    """Feature samples from several sets; a batch row depends only on seed, step and row."""

    num_samples, has_epochs = None, False
    """Samples are drawn at random."""

    def __init__(
        self, sets: list[FeatureData], data: ClipConfig, batch_size: int, seed: int
    ) -> None:
        self._sets, self._data, self._batch_size, self._seed = sets, data, batch_size, seed
        if data.damage_share and not all(len(s.damaged_keys) for s in sets):
            raise BadConfig(
                f"data.damaged_stride is {data.damaged_stride}, and no labelled person of a set has "
                "a damaged copy; expected a smaller one, or data.damage_share=0"
            )

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """Features, target maps and joint weights of these batch rows; only these are computed."""
        drawn = self._drawn(step)
        samples = [source.make(draw) for source, draw in (drawn[i] for i in numbers)]
        return {key: np.stack([s[key] for s in samples]) for key in samples[0]}

    def describe(self, step: int) -> list[str]:
        """Clip, frame and person of each sample of a step."""
        return [
            source.tracks.describe(draw.key % len(source.tracks))
            for source, draw in self._drawn(step)
        ]

    def _drawn(self, step: int) -> list[tuple[FeatureData, Draw]]:
        """The set and the draw of each row, all from one generator, which is cheap."""
        rng, data = np.random.default_rng([self._seed, step]), self._data
        # Sets are drawn in proportion to their size, so that all keys are equally likely.
        sizes = np.array([len(s.keys) for s in self._sets])
        drawn = []
        for number in rng.choice(len(sizes), self._batch_size, p=sizes / sizes.sum()):
            source = self._sets[number]
            hit = bool(rng.random() < data.damage_share)
            keys = source.damaged_keys if hit else source.keys
            key = int(keys[rng.integers(len(keys))])
            draw = source.draw(
                key,
                rng,
                damaged=hit,
                neighbour_damage=data.neighbour_damage_share,
                damage_run=data.damage_run,
            )
            drawn.append((source, draw))
        return drawn
