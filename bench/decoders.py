"""Ways to read joints from maps, to see what each part of a codec is worth."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from glpose.codecs.codec import Codec, Maps
from glpose.codecs.composite import DX, HEAT, CompositeCodec
from glpose.codecs.gaussian import HEATMAPS, GaussianCodec
from glpose.runtime.card import KeySlot
from glpose.runtime.protocols import Estimator, Inputs
from glpose.types import Decoding, HeatmapSpec

_OF_HEATMAPS: dict[str, Decoding] = {"cell": "argmax", "dark": "dark"}


@dataclass(frozen=True, slots=True)
class Way:
    """A codec, and what is done to the maps before it decodes them."""

    codec: Codec
    change: Callable[[Maps], Maps] = dict

    def decode(self, maps: Maps) -> Float32[np.ndarray, "n joints 2"]:
        """Joints in pixels of the maps."""
        return self.codec.decode(self.change(maps))[0]


def ways_of(codec: Codec) -> dict[str, Way]:
    """Ways by name: `cell` names a cell, `dark` steps within it by the heatmap's shape alone.

    With offsets also `offsets`, `vote` (the codec's own) and `-dx`, whose offsets to the right are
    negated.
    """
    if isinstance(codec, GaussianCodec):
        return {name: Way(codec.with_decoding(kind)) for name, kind in _OF_HEATMAPS.items()}
    assert isinstance(codec, CompositeCodec), codec
    heat = GaussianCodec(HeatmapSpec(codec.size_hw, codec.sigma_px))
    one = replace(codec, vote=False)
    return {
        **{
            name: Way(heat.with_decoding(kind), lambda maps: {HEATMAPS: maps[HEAT]})
            for name, kind in _OF_HEATMAPS.items()
        },
        "offsets": Way(one),
        "vote": Way(replace(codec, vote=True)),
        "-dx": Way(one, lambda maps: {**maps, DX: -maps[DX]}),
    }


class Decoded:
    """A single-frame estimator whose maps are read in another way."""

    def __init__(self, estimate: Estimator, way: Way) -> None:
        (slot,) = estimate.card.slots
        assert isinstance(slot, KeySlot)
        self.card = replace(estimate.card, codec=way.codec)
        self.encode, self._solve, self._change = estimate.encode, estimate.solve, way.change

    def solve(self, inputs: Inputs) -> Maps:
        """The maps as the way wants them."""
        return self._change(self._solve(inputs))
