"""Settings of DG-Net: the network, and what it is trained on. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from glpose.config import check_pairs, check_ranges
from glpose.errors import BadConfig
from glpose.formats.tracks_in_space import LIFT_SETS
from glpose.skeleton import Skeleton, by_name
from glpose.train.recipe import Recipe

RATE_HZ = 15.0
"""Samples in a second: that of our motion capture."""

SYNTH, MOCAP = "synth", "mocap"

PUBLISHED = tuple(LIFT_SETS)
"""Sets of `formats.tracks_in_space`: real cameras, and a person's true pose in each frame."""


@dataclass(frozen=True, slots=True)
class DgNetConfig:
    """A window of samples, and one block for each of `strides`.

    A block is [DSG + static] -> [DTG + static] -> convolution over time, see `nets.joint_graphs`; a
    stride of 3 leaves a third of the samples. `dynamic` and `static` switch the branches, and
    `static_beside_motion` the second static one, which runs of 0.6.0 lack; without the dynamic ones
    the static graph takes the place of both. `num_neighbours` is K. DSG measures
    positions in the first block and features after it, or `places` everywhere; DTG compares how the
    positions move, or in blocks after the first one the features (`moves`), unless a single sample
    is left there, which does not move. `frame` is that of joints and poses, see
    `runtime.card.LiftCard`: that of the camera for the published sets, of the person for ours.

    The sizes are ours: the paper's were not at hand.
    """

    skeleton: str = "limb13"
    root: tuple[str, ...] = ("left_hip", "right_hip")
    strides: tuple[int, ...] = (3, 3, 3)
    width: int = 64
    num_neighbours: int = 3
    dynamic: bool = True
    static: bool = True
    static_beside_motion: bool = False
    places: Literal["features", "positions"] = "features"
    moves: Literal["positions", "features"] = "positions"
    likeness: Literal["distance", "cosine"] = "distance"
    dropout: float = 0.1
    frame: Literal["person", "camera"] = "person"

    def __post_init__(self) -> None:
        if 3 not in self.strides or not set(self.strides) <= {1, 3}:
            raise BadConfig(
                f"strides is {list(self.strides)}; expected 1s and 3s, and at least one 3"
            )
        most = len(self.joints.joints) - 1
        check_ranges(self, width=(1, 4096), num_neighbours=(1, most), dropout=(0, 0.9))
        if not (self.dynamic or self.static):
            raise BadConfig("dynamic and static are both off; expected at least one branch")
        if not self.root:
            raise BadConfig("root is empty; expected at least one joint")
        for joint in self.root:
            self.joints.index(joint)

    @property
    def joints(self) -> Skeleton:
        """The joints of the tracks and of the poses."""
        return by_name(self.skeleton)

    @property
    def roots(self) -> tuple[int, ...]:
        """The joints whose mean is the origin."""
        return tuple(map(self.joints.index, self.root))

    @property
    def window(self) -> int:
        """The number of samples T: what the strides reduce to one."""
        return math.prod(self.strides)


@dataclass(frozen=True, slots=True)
class MotionConfig:
    """Motions in space, seen by random cameras, with the errors of our own 2D joints.

    Motions are those of the `sources`: motion capture ("mocap") and our own procedural
    figures ("synth"), of which a share `synth_share` of the samples is taken if both are there.
    Bodies of motion capture are given other proportions. Cameras: degrees above the person, metres
    away, degrees that the person is off the middle. `held_samples` windows of held-out clips are
    scored.

    The errors are what `bench/lift_noise.py` measures, as shares of the person's size: `noise` is
    the deviation of one axis, `likeness` the correlation from sample to sample, `gross_share` of
    the joints are off by `gross`; `missed_share` of the joints are missing in runs of about
    `missed_run` samples. In a share `cut_share` of the samples a limb or the neck is missing
    altogether.

    Or the one source is a set of `PUBLISHED`, seen by its own cameras, whose joints in the picture
    are its own ("gt") or those of a detector, by the name in its file (`points`). Only `points` and
    `held_samples` count then, and the windows scored are those of its test part.
    """

    sources: tuple[str, ...] = (MOCAP, SYNTH)
    synth_share: float = 0.5
    num_synth_clips: int = 400
    above_deg: tuple[float, float] = (-12.0, 40.0)
    distance_m: tuple[float, float] = (2.2, 12.0)
    off_middle_deg: float = 22.0
    roll_deg: float = 4.0
    follow_share: float = 0.4
    noise: float = 0.036
    likeness: float = 0.65
    gross_share: float = 0.25
    gross: float = 0.15
    missed_share: float = 0.01
    missed_run: float = 2.0
    cut_share: float = 0.25
    held_samples: int = 2000
    points: str = "gt"

    def __post_init__(self) -> None:
        share = (0, 1)
        check_ranges(self, synth_share=share, follow_share=share, gross_share=share)
        check_ranges(self, missed_share=share, cut_share=share, likeness=(0, 0.999))
        check_ranges(self, off_middle_deg=(0, 89), roll_deg=(0, 180), noise=(0, 10), gross=(0, 10))
        check_ranges(self, num_synth_clips=(1, 10**6), held_samples=(1, 10**6))
        check_ranges(self, missed_run=(1, 1000))
        check_pairs(self, above_deg=(-89, 89), distance_m=(1, 1000))
        if self.published:
            return
        known = {SYNTH, MOCAP}
        if not self.sources or not set(self.sources) <= known:
            raise BadConfig(
                f"sources are {list(self.sources)}; expected some of {', '.join(sorted(known))}, or "
                f"one of {', '.join(PUBLISHED)} alone"
            )

    @property
    def published(self) -> str:
        """The set of `PUBLISHED` that this is, or ""."""
        return self.sources[0] if len(self.sources) == 1 and self.sources[0] in PUBLISHED else ""

    def set_names(self) -> tuple[str, ...]:
        """The sources."""
        return self.sources

    def synth_only(self) -> MotionConfig:
        """The same with few procedural figures, for trying things out.

        Raises: BadConfig for a published set, whose joints our figures lack.
        """
        if self.published:
            raise BadConfig(
                f"{self.published} has no synthetic form; try --synth-only with the recipe lift_small"
            )
        return replace(self, sources=(SYNTH,), num_synth_clips=40, held_samples=200)


Settings = Recipe[DgNetConfig, MotionConfig]
"""The recipe type of this system."""
