"""From crops to maps: the graphs of an estimator, run in chunks of bounded size."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import SUMMARY, PoseCard
from glpose.runtime.protocols import Encoded, Inputs

RunGraph = Callable[[dict[str, np.ndarray], list[str]], list[np.ndarray]]
"""Named inputs and names of outputs to the outputs, see `Graph.run`."""


class OnnxEstimator:
    """An `Estimator` made of an encoder graph and a fusion graph with its card.

    Starter and graph that summarises are there if the card asks for them. At most `chunk` people
    go through a graph at once, which bounds memory and does not change results.
    """

    def __init__(
        self,
        encode: RunGraph,
        solve: RunGraph,
        card: PoseCard,
        chunk: int = 8,
        *,
        start: RunGraph | None = None,
        summarise: RunGraph | None = None,
    ) -> None:
        assert (start is None) == (card.starter is None)
        assert (summarise is not None) == card.summarises
        self.card = card
        self._encode, self._solve, self._start, self._chunk = encode, solve, start, chunk
        self._summarise = summarise

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """See `Estimator.encode`."""
        names = list(self.card.maps) if self.card.answers else []
        features = self.card.features
        # A shared encoder's maps can be features and answer at once.
        asked = list(dict.fromkeys([features, "embedding", *names]))
        found = dict(
            zip(asked, self._in_chunks(self._encode, {"crops": crops}, asked), strict=True)
        )
        answer = {name: found[name] for name in names}
        summary = None
        if self._summarise is not None:
            given = {"features": found[features], **answer}
            (summary,) = self._in_chunks(self._summarise, given, [SUMMARY])
        return Encoded(found[features], found["embedding"], answer or None, summary)

    def solve(self, inputs: Inputs) -> Maps:
        """See `Estimator.solve`."""
        given = {name: inputs[name] for name in self.card.inputs}
        names = list(self.card.outputs)
        return dict(zip(names, self._in_chunks(self._solve, given, names), strict=True))

    def start(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Maps:
        """See `Starting.start`."""
        assert self._start is not None
        names = list(self.card.outputs)
        return dict(zip(names, self._in_chunks(self._start, {"crops": crops}, names), strict=True))

    def _in_chunks(
        self, run: RunGraph, inputs: dict[str, np.ndarray], outputs: list[str]
    ) -> list[np.ndarray]:
        num = len(next(iter(inputs.values())))
        if not num:  # not all graphs can be run for nobody
            one = {name: np.zeros((1, *a.shape[1:]), a.dtype) for name, a in inputs.items()}
            return [array[:0] for array in run(one, outputs)]
        whole: list[np.ndarray] = []
        for start in range(0, num, self._chunk):
            rows = slice(start, start + self._chunk)
            part = run({name: a[rows] for name, a in inputs.items()}, outputs)
            if num <= self._chunk:
                return part
            whole = whole or [np.empty((num, *a.shape[1:]), a.dtype) for a in part]
            for array, some in zip(whole, part, strict=True):
                array[rows] = some
        return whole
