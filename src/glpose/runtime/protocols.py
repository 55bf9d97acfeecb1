"""What the pipeline asks of networks: NumPy in, NumPy out, and a card that says how."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.runtime.card import Card
from glpose.types import Detections

Features = Float32[np.ndarray, "n channels h w"]


@runtime_checkable
class Detector(Protocol):
    """Finds people in one picture."""

    card: Card

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """People, best first, boxes in the pixels of the picture."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """Two graphs: `encode` each crop once, `fuse` the features of a key crop and its slots.

    Single-frame estimators have no slots (`card.fusion.offsets` is empty and `num_global` 0).
    """

    card: Card

    def encode(
        self, crops: UInt8[np.ndarray, "n height width 3"]
    ) -> tuple[Features, Float32[np.ndarray, "n embedding"]]:
        """Features of person crops cut as `card.crop` says, and embeddings to rank them by."""
        ...

    def fuse(
        self,
        key: Features,
        local: Float32[np.ndarray, "n slots channels h w"],
        global_: Float32[np.ndarray, "n crops channels h w"],
        global_weight: Float32[np.ndarray, "n crops weights"],
    ) -> Float32[np.ndarray, "n joints h w"]:
        """Heatmaps of the key crops; slots are in the order of `card.fusion`.

        `global_weight` has one column, or one per channel, as `clip.rank` gives them.
        """
        ...
