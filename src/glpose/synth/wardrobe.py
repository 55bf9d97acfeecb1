"""Clothes: colours, cuts and textures."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from glpose.imaging import enlarge_map

SKIN, HAIR, SHIRT, TROUSERS, SHOES, SOCKS, HEADWEAR, PUPIL, LIPS, WHITE = range(10)
NUM_MATERIALS = 10
TILE_PX = 64  # a power of two
TEXELS_PER_METRE = 110.0

_SKIN_TONES = np.array(
    [(241, 205, 178), (224, 180, 148), (198, 148, 112), (160, 110, 78), (115, 75, 52), (78, 50, 38)]
)
_HAIR_TONES = np.array(
    [(28, 22, 20), (52, 36, 26), (92, 62, 38), (150, 110, 62), (205, 172, 110), (150, 148, 146)]
)
_CLOTH_TONES = np.array(
    [(30, 32, 40), (60, 66, 80), (38, 52, 92), (70, 100, 150), (120, 124, 130), (225, 225, 222),
     (176, 40, 44), (38, 110, 70), (214, 168, 60), (206, 120, 50), (110, 58, 110), (150, 190, 210),
     (96, 80, 60), (190, 172, 140), (232, 150, 160), (90, 120, 84)]
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Outfit:
    """Cuts, and one texture tile for each material.

    `sleeve` and `legs`: 0 none, 1 short, 2 long; `skirt` and `long_hair`: lengths, 0 for none.
    """

    tiles: UInt8[np.ndarray, "materials tile tile 3"]
    sleeve: int = 1
    legs: int = 2
    skirt: float = 0.0
    shirt_long: bool = True
    open_neck: bool = True
    loose: float = 1.05
    loose_legs: float = 1.1
    headwear: bool = False
    hairline: int = 6
    hair_volume: float = 0.06
    long_hair: float = 0.0
    bald: bool = False
    beard: bool = False

    @property
    def shirt_low(self) -> int:
        """What covers the hips."""
        return SHIRT if self.shirt_long else TROUSERS


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Usual clothes, with a few odd ones."""
    skirt = float(rng.uniform(0.08, 0.3)) if rng.random() < 0.12 else 0.0
    long_hair = float(rng.uniform(0.3, 1.3)) if rng.random() < 0.35 else 0.0
    colours = {
        SKIN: _SKIN_TONES[rng.integers(len(_SKIN_TONES))],
        HAIR: _HAIR_TONES[rng.choice(len(_HAIR_TONES), p=[0.32, 0.26, 0.18, 0.1, 0.08, 0.06])],
        SHIRT: cloth_colour(rng),
        TROUSERS: _CLOTH_TONES[rng.choice([0, 1, 2, 3, 4, 12, 13])]
        if rng.random() < 0.75
        else cloth_colour(rng),
        SHOES: _CLOTH_TONES[rng.choice([0, 1, 4, 5, 6, 12])],
        SOCKS: np.array((225, 225, 222)),
        HEADWEAR: cloth_colour(rng),
    }
    legs = int(rng.choice([1, 2], p=[0.25, 0.75]))
    if legs == 2 and skirt == 0:
        colours[SOCKS] = colours[TROUSERS]
    elif rng.random() < 0.6:
        colours[SOCKS] = colours[SKIN]
    sleeve = int(rng.choice([0, 1, 2], p=[0.1, 0.5, 0.4]))
    return Outfit(
        tiles=paint_tiles(rng, colours),
        sleeve=sleeve,
        legs=0 if skirt else legs,
        skirt=skirt,
        shirt_long=bool(rng.random() < 0.7),
        open_neck=bool(rng.random() < 0.7),
        loose=float(rng.uniform(1.0, 1.18)),
        loose_legs=float(rng.uniform(0.95, 1.3)),
        headwear=bool(rng.random() < 0.12),
        hairline=int(rng.choice([6, 7])),
        hair_volume=float(rng.uniform(0.02, 0.14)),
        long_hair=long_hair,
        bald=bool(rng.random() < 0.06 and long_hair == 0),
        beard=bool(rng.random() < 0.12 and long_hair == 0),
    )


def cloth_colour(rng: np.random.Generator) -> np.ndarray:
    """A common cloth colour with some variation, or occasionally any colour."""
    if rng.random() < 0.2:
        return rng.integers(15, 245, 3)
    return np.clip(_CLOTH_TONES[rng.integers(len(_CLOTH_TONES))] + rng.normal(0, 12, 3), 5, 250)


def paint_tiles(
    rng: np.random.Generator, colours: dict[int, np.ndarray], pattern_share: float = 0.45
) -> UInt8[np.ndarray, "materials tile tile 3"]:
    """Texture tiles of a person from the colours of the materials; skin and hair stay plain.

    `pattern_share` is the fraction of shirts with a pattern.
    """
    skin = np.asarray(colours[SKIN], float)
    fixed = {PUPIL: np.array((35, 28, 26)), WHITE: np.array((232, 228, 222))}
    fixed |= {LIPS: skin * (0.78, 0.55, 0.55)}
    tiles = np.zeros((NUM_MATERIALS, TILE_PX, TILE_PX, 3), np.float32)
    for material, colour in (colours | fixed).items():
        tile = np.broadcast_to(np.asarray(colour, np.float32), (TILE_PX, TILE_PX, 3))
        if material in (SHIRT, TROUSERS, HEADWEAR):
            tile = _pattern(rng, tile, pattern_share if material == SHIRT else 0.25 * pattern_share)
        rough = {SKIN: 3, PUPIL: 0, WHITE: 0, LIPS: 2, HAIR: 12}.get(material, 7)
        tiles[material] = tile + rough * _cloud(rng)[..., None]
    return np.clip(tiles, 0, 255).astype(np.uint8)


def _cloud(rng: np.random.Generator) -> np.ndarray:
    """Wrinkles: coarse and fine noise of about unit amplitude."""
    coarse = rng.normal(0, 0.8, (6, 6)).astype(np.float32)
    return enlarge_map(coarse, (TILE_PX, TILE_PX)) + rng.normal(0, 0.5, (TILE_PX, TILE_PX)).astype(
        np.float32
    )


def _pattern(rng: np.random.Generator, tile: np.ndarray, share: float) -> np.ndarray:
    if rng.random() > share:
        return tile
    other = np.asarray(cloth_colour(rng), np.float32)
    v, u = np.mgrid[:TILE_PX, :TILE_PX]
    # A whole number of periods, so that tiles repeat without a seam.
    waves, duty = int(rng.choice([4, 8, 16])), rng.uniform(0.25, 0.6)
    kind = rng.integers(6)
    if kind == 0:
        mask = (v * waves / TILE_PX) % 1 < duty
    elif kind == 1:
        mask = (u * waves / TILE_PX) % 1 < duty
    elif kind == 2:
        mask = ((u * waves / TILE_PX) % 1 < duty) ^ ((v * waves / TILE_PX) % 1 < duty)
    elif kind == 3:
        x, y = (u * waves / TILE_PX) % 1 - 0.5, (v * waves / TILE_PX) % 1 - 0.5
        mask = x * x + y * y < 0.4 * duty**2
    elif kind == 4:
        mask = (v > 20) & (v < 44) if rng.random() < 0.5 else v > 34
    else:
        mask = enlarge_map(rng.random((8, 8)).astype(np.float32), (TILE_PX, TILE_PX)) < duty
    return np.where(mask[..., None], other, tile)
