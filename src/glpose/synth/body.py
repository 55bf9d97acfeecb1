"""The figure's body: tubes of rings around the bones, wearing clothes, as faces with textures.

A mesh is made once for a person; each frame only moves its vertices with the bones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from glpose.skeleton import POSETRACK15
from glpose.synth.figure import BONES, SIDES, Bones, Proportions, rest_joints, rest_origins
from glpose.synth.wardrobe import (
    HAIR,
    HEADWEAR,
    LIPS,
    PUPIL,
    SHIRT,
    SHOES,
    SKIN,
    SOCKS,
    TROUSERS,
    WHITE,
    Outfit,
)

Paint = Callable[[int, float], int]


@dataclass(frozen=True, slots=True)
class Ring:
    """An ellipse around a point at rest, all in shares of the height.

    `bone` carries it; `weight` of it is left to `other`, so that joints bend smoothly.
    """

    at: tuple[float, float, float]
    half: tuple[float, float]
    material: int
    bone: str
    other: str = ""
    weight: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Vertices on two bones each, and faces of four corners, counter-clockwise from outside.

    `texture` are metres around and along the part; `bias` moves a face towards the camera when
    faces are sorted (metres).
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
        # Bone by bone as matrix products: much quicker than one rotation for every vertex.
        for slot in (0, 1):
            for bone in np.unique(self.bones[:, slot]):
                mine = np.flatnonzero((self.bones[:, slot] == bone) & (self.share[:, slot] > 0))
                share, turn = self.share[mine, slot, None], rotation[:, bone].swapaxes(1, 2)
                xyz[:, mine] += share * (self.local[mine, slot] @ turn + origin[:, bone, None])
                normal[:, mine] += share * (self.normal[mine, slot] @ turn)
        return xyz, normal


class _Builder:
    """Collects tubes and plates; positions come in shares of the height."""

    def __init__(self, p: Proportions) -> None:
        self.height, self.origins = p.height, rest_origins(p)
        self.vertices: list[tuple[np.ndarray, np.ndarray, list[Ring]]] = []
        self.faces: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]] = []
        self.count = 0

    def _add(self, at: np.ndarray, normal: np.ndarray, rings: list[Ring]) -> np.ndarray:
        """Store vertices, each on its ring, and return their numbers."""
        self.vertices.append((at * self.height, normal, rings))
        self.count += len(at)
        return np.arange(self.count - len(at), self.count)

    def tube(
        self, rings: list[Ring], sides: int, along: int = 1, paint: Paint | None = None
    ) -> None:
        """A closed skin over rings; `along` is the axis the rings are stacked on (y or z).

        `paint(ring, angle)` may give another material; angle 90 degrees is the front.
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
        on = [r for r in rings for _ in range(sides)]
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
        # Seen from outside, the order of corners depends on which way the rings are stacked.
        order = slice(None) if (direction > 0) == (along == 1) else slice(None, None, -1)
        self.faces.append(
            (
                corners.reshape(-1, 4)[:, order],
                texture.reshape(-1, 4, 2)[:, order],
                material.ravel(),
                0,
            )
        )

    def plate(self, corners: list[tuple], material: int, bone: str, bias: float) -> None:
        """A flat face that looks forward, in shares of the height."""
        ring = Ring((0, 0, 0), (0, 0), material, bone)
        points = np.array(corners, float)
        normal = np.cross(points[1] - points[0], points[-1] - points[0])
        normal /= np.linalg.norm(normal)
        if normal[2] < 0:
            normal, points = -normal, points[::-1]
        index = self._add(points, np.tile(normal, (4, 1)), [ring] * 4)
        texture = np.array([[(0, 0), (0.02, 0), (0.02, 0.02), (0, 0.02)]])
        self.faces.append((index[None], texture, np.array([material]), bias))

    def mesh(self, p: Proportions, reach: np.ndarray) -> Mesh:
        """All that was collected."""
        at, normal = (np.concatenate([v[k] for v in self.vertices]) for k in (0, 1))
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


def make_mesh(p: Proportions, outfit: Outfit) -> Mesh:
    """The body of a person in its clothes."""
    builder = _Builder(p)
    _trunk(builder, p, outfit)
    _head(builder, p, outfit)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        _arm(builder, p, outfit, side, sign)
        _leg(builder, p, outfit, side, sign)
    return builder.mesh(p, _reach(p, outfit))


def _reach(p: Proportions, outfit: Outfit) -> np.ndarray:
    """How far in front of each joint its own surface may lie, in shares of the height."""
    thick = {"ankle": 0.05, "knee": 0.06, "hip": 0.1, "wrist": 0.045, "elbow": 0.05}
    thick |= {"shoulder": 0.08, "head_bottom": 0.075, "nose": 0.035, "head_top": 0.07}
    names = [j if j in thick else j.partition("_")[2] for j in POSETRACK15.joints]
    return np.array([thick[n] for n in names]) * max(1.0, p.build) * outfit.loose**0.5


def _trunk(b: _Builder, p: Proportions, o: Outfit) -> None:
    g, w = p.build, o.loose
    hips = (p.hip_half + 0.036) * (0.6 + 0.4 * g)
    chest = (p.shoulder_half - 0.015) * (0.8 + 0.2 * g)
    waist = min(hips, chest) * (0.86 + 0.5 * (g - 1))
    top, low = o.shirt_low, TROUSERS
    shape = [
        # height, half width, half depth, material, share of the chest bone
        (-0.055, 0.01, 0.01, low, 0),
        (-0.05, 0.7 * hips, 0.045 * g, low, 0),
        (-0.015, hips, 0.06 * g, top if o.shirt_long else low, 0),
        (0.025, hips * 0.99, 0.062 * g * w, top, 0.05),
        (0.07, waist * w, 0.056 * g * w, SHIRT, 0.45),
        (0.12, (waist + chest) / 2 * w, 0.058 * g * w, SHIRT, 0.9),
        (0.18, chest * w, 0.065 * g * w, SHIRT, 1),
        (0.235, chest * 1.03, 0.064 * g, SHIRT, 1),
        (0.268, chest * 1.0, 0.054 * g, SHIRT, 1),
        (0.287, chest * 0.68, 0.042 * g, SHIRT, 1),
        (0.297, chest * 0.42, 0.033 * g, SKIN if o.open_neck else SHIRT, 1),
        (0.303, 0.02, 0.02, SHIRT, 1),
    ]
    rings = [
        Ring((0, y, -0.004), (x, z), m, "pelvis", "chest", share) for y, x, z, m, share in shape
    ]
    b.tube(rings, 16)
    if o.skirt > 0:
        flare = hips * 1.05
        y, length = 0.05, o.skirt
        wide = [
            (y, flare * 0.9),
            (0.0, flare * 1.05),
            (-length / 2, flare * 1.12),
            (-length, flare * 1.25),
        ]
        b.tube([Ring((0, h, 0), (x, 0.72 * x), TROUSERS, "pelvis") for h, x in wide], 14)


def _head(b: _Builder, p: Proportions, o: Outfit) -> None:
    neck = 0.288
    size = p.head
    chin = neck + 0.04
    for_neck = [
        Ring((0, neck - 0.03, -0.008), (0.034, 0.034), SKIN, "chest"),
        Ring((0, neck - 0.005, -0.008), (0.031, 0.031), SKIN, "chest", "head", 0.3),
        Ring((0, chin + 0.03, -0.004), (0.03, 0.031), SKIN, "head"),
    ]
    b.tube(for_neck, 10)
    # Height over the chin, half width, half depth, forward: shares of the head's height.
    shape = [
        (-0.02, 0.02, 0.02, 0.16), (0.0, 0.14, 0.14, 0.13), (0.1, 0.24, 0.28, 0.08),
        (0.25, 0.31, 0.38, 0.03), (0.42, 0.335, 0.42, 0.0), (0.6, 0.345, 0.435, -0.01),
        (0.75, 0.325, 0.42, -0.02), (0.88, 0.25, 0.33, -0.03), (0.965, 0.14, 0.19, -0.03),
        (1.0, 0.01, 0.01, -0.03),
    ]  # fmt: skip
    rings = [
        Ring((0, chin + y * size, z * size), (w * size, d * size), SKIN, "head")
        for y, w, d, z in shape
    ]
    thick = 1.0 + o.hair_volume
    rings = rings[:5] + [_wider(r, thick if i > 0 else 1.0) for i, r in enumerate(rings[5:])]

    def paint(ring: int, angle: float) -> int:
        if ring >= (6 if o.headwear else o.hairline):
            return HEADWEAR if o.headwear else HAIR
        face = 25 < angle < 155
        if face or ring < (1 if o.long_hair else 3):
            beard = o.beard and ring < 3 and 20 < angle < 160
            return HAIR if beard else SKIN
        return SKIN if o.bald else HAIR

    b.tube(rings, 18, paint=paint)
    if o.long_hair:
        back = [
            (0.75, 0.2, 0.1),
            (0.35, 0.31, 0.13),
            (0.0, 0.33, 0.12),
            (-0.35 * o.long_hair, 0.24, 0.06),
        ]
        b.tube(
            [Ring((0, chin + y * size, -0.36 * size), (w * size, d * size), HAIR, "head", "chest",
                  0.5 if y < 0 else 0.0) for y, w, d in back], 10,
        )  # fmt: skip
    _face(b, chin, size)


def _wider(ring: Ring, by: float) -> Ring:
    half = (ring.half[0] * by, ring.half[1] * by)
    return Ring(ring.at, half, ring.material, ring.bone)


def _face(b: _Builder, chin: float, size: float) -> None:
    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return (x * size, chin + y * size, z * size)

    tip = at(0, 0.33, 0.53)
    for sign in (1, -1):
        side = [at(0, 0.52, 0.43), tip, at(sign * 0.085, 0.3, 0.41), at(sign * 0.05, 0.42, 0.415)]
        b.plate(side, SKIN, "head", 0.03)
        for half, drop, material, bias in ((0.06, 0.03, WHITE, 0.032), (0.03, 0.028, PUPIL, 0.035)):
            x = sign * 0.145
            box = [at(x - half, 0.52 - drop, 0.41), at(x + half, 0.52 - drop, 0.41),
                   at(x + half, 0.52 + drop, 0.41), at(x - half, 0.52 + drop, 0.41)]  # fmt: skip
            b.plate(box, material, "head", bias)
        brow = [at(sign * 0.07, 0.59, 0.425), at(sign * 0.22, 0.59, 0.38),
                at(sign * 0.22, 0.63, 0.37), at(sign * 0.07, 0.63, 0.42)]  # fmt: skip
        b.plate(brow, HAIR, "head", 0.032)
    mouth = [
        at(-0.11, 0.15, 0.36),
        at(0.11, 0.15, 0.36),
        at(0.09, 0.21, 0.37),
        at(-0.09, 0.21, 0.37),
    ]
    b.plate(mouth, LIPS, "head", 0.03)


def _arm(b: _Builder, p: Proportions, o: Outfit, side: str, sign: float) -> None:
    g, s = p.build**0.8, sign * p.shoulder_half
    arm, forearm, hand = (f"{side}_{n}" for n in ("arm", "forearm", "hand"))
    shoulder, elbow = 0.278, 0.278 - p.arm
    wrist = elbow - p.forearm
    w = 0.5 + 0.5 * o.loose
    mid = SHIRT if o.sleeve > 0 else SKIN
    long_ = SHIRT if o.sleeve > 1 else SKIN
    rows = [
        (shoulder + 0.026, 0.008, mid, arm, "chest", 0.25, -0.012),
        (shoulder + 0.02, 0.024 * g, mid, arm, "chest", 0.2, -0.008),
        (shoulder, 0.035 * g, mid, arm, "chest", 0.15, 0),
        (shoulder - 0.03, 0.034 * g * w, mid, arm, "", 0, 0.002),
        (shoulder - 0.09, 0.031 * g * w, long_, arm, "", 0, 0),
        (elbow + 0.03, 0.0265 * g * w, long_, arm, "", 0, 0),
        (elbow, 0.0255 * g * w, long_, arm, forearm, 0.5, 0),
        (elbow - 0.035, 0.0255 * g * w, long_, forearm, "", 0, 0),
        (elbow - 0.09, 0.021 * g * w, long_, forearm, "", 0, 0),
        (wrist + 0.008, 0.0165 * g * w, SKIN, forearm, "", 0, 0),
        (wrist - 0.01, 0.0155, SKIN, forearm, hand, 0.6, 0),
    ]
    b.tube(
        [Ring((s + sign * dx, y, -0.004), (r, r), m, bone, other, share)
         for y, r, m, bone, other, share, dx in rows], 10,
    )  # fmt: skip
    palm = [
        (0, 0.012, 0.015),
        (-0.03, 0.013, 0.024),
        (-0.055, 0.012, 0.024),
        (-0.085, 0.009, 0.018),
        (-0.1, 0.003, 0.005),
    ]
    b.tube([Ring((s, wrist + y, 0), (x, z), SKIN, hand) for y, x, z in palm], 8)
    thumb = [(-0.015, 0.008, 0.012), (-0.04, 0.008, 0.032), (-0.058, 0.003, 0.036)]
    b.tube([Ring((s, wrist + y, z), (r, r), SKIN, hand) for y, r, z in thumb], 6)


def _leg(b: _Builder, p: Proportions, o: Outfit, side: str, sign: float) -> None:
    g, x = p.build**0.8, sign * p.hip_half
    thigh, shin, foot = (f"{side}_{n}" for n in ("thigh", "shin", "foot"))
    knee = -p.thigh
    ankle = knee - p.shin
    w = 0.6 + 0.4 * o.loose_legs
    upper = SKIN if o.skirt > 0 else TROUSERS
    lower = TROUSERS if o.legs > 1 else SKIN
    cut = TROUSERS if o.legs > 0.5 and o.skirt == 0 else lower
    rows = [
        (0.035, 0.03 * g, upper, thigh, "pelvis", 0.7, 0.012),
        (0.0, 0.051 * g, upper, thigh, "pelvis", 0.5, 0.004),
        (-0.045, 0.0535 * g, upper, thigh, "pelvis", 0.15, 0),
        (-0.12, 0.047 * g * w, cut, thigh, "", 0, 0.002),
        (knee + 0.05, 0.038 * g * w, cut, thigh, "", 0, 0),
        (knee, 0.034 * g * w, lower, thigh, shin, 0.5, 0),
        (knee - 0.05, 0.034 * g * w, lower, shin, "", 0, 0),
        (knee - 0.09, 0.0345 * g * w, lower, shin, "", 0, 0),
        (knee - 0.165, 0.026 * g * w**1.5, lower, shin, "", 0, 0),
        (ankle + 0.022, 0.0205 * g * w**2, SOCKS, shin, "", 0, 0),
        (ankle - 0.012, 0.019, SHOES, shin, foot, 0.6, 0),
    ]
    rings = []
    for y, r, m, bone, other, share, dx in rows:
        calf = -0.007 if knee - 0.1 < y < knee - 0.04 else 0.0
        rings.append(Ring((x + sign * dx, y, calf - 0.003), (r, r * 1.05), m, bone, other, share))
    b.tube(rings, 12)
    sole = ankle - 0.039
    shoe = [  # along the foot, half width, top over the sole
        (-0.042, 0.006, 0.03), (-0.038, 0.02, 0.05), (-0.005, 0.024, 0.058), (0.03, 0.025, 0.047),
        (0.07, 0.0285, 0.032), (0.1, 0.022, 0.025), (0.112, 0.006, 0.012),
    ]  # fmt: skip
    b.tube(
        [Ring((x + sign * 0.1 * max(z, 0), sole + top / 2, z), (half, top / 2), SHOES, foot)
         for z, half, top in shoe], 10, along=2,
    )  # fmt: skip
