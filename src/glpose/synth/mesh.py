"""Body meshes: rings of vertices around bones, built once and moved with the bones."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int64

from glpose.synth.figure import BONES, SIDES, Bones, Proportions, rest_joints, rest_origins

Paint = Callable[[int, float], int]


@dataclass(frozen=True, slots=True)
class Ring:
    """An ellipse around a point at rest, all in fractions of the height.

    It moves with `bone`, and with `other` by the skinning weight `weight`, so that joints bend
    smoothly.
    """

    at: tuple[float, float, float]
    half: tuple[float, float]
    material: int
    bone: str
    other: str = ""
    weight: float = 0.0


THIGHS = "thighs"  # as a ring's `other`: the thigh on the side of the vertex


def _on_sides(ring: Ring, x: np.ndarray) -> list[Ring]:
    """The ring of each vertex, given the vertices' x across the body."""
    if ring.other != THIGHS:
        return [ring] * len(x)
    left, right = (replace(ring, other=f"{side}_thigh") for side in SIDES)
    return [left if v > 0 else right for v in x]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Vertices skinned to two bones each, and quads, counter-clockwise from outside.

    `texture` is in metres around and along the part; `bias` moves a face towards the camera when
    faces are sorted by depth (metres).
    """

    bones: Int64[np.ndarray, "vertices 2"]
    share: Float[np.ndarray, "vertices 2"]
    local: Float[np.ndarray, "vertices 2 3"]
    normal: Float[np.ndarray, "vertices 2 3"]
    faces: Int64[np.ndarray, "faces 4"]
    texture: Float[np.ndarray, "faces 4 2"]
    material: Int64[np.ndarray, " faces"]
    bias: Float[np.ndarray, " faces"]
    joint_bones: tuple[int, ...]
    joint_local: Float[np.ndarray, "joints 3"]
    joint_reach: Float[np.ndarray, " joints"]

    def place(self, bones: Bones) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and normals of every frame."""
        rotation = bones.rotation.astype(np.float32)
        origin = bones.origin.astype(np.float32)
        xyz = np.zeros((len(origin), len(self.bones), 3), np.float32)
        normal = np.zeros_like(xyz)
        # One matrix product per bone is much faster than one rotation per vertex.
        for slot in (0, 1):
            for bone in np.unique(self.bones[:, slot]):
                mine = np.flatnonzero((self.bones[:, slot] == bone) & (self.share[:, slot] > 0))
                share, turn = self.share[mine, slot, None], rotation[:, bone].swapaxes(1, 2)
                xyz[:, mine] += share * (self.local[mine, slot] @ turn + origin[:, bone, None])
                normal[:, mine] += share * (self.normal[mine, slot] @ turn)
        return xyz, normal


class Builder:
    """Collects tubes and plates; positions are in fractions of the height."""

    def __init__(self, p: Proportions) -> None:
        self.height, self.origins = p.height, rest_origins(p)
        self.vertices: list[tuple[np.ndarray, np.ndarray, list[Ring]]] = []
        self.faces: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]] = []
        self.count = 0

    def _add(self, at: np.ndarray, normal: np.ndarray, rings: list[Ring]) -> np.ndarray:
        """Store vertices, each with its ring, and return their indices."""
        self.vertices.append((at * self.height, normal, rings))
        self.count += len(at)
        return np.arange(self.count - len(at), self.count)

    def tube(
        self,
        rings: list[Ring],
        sides: int,
        along: int = 1,
        paint: Paint | None = None,
        bias: float = 0.0,
    ) -> None:
        """A surface over rings; `along` is the axis along which they are stacked (1: y, 2: z).

        `paint(ring, angle)` overrides the material; angle 90 degrees is the front.
        """
        first, second = (0, 2) if along == 1 else (0, 1)
        turn = np.arange(sides) * 2 * np.pi / sides
        half = np.array([r.half for r in rings])
        at = np.repeat(np.array([r.at for r in rings], float)[:, None], sides, 1)
        middle = at[:, 0, along]
        length = np.cumsum(np.r_[0, np.abs(np.diff(middle)) + 1e-4])
        direction = np.sign(middle[-1] - middle[0])
        round_ = np.stack([np.cos(turn), np.sin(turn)], -1)
        at[..., [first, second]] += half[:, None] * round_
        normal = np.zeros_like(at)
        normal[..., [first, second]] = round_ / np.maximum(half, 1e-4)[:, None]
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        girth = half.mean(1)
        normal[..., along] = -direction * np.gradient(girth, length)[:, None]
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        on = [r for ring in rings for r in _on_sides(ring, round_[:, 0])]
        index = self._add(at.reshape(-1, 3), normal.reshape(-1, 3), on).reshape(-1, sides)

        after = np.roll(index, -1, 1)
        corners = np.stack([index[:-1], index[1:], after[1:], after[:-1]], -1)
        around = girth[:, None] * (turn[1] * np.arange(sides + 1))
        v = np.repeat(length[:, None], sides + 1, 1)
        grid = np.stack([around, v], -1) * self.height
        texture = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], 2)
        material = np.repeat([[r.material] for r in rings[:-1]], sides, 1)
        if paint is not None:
            angles = np.rad2deg(turn + turn[1] / 2)
            material = np.array(
                [[paint(i, float(a)) for a in angles] for i in range(len(rings) - 1)]
            )
        # The winding seen from outside depends on the direction in which the rings are stacked.
        order = slice(None) if (direction > 0) == (along == 1) else slice(None, None, -1)
        self.faces.append(
            (
                corners.reshape(-1, 4)[:, order],
                texture.reshape(-1, 4, 2)[:, order],
                material.ravel(),
                bias,
            )
        )

    def plate(self, corners: list[tuple], material: int, bone: str, bias: float) -> None:
        """A flat quad facing forward, in fractions of the height."""
        ring = Ring((0.0, 0.0, 0.0), (0.0, 0.0), material, bone)
        points = np.array(corners, float)
        normal = np.cross(points[1] - points[0], points[-1] - points[0])
        normal /= np.linalg.norm(normal)
        if normal[2] < 0:
            normal, points = -normal, points[::-1]
        index = self._add(points, np.tile(normal, (4, 1)), [ring] * 4)
        texture = np.array([[(0, 0), (0.02, 0), (0.02, 0.02), (0, 0.02)]])
        self.faces.append((index[None], texture, np.array([material]), bias))

    def mesh(self, p: Proportions, reach: np.ndarray) -> Mesh:
        """The mesh of everything collected."""
        at = np.concatenate([v[0] for v in self.vertices])
        normal = np.concatenate([v[1] for v in self.vertices])
        rings = [r for _, _, part in self.vertices for r in part]
        bones = np.array([[BONES.index(r.bone), BONES.index(r.other or r.bone)] for r in rings])
        weight = np.array([r.weight for r in rings])
        origins = np.array([self.origins[b] for b in BONES])
        joint_bones, rest = rest_joints(p)
        bias = np.concatenate([np.full(len(m), b) for _, _, m, b in self.faces])
        return Mesh(
            bones=bones,
            share=np.stack([1 - weight, weight], 1).astype(np.float32),
            local=(at[:, None] - origins[bones]).astype(np.float32),
            normal=np.stack([normal, normal], 1).astype(np.float32),
            faces=np.concatenate([f[0] for f in self.faces]),
            texture=np.concatenate([f[1] for f in self.faces]).astype(np.float32),
            material=np.concatenate([f[2] for f in self.faces]),
            bias=bias.astype(np.float32),
            joint_bones=tuple(joint_bones),
            joint_local=rest - origins[joint_bones],
            joint_reach=reach * p.height,
        )
