"""Crops of people to two vectors: how they look, and how they hold themselves."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.runtime.card import EmbeddingCard

Appearance = Float32[np.ndarray, "n appearance"]
Pose = Float32[np.ndarray, "n pose"]

RunEmbedder = Callable[[UInt8[np.ndarray, "n height width 3"]], tuple[Appearance, Pose]]
"""A graph: crops to both vectors."""


class Embedder:
    """A graph and its card. Compare vectors by their cosine."""

    def __init__(self, run: RunEmbedder, card: EmbeddingCard) -> None:
        self.run, self.card = run, card

    def __call__(self, crops: UInt8[np.ndarray, "n height width 3"]) -> tuple[Appearance, Pose]:
        """Appearance and pose of crops, which are cut as `card.crop` says; there may be none."""
        if not len(crops):
            card = self.card
            return np.zeros((0, card.appearance), np.float32), np.zeros((0, card.pose), np.float32)
        return self.run(crops)
