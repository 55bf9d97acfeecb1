"""From a picture to people: letterbox, run the graph, threshold, NMS, map boxes back."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.geometry import suppress
from glpose.imaging import letterbox
from glpose.runtime.card import DetectorCard
from glpose.types import Detections

RunDetector = Callable[
    [UInt8[np.ndarray, "1 h w 3"]],
    tuple[Float32[np.ndarray, "1 points 4"], Float32[np.ndarray, "1 points"]],
]
"""A graph: a letterboxed picture to boxes in pixels of that input, and their scores."""

_MOST_CANDIDATES = 500


class BoxDetector:
    """A `Detector` made of a graph and its card."""

    def __init__(self, run: RunDetector, card: DetectorCard) -> None:
        self.card, self.run = card, run

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """People, best first; boxes in image pixels, clipped to the picture."""
        how = self.card
        xyxy, score = self._pass(rgb, how.size_hw)
        if how.fine_size_hw is not None:
            small_xyxy, small_score = self._pass(rgb, how.fine_size_hw)
            zoom = (np.prod(how.fine_size_hw) / np.prod(rgb.shape[:2])) ** 0.5
            is_small = (small_xyxy[:, 2:] - small_xyxy[:, :2]).max(-1) * zoom < how.fine_side_px
            xyxy = np.concatenate([xyxy, small_xyxy[is_small]])
            score = np.concatenate([score, small_score[is_small]])
        kept = suppress(xyxy, score, how.iou_limit)
        return Detections(xyxy[kept], score[kept])

    def _pass(
        self, rgb: UInt8[np.ndarray, "height width 3"], area_hw: tuple[int, int]
    ) -> tuple[Float32[np.ndarray, "n 4"], Float32[np.ndarray, " n"]]:
        """Boxes and scores at one input size, before NMS."""
        how = self.card
        height, width = rgb.shape[:2]
        size_hw = input_size((height, width), area_hw, max(how.strides))
        picture, input_from_image = letterbox(rgb, size_hw, how.fill)
        boxes, scores = self.run(picture[None])
        strong = np.flatnonzero(scores[0] >= how.min_score)
        strong = strong[np.argsort(-scores[0][strong], kind="stable")][:_MOST_CANDIDATES]
        corners = input_from_image.inverse().apply(boxes[0][strong].reshape(-1, 2)).reshape(-1, 4)
        corners = corners.clip(0, [width - 1, height - 1, width - 1, height - 1])
        return corners.astype(np.float32), scores[0][strong]


def input_size(image_hw: tuple[int, int], size_hw: tuple[int, int], stride: int) -> tuple[int, int]:
    """Input size for a picture: its aspect ratio, about the area of `size_hw`, multiples of `stride`.

    A portrait video thus gets a portrait input, at the cost of a landscape one.
    """
    scale = (size_hw[0] * size_hw[1] / (image_hw[0] * image_hw[1])) ** 0.5
    height, width = (max(1, round(side * scale / stride)) * stride for side in image_hw)
    return height, width
