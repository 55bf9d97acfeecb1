"""Joint sets as data: names, bones, mirror pairs, OKS sigmas, and maps between sets.

Start with `POSETRACK15`, the skeleton of the shipped model. `joint_map` says where each joint of
one set is found in another; joints that the source lacks have index -1, and `convert` gives them
NaN coordinates and score 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import SupportsIndex

import numpy as np
from jaxtyping import Float, Float32, Int64

from glpose.errors import BadInput


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """A named, ordered set of joints.

    `bones` are pairs of joint indices to draw; `mirror[j]` is the joint that j becomes in a
    mirrored picture; `oks_sigma` are the per-joint constants of object keypoint similarity.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    mirror: tuple[int, ...]
    oks_sigma: Float[np.ndarray, " joints"]

    def index(self, joint: str) -> int:
        """The position of a joint; `neck` and `head_bottom` are one joint, and `face` and `nose`.

        Raises: BadInput if the set lacks it.
        """
        found = find_joints(self, (joint,))
        if not found:
            raise BadInput(
                f"skeleton {self.name} has no joint '{joint}'; it has: {', '.join(self.joints)}"
            )
        return found[0]

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple:
        """One of ours stays that very one when it is copied or sent to another process."""
        if SKELETONS.get(self.name) is self:
            return by_name, (self.name,)
        return object.__reduce_ex__(self, protocol)


_LIMB_SIGMA = {
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
    "eye": 0.025,
    "ear": 0.035,
}
_BODY_SIGMA = {"nose": 0.026}


def _sigma(joint: str) -> float:
    # COCO publishes constants for its own 17 joints only; head_top, head_bottom, belly and the like
    # get the shoulder's 0.079, as in the PoseTrack configurations of the HRNet family.
    if joint in _BODY_SIGMA:
        return _BODY_SIGMA[joint]
    return _LIMB_SIGMA.get(joint.rpartition("_")[2], 0.079)


def _mirror(joints: tuple[str, ...]) -> tuple[int, ...]:
    def other(joint: str) -> str:
        side, _, part = joint.partition("_")
        opposite = {"left": "right", "right": "left"}.get(side)
        return f"{opposite}_{part}" if opposite else joint

    return tuple(joints.index(other(joint)) for joint in joints)


def _skeleton(
    name: str, joints: str, bones: str, sigma: Mapping[str, float] = MappingProxyType({})
) -> Skeleton:
    names = tuple(joints.split())
    pairs = [bone.split("-") for bone in bones.split()]
    return Skeleton(
        name=name,
        joints=names,
        bones=tuple((names.index(a), names.index(b)) for a, b in pairs),
        mirror=_mirror(names),
        oks_sigma=np.array([sigma.get(joint, _sigma(joint)) for joint in names]),
    )


_LIMB_BONES = (
    "left_shoulder-left_elbow left_elbow-left_wrist "
    "right_shoulder-right_elbow right_elbow-right_wrist "
    "left_hip-left_knee left_knee-left_ankle right_hip-right_knee right_knee-right_ankle "
)
_TRUNK_BONES = "left_shoulder-left_hip right_shoulder-right_hip left_hip-right_hip "

POSETRACK15 = _skeleton(
    "posetrack15",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist head_bottom nose head_top",
    _LIMB_BONES
    + _TRUNK_BONES
    + "head_bottom-left_shoulder head_bottom-right_shoulder head_bottom-nose nose-head_top",
)
"""The official PoseTrack order; `head_bottom` is the neck (the upper end of the throat)."""

POSETRACK17 = _skeleton(
    "posetrack17",
    "nose head_bottom head_top left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle",
    _LIMB_BONES
    + _TRUNK_BONES
    + "head_bottom-left_shoulder head_bottom-right_shoulder head_bottom-nose nose-head_top",
)
"""The COCO-like 17 slots of PoseTrack training files; the ears are never labelled."""

COCO17 = _skeleton(
    "coco17",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle",
    _LIMB_BONES
    + _TRUNK_BONES
    + "left_shoulder-right_shoulder nose-left_eye nose-right_eye left_eye-left_ear "
    "right_eye-right_ear",
)

BODY19 = _skeleton(
    "body19",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle head_bottom head_top",
    _LIMB_BONES
    + _TRUNK_BONES
    + "head_bottom-left_shoulder head_bottom-right_shoulder head_bottom-nose nose-head_top "
    "nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear",
)
"""COCO's joints in its order, then PoseTrack's neck and head top: contains both sets."""

JHMDB15 = _skeleton(
    "jhmdb15",
    "neck belly face right_shoulder left_shoulder right_hip left_hip right_elbow left_elbow "
    "right_knee left_knee right_wrist left_wrist right_ankle left_ankle",
    _LIMB_BONES
    + "neck-face neck-belly neck-left_shoulder neck-right_shoulder belly-left_hip belly-right_hip",
)

LSP14 = _skeleton(
    "lsp14",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist neck head_top",
    _LIMB_BONES + _TRUNK_BONES + "neck-left_shoulder neck-right_shoulder neck-head_top",
)

TUD13 = _skeleton(
    "tud13",
    "right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip "
    "right_knee right_ankle left_hip left_knee left_ankle head",
    _LIMB_BONES + _TRUNK_BONES + "left_shoulder-right_shoulder",
)
"""Pedestrians in side view; `head` is the middle of the head."""

HIEVE14 = _skeleton(
    "hieve14",
    "nose chest right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle",
    _LIMB_BONES + _TRUNK_BONES + "nose-chest chest-left_shoulder chest-right_shoulder",
    sigma={"nose": 0.079},
)
"""Surveillance of crowds (humaninevents.org); `chest` is the middle of the shoulders.

Sigmas are COCO's, and 0.079 for nose and chest, as in Zepyhrus/hie, whose right shoulder of 0.071
looks like a slip.
"""

LIMB13 = _skeleton(
    "limb13",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist neck",
    _LIMB_BONES + _TRUNK_BONES + "neck-left_shoulder neck-right_shoulder",
)
"""The limbs and the neck: what labels of pictures and motion capture have in common."""

H36M17 = _skeleton(
    "h36m17",
    "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax nose "
    "head_top left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist",
    _LIMB_BONES + "pelvis-left_hip pelvis-right_hip pelvis-spine spine-thorax thorax-nose "
    "nose-head_top thorax-left_shoulder thorax-right_shoulder",
)
"""Human3.6M as it is used for lifting: `pelvis` is the root, `spine` the middle of the trunk."""

HUMANEVA15 = _skeleton(
    "humaneva15",
    "pelvis thorax left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist "
    "left_hip left_knee left_ankle right_hip right_knee right_ankle head",
    _LIMB_BONES + "pelvis-left_hip pelvis-right_hip pelvis-thorax thorax-head "
    "thorax-left_shoulder thorax-right_shoulder",
)
"""HumanEva-I as it is used for lifting: `pelvis` is the root."""

MPI17 = _skeleton(
    "mpi17",
    "head_top neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle pelvis spine head",
    _LIMB_BONES
    + "pelvis-left_hip pelvis-right_hip pelvis-spine spine-neck neck-head head-head_top "
    "neck-left_shoulder neck-right_shoulder",
)
"""The relevant joints of MPI-INF-3DHP: `pelvis` is the root."""

SKELETONS = {
    s.name: s
    for s in (
        POSETRACK15, POSETRACK17, COCO17, BODY19, JHMDB15, LSP14, TUD13, HIEVE14, LIMB13, H36M17,
        HUMANEVA15, MPI17,
    )
}  # fmt: skip

# JHMDB's `face` is a point on the face, close to the nose.
_SAME = {"neck": "head_bottom", "face": "nose"}


def by_name(name: str) -> Skeleton:
    """The skeleton of that name. Raises BadInput, listing the known ones."""
    if name not in SKELETONS:
        raise BadInput(f"unknown skeleton '{name}'; known: {', '.join(sorted(SKELETONS))}")
    return SKELETONS[name]


def joint_map(source: Skeleton, target: Skeleton) -> Int64[np.ndarray, " target_joints"]:
    """For each joint of `target` its index in `source`, or -1 where the source lacks it."""
    return np.array([_place(source.joints, joint) for joint in target.joints], np.int64)


def find_joints(skeleton: Skeleton, joints: Iterable[str]) -> list[int]:
    """The positions of those of some joints that a set has, under either name as in `index`."""
    return [place for joint in joints if (place := _place(skeleton.joints, joint)) >= 0]


def _place(joints: Sequence[str], joint: str) -> int:
    """Where a joint is among others, or -1: by its name, or else by the other one."""
    if joint in joints:
        return joints.index(joint)
    names = [_SAME.get(name, name) for name in joints]
    name = _SAME.get(joint, joint)
    return names.index(name) if name in names else -1


def convert(
    xy: Float32[np.ndarray, "*people joints 2"],
    score: Float32[np.ndarray, "*people joints"],
    source: Skeleton,
    target: Skeleton,
) -> tuple[Float32[np.ndarray, "*people target 2"], Float32[np.ndarray, "*people target"]]:
    """Express joints of one set in another; what the source lacks is NaN with score 0."""
    index = joint_map(source, target)
    missing = index < 0
    xy, score = xy[..., index, :].copy(), score[..., index].copy()
    xy[..., missing, :] = np.nan
    score[..., missing] = 0
    return xy, score
