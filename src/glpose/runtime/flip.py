"""The flip test: every crop is processed twice, as it is and mirrored."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import PoseCard, StateSlot
from glpose.runtime.protocols import Encoded, Estimator, Inputs, Starting


class Mirrored:
    """An `Estimator` that averages the maps of crops and of mirrored crops.

    Features and summaries of both are concatenated along the channels, so that caches hold both;
    states are concatenated along their first axis. A mirrored key uses only what was seen of
    mirrored crops, with the weights of the plain ones. The codec turns the mirrored maps back;
    `shift` is that of `Codec.mirror`.

    Source: flip test of the HRNet family.
    """

    def __init__(self, estimate: Estimator, *, shift: bool | None = None) -> None:
        self._estimate, self._shift = estimate, shift
        self.card = _with_two_states(estimate.card)
        self._weights = {slot.weight for slot in self.card.similar}
        self._states = {slot.name for slot in self.card.states}
        self._flows = {slot.flow for slot in self.card.neighbours}

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """See `Estimator.encode`; candidates are ranked by the plain crops."""
        plain = self._estimate.encode(crops)
        mirrored = self._estimate.encode(np.ascontiguousarray(crops[:, :, ::-1]))
        both = np.concatenate([plain.features, mirrored.features], 1)
        maps = None
        if plain.maps is not None and mirrored.maps is not None:
            maps = self._mean(plain.maps, mirrored.maps)
        summary = None
        if plain.summary is not None and mirrored.summary is not None:
            summary = np.concatenate([plain.summary, mirrored.summary], 1)
        return Encoded(both, plain.embedding, maps, summary)

    def solve(self, inputs: Inputs) -> Maps:
        """See `Estimator.solve`."""
        halves = {name: self._halves(name, array) for name, array in inputs.items()}
        plain, mirrored = (
            self._estimate.solve({name: half[side] for name, half in halves.items()})
            for side in (0, 1)
        )
        return self._both(plain, mirrored)

    def start(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Maps:
        """See `Starting.start`."""
        assert isinstance(self._estimate, Starting)
        plain = self._estimate.start(crops)
        return self._both(plain, self._estimate.start(np.ascontiguousarray(crops[:, :, ::-1])))

    def _both(self, plain: Maps, mirrored: Maps) -> Maps:
        """The mean maps, and the states of both."""
        states = [slot.output for slot in self._estimate.card.states]
        maps = {name: array for name, array in mirrored.items() if name not in states}
        return self._mean(plain, maps) | {
            name: np.concatenate([plain[name], mirrored[name]], 1) for name in states
        }

    def _mean(self, plain: Maps, mirrored: Maps) -> Maps:
        """The mean of the maps of plain crops and of those of mirrored crops, turned back."""
        card = self._estimate.card
        back = card.codec.mirror(mirrored, card.joints.mirror, shift=self._shift)
        return {name: (plain[name] + array) / 2 for name, array in back.items()}

    def _halves(self, name: str, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inputs of the plain and of the mirrored crops; the channel axis is -3."""
        if name in self._weights:
            return array, array
        if name in self._flows:  # in a mirror, what moves to the right moves to the left
            to_left = array[..., ::-1] * np.array([-1, 1], np.float32)[:, None, None]
            return array, np.ascontiguousarray(to_left)
        plain, mirrored = np.split(array, 2, axis=1 if name in self._states else -3)
        return np.ascontiguousarray(plain), np.ascontiguousarray(mirrored)


def _with_two_states(card: PoseCard) -> PoseCard:
    slots = tuple(
        replace(slot, shape=(2 * slot.shape[0], *slot.shape[1:]))
        if isinstance(slot, StateSlot)
        else slot
        for slot in card.slots
    )
    return replace(card, slots=slots)
