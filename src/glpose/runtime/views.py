"""Several views of each crop: mirrored, and turned a little to both sides; answers are averaged."""

import numpy as np
from jaxtyping import UInt8

from glpose.codecs.codec import Maps
from glpose.crop import cut, turned_from_crop
from glpose.errors import BadConfig
from glpose.runtime.flip import Mirrored
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Encoded, Estimator, Inputs


def with_views(estimate: Estimator, options: PoseOptions) -> Estimator:
    """The estimator, with the views that the options ask for.

    Raises: BadConfig if crops should be turned, but the estimator has states or flow.
    """
    card = estimate.card
    if options.turn_deg and (card.states or any(slot.flow for slot in card.neighbours)):
        raise BadConfig(
            f"turn_deg is {options.turn_deg:g}, but '{card.name}' has states or flow; expected 0"
        )
    if options.flip:
        estimate = Mirrored(estimate, shift=options.flip_shift)
    return Turned(estimate, options.turn_deg) if options.turn_deg else estimate


class Turned:
    """An `Estimator` that averages the maps of crops and of crops turned by `degrees`, both ways.

    Features of all are concatenated along the channels, so that caches hold them; turned keys use
    features of crops turned alike only, with the weights of the plain ones. Crops are turned about
    their centres, and black where the crop has nothing to show. Not for estimators with states or flow.

    Source: as the flip test of the HRNet family, which averages maps; the turns are ours.
    """

    def __init__(self, estimate: Estimator, degrees: float) -> None:
        self.card, self._estimate = estimate.card, estimate
        self._weights = {slot.weight for slot in self.card.similar}
        self._turns = [turned_from_crop(self.card.crop, angle) for angle in (-degrees, degrees)]

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """See `Estimator.encode`; candidates are ranked by the plain crops."""
        spec = self.card.crop
        turned = [np.stack([cut(crop, turn, spec) for crop in crops]) for turn in self._turns]
        seen = [self._estimate.encode(some) for some in (crops, *turned)]
        features = np.concatenate([encoded.features for encoded in seen], 1)
        answers = [encoded.maps for encoded in seen if encoded.maps is not None]
        return Encoded(features, seen[0].embedding, self._mean(answers) if answers else None)

    def solve(self, inputs: Inputs) -> Maps:
        """See `Estimator.solve`."""
        thirds = {name: self._thirds(name, array) for name, array in inputs.items()}
        return self._mean(
            [
                self._estimate.solve({name: third[view] for name, third in thirds.items()})
                for view in range(3)
            ]
        )

    def _thirds(self, name: str, array: np.ndarray) -> list[np.ndarray]:
        """The inputs of each view; the channel axis is -3."""
        if name in self._weights:
            return [array] * 3
        return [np.ascontiguousarray(part) for part in np.split(array, 3, axis=-3)]

    def _mean(self, views: list[Maps]) -> Maps:
        """The mean of the maps of plain crops and of those of turned crops, turned back."""
        codec = self.card.codec
        from_map = codec.crop_from_map(self.card.crop)
        back = [
            codec.turn(maps, from_map.inverse() @ turn.inverse() @ from_map)
            for maps, turn in zip(views[1:], self._turns, strict=True)
        ]
        return {name: sum((m[name] for m in back), array) / 3 for name, array in views[0].items()}
