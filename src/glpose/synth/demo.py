"""The demo clip: three people on a path in a park, walking, crossing and waving."""

import numpy as np

from glpose.imaging import blur, fill_dots
from glpose.synth.backdrop import (
    building,
    floor_row,
    from_layers,
    hedge,
    lay_floor,
    make_floor_tile,
    tree,
)
from glpose.synth.camera import Camera, View
from glpose.synth.effects import Effects
from glpose.synth.figure import Proportions
from glpose.synth.motion import Action
from glpose.synth.render import Light
from glpose.synth.scene import MARGIN, Scene, SceneSpec, make_actor
from glpose.synth.wardrobe import (
    HAIR,
    HEADWEAR,
    SHIRT,
    SHOES,
    SKIN,
    SOCKS,
    TROUSERS,
    Outfit,
    paint_tiles,
)

_SIZE_HW, _RATE_HZ, _NUM_FRAMES = (360, 640), 25.0, 100
_SEED = 4


def demo_scene() -> Scene:
    """Four seconds of 640x360 at 25 frames per second, always the same."""
    time_s = (np.arange(_NUM_FRAMES + 2) - 1) / _RATE_HZ
    turn = np.sin(2 * np.pi * time_s / 8)
    still = np.zeros_like(time_s)
    camera = Camera(1.55, 0.035 * turn, still + 0.1, still, still + 640.0, _SIZE_HW)
    reference = camera.reference(MARGIN)
    towards = np.array([-0.55, 0.75, 0.45])
    cast = (
        ("walk", "own", (0.1, -4.6), 0.5 * np.pi - 0.12, Proportions(1.78), _blue(), 2),
        ("walk", "own", (0.15, -6.3), -0.5 * np.pi + 0.1, Proportions(1.66, build=0.95), _red(), 3),
        ("stand", "wave", (1.15, -7.6), -0.1, Proportions(1.72), _yellow(), 11),
    )
    return Scene(
        spec=SceneSpec(_SIZE_HW, _NUM_FRAMES, _RATE_HZ, (len(cast), len(cast)), damage=0.0),
        seed=_SEED,
        actors=tuple(
            make_actor(
                np.random.default_rng(seed), Action(legs, arms), at, heading, time_s, person, outfit
            )
            for legs, arms, at, heading, person, outfit, seed in cast
        ),
        props=(),
        camera=camera,
        reference=reference,
        backdrop=_park(reference),
        light=Light(towards / np.linalg.norm(towards), 0.62, 0.52, 0.42),
        effects=Effects(noise=1.5),
    )


def _park(view: View) -> np.ndarray:
    """Sky with clouds, far houses, trees, a hedge, and a lawn."""
    rng = np.random.default_rng(_SEED)
    h, w = view.size_hw
    edge = floor_row(view, 34.0)
    out = from_layers(
        rng, view.size_hw, np.array([128.0, 176, 222]), np.array([222.0, 234, 240]), 7.0
    )
    for colour in ((206, 190, 168), (178, 150, 134)):
        building(rng, out, edge, np.array(colour))
    out = blur(out, 1.4)
    for x in np.linspace(-0.02, 1.02, 9):
        tree(rng, out, (x + rng.normal(0, 0.02)) * w, edge + 2, h * rng.uniform(0.24, 0.4))
    out = blur(out, 0.9)
    hedge(rng, out, edge + 3, 0.07 * h)
    lawn = make_floor_tile(rng, np.array([112.0, 146, 76]), 1)
    lay_floor(out, view, lawn, edge, 3.0)
    near = floor_row(view, 12.0)
    daisies = np.stack([rng.uniform(0, w, 60), near + (h - near) * rng.random(60) ** 1.5], 1)
    white = np.full((60, 3), (236, 236, 216), np.uint8)
    fill_dots(out, daisies, 0.7 + 1.2 * (daisies[:, 1] - edge) / h, white)
    tree(rng, out, 0.16 * w, floor_row(view, 11.0), 0.62 * h)
    tree(rng, out, 0.9 * w, floor_row(view, 13.0), 0.5 * h)
    return out


def _clothes(skin: tuple, hair: tuple, shirt: tuple, trousers: tuple, shoes: tuple) -> np.ndarray:
    colours = {SKIN: skin, HAIR: hair, SHIRT: shirt, TROUSERS: trousers, SHOES: shoes}
    colours |= {SOCKS: trousers, HEADWEAR: shirt}
    arrays = {material: np.array(colour, float) for material, colour in colours.items()}
    return paint_tiles(np.random.default_rng(_SEED), arrays, pattern_share=0.0)


def _blue() -> Outfit:
    tiles = _clothes((224, 180, 148), (62, 42, 30), (58, 98, 158), (72, 74, 84), (236, 234, 228))
    return Outfit(tiles, sleeve=2, legs=2, hair_volume=0.09)


def _red() -> Outfit:
    tiles = _clothes((160, 110, 78), (34, 26, 24), (188, 60, 56), (46, 58, 92), (60, 44, 36))
    return Outfit(tiles, sleeve=1, legs=2, long_hair=0.9, hair_volume=0.1)


def _yellow() -> Outfit:
    tiles = _clothes((241, 205, 178), (146, 104, 60), (228, 184, 72), (120, 104, 84), (70, 76, 90))
    return Outfit(tiles, sleeve=1, legs=1, hair_volume=0.1, shirt_long=False)
