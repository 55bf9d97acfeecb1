"""What the pipeline and training ask of a codec: joints to maps, maps to joints, and a mirror.

A network's output is a dictionary of named arrays (n, channels, h, w); which maps there are and
what their channels mean is known to the codec alone.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32

from glpose.types import Affine, CropSpec, Decoding

Maps = dict[str, np.ndarray]
"""Maps by name, float32 (n, channels, h, w)."""


@runtime_checkable
class Codec(Protocol):
    """Settings of one way to write joints as maps, with the arithmetic that belongs to them."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the maps."""
        ...

    def channels(self, num_joints: int) -> dict[str, int]:
        """The maps of so many joints: their names, and how many channels each has."""
        ...

    def crop_from_map(self, crop: CropSpec) -> Affine:
        """The affine map from pixels of the maps to pixels of the crop."""
        ...

    def encode(
        self, map_xy: Float[np.ndarray, "*n joints 2"], valid: Bool[np.ndarray, "*n joints"]
    ) -> Maps:
        """The maps that a network should give for joints in map pixels; invalid ones are absent."""
        ...

    def decode(
        self, maps: Maps
    ) -> tuple[Float32[np.ndarray, "n joints 2"], Float32[np.ndarray, "n joints"]]:
        """Joints in map pixels, NaN where none was found, and their scores from 0 to 1.

        Raises: BadInput if the maps are not of this codec.
        """
        ...

    def mirror(self, maps: Maps, partners: tuple[int, ...], *, shift: bool | None = None) -> Maps:
        """The maps of mirrored crops as those of the crops themselves.

        Columns change places, left and right joints do (`partners`: the mirror of each joint), and
        so do the signs of what points to the right. `shift` moves the maps by a pixel, where
        mirroring a crop does not mirror its maps exactly; None does it if the codec needs it.
        """
        ...

    def with_decoding(self, kind: Decoding) -> "Codec":
        """The same codec with another way to find the peak. Raises: BadConfig if it has none."""
        ...
