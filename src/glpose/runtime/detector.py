"""From a picture to people: letterbox, run the graph, threshold, NMS, map boxes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.geometry import box_iou, suppress
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
        return self._search(rgb, 1.0)

    def view(self, rgb: UInt8[np.ndarray, "height width 3"], view: "PictureView") -> Detections:
        """As the detector itself, whose input is larger or smaller, or mirrored.

        Boxes are in pixels of the picture as it is given.
        """
        if not view.mirrored:
            return self._search(rgb, view.scale)
        found = self._search(np.ascontiguousarray(rgb[:, ::-1]), view.scale)
        xyxy = found.xyxy.copy()
        xyxy[:, [0, 2]] = rgb.shape[1] - 1 - found.xyxy[:, [2, 0]]
        return Detections(xyxy, found.score)

    def _search(self, rgb: UInt8[np.ndarray, "height width 3"], scale: float) -> Detections:
        """People in inputs `scale` times as large as the card says."""
        how = self.card
        xyxy, score = self._pass(rgb, _scaled(how.size_hw, scale))
        if how.fine_size_hw is not None:
            fine_hw = _scaled(how.fine_size_hw, scale)
            small_xyxy, small_score = self._pass(rgb, fine_hw)
            zoom = (np.prod(fine_hw) / np.prod(rgb.shape[:2])) ** 0.5
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


@dataclass(frozen=True, slots=True)
class PictureView:
    """The sides of a detector's input as shares of those of its card, and whether it is mirrored."""

    scale: float = 1.0
    mirrored: bool = False


PICTURE_VIEWS = (PictureView(), PictureView(mirrored=True), PictureView(1.25), PictureView(0.75))
"""The best of some on held-out pictures, see docs/results.md."""


class ThoroughDetector:
    """A `Detector` that looks at several views of a picture and takes the mean of what it finds.

    A person's score is the mean over all views, 0 where one does not show the person, and the box
    is the mean of the boxes, weighed by their scores. The card's `min_score` is asked of that mean.
    """

    def __init__(self, detect: BoxDetector) -> None:
        self.card = detect.card
        # What is weak in one view still adds to the mean; less than this hardly would.
        least = detect.card.min_score / len(PICTURE_VIEWS)
        self._detect = BoxDetector(detect.run, replace(detect.card, min_score=least))

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """As `BoxDetector`."""
        found = mean_detections([self._detect.view(rgb, view) for view in PICTURE_VIEWS])
        kept = suppress(found.xyxy, found.score, self.card.iou_limit)
        kept = kept[found.score[kept] >= self.card.min_score]
        return Detections(found.xyxy[kept], found.score[kept])


_SAME_IOU = 0.55


def mean_detections(views: Sequence[Detections]) -> Detections:
    """People found in several views of a picture, each once; scores are means over all views.

    The surest first, each box joins the person whose mean box it overlaps the most, by more than
    0.55, and whom no box of its view has joined yet. The result is in the order in which people are
    begun, not in that of their mean scores. Boxes with a score of 0 are left out.

    Source: weighted boxes fusion (Solovyev et al., Image and Vision Computing 2021).
    """
    xyxy = np.concatenate([view.xyxy for view in views])
    score = np.concatenate([view.score for view in views])
    view_of = np.repeat(np.arange(len(views)), [len(view) for view in views])
    num = 0
    mean, total = np.zeros_like(xyxy), np.zeros_like(score)
    has_view = np.zeros((len(score), len(views)), bool)
    order = np.argsort(-score, kind="stable")
    for i in order[score[order] > 0]:
        overlap = box_iou(xyxy[i][None], mean[:num])[0] * ~has_view[:num, view_of[i]]
        place = int(overlap.argmax()) if num else 0
        if not num or overlap[place] <= _SAME_IOU:
            place, num = num, num + 1
        before, total[place] = total[place], total[place] + score[i]
        mean[place] += (xyxy[i] - mean[place]) * score[i] / (before + score[i])
        has_view[place, view_of[i]] = True
    return Detections(mean[:num], total[:num] / len(views))


def _scaled(size_hw: tuple[int, int], scale: float) -> tuple[int, int]:
    return round(size_hw[0] * scale), round(size_hw[1] * scale)


def input_size(image_hw: tuple[int, int], size_hw: tuple[int, int], stride: int) -> tuple[int, int]:
    """Input size for a picture: its aspect ratio, about the area of `size_hw`, multiples of `stride`.

    A portrait video thus gets a portrait input, at the cost of a landscape one.
    """
    scale = (size_hw[0] * size_hw[1] / (image_hw[0] * image_hw[1])) ** 0.5
    height, width = (max(1, round(side * scale / stride)) * stride for side in image_hw)
    return height, width
