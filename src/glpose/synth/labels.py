"""Full labels of the people in a rendered picture, for every supported data set.

`Scene.frame` labels what can be seen; this adds joints outside the picture, eyes, ears and belly,
and each person's mask and head box, for the data sets that label them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int8

from glpose.skeleton import POSETRACK15, Skeleton, joint_map
from glpose.synth.figure import BONES
from glpose.synth.render import OVERSAMPLING, Painted
from glpose.synth.scene import Actor, Scene, visibility_of
from glpose.types import Frame, FrameTruth

_EXTRA = ("belly", "left_eye", "right_eye", "left_ear", "right_ear")
FIGURE20 = Skeleton(
    name="figure20",
    joints=POSETRACK15.joints + _EXTRA,
    bones=POSETRACK15.bones,
    mirror=(*POSETRACK15.mirror, 15, 17, 16, 19, 18),
    oks_sigma=np.append(POSETRACK15.oks_sigma, [0.079, 0.025, 0.025, 0.035, 0.035]),
)
"""All joints known for a figure; the joints of other skeletons are looked up in it."""


@dataclass(frozen=True, slots=True, eq=False)
class PersonLabels:
    """One person in one picture, whether visible or not.

    `xy` has all joints of `FIGURE20` in pixels, even outside the picture; `visibility` is 2 if
    visible, 1 if hidden, 0 outside the picture. `mask` is the visible part of the person;
    `head_xyxy` the box of the head from the chin up, not clipped. `faces` is the direction in which
    the person faces: components to the right of the picture and away from the camera.
    """

    track_id: int
    xy: Float64[np.ndarray, "20 2"]
    visibility: Int8[np.ndarray, "20"]
    mask: Bool[np.ndarray, "h w"]
    head_xyxy: Float64[np.ndarray, "4"]
    faces: tuple[float, float]

    def joints(
        self, skeleton: Skeleton
    ) -> tuple[Float64[np.ndarray, "joints 2"], Int8[np.ndarray, " joints"]]:
        """Joints and visibility in another skeleton; joints the figure lacks are NaN with visibility 0."""
        index = joint_map(FIGURE20, skeleton)
        known = index >= 0
        xy = np.where(known[:, None], self.xy[index], np.nan)
        return xy, np.where(known, self.visibility[index], 0).astype(np.int8)

    def box(self) -> Float32[np.ndarray, "4"] | None:
        """The mask's first and last column and row, xyxy; None if nothing is seen."""
        columns, rows = np.flatnonzero(self.mask.any(0)), np.flatnonzero(self.mask.any(1))
        if len(rows) == 0:
            return None
        return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)


def label_frame(scene: Scene, index: int) -> tuple[Frame, FrameTruth, dict[int, PersonLabels]]:
    """A picture, its `FrameTruth`, and the labels of everyone in front of the camera, by track."""
    frame, painted = scene.painting(index)
    people = {}
    for number, actor in enumerate(scene.actors):
        labels = _label(scene, index, number, actor, painted)
        if labels is not None:
            people[labels.track_id] = labels
    return frame, scene.truth(index, painted), people


def _label(
    scene: Scene, index: int, number: int, actor: Actor, painted: Painted
) -> PersonLabels | None:
    view = scene.camera.at(index + 1.0)
    seen = view.see(_points(actor, index + 1.0))
    if not (seen[:, 2] > 0.2).all():
        return None
    xy = view.picture(seen)
    reach = actor.mesh.joint_reach
    nose, hip = (reach[POSETRACK15.index(joint)] for joint in ("nose", "left_hip"))
    reach = np.append(reach, [hip, nose, nose, nose, nose])
    visibility = visibility_of(xy, seen[:, 2], reach, number, painted, scene.spec.size_hw)
    left, right = (seen[POSETRACK15.index(f"{side}_shoulder")] for side in ("left", "right"))
    across = left - right
    return PersonLabels(
        number + 1,
        xy,
        visibility.astype(np.int8),
        _mask(painted, number),
        _head_box(actor, painted, number),
        (float(across[2]), float(-across[0])),
    )


def _points(actor: Actor, time: float) -> Float64[np.ndarray, "20 3"]:
    """The joints of `FIGURE20` in the world."""
    joints = actor.joints(time)
    at = {name: joints[i] for i, name in enumerate(POSETRACK15.joints)}
    shoulders = (at["left_shoulder"] + at["right_shoulder"]) / 2
    hips = (at["left_hip"] + at["right_hip"]) / 2
    belly = shoulders + 0.65 * (hips - shoulders)  # as in LSTM Pose Machines for JHMDB
    head = BONES.index("head")
    now = int(time)  # frames are at whole samples
    rotation, origin = actor.bones.rotation[now, head], actor.bones.origin[now, head]
    face = _face(actor.mesh.joint_local[POSETRACK15.index("nose")]) @ rotation.T + origin
    return np.concatenate([joints, belly[None], face])


def _face(nose: Float[np.ndarray, "3"]) -> Float64[np.ndarray, "4 3"]:
    """Eyes and ears relative to the head's bone, from the nose, with the proportions of `body.py`."""
    size = nose[2] / 0.53
    height = (nose[1] - 0.4 * size) / 0.038
    low, back = 0.04 * height, 0.006 * height
    return np.array(
        [(side * x * size, low + y * size, back + z * size)
         for x, y, z in ((0.145, 0.52, 0.41), (0.34, 0.45, 0.0)) for side in (1, -1)]
    )  # fmt: skip


def _mask(painted: Painted, number: int) -> Bool[np.ndarray, "h w"]:
    mine = painted.owner[painted.face_map] == number
    h, w = (side // OVERSAMPLING for side in mine.shape)
    parts = mine.reshape(h, OVERSAMPLING, w, OVERSAMPLING).sum((1, 3))
    return parts * 2 >= OVERSAMPLING**2


def _head_box(actor: Actor, painted: Painted, number: int) -> Float64[np.ndarray, "4"]:
    mesh = actor.mesh
    on_head = (mesh.bones[:, 0] == BONES.index("head")) & (mesh.share[:, 0] > 0.75)
    outline = painted.xy[number][on_head]
    return np.concatenate([outline.min(0), outline.max(0)]).astype(np.float64)
