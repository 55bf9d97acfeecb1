"""The codec protocol for pipeline and training: joints to maps, maps to joints, and mirroring.

A network's output is a dictionary of named arrays (n, channels, h, w); only the codec knows which
maps there are and what their channels mean.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32

from glpose.types import Affine, CropSpec, Decoding

Maps = dict[str, np.ndarray]
"""Maps by name, float32 (n, channels, h, w)."""


@runtime_checkable
class Codec(Protocol):
    """One representation of joints as maps: its settings and arithmetic."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the maps."""
        ...

    def channels(self, num_joints: int) -> dict[str, int]:
        """Names and numbers of channels of the maps for `num_joints` joints."""
        ...

    def crop_from_map(self, crop: CropSpec) -> Affine:
        """The affine transform from map pixels to crop pixels."""
        ...

    def inside(self, map_xy: Float[np.ndarray, "*n joints 2"]) -> Bool[np.ndarray, "*n joints"]:
        """Which joints lie inside the crop of the maps, borders included."""
        ...

    def encode(
        self, map_xy: Float[np.ndarray, "*n joints 2"], valid: Bool[np.ndarray, "*n joints"]
    ) -> Maps:
        """Target maps for joints in map pixels; invalid joints are left out."""
        ...

    def decode(
        self, maps: Maps
    ) -> tuple[Float32[np.ndarray, "n joints 2"], Float32[np.ndarray, "n joints"]]:
        """Joints in map pixels, NaN where none was found, and their scores from 0.

        Scores are those of the maps, which a network may set above 1. Raises: BadInput if the maps are not of this codec.
        """
        ...

    def mirror(self, maps: Maps, partners: tuple[int, ...], *, shift: bool | None = None) -> Maps:
        """Turn the maps of mirrored crops into maps of the original crops.

        Reverses columns, swaps left and right joints (`partners`: the mirror of each joint), and
        negates values that point to the right. `shift` moves the maps by a pixel where mirroring a
        crop does not mirror its maps exactly; None does so if the codec needs it.
        """
        ...

    def turn(self, maps: Maps, map_from_turned: Affine) -> Maps:
        """Turn the maps of crops that are turned and scaled into maps of the original crops.

        `map_from_turned` is a rotation with a scale; values that point somewhere are turned and scaled
        with it. Maps are 0 where the turned crops had nothing.
        """
        ...

    def side_evidence(
        self,
        maps: Maps,
        map_xy: Float32[np.ndarray, "n joints 2"],
        partners: tuple[int, ...],
    ) -> Float32[np.ndarray, "n joints"] | None:
        """How clearly the maps tell each joint at its place from its mirror partner (`partners`).

        0 where they do not, more where they do; None if maps of this kind cannot say.
        """
        ...

    def peaks(
        self, maps: Maps, num: int
    ) -> tuple[Float32[np.ndarray, "n joints num 2"], Float32[np.ndarray, "n joints num"]] | None:
        """Places in map pixels where each joint may be, best first, and their scores from 0 to 1.

        The first is that of `decode`, to within a pixel, where the score is above 0.01: lower peaks
        are left out. NaN with score 0 where there are fewer than `num`. None if maps of this kind
        cannot say.
        """
        ...

    def with_decoding(self, kind: Decoding) -> "Codec":
        """The same codec with another decoding. Raises: BadConfig if it has no choice of decoding."""
        ...
