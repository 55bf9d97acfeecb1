"""The clothed body: the girth of every part and the material that covers it."""

from dataclasses import replace

import numpy as np

from glpose.skeleton import POSETRACK15
from glpose.synth.figure import SIDES, Proportions
from glpose.synth.mesh import THIGHS, Builder, Mesh, Ring
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


def make_mesh(p: Proportions, outfit: Outfit) -> Mesh:
    """The mesh of a clothed person."""
    builder = Builder(p)
    _trunk(builder, p, outfit)
    _head(builder, p, outfit)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        _arm(builder, p, outfit, side, sign)
        _leg(builder, p, outfit, side, sign)
    return builder.mesh(p, _reach(p, outfit))


def _reach(p: Proportions, outfit: Outfit) -> np.ndarray:
    """How far in front of each joint the body's own surface may lie, as a fraction of the height."""
    thick = {"ankle": 0.075, "knee": 0.06, "hip": 0.1, "wrist": 0.045, "elbow": 0.05}
    thick |= {"shoulder": 0.08, "head_bottom": 0.075, "nose": 0.035, "head_top": 0.07}
    names = [j if j in thick else j.partition("_")[2] for j in POSETRACK15.joints]
    return np.array([thick[n] for n in names]) * max(1.0, p.build) * outfit.loose**0.5


def _trunk(b: Builder, p: Proportions, o: Outfit) -> None:
    g, w = p.build, o.loose
    hips = (p.hip_half + 0.036) * (0.6 + 0.4 * g)
    chest = (p.shoulder_half - 0.015) * (0.8 + 0.2 * g)
    waist = min(hips, chest) * (0.86 + 0.5 * (g - 1))
    top, low = o.shirt_low, TROUSERS
    shape = [
        # height, half width, half depth, material, weight of the chest bone
        (-0.066, 0.008, 0.01, low, 0.0),
        (-0.05, 0.4 * hips, 0.04 * g, low, 0.0),
        (-0.02, 0.86 * hips, 0.058 * g, top if o.shirt_long else low, 0.0),
        (0.0, hips, 0.062 * g, top if o.shirt_long else low, 0.0),
        (0.025, hips * 0.99, 0.062 * g * w, top, 0.05),
        (0.07, waist * w, 0.056 * g * w, SHIRT, 0.45),
        (0.12, (waist + chest) / 2 * w, 0.058 * g * w, SHIRT, 0.9),
        (0.18, chest * w, 0.065 * g * w, SHIRT, 1.0),
        (0.235, chest * 1.03, 0.064 * g, SHIRT, 1.0),
        (0.268, chest * 1.04, 0.055 * g, SHIRT, 1.0),
        (0.283, chest * 0.9, 0.045 * g, SHIRT, 1.0),
        (0.296, chest * 0.62, 0.036 * g, SHIRT, 1.0),
        (0.307, 0.037, 0.034, SKIN if o.open_neck else SHIRT, 1.0),
        (0.314, 0.02, 0.02, SKIN, 1.0),
    ]
    rings = [
        Ring((0.0, y, -0.004), (x, z), m, "pelvis", "chest", share) for y, x, z, m, share in shape
    ]
    b.tube(rings, 16)
    if o.skirt > 0:
        # Each side of the hem follows the leg of that side.
        wide, length = max(hips, p.hip_half + 0.055 * g), o.skirt
        rows = [
            (0.05, 0.86, 0.0),
            (0.0, 1.06, 0.2),
            (-length / 2, 1.12, 0.75),
            (-length, 1.2, 0.85),
        ]
        rings = [
            Ring(
                (0.0, y, 0.0),
                (wide * x, wide * (0.5 + 0.25 * x)),
                TROUSERS,
                "pelvis",
                THIGHS,
                share,
            )
            for y, x, share in rows
        ]
        b.tube(rings, 14)


def _head(b: Builder, p: Proportions, o: Outfit) -> None:
    neck = 0.288
    size = p.head
    chin = neck + 0.04
    for_neck = [
        Ring((0.0, neck - 0.03, -0.008), (0.034, 0.034), SKIN, "chest"),
        Ring((0.0, neck - 0.005, -0.008), (0.031, 0.031), SKIN, "chest", "head", 0.3),
        Ring((0.0, chin + 0.03, -0.004), (0.03, 0.031), SKIN, "head"),
    ]
    b.tube(for_neck, 10)
    # Height over the chin, half width, half depth, forward: fractions of the head's height.
    shape = [
        (-0.02, 0.02, 0.02, 0.16), (0.0, 0.14, 0.14, 0.13), (0.1, 0.24, 0.28, 0.08),
        (0.25, 0.31, 0.38, 0.03), (0.42, 0.335, 0.42, 0.0), (0.6, 0.345, 0.435, -0.01),
        (0.75, 0.325, 0.42, -0.02), (0.88, 0.25, 0.33, -0.03), (0.965, 0.14, 0.19, -0.03),
        (1.0, 0.01, 0.01, -0.03),
    ]  # fmt: skip
    rings = [
        Ring((0.0, chin + y * size, z * size), (w * size, d * size), SKIN, "head")
        for y, w, d, z in shape
    ]
    thick = 1.0 + max(o.hair_volume, 0.1 * o.headwear)
    rings = rings[:5] + [_wider(r, thick if i > 0 else 1.0) for i, r in enumerate(rings[5:])]

    def paint(ring: int, angle: float) -> int:
        if ring >= (5 if o.headwear else o.hairline):
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
            [Ring((0.0, chin + y * size, -0.36 * size), (w * size, d * size), HAIR, "head", "chest",
                  0.5 if y < 0 else 0.0) for y, w, d in back], 10,
        )  # fmt: skip
    _face(b, chin, size)


def _wider(ring: Ring, by: float) -> Ring:
    return replace(ring, half=(ring.half[0] * by, ring.half[1] * by))


def _face(b: Builder, chin: float, size: float) -> None:
    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return (x * size, chin + y * size, z * size)

    tip = at(0.0, 0.33, 0.53)
    for sign in (1, -1):
        side = [at(0.0, 0.52, 0.43), tip, at(sign * 0.085, 0.3, 0.41), at(sign * 0.05, 0.42, 0.415)]
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


def _arm(b: Builder, p: Proportions, o: Outfit, side: str, sign: float) -> None:
    g, s = p.build**0.8, sign * p.shoulder_half
    arm, forearm, hand = (f"{side}_{n}" for n in ("arm", "forearm", "hand"))
    shoulder, elbow = 0.278, 0.278 - p.arm
    wrist = elbow - p.forearm
    w = 0.5 + 0.5 * o.loose
    mid = SHIRT if o.sleeve > 0 else SKIN
    long_ = SHIRT if o.sleeve > 1 else SKIN
    rows = [
        (shoulder + 0.017, 0.006, mid, arm, "chest", 0.4, -0.012),
        (shoulder + 0.013, 0.02 * g, mid, arm, "chest", 0.35, -0.01),
        (shoulder - 0.002, 0.033 * g, mid, arm, "chest", 0.2, -0.003),
        (shoulder - 0.03, 0.034 * g * w, mid, arm, "", 0.0, 0.002),
        (shoulder - 0.09, 0.031 * g * w, long_, arm, "", 0.0, 0.0),
        (elbow + 0.03, 0.0265 * g * w, long_, arm, "", 0.0, 0.0),
        (elbow, 0.0255 * g * w, long_, arm, forearm, 0.5, 0.0),
        (elbow - 0.035, 0.0255 * g * w, long_, forearm, "", 0.0, 0.0),
        (elbow - 0.09, 0.021 * g * w, long_, forearm, "", 0.0, 0.0),
        (wrist + 0.008, 0.0165 * g * w, SKIN, forearm, "", 0.0, 0.0),
        (wrist - 0.01, 0.0155, SKIN, forearm, hand, 0.6, 0.0),
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
    b.tube([Ring((s, wrist + y, 0.0), (x, z), SKIN, hand) for y, x, z in palm], 8)
    thumb = [(-0.015, 0.008, 0.012), (-0.04, 0.008, 0.032), (-0.058, 0.003, 0.036)]
    b.tube([Ring((s, wrist + y, z), (r, r), SKIN, hand) for y, r, z in thumb], 6)


def _leg(b: Builder, p: Proportions, o: Outfit, side: str, sign: float) -> None:
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
        (-0.045, 0.0535 * g, upper, thigh, "pelvis", 0.15, 0.0),
        (-0.12, 0.047 * g * w, cut, thigh, "", 0.0, 0.002),
        (knee + 0.05, 0.038 * g * w, cut, thigh, "", 0.0, 0.0),
        (knee, 0.034 * g * w, lower, thigh, shin, 0.5, 0.0),
        (knee - 0.05, 0.034 * g * w, lower, shin, "", 0.0, 0.0),
        (knee - 0.09, 0.0345 * g * w, lower, shin, "", 0.0, 0.0),
        (knee - 0.165, 0.026 * g * w**1.5, lower, shin, "", 0.0, 0.0),
        (ankle + 0.004, 0.0205 * g * w**2, SOCKS, shin, "", 0.0, 0.0),
        (ankle - 0.014, 0.019, SHOES, shin, foot, 0.6, 0.0),
    ]
    rings = []
    for y, r, m, bone, other, share, dx in rows:
        calf = -0.007 if knee - 0.1 < y < knee - 0.04 else 0.0
        rings.append(Ring((x + sign * dx, y, calf - 0.003), (r, r * 1.05), m, bone, other, share))
    b.tube(rings, 12)
    sole = ankle - 0.039
    shoe = [  # along the foot, half width, top over the sole
        (-0.041, 0.001, 0.002), (-0.04, 0.016, 0.045), (-0.005, 0.024, 0.058), (0.03, 0.025, 0.047),
        (0.07, 0.0285, 0.032), (0.1, 0.022, 0.025), (0.111, 0.01, 0.016),
        (0.113, 0.001, 0.002),
    ]  # fmt: skip
    b.tube(
        [Ring((x + sign * 0.1 * max(z, 0.0), sole + top / 2, z), (half, top / 2), SHOES, foot)
         for z, half, top in shoe], 10, along=2, bias=-0.03,
    )  # fmt: skip
