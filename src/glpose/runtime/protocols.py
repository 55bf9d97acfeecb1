"""Protocols of the networks in the pipeline: NumPy in, NumPy out, and a card."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import DetectorCard, PoseCard
from glpose.types import Detections

Features = Float32[np.ndarray, "n channels h w"]

Summary = Float32[np.ndarray, "n values rows columns"]
"""What a `SummaryCard`'s graph makes of n crops."""

Inputs = dict[str, np.ndarray]
"""The contents of a card's slots by input name, float32; one row per key crop."""


class Encoded(NamedTuple):
    """What an encoder makes of n crops; `maps` are its answers from each crop alone, if any.

    `summary` is what slots of neighbours hold in place of features, if the card `summarises`.
    """

    features: Features
    embedding: Float32[np.ndarray, "n embedding"]
    maps: Maps | None = None
    summary: Summary | None = None

    @property
    def for_neighbours(self) -> Features | Summary:
        """The summaries, or else the features."""
        return self.features if self.summary is None else self.summary

    def take(self, rows: slice | Int64[np.ndarray, " taken"]) -> "Encoded":
        """Some of the crops, without their maps."""
        summary = None if self.summary is None else self.summary[rows]
        return Encoded(self.features[rows], self.embedding[rows], summary=summary)

    def each(self) -> Iterator["Encoded"]:
        """The crops one by one, without their maps."""
        return (self.take(slice(row, row + 1)) for row in range(len(self.features)))

    @classmethod
    def joined(cls, parts: Iterable["Encoded"], num: int) -> "Encoded":
        """`num` crops, at least one, which come in parts: copies, without their maps.

        Each part is copied as it comes, so that not all are held twice.
        """
        whole: list[np.ndarray] = []
        begin = end = 0
        for part in parts:
            arrays = [a for a in (part.features, part.embedding, part.summary) if a is not None]
            whole = whole or [np.empty((num, *a.shape[1:]), a.dtype) for a in arrays]
            begin, end = end, end + len(part.features)
            for own, array in zip(whole, arrays, strict=True):
                own[begin:end] = array
        assert end == num
        features, embedding, *summary = whole
        return cls(features, embedding, summary=summary[0] if summary else None)


@runtime_checkable
class Detector(Protocol):
    """Finds people in one picture."""

    card: DetectorCard

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """People, best first; boxes in image pixels."""
        ...


@runtime_checkable
class CloseDetector(Detector, Protocol):
    """A `Detector` that can also find people who are too small for it, at a price."""

    def closely(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """As the detector itself, small people among them."""
        ...

    def is_small(
        self, xyxy: Float[np.ndarray, "n 4"], size_hw: tuple[int, int]
    ) -> Bool[np.ndarray, " n"]:
        """Whose boxes, in pixels of a picture of this size, only `closely` may find."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """`encode` each crop once, `solve` for the joint maps of key crops: a graph for each, or more."""

    card: PoseCard

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """Features of person crops (cropped as `card.crop` says), and embeddings for ranking them.

        If `card.answers`, also the codec's maps of each crop alone; if `card.summarises`, summaries.
        """
        ...

    def solve(self, inputs: Inputs) -> Maps:
        """The joint maps of key crops and, if the card has states, the new states.

        `inputs` has the arrays of `card.inputs`, the result those of `card.outputs`.
        """
        ...


@runtime_checkable
class Starting(Estimator, Protocol):
    """An estimator with a graph that starts people, as cards with a `starter` promise."""

    def start(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Maps:
        """What `solve` gives, from the crops alone, for people without states."""
        ...
