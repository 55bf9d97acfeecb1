"""From crops to heatmaps: the two graphs of an estimator, run in chunks of bounded size."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.runtime.card import Card, FusionCard
from glpose.runtime.protocols import Features

RunGraph = Callable[[dict[str, np.ndarray], list[str]], list[np.ndarray]]
"""Named inputs and the names of the outputs to the outputs, as `Session.run`."""


class OnnxEstimator:
    """An `Estimator` made of an encoder graph, a fusion graph and the card of the latter.

    At most `chunk` people go through a graph at once, which bounds memory and changes nothing else.
    """

    def __init__(self, encode: RunGraph, fuse: RunGraph, card: Card, chunk: int = 8) -> None:
        self.card = card
        self._encode, self._fuse, self._chunk = encode, fuse, chunk
        self._fusion = card.fusion or FusionCard()

    def encode(
        self, crops: UInt8[np.ndarray, "n height width 3"]
    ) -> tuple[Features, Float32[np.ndarray, "n embedding"]]:
        """See `Estimator.encode`."""
        features, embedding = self._in_chunks(
            self._encode, {"crops": crops}, ["features", "embedding"]
        )
        return features, embedding

    def fuse(
        self,
        key: Features,
        local: Float32[np.ndarray, "n slots channels h w"],
        global_: Float32[np.ndarray, "n crops channels h w"],
        global_weight: Float32[np.ndarray, "n crops weights"],
    ) -> Float32[np.ndarray, "n joints h w"]:
        """See `Estimator.fuse`; slots that the card does not have are not looked at."""
        inputs = {"key": key}
        if self._fusion.offsets:
            inputs["local"] = local
        if self._fusion.num_global:
            inputs |= {"global": global_, "global_weight": global_weight}
        (heatmaps,) = self._in_chunks(self._fuse, inputs, ["heatmaps"])
        return heatmaps

    def _in_chunks(
        self, run: RunGraph, inputs: dict[str, np.ndarray], outputs: list[str]
    ) -> list[np.ndarray]:
        num = len(next(iter(inputs.values())))
        parts = [
            run({name: a[start : start + self._chunk] for name, a in inputs.items()}, outputs)
            for start in range(0, max(num, 1), self._chunk)
        ]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
