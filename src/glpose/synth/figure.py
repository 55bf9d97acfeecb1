"""The figure's skeleton: proportions, and forward kinematics from joint angles to bones.

Figure space is in metres: y up, the figure faces +z at heading 0, and its anatomical left is +x.
A camera in front of it therefore sees its left limbs on the right of the picture.
At rest (all angles 0) it stands upright with arms hanging, the middle of the hips at the origin.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from glpose.skeleton import POSETRACK15

SIDES = ("left", "right")
_PARTS = ("arm", "forearm", "hand", "thigh", "shin", "foot")
BONES = ["pelvis", "chest", "head"] + [f"{side}_{part}" for side in SIDES for part in _PARTS]

Angles = dict[str, Float64[np.ndarray, "..."]]
"""Angles in radians over time, by the names in `LIMITS`; limbs are prefixed `left_` or `right_`.

A scalar is constant over time.
"""

# Range of motion of a healthy body, in degrees. Knees bend only backwards, elbows only forwards.
LIMITS = {
    "heading": (-1e6, 1e6),
    "pitch": (-180, 180),
    "roll": (-180, 180),
    "spine_bend": (-25, 80),
    "spine_side": (-30, 30),
    "spine_twist": (-45, 45),
    "head_nod": (-45, 50),
    "head_side": (-35, 35),
    "head_turn": (-75, 75),
    "arm_flex": (-50, 178),
    "arm_abduct": (-20, 175),
    "arm_twist": (-80, 90),
    "elbow": (2, 148),
    "wrist": (-60, 60),
    "hip_flex": (-30, 125),
    "hip_abduct": (-20, 60),
    "hip_twist": (-35, 40),
    "knee": (1, 140),
    "ankle": (-50, 35),
}
_TRUNK = ("heading", "pitch", "roll") + tuple(n for n in LIMITS if n.startswith(("spine", "head_")))
_LIMB = tuple(n for n in LIMITS if n not in _TRUNK)
ANGLE_NAMES = _TRUNK + tuple(f"{side}_{n}" for side in SIDES for n in _LIMB)


@dataclass(frozen=True, slots=True)
class Proportions:
    """`height` in metres, other sizes as fractions of it; `build` scales the girth of all parts."""

    height: float = 1.75
    head: float = 0.131
    shoulder_half: float = 0.107
    hip_half: float = 0.055
    arm: float = 0.172
    forearm: float = 0.15
    thigh: float = 0.245
    shin: float = 0.243
    build: float = 1.0


def random_proportions(rng: np.random.Generator) -> Proportions:
    """An adult or, with probability 1/6, a child."""
    child = rng.random() < 1 / 6
    height = rng.uniform(1.1, 1.45) if child else rng.normal(1.71, 0.09)
    vary = lambda mean, share: mean * float(np.clip(rng.normal(1, share), 0.8, 1.2))  # noqa: E731
    return Proportions(
        height=float(np.clip(height, 1.1, 2.05)),
        head=vary(0.158 if child else 0.133, 0.03),
        shoulder_half=vary(0.1 if child else 0.106, 0.06),
        hip_half=vary(0.056, 0.07),
        arm=vary(0.172, 0.03),
        forearm=vary(0.15, 0.03),
        thigh=vary(0.245, 0.03),
        shin=vary(0.243, 0.03),
        build=float(np.clip(rng.lognormal(0.0, 0.13), 0.8, 1.45)),
    )


def rest_origins(p: Proportions) -> dict[str, Float64[np.ndarray, "3"]]:
    """The origin of each bone at rest, in metres relative to the middle of the hips."""
    waist, shoulder, neck = 0.075, 0.278, 0.288
    origins: dict[str, tuple[float, float, float]] = {
        "pelvis": (0, 0, 0),
        "chest": (0, waist, -0.004),
        "head": (0, neck, -0.006),
    }
    for side, sign in zip(SIDES, (1, -1), strict=True):
        x = sign * p.shoulder_half
        origins[f"{side}_arm"] = (x, shoulder, -0.004)
        origins[f"{side}_forearm"] = (x, shoulder - p.arm, -0.004)
        origins[f"{side}_hand"] = (x, shoulder - p.arm - p.forearm, -0.004)
        x = sign * p.hip_half
        origins[f"{side}_thigh"] = (x, 0, 0)
        origins[f"{side}_shin"] = (x, -p.thigh, 0)
        origins[f"{side}_foot"] = (x, -p.thigh - p.shin, -0.006)
    return {bone: np.array(origins[bone]) * p.height for bone in BONES}


def rest_joints(p: Proportions) -> tuple[list[int], Float64[np.ndarray, "joints 3"]]:
    """Bone and rest position of each joint of POSETRACK15."""
    origins = rest_origins(p)
    neck = origins["head"]
    up, forward = np.array([0, p.height, 0]), np.array([0, 0, p.height])
    top = (p.head + 0.038) * up
    special = {
        "head_bottom": neck + 0.014 * up,
        "nose": neck + 0.038 * up + p.head * (0.4 * up + 0.53 * forward),
        "head_top": neck + 0.985 * top,
    }
    part = {"shoulder": "arm", "elbow": "forearm", "wrist": "hand"}
    part |= {"hip": "thigh", "knee": "shin", "ankle": "foot"}
    bones, rest = [], []
    for joint in POSETRACK15.joints:
        side, _, name = joint.partition("_")
        bone = "head" if joint in special else f"{side}_{part[name]}"
        bones.append(BONES.index(bone))
        rest.append(special.get(joint, origins[bone]))
    return bones, np.array(rest)


def _about(axis: int, angle: Float64[np.ndarray, " time"]) -> Float64[np.ndarray, "time 3 3"]:
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((len(angle), 3, 3))
    out[:, axis, axis] = 1
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out


def limited(angles: Angles) -> Angles:
    """All angles, clipped to `LIMITS`; missing ones are 0."""
    num = max(len(np.atleast_1d(a)) for a in angles.values())
    out = {}
    for name in ANGLE_NAMES:
        low, high = LIMITS[name.removeprefix("left_").removeprefix("right_")]
        value = np.broadcast_to(np.asarray(angles.get(name, 0.0), float), num)
        out[name] = np.clip(value, np.deg2rad(low), np.deg2rad(high))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """Rotation and origin of every bone over time; origins in metres."""

    rotation: Float[np.ndarray, "time bones 3 3"]
    origin: Float[np.ndarray, "time bones 3"]

    def place(
        self, bones: list[int], local: Float[np.ndarray, "points 3"]
    ) -> Float[np.ndarray, "time points 3"]:
        """Move points that are fixed to bones; `local` is relative to the bone's origin at rest."""
        turned = np.einsum("tpij,pj->tpi", self.rotation[:, bones], local)
        return turned + self.origin[:, bones]


def pose(p: Proportions, angles: Angles) -> Bones:
    """Forward kinematics with the middle of the hips at the origin."""
    a = limited(angles)
    rest = rest_origins(p)
    x, y, z = 0, 1, 2
    root = _about(y, a["heading"]) @ _about(x, a["pitch"]) @ _about(z, a["roll"])
    chest = root @ _about(x, a["spine_bend"]) @ _about(z, a["spine_side"])
    chest = chest @ _about(y, a["spine_twist"])
    head = chest @ _about(y, a["head_turn"]) @ _about(x, a["head_nod"])
    rotation = {"pelvis": root, "chest": chest, "head": head @ _about(z, a["head_side"])}
    for side, out in zip(SIDES, (1, -1), strict=True):  # outward is positive

        def angle(name: str, side: str = side) -> np.ndarray:
            return a[f"{side}_{name}"]

        arm = chest @ _about(z, out * angle("arm_abduct")) @ _about(x, -angle("arm_flex"))
        arm = arm @ _about(y, out * angle("arm_twist"))
        forearm = arm @ _about(x, -angle("elbow"))
        thigh = root @ _about(z, out * angle("hip_abduct")) @ _about(x, -angle("hip_flex"))
        thigh = thigh @ _about(y, out * angle("hip_twist"))
        shin = thigh @ _about(x, angle("knee"))
        rotation |= {f"{side}_arm": arm, f"{side}_forearm": forearm}
        rotation |= {f"{side}_hand": forearm @ _about(z, -out * angle("wrist"))}
        rotation |= {f"{side}_thigh": thigh, f"{side}_shin": shin}
        rotation |= {f"{side}_foot": shin @ _about(x, -angle("ankle"))}
    origin = {"pelvis": np.zeros((len(root), 3))}
    for bone in BONES[1:]:
        parent = _parent(bone)
        origin[bone] = origin[parent] + rotation[parent] @ (rest[bone] - rest[parent])
    return Bones(np.stack([rotation[b] for b in BONES], 1), np.stack([origin[b] for b in BONES], 1))


def _parent(bone: str) -> str:
    if bone in ("chest", "head"):
        return {"chest": "pelvis", "head": "chest"}[bone]
    side, _, part = bone.partition("_")
    above = {"arm": "chest", "thigh": "pelvis"}
    inner = {"forearm": "arm", "hand": "forearm", "shin": "thigh", "foot": "shin"}
    return above[part] if part in above else f"{side}_{inner[part]}"
