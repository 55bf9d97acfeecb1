"""Each crop alone: what is told from it by itself, without the fusion of other frames."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import KeySlot, PoseCard
from glpose.runtime.protocols import Encoded, Estimator, Inputs


def looks_alone(card: PoseCard) -> bool:
    """Whether an estimator uses the key crop only, so that there is nothing to leave out."""
    return len(card.slots) == 1 and isinstance(card.slots[0], KeySlot)


def can_follow(card: PoseCard) -> bool:
    """Whether poses are told from single crops: people can be followed, and nothing has to be fused."""
    return card.answers or looks_alone(card)


def can_look_alone(card: PoseCard) -> bool:
    """Whether each crop can be seen alone, as in a picture, which has no other frames."""
    return looks_alone(card) or (card.answers and card.order == "any")


def alone(estimate: Estimator) -> Estimator:
    """The estimator without its fusion; as it is if there is none."""
    return estimate if looks_alone(estimate.card) else Alone(estimate)


def answers(estimate: Estimator, encoded: Encoded) -> Maps:
    """The maps of each crop alone, of whoever tells poses from single crops."""
    if looks_alone(estimate.card):
        return estimate.solve({estimate.card.slots[0].name: encoded.features})
    assert encoded.maps is not None
    return encoded.maps


class Alone:
    """An `Estimator` of single frames: the maps of each crop alone stand for its features.

    Only for cards that `can_follow`. Maps are smaller than features, above all than those of many
    views. Scores are calibrated as those of the whole estimator.
    """

    def __init__(self, estimate: Estimator) -> None:
        assert can_follow(estimate.card)
        self.card = replace(
            estimate.card,
            slots=(KeySlot(),),
            order="any",
            answers=False,
            summarises=False,
            starter=None,
        )
        self._estimate = estimate

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """See `Estimator.encode`; the channels of all maps, one after the other."""
        encoded = self._estimate.encode(crops)
        maps = answers(self._estimate, encoded)
        return Encoded(
            np.concatenate([maps[name] for name in self.card.maps], 1), encoded.embedding
        )

    def solve(self, inputs: Inputs) -> Maps:
        """See `Estimator.solve`; the maps as they are."""
        channels = self.card.codec.channels(len(self.card.joints.joints))
        ends = np.cumsum(list(channels.values()))[:-1]
        return dict(zip(channels, np.split(inputs[KeySlot().name], ends, axis=1), strict=True))
