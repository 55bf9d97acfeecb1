"""The flip test: an estimator that looks at every crop twice, the second time in a mirror."""

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Estimator, Features
from glpose.skeleton import by_name


def with_mirror(estimate: Estimator, options: PoseOptions) -> Estimator:
    """The estimator, looking twice if the options ask for it."""
    return Mirrored(estimate, shift=options.flip_shift) if options.flip else estimate


class Mirrored:
    """An `Estimator` that averages the heatmaps of crops and of mirrored crops.

    Features of both stand side by side in the channels, so that whoever keeps features keeps both;
    all slots of a mirrored key are mirrored, with the weights of the plain ones. Where heatmap
    pixels are multiples of the stride ("origin"), mirroring a crop moves them by three quarters of
    a pixel, and `shift` takes the mirrored maps back by one.

    Source: flip test with `SHIFT_HEATMAP` as in the HRNet family.
    """

    def __init__(self, estimate: Estimator, *, shift: bool | None = None) -> None:
        self.card = estimate.card
        assert self.card.heatmap is not None
        assert self.card.skeleton is not None
        self._estimate = estimate
        self._joints = np.array(by_name(self.card.skeleton).mirror)
        self._shift = self.card.heatmap.mapping == "origin" if shift is None else shift

    def encode(
        self, crops: UInt8[np.ndarray, "n height width 3"]
    ) -> tuple[Features, Float32[np.ndarray, "n embedding"]]:
        """See `Estimator.encode`; candidates are ranked by the plain crops."""
        features, embedding = self._estimate.encode(crops)
        mirrored, _ = self._estimate.encode(np.ascontiguousarray(crops[:, :, ::-1]))
        return np.concatenate([features, mirrored], 1), embedding

    def fuse(
        self,
        key: Features,
        local: Float32[np.ndarray, "n slots channels h w"],
        global_: Float32[np.ndarray, "n crops channels h w"],
        global_weight: Float32[np.ndarray, "n crops weights"],
    ) -> Float32[np.ndarray, "n joints h w"]:
        """See `Estimator.fuse`."""
        plain, mirrored = (
            self._estimate.fuse(*parts, global_weight)
            for parts in zip(_halves(key), _halves(local), _halves(global_), strict=True)
        )
        back = mirrored[:, self._joints, :, ::-1]
        if self._shift:
            back = np.concatenate([back[..., :1], back[..., :-1]], -1)
        return (plain + back) / 2


def _halves(features: np.ndarray) -> list[np.ndarray]:
    """Plain and mirrored features; channels are the third axis from the end."""
    return [np.ascontiguousarray(half) for half in np.split(features, 2, axis=-3)]
