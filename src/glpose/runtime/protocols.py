"""Protocols of the networks in the pipeline: NumPy in, NumPy out, and a card."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import DetectorCard, PoseCard
from glpose.types import Detections

Features = Float32[np.ndarray, "n channels h w"]

Inputs = dict[str, np.ndarray]
"""The contents of a card's slots by input name, float32; one row per key crop."""


class Encoded(NamedTuple):
    """What an encoder makes of n crops; `maps` are its answers from each crop alone, if any."""

    features: Features
    embedding: Float32[np.ndarray, "n embedding"]
    maps: Maps | None = None


@runtime_checkable
class Detector(Protocol):
    """Finds people in one picture."""

    card: DetectorCard

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """People, best first; boxes in image pixels."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """Two graphs: `encode` each crop once, `solve` for the joint maps of key crops."""

    card: PoseCard

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """Features of person crops (cropped as `card.crop` says), and embeddings for ranking them.

        If `card.answers`, also the codec's maps of each crop alone.
        """
        ...

    def solve(self, inputs: Inputs) -> Maps:
        """The joint maps of key crops and, if the card has states, the new states.

        `inputs` has the arrays of `card.inputs`, the result those of `card.outputs`.
        """
        ...


@runtime_checkable
class Starting(Estimator, Protocol):
    """An estimator with a third graph, as cards with a `starter` promise."""

    def start(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Maps:
        """What `solve` gives, from the crops alone, for people without states."""
        ...
