"""What the pipeline asks of networks: NumPy in, NumPy out, and a card that says how."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import DetectorCard, PoseCard
from glpose.types import Detections

Features = Float32[np.ndarray, "n channels h w"]

Inputs = dict[str, np.ndarray]
"""What fills the slots of a card, float32, by the names of the inputs; one row a key crop."""


@runtime_checkable
class Detector(Protocol):
    """Finds people in one picture."""

    card: DetectorCard

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """People, best first, boxes in the pixels of the picture."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """Two graphs: `encode` each crop once, `solve` for the joints of key crops."""

    card: PoseCard

    def encode(
        self, crops: UInt8[np.ndarray, "n height width 3"]
    ) -> tuple[Features, Float32[np.ndarray, "n embedding"]]:
        """Features of person crops cut as `card.crop` says, and embeddings to rank them by."""
        ...

    def solve(self, inputs: Inputs) -> Maps:
        """The maps of key crops and, where the card has states, what is to be kept of each key.

        `inputs` has the arrays of `card.inputs`, the result those of `card.outputs`.
        """
        ...
