"""Where what a key crop shows has gone in the crops of its neighbours, by optical flow.

In pixels of the estimator's maps. Flow is searched once for each pair of pictures, whoever is in them.
"""

import numpy as np
from jaxtyping import Float32, Float64

from glpose.codecs.codec import Codec
from glpose.flow import FlowMap, Motions
from glpose.runtime.card import NeighbourSlot
from glpose.types import Affine, CropSpec, Frame
from glpose.window import Key, SeenFrame


class Alignment:
    """Fills the flow inputs of slots of neighbours; `motions` are those of the video.

    The flow from the last key's frame is remembered for the other people in it.
    """

    def __init__(self, crop: CropSpec, codec: Codec, motions: Motions) -> None:
        self._crop_from_map = codec.crop_from_map(crop)
        height, width = codec.size_hw
        self._map_xy = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(float)
        self._motions = motions
        self._key_frame = -1
        self._flows: dict[int, FlowMap | None] = {}

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
        if a.frame != self._key_frame:
            self._key_frame, self._flows = a.frame, {}
        if b.frame not in self._flows:
            self._flows[b.frame] = self._motions.flow(_pictured(a), _pictured(b))
        return self._flows[b.frame]


def _pictured(seen: SeenFrame) -> Frame:
    return Frame(seen.frame, seen.time_s, seen.rgb)


def _sampled(flow: FlowMap, xy: Float64[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w 2"]:
    """The flow at the nearest pixel; outside the picture that of its border."""
    height, width = flow.shape[:2]
    column, row = np.moveaxis(np.round(xy).astype(np.int64), -1, 0)
    return flow[row.clip(0, height - 1), column.clip(0, width - 1)]
