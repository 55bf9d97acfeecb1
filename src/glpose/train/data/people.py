"""Labelled people of several sets as single-crop training samples.

`sets` opens the sets; joints that a set does not label are masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool

from glpose.codecs.codec import Codec
from glpose.config import check_length, check_ranges
from glpose.crop import cut
from glpose.damage import DAMAGE, damage
from glpose.errors import BadConfig, BadInput
from glpose.geometry import clip_box
from glpose.glare import draw_sun, shine
from glpose.skeleton import POSETRACK15, Skeleton
from glpose.train.data.augment import (
    Augmentation,
    Look,
    draw_look,
    jitter_colour,
    paste_ellipse,
    place_beside,
    random_box,
)
from glpose.train.data.epochs import sample_rows
from glpose.train.data.sets import ABSENT, LABELLED, open_people
from glpose.train.data.store import Pictures, with_cache
from glpose.train.system import ArrayBatch
from glpose.types import Affine, CropSpec

Order = Literal["random", "epochs"]
"""Samples drawn by the shares of their sets, or each person once per epoch."""


@dataclass(frozen=True, slots=True)
class Share:
    """A set and its share of the samples; `stride` takes every n-th picture."""

    source: str
    share: float
    stride: int = 1

    def __post_init__(self) -> None:
        check_ranges(self, f"shares: {self.source}: ", share=(0, 1e6), stride=(1, 10**6))


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """The mixture of sets and the augmentation of samples.

    With `order` "epochs" the shares are ignored. People with fewer labelled joints than
    `min_joints` or a longer box side below `min_side_px` are left out. `clip_boxes` clips boxes to
    the picture, as the HRNet family does. `validation` is the set to compute scores on; if empty,
    jhmdb-val or else synth-val. `taught` adds what other networks know of the people, see
    `formats.taught`.
    """

    shares: tuple[Share, ...]
    augmentation: Augmentation
    order: Order = "random"
    min_joints: int = 4
    min_side_px: float = 48.0
    clip_boxes: bool = False
    validation: str = ""
    num_synth_scenes: int = 400
    absent_weight: float = 0.5
    taught: bool = False

    def __post_init__(self) -> None:
        check_length("shares", self.shares, 1000)
        if not any(share.share for share in self.shares):
            raise BadConfig("all shares are 0; expected at least one above 0")
        check_ranges(self, min_joints=(0, 1000), min_side_px=(0, 8192), absent_weight=(0, 1000))
        check_ranges(self, num_synth_scenes=(1, 10**6))

    def set_names(self) -> tuple[str, ...]:
        """The sets that are trained and validated on."""
        taught = "taught" if self.taught else ""
        return (*(share.source for share in self.shares), *filter(None, [self.validation, taught]))

    def synth_only(self) -> PeopleConfig:
        """The same with synthetic data only; few scenes, since this is for quick trials."""
        return replace(
            self,
            shares=(Share("synth", 1.0),),
            validation="synth-val",
            num_synth_scenes=12,
            taught=False,
        )


class PeopleData:
    """Crops with the maps that a codec makes of their joints.

    A row of a batch depends only on seed, step and row. Raises: BadInput naming a set without
    usable people.
    """

    def __init__(
        self,
        config: PeopleConfig,
        roots: Mapping[str, str],
        cache_dir: Path,
        crop: CropSpec,
        codec: Codec,
        batch_size: int,
        seed: int,
        *,
        skeleton: Skeleton = POSETRACK15,
        picture_cache_mb: int = 0,
    ) -> None:
        self._config, self._batch_size, self._seed = config, batch_size, seed
        self._crop, self._codec, self._mirror = crop, codec, np.array(skeleton.mirror)
        self._upper = upper_body(skeleton)
        stores = [
            open_people(
                s.source,
                roots,
                cache_dir,
                config.num_synth_scenes,
                skeleton,
                taught=config.taught,
            )
            for s in config.shares
        ]
        self._stores = with_cache(stores, picture_cache_mb)
        self._rows = [
            _usable(store, share, config)
            for store, share in zip(self._stores, config.shares, strict=True)
        ]
        shares = np.array([s.share for s in config.shares])
        self._share = shares / shares.sum()
        self._ends = np.cumsum([len(rows) for rows in self._rows])

    @property
    def num_samples(self) -> int:
        """Number of people to train on."""
        return int(self._ends[-1])

    @property
    def has_epochs(self) -> bool:
        """Whether the settings ask for each person once per epoch."""
        return self._config.order == "epochs"

    def describe(self, step: int) -> list[str]:
        """Set, clip, frame and person of each sample of a step's batch."""
        return [_describe(self._stores[s], int(self._rows[s][i])) for s, i in self._chosen(step)]

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """`rgb`, the codec's maps and `weight` of only the given rows of a step's batch."""
        chosen = self._chosen(step)
        samples = [
            self._sample(*chosen[i], np.random.default_rng([self._seed, step, i])) for i in numbers
        ]
        return {key: np.stack([s[key] for s in samples]) for key in samples[0]}

    def _chosen(self, step: int) -> list[tuple[int, int]]:
        """Set and row of each sample of a step."""
        if self._config.order == "epochs":
            rows = sample_rows(step, self._batch_size, self.num_samples, self._seed)
            return locate(rows, self._ends)
        # As one row more: without it these numbers would be those of the first row.
        rng = np.random.default_rng([self._seed, step, self._batch_size])
        sources = rng.choice(len(self._stores), self._batch_size, p=self._share)
        return [(int(s), int(rng.integers(len(self._rows[s])))) for s in sources]

    def _sample(
        self,
        source: int,
        place: int,
        rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:
        store, how = self._stores[source], self._config.augmentation
        crop = self._crop
        row = self._rows[source][place]
        picture = store[int(store.labels["picture"][row])]
        xyxy, xy = store.labels["xyxy"][row], store.labels["xy"][row]
        if self._config.clip_boxes:
            xyxy = clip_box(xyxy, picture.shape[:2])
        state = store.labels["state"][row]
        look = draw_look(rng, how)
        box = random_box(rng, xyxy, xy, state == LABELLED, self._upper, how)
        to_crop = look.crop_from_image(box, crop)
        rgb = cut(picture, to_crop, crop)
        if how.neighbour_share and rng.random() < how.neighbour_share:
            joints_xy = to_crop.apply(xy[state == LABELLED].astype(np.float64))
            rgb = self._with_neighbour(rng, rgb, to_crop.apply(_corners(box)), joints_xy)
        if look.mirror:
            xy, state = xy[self._mirror], state[self._mirror]
        if how.glare_share and rng.random() < how.glare_share:
            rgb = _lit(rng, rgb)
        if how.colour:
            rgb = jitter_colour(rng, rgb, how.colour)
        if rng.random() < how.damage_share:
            kind = DAMAGE[rng.integers(len(DAMAGE))]
            rgb = damage(rng, rgb, kind, strength=rng.uniform(0.2, 1.0))
        map_from_image = self._codec.crop_from_map(crop).inverse() @ to_crop
        map_xy = map_from_image.apply(np.nan_to_num(xy).astype(np.float64))
        return {"rgb": rgb, **targets(map_xy, state, self._codec, self._config.absent_weight)}

    def _with_neighbour(
        self, rng: np.random.Generator, rgb: np.ndarray, corners: np.ndarray, joints_xy: np.ndarray
    ) -> np.ndarray:
        """A crop of a person with somebody of another picture, if a place is found for them."""
        source = int(rng.choice(len(self._stores), p=self._share))
        store, rows = self._stores[source], self._rows[source]
        row = int(rows[rng.integers(len(rows))])
        look = Look(
            scale=float(rng.uniform(0.8, 1.35)),
            rotation_deg=10.0 * float(rng.standard_normal()),
            mirror=bool(rng.random() < 0.5),
        )
        xyxy = store.labels["xyxy"][row]
        to_crop = look.crop_from_image(xyxy, self._crop)
        own, other = (
            np.concatenate([found.min(0), found.max(0)])
            for found in (corners, to_crop.apply(_corners(xyxy)))
        )
        place = place_beside(rng, own, other, joints_xy)
        if place is None:
            return rgb
        shift = Affine(np.column_stack([np.eye(2), place[:2] - other[:2]]))
        picture = store[int(store.labels["picture"][row])]
        found = cut(picture, shift @ to_crop, self._crop)
        if colour := self._config.augmentation.colour:
            found = jitter_colour(rng, found, colour / 2)
        return paste_ellipse(rgb, found, place)


def _lit(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """A crop with a light in it, or just outside."""
    height, width = rgb.shape[:2]
    return shine(rgb, draw_sun(rng), rng.uniform(-0.15, 1.15, 2) * (width, height), float(height))


def _corners(xyxy: np.ndarray) -> np.ndarray:
    """The four corners of a box, (4, 2)."""
    return xyxy[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2).astype(np.float64)


def targets(
    map_xy: np.ndarray, state: np.ndarray, codec: Codec, absent_weight: float
) -> dict[str, np.ndarray]:
    """The codec's maps by name and joint `weight`s; a labelled joint outside the crop has 0."""
    labelled = (state == LABELLED) & codec.inside(map_xy)
    weight = labelled + absent_weight * (state == ABSENT)
    return {**codec.encode(map_xy, labelled), "weight": weight.astype(np.float32)}


def upper_body(skeleton: Skeleton) -> Bool[np.ndarray, " joints"]:
    """Mask of the joints above the hips: the upper part in half-body augmentation."""
    legs = ("hip", "knee", "ankle")
    return np.array([not any(part in joint for part in legs) for joint in skeleton.joints])


def locate(rows: np.ndarray, ends: np.ndarray) -> list[tuple[int, int]]:
    """Set and row in it, for rows of the concatenated sets; `ends` are their cumulative sizes."""
    sources = np.searchsorted(ends, rows, side="right")
    begins = np.concatenate([[0], ends])[sources]
    return list(zip(sources.tolist(), (rows - begins).tolist(), strict=True))


def _describe(store: Pictures, row: int) -> str:
    labels = store.labels
    clip = store.clip_name(int(labels["clip"][row]))
    return f"{clip}, frame {labels['frame'][row]}, person {labels['track'][row]}"


def _usable(store: Pictures, share: Share, config: PeopleConfig) -> np.ndarray:
    labels = store.labels
    side = (labels["xyxy"][:, 2:] - labels["xyxy"][:, :2]).max(-1)
    enough = (labels["state"] == LABELLED).sum(-1) >= config.min_joints
    large = side >= config.min_side_px
    rows = np.flatnonzero(enough & large & (labels["picture"] % share.stride == 0))
    if not len(rows):
        raise BadInput(
            f"the set {share.source} has no people to train on ({len(side)} are labelled); lower "
            "data.min_joints, data.min_side_px or its stride, or leave it out of data.shares"
        )
    return rows
