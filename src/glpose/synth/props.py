"""Obstacles in front of people: boxes of all shapes, from poles to walls."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.synth.camera import View
from glpose.synth.render import Body
from glpose.synth.wardrobe import cloth_colour, paint_tiles

# Corners of the six sides of a unit box, in the order seen from outside, with their normals.
_CORNER = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)])
_SIDES = [
    ((4, 5, 7, 6), (1, 0, 0)), ((1, 0, 2, 3), (-1, 0, 0)), ((2, 6, 7, 3), (0, 1, 0)),
    ((0, 1, 5, 4), (0, -1, 0)), ((1, 3, 7, 5), (0, 0, 1)), ((0, 4, 6, 2), (0, 0, -1)),
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Prop:
    """A static box, standing or hanging in the world."""

    xyz: Float32[np.ndarray, "vertices 3"]
    normal: Float32[np.ndarray, "vertices 3"]
    texture: np.ndarray
    tiles: UInt8[np.ndarray, "materials tile tile 3"]

    def body(self, view: View) -> Body:
        """The box to draw; all its faces are sorted by the depth of its centre."""
        num = len(self.texture)
        faces = np.arange(4 * num).reshape(num, 4)
        depth = float(view.see(self.xyz)[:, 2].mean())
        zero = np.zeros(num)
        return Body(
            self.xyz, self.normal, faces, self.texture, zero.astype(int), zero, self.tiles, depth
        )


def make_box(
    rng: np.random.Generator,
    at: tuple[float, float, float],
    size: tuple[float, float, float],
    turn: float,
) -> Prop:
    """A box of (width, height, depth) with the centre of its base at `at`, turned by radians."""
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    xyz = np.concatenate([_CORNER[list(side)] for side, _ in _SIDES]) * size @ rotation.T + at
    normal = np.repeat([n for _, n in _SIDES], 4, 0) @ rotation.T
    flat = [(1, 2) if n[0] else ((0, 2) if n[1] else (0, 1)) for _, n in _SIDES]
    texture = np.stack(
        [_CORNER[list(side)][:, axes] * np.array(size)[list(axes)]
         for (side, _), axes in zip(_SIDES, flat, strict=True)]
    )  # fmt: skip
    colour = cloth_colour(rng)
    tiles = paint_tiles(rng, dict.fromkeys(range(3), colour))[2:3]
    return Prop(
        xyz.astype(np.float32), normal.astype(np.float32), texture.astype(np.float32), tiles
    )


def random_props(
    rng: np.random.Generator, num: int, places: list[tuple[float, float]], width: float
) -> tuple[Prop, ...]:
    """Obstacles between the camera and people, or at random if there are no people."""
    out = []
    for _ in range(num):
        x, z = places[rng.integers(len(places))] if places else (rng.normal(0, 1), -4.0)
        share = rng.uniform(0.55, 0.85)
        x, z = x * share + rng.normal(0, 0.35), min(z * share, -1.1)
        kind = rng.integers(4)
        if kind == 0:  # table, sofa, crate, car
            size = (rng.uniform(0.4, 1.6), rng.uniform(0.3, 0.95), rng.uniform(0.3, 0.7))
        elif kind == 1:  # pole, trunk
            thick = rng.uniform(0.04, 0.2)
            size = (thick, rng.uniform(1.5, 4), thick)
        elif kind == 2:  # board, sign, thing carried past
            size = (rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6), 0.04)
        else:  # edge of a wall, door
            x += rng.choice([-1, 1]) * 0.35 * -z * width
            size = (rng.uniform(0.4, 1.0), 3.0, 0.15)
        bottom = rng.uniform(0.3, 1.3) if kind == 2 else 0.0
        out.append(make_box(rng, (x, bottom, z), size, rng.normal(0, 0.5)))
    return tuple(out)
