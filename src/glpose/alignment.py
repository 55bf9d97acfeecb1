"""Where what a key crop shows has gone in the crops of its neighbours, by optical flow.

Computed once for each pair of pictures, whoever is in them, and in pixels of the estimator's maps.
"""

import numpy as np
from jaxtyping import Float32, Float64

from glpose.codecs.codec import Codec
from glpose.flow import Flow, FlowMap, dis_flow
from glpose.runtime.card import NeighbourSlot
from glpose.types import Affine, CropSpec
from glpose.window import Key, SeenFrame

_KEPT = 16


class Alignment:
    """Fills the flow inputs of slots of neighbours; remembers the flow of the last pairs."""

    def __init__(self, crop: CropSpec, codec: Codec, flow: Flow = dis_flow) -> None:
        self._crop_from_map = codec.crop_from_map(crop)
        height, width = codec.size_hw
        self._map_xy = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(float)
        self._flow = flow
        self._known: dict[tuple[int, int], FlowMap | None] = {}

    def inputs(
        self, keys: list[Key], slot: NeighbourSlot, *, exact: bool
    ) -> Float32[np.ndarray, "n offsets 2 h w"]:
        """How far each map pixel of a key has moved in the maps of each neighbour: x, then y.

        Zero for the key's own frame, and only what the crops differ by where no flow can be had.
        `exact` says that neighbours are cropped with the key's box.
        """
        height, width = self._map_xy.shape[:2]
        out = np.zeros((len(keys), len(slot.offsets), 2, height, width), np.float32)
        for i, key in enumerate(keys):
            for place, seen in enumerate(key.neighbours[slot.name]):
                if seen.frame != key.seen.frame:
                    out[i, place] = self._moved(key, seen, exact=exact).transpose(2, 0, 1)
        return out

    def _moved(self, key: Key, seen: SeenFrame, *, exact: bool) -> Float64[np.ndarray, "h w 2"]:
        row = seen.row(key.track_id)
        own = key.crop_from_image if exact or row < 0 else seen.crop_from_image[row]
        image_from_map = key.crop_from_image.inverse() @ self._crop_from_map
        at = image_from_map.apply(self._map_xy)
        flow = self._between(key.seen, seen)
        moved = at if flow is None else at + _sampled(flow, at)
        return self._map_of(own).apply(moved) - self._map_xy

    def _map_of(self, crop_from_image: Affine) -> Affine:
        return self._crop_from_map.inverse() @ crop_from_image

    def _between(self, a: SeenFrame, b: SeenFrame) -> FlowMap | None:
        pair = a.frame, b.frame
        if pair not in self._known:
            can = a.rgb is not None and b.rgb is not None and a.rgb.shape == b.rgb.shape
            self._known[pair] = self._flow(a.rgb, b.rgb) if can else None  # type: ignore[arg-type]
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return self._known[pair]


def _sampled(flow: FlowMap, xy: Float64[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w 2"]:
    """The flow at the nearest pixel; outside the picture that of its border."""
    height, width = flow.shape[:2]
    column, row = np.moveaxis(np.round(xy).astype(np.int64), -1, 0)
    return flow[row.clip(0, height - 1), column.clip(0, width - 1)]
