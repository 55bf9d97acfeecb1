"""Windows of motion in space, projected anew for each sample, and held-out ones to score on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int64

from glpose.errors import BadConfig, BadInput
from glpose.formats.motion import Motion, read_motions
from glpose.formats.sets import DATASETS
from glpose.runtime.lift import LEAST_JOINTS, network_inputs, person_frame
from glpose.skeleton import LIMB13, POSETRACK15, SKELETONS, Skeleton, joint_map
from glpose.synth.figure import random_proportions, rest_joints, rest_origins
from glpose.synth.ground import travel
from glpose.synth.motion import act, random_action
from glpose.systems.dg_net.camera import see
from glpose.systems.dg_net.spec import MOCAP, RATE_HZ, SYNTH, DgNetConfig, MotionConfig
from glpose.train.system import ArrayBatch

FILE = "bandai_namco_17_15hz.npz"

HELD_OUT = (
    "bow", "guide", "kick", "slash", "dash", "raise-up-both-hands", "walk-turn-left",
    "walk-turn-right",
)  # fmt: skip
"""The actions of the motion capture that are only scored on: all recordings of each, in both parts.

Mirror images of each other are on the same side. The file names no performer.
"""

_SYNTH_SAMPLES = 96
_HELD_EVERY = 5
"""Every fifth procedural clip is held out."""

# Bones of motion capture, by the joints they lead to, get a length of their own: at least and at
# most this factor. Its joints at shoulders and hips are closer to the middle than what people label
# (0.13 of the height between the shoulders; Drillis and Contini have 0.26 over all and joint
# centres at about 0.21), and its upper arms are short.
_FACTORS = {
    "shoulder": (1.3, 1.9),
    "hip": (1.2, 1.8),
    "elbow": (1.05, 1.35),
    "wrist": (0.95, 1.2),
    "knee": (0.93, 1.07),
    "ankle": (0.93, 1.07),
    "neck": (0.93, 1.1),
}
# Stature over the sum of thigh, shank and trunk: the thigh is 0.245 of the stature (Drillis and
# Contini, 1966), and the three are 0.391, 0.410 and 0.410 m in the file.
_STATURE = 0.391 / 0.245 / (0.391 + 0.410 + 0.410)


@dataclass(frozen=True, slots=True, eq=False)
class Motions:
    """Clips one after the other, in metres; `stature` is the height of each, NaN where to be found."""

    xyz: Float32[np.ndarray, "frames joints 3"]
    start: Int64[np.ndarray, " clips"]
    length: Int64[np.ndarray, " clips"]
    stature: Float[np.ndarray, " clips"]
    names: tuple[str, ...]

    @classmethod
    def of(cls, motions: Sequence[Motion], stature: Sequence[float]) -> Motions:
        """The motions of some clips."""
        length = np.array([len(m.xyz) for m in motions], np.int64)
        xyz = np.concatenate([m.xyz for m in motions])
        names = tuple(m.name for m in motions)
        return cls(xyz, np.cumsum(length) - length, length, np.array(stature, float), names)

    def windows(
        self, clip: Int64[np.ndarray, " n"], key: Int64[np.ndarray, " n"], window: int
    ) -> Float32[np.ndarray, "n window joints 3"]:
        """Samples around keys of clips; beyond the ends the last one is repeated."""
        reach = np.arange(-(window // 2), window // 2 + 1)
        at = np.clip(key[:, None] + reach, 0, self.length[clip, None] - 1)
        return self.xyz[self.start[clip, None] + at]


def is_held_out(name: str) -> bool:
    """Whether a clip of the motion capture is only scored on: part_action_style_number."""
    return name.split("_", 1)[-1].rsplit("_", 2)[0] in HELD_OUT


def open_motions(
    how: MotionConfig, roots: Mapping[str, str], joints: Skeleton, *, held: bool
) -> dict[str, Motions]:
    """The training or the held-out motions of each source.

    Raises: BadConfig for joints that a source lacks and for a set without a folder, BadInput for one
    that cannot be read.
    """
    made: dict[str, Motions] = {}
    for source in how.sources:
        if source == SYNTH:
            made[source] = synth_motions(how.num_synth_clips, joints, held=held)
            continue
        root = roots[DATASETS[source].root]
        if not root:
            raise BadConfig(
                f"the set {source} has no folder; expected --data "
                f"{DATASETS[source].root}=FOLDER, or --synth-only"
            )
        _all_joints(LIMB13, joints, "other bodies of motion capture")
        clips = read_motions(Path(root) / FILE, joints)
        if any(clip.rate_hz != RATE_HZ for clip in clips):
            raise BadConfig(
                f"{root}: motions at {clips[0].rate_hz:g} samples a second; expected {RATE_HZ:g}"
            )
        clips = [clip for clip in clips if is_held_out(clip.name) == held]
        if not clips:
            raise BadInput(
                f"{Path(root) / FILE}: no motion of an action that {_part(held=held)}; expected the "
                "whole file, with actions of both kinds"
            )
        made[source] = Motions.of(clips, [np.nan] * len(clips))
    return made


def synth_motions(num: int, joints: Skeleton, *, held: bool) -> Motions:
    """Procedural figures; of `num` clips every fifth is held out.

    Raises: BadConfig if there are none of the kind, or our figures lack a joint.
    """
    index = _all_joints(POSETRACK15, joints, "our procedural figures")
    clips, statures = [], []
    for number in range(num):
        if (number % _HELD_EVERY == 0) != held:
            continue
        rng = np.random.default_rng([number, 21])
        person, action = random_proportions(rng), random_action(rng)
        angles = act(rng, action, np.arange(_SYNTH_SAMPLES) / RATE_HZ)
        bones, _ = travel(person, angles, action)
        on, rest = rest_joints(person)
        origins = np.stack(list(rest_origins(person).values()))
        xyz = bones.place(on, rest - origins[on])[:, index]
        clips.append(Motion(f"synth_{number}", xyz.astype(np.float32), RATE_HZ))
        statures.append(person.height)
    if not clips:
        raise BadConfig(
            f"data.num_synth_clips is {num}, and no clip {_part(held=held)}: every fifth is held out, "
            "beginning with the first; expected at least 2"
        )
    return Motions.of(clips, statures)


def _all_joints(
    known: Skeleton, wanted: Skeleton, whose: str
) -> Int64[np.ndarray, " wanted_joints"]:
    """Where the joints of `wanted` are among those that are known, all of them."""
    index = joint_map(known, wanted)
    if index.min() < 0:
        fit = [s.name for s in SKELETONS.values() if joint_map(known, s).min() >= 0]
        raise BadConfig(
            f"model.skeleton is {wanted.name}, but {whose} have no "
            f"'{wanted.joints[index.argmin()]}'; expected {', '.join(fit)}"
        )
    return index


def _part(*, held: bool) -> str:
    return "is held out to be scored on" if held else "is left to train on"


def other_body(
    rng: np.random.Generator, xyz: Float32[np.ndarray, "n window joints 3"], joints: Skeleton
) -> tuple[Float[np.ndarray, "n window joints 3"], Float[np.ndarray, " n"]]:
    """The same motion by people with other proportions, left as right, and their statures."""
    at = joints.index
    hips = (xyz[:, :, at("left_hip")] + xyz[:, :, at("right_hip")]) / 2
    out = np.empty(xyz.shape)

    def factor(part: str) -> np.ndarray:
        return rng.uniform(*_FACTORS[part], len(xyz))[:, None, None]

    trunk = factor("neck") * (xyz[:, :, at("neck")] - hips)
    out[:, :, at("neck")] = hips + trunk
    chains = (("neck", "shoulder", "elbow", "wrist"), ("", "hip", "knee", "ankle"))
    for first, *parts in chains:
        factors = [factor(part) for part in parts]
        for side in ("left", "right"):
            old = xyz[:, :, at(first)] if first else hips
            new = out[:, :, at(first)] if first else hips
            for part, scale in zip(parts, factors, strict=True):
                joint = at(f"{side}_{part}")
                new = new + scale * (xyz[:, :, joint] - old)
                old = xyz[:, :, joint]
                out[:, :, joint] = new
    length = np.linalg.norm(trunk[:, 0], axis=-1)
    for a, b in (("hip", "knee"), ("knee", "ankle")):
        bone = out[:, 0, at(f"left_{a}")] - out[:, 0, at(f"left_{b}")]
        length = length + np.linalg.norm(bone, axis=-1)
    return out, _STATURE * length


class LiftData:
    """Batches of windows, see `train.system.TrainData`.

    Arrays of a batch: `joints` and `known`, the inputs of the network; `pose` in statures; `counts`,
    which joints of the pose count: those that are known in the picture.
    """

    num_samples, has_epochs = None, False
    """Cameras are random."""

    def __init__(
        self, motions: Mapping[str, Motions], model: DgNetConfig, how: MotionConfig, seed: int
    ) -> None:
        self._motions, self._model, self._how, self._seed = dict(motions), model, how, seed

    def describe(self, step: int) -> None:
        """Samples are made together; a row has no name."""
        del step

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """The rows of a step, each from a generator of its own."""
        made = [self._batch(np.random.default_rng([self._seed, step, n]), 1) for n in numbers]
        return {name: np.concatenate([m[name] for m in made]) for name in made[0]}

    def many(self, seed: Sequence[int], num: int) -> ArrayBatch:
        """That many windows at once, which the numbers of `seed` determine."""
        return self._batch(np.random.default_rng([self._seed, *seed]), num)

    def _batch(self, rng: np.random.Generator, num: int) -> ArrayBatch:
        names = list(self._motions)
        if len(names) == 1:
            counts = {names[0]: num}
        else:
            synth = int(rng.binomial(num, self._how.synth_share))
            counts = {SYNTH: synth, MOCAP: num - synth}
        parts = [self._of(rng, name, count) for name, count in counts.items() if count]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _of(self, rng: np.random.Generator, source: str, num: int) -> ArrayBatch:
        held, model = self._motions[source], self._model
        # A clip is as likely as it is long.
        frame = rng.integers(held.length.sum(), size=num)
        clip = np.searchsorted(held.start, frame, side="right") - 1
        xyz = held.windows(clip, frame - held.start[clip], model.window)
        stature = held.stature[clip]
        if source == MOCAP:
            xyz, stature = other_body(rng, xyz, model.joints)
        mirror = model.joints.mirror
        flip = rng.random(num) < 0.5
        mirrored = xyz[:, :, list(mirror)] * np.array([-1, 1, 1])
        xyz = np.where(flip[:, None, None, None], mirrored, xyz)
        seen = see(rng, xyz, model.roots, mirror, self._how)
        joints, known = network_inputs(person_frame(seen.xy), seen.found)
        middle = known[:, model.window // 2]
        counts = middle * (middle.sum(1, keepdims=True) >= LEAST_JOINTS)
        pose = seen.pose / stature[:, None, None]
        return {
            "joints": joints,
            "known": known,
            "pose": pose.astype(np.float32),
            "counts": counts.astype(np.float32),
        }
