"""From a picture to people: letterbox, run the graph, threshold, NMS, map boxes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

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
_LEAST_FINE = 1.5
"""Of the sides of the usual input; a little larger one shows nobody else."""


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

    def closely(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """As the detector itself, with people who are too small for it, see `small_people`."""
        return self.joined([self(rgb), self.small_people(rgb)])

    def small_people(
        self, rgb: UInt8[np.ndarray, "height width 3"], *, flip: bool = False
    ) -> Detections:
        """People who are small, in a larger input than usual, if the picture has the pixels for one.

        The input is that of `fine_size_hw`, or else as large as the picture; nobody is found where
        that is hardly larger than usual. With `flip` scores are means of the picture and its mirror
        image.
        """
        scale = self._fine_scale(rgb.shape[:2])
        if not scale:
            return Detections.empty()
        sides = (False, True) if flip else (False,)
        mean = mean_detections([self.view(rgb, PictureView(scale, side)) for side in sides])
        small = self.is_small(mean.xyxy, rgb.shape[:2])
        return Detections(mean.xyxy[small], mean.score[small])

    def is_small(
        self, xyxy: Float[np.ndarray, "n 4"], size_hw: tuple[int, int]
    ) -> Bool[np.ndarray, " n"]:
        """Whose boxes, in pixels of a picture of this size, `small_people` tells."""
        if not self._fine_scale(size_hw):
            return np.zeros(len(xyxy), bool)
        assert self.card.fine_size_hw is not None
        limit_px = self.card.fine_side_px * _side(size_hw) / _side(self.card.fine_size_hw)
        return np.asarray((xyxy[:, 2:] - xyxy[:, :2]).max(-1) < limit_px)

    def _fine_scale(self, size_hw: tuple[int, int]) -> float:
        """By how much the larger input is larger than usual, 0 if it is not worth a look."""
        how = self.card
        if how.fine_size_hw is None:
            return 0.0
        scale = min(_side(size_hw), _side(how.fine_size_hw)) / _side(how.size_hw)
        return scale if scale >= _LEAST_FINE else 0.0

    def joined(self, found: Sequence[Detections]) -> Detections:
        """People of several searches, each once, best first."""
        xyxy = np.concatenate([some.xyxy for some in found])
        score = np.concatenate([some.score for some in found])
        kept = suppress(xyxy, score, self.card.iou_limit)
        return Detections(xyxy[kept], score[kept])

    def _search(self, rgb: UInt8[np.ndarray, "height width 3"], scale: float) -> Detections:
        """People in an input `scale` times as large as the card says."""
        how = self.card
        height, width = rgb.shape[:2]
        area_hw = round(how.size_hw[0] * scale), round(how.size_hw[1] * scale)
        size_hw = input_size((height, width), area_hw, max(how.strides))
        picture, input_from_image = letterbox(rgb, size_hw, how.fill)
        boxes, scores = self.run(picture[None])
        strong = np.flatnonzero(scores[0] >= how.min_score)
        strong = strong[np.argsort(-scores[0][strong], kind="stable")][:_MOST_CANDIDATES]
        corners = input_from_image.inverse().apply(boxes[0][strong].reshape(-1, 2)).reshape(-1, 4)
        corners = corners.clip(0, [width - 1, height - 1, width - 1, height - 1])
        xyxy, score = corners.astype(np.float32), scores[0][strong]
        kept = suppress(xyxy, score, how.iou_limit)
        return Detections(xyxy[kept], score[kept])


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
    With `small_people` these are searched in two views of a larger input, too, see `BoxDetector`.
    """

    def __init__(self, detect: BoxDetector, *, small_people: bool = True) -> None:
        self.card, self._small_people = detect.card, small_people
        # What is weak in one view still adds to the mean; less than this hardly would.
        least = detect.card.min_score / len(PICTURE_VIEWS)
        self._detect = BoxDetector(detect.run, replace(detect.card, min_score=least))

    def __call__(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Detections:
        """As `BoxDetector`."""
        mean = mean_detections([self._detect.view(rgb, view) for view in PICTURE_VIEWS])
        small = [self._detect.small_people(rgb, flip=True)] if self._small_people else []
        found = self._detect.joined([mean, *small])
        sure = found.score >= self.card.min_score
        return Detections(found.xyxy[sure], found.score[sure])


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


def _side(size_hw: tuple[int, int]) -> float:
    """The side of a square of the same area."""
    return float(size_hw[0] * size_hw[1]) ** 0.5


def input_size(image_hw: tuple[int, int], size_hw: tuple[int, int], stride: int) -> tuple[int, int]:
    """Input size for a picture: its aspect ratio, about the area of `size_hw`, multiples of `stride`.

    A portrait video thus gets a portrait input, at the cost of a landscape one.
    """
    scale = (size_hw[0] * size_hw[1] / (image_hw[0] * image_hw[1])) ** 0.5
    height, width = (max(1, round(side * scale / stride)) * stride for side in image_hw)
    return height, width
