"""Several views of each crop: mirrored, and turned and scaled a little; answers are averaged."""

import numpy as np
from jaxtyping import UInt8

from glpose.codecs.codec import Maps
from glpose.crop import cut, view_from_crop
from glpose.errors import BadConfig
from glpose.imaging import warp_maps
from glpose.runtime.flip import Mirrored
from glpose.runtime.options import PoseOptions, View
from glpose.runtime.protocols import Encoded, Estimator, Inputs


def with_views(estimate: Estimator, options: PoseOptions) -> Estimator:
    """The estimator, with the views that the options ask for.

    Raises: BadConfig if there are views, but the estimator has states or flow.
    """
    card, num = estimate.card, len(options.views)
    if num and (card.states or any(slot.flow for slot in card.neighbours)):
        raise BadConfig(f"views are {num}, but '{card.name}' has states or flow; expected none")
    if options.flip:
        estimate = Mirrored(estimate, shift=options.flip_shift)
    return Viewed(estimate, options.views) if num else estimate


class Viewed:
    """An `Estimator` that averages the maps of crops and of some views of them.

    Features and summaries of all are concatenated along the channels, so that caches hold them; the view of a key
    uses features of the same view only, with the weights of the plain ones. Views are those of a
    crop, black where it has nothing to show; the mean at each place is that of the views that show
    it. Not for estimators with states or flow.

    Source: as the flip test of the HRNet family, which averages maps; scales as in the multi-scale
    test of Cao et al., OpenPose, TPAMI 2019. Turns and numbers are ours.
    """

    def __init__(self, estimate: Estimator, views: tuple[View, ...]) -> None:
        self.card, self._estimate = estimate.card, estimate
        self._weights = {slot.weight for slot in self.card.similar}
        self._views = [view_from_crop(self.card.crop, v.turn_deg, v.scale) for v in views]

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """See `Estimator.encode`; candidates are ranked by the plain crops."""
        spec = self.card.crop
        views = [np.stack([cut(crop, view, spec) for crop in crops]) for view in self._views]
        seen = [self._estimate.encode(some) for some in (crops, *views)]
        features = np.concatenate([encoded.features for encoded in seen], 1)
        answers = [encoded.maps for encoded in seen if encoded.maps is not None]
        told = [encoded.summary for encoded in seen if encoded.summary is not None]
        return Encoded(
            features,
            seen[0].embedding,
            self._mean(answers) if answers else None,
            np.concatenate(told, 1) if told else None,
        )

    def solve(self, inputs: Inputs) -> Maps:
        """See `Estimator.solve`."""
        parts = {name: self._parts(name, array) for name, array in inputs.items()}
        return self._mean(
            [
                self._estimate.solve({name: part[view] for name, part in parts.items()})
                for view in range(1 + len(self._views))
            ]
        )

    def _parts(self, name: str, array: np.ndarray) -> list[np.ndarray]:
        """The inputs of the plain crop and of each view; the channel axis is -3."""
        num = 1 + len(self._views)
        if name in self._weights:
            return [array] * num
        return [np.ascontiguousarray(part) for part in np.split(array, num, axis=-3)]

    def _mean(self, seen: list[Maps]) -> Maps:
        """The mean of the maps of plain crops and of those of their views, put back."""
        codec = self.card.codec
        from_map = codec.crop_from_map(self.card.crop)
        to_plain = [from_map.inverse() @ view.inverse() @ from_map for view in self._views]
        back = [codec.turn(maps, to) for maps, to in zip(seen[1:], to_plain, strict=True)]
        size = next(iter(seen[0].values())).shape[2:]
        shown = sum((warp_maps(np.ones((1, 1, *size), np.float32), to) for to in to_plain), 1.0)
        return {
            name: (sum((maps[name] for maps in back), array) / shown).astype(np.float32)
            for name, array in seen[0].items()
        }
