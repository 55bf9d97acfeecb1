"""The runtime around a detector's graph, with made-up graphs."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.imaging import letterbox
from glpose.runtime.card import DetectorCard
from glpose.runtime.detector import (
    BoxDetector,
    PictureView,
    ThoroughDetector,
    input_size,
    mean_detections,
)
from glpose.types import Detections

CARD = DetectorCard(
    name="made_up",
    version="1",
    trained_on=(),
    terms="",
    licence="",
    source="",
    made_by={},
    size_hw=(256, 448),
    strides=(8, 16, 32),
    iou_limit=0.6,
    min_score=0.3,
)


def detector(boxes: list[list[float]], scores: list[float]) -> tuple[BoxDetector, list[np.ndarray]]:
    """A detector whose graph always finds these boxes, and the pictures the graph has seen."""
    seen: list[np.ndarray] = []

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(picture)
        return np.array([boxes], np.float32).reshape(1, -1, 4), np.array([scores], np.float32)

    return BoxDetector(run, CARD), seen


@pytest.mark.parametrize("image_hw", [(720, 1280), (1280, 720), (481, 641), (37, 1000), (5, 3)])
def test_letterbox_maps_corners_of_the_picture_exactly(image_hw: tuple[int, int]):
    height, width = image_hw
    rgb = np.full((*image_hw, 3), 255, np.uint8)
    size_hw = input_size(image_hw, (256, 448), 32)
    picture, input_from_image = letterbox(rgb, size_hw, fill=0)
    assert picture.shape == (*size_hw, 3)
    rows, columns = np.flatnonzero(picture.any((1, 2))), np.flatnonzero(picture.any((0, 2)))
    # The outer edges of the picture are half a pixel beyond its first and last pixel's centre.
    edges = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    expected = [[columns[0] - 0.5, rows[0] - 0.5], [columns[-1] + 0.5, rows[-1] + 0.5]]
    np.testing.assert_allclose(input_from_image.apply(edges), expected, atol=1e-9)
    back = input_from_image.inverse().apply(input_from_image.apply(edges))
    np.testing.assert_allclose(back, edges, atol=1e-9)


def test_inputs_have_the_aspect_of_the_picture_and_equal_areas():
    assert input_size((1080, 1920), (256, 448), 32) == (256, 448)
    assert input_size((1920, 1080), (256, 448), 32) == (448, 256)
    assert input_size((500, 500), (256, 448), 32) == (352, 352)
    assert input_size((1, 1000), (256, 448), 32)[0] == 32


def test_a_box_around_a_bright_patch_comes_back_in_pixels_of_a_portrait_picture():
    rgb = np.zeros((640, 360, 3), np.uint8)
    rgb[200:400, 100:200] = 255

    def find_patch(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bright = picture[0, ..., 0] > 127
        bright[:, 0] = False
        y, x = np.nonzero(bright)
        box = [x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5]
        return np.array([[box]], np.float32), np.ones((1, 1), np.float32)

    found = BoxDetector(find_patch, CARD)(rgb)
    np.testing.assert_allclose(found.xyxy, [[99.5, 199.5, 199.5, 399.5]], atol=1.0)


def test_weak_and_repeated_boxes_are_dropped_best_first():
    boxes = [[10, 10, 50, 90], [100, 10, 150, 90], [101, 10, 151, 90], [200, 10, 250, 90]]
    detect, seen = detector(boxes, [0.5, 0.8, 0.9, 0.1])
    found = detect(np.zeros((256, 448, 3), np.uint8))
    np.testing.assert_allclose(found.score, [0.9, 0.5])
    np.testing.assert_allclose(found.xyxy, [boxes[2], boxes[0]], atol=1e-4)
    assert seen[0].shape == (1, 256, 448, 3)
    assert seen[0].dtype == np.uint8


def test_boxes_stay_within_the_picture_and_nothing_found_is_no_error():
    detect, _ = detector([[-50, -50, 900, 900]], [0.9])
    found = detect(np.zeros((240, 320, 3), np.uint8))
    np.testing.assert_array_equal(found.xyxy, [[0, 0, 319, 239]])
    detect, _ = detector([[0, 0, 9, 9]], [0.01])
    assert len(detect(np.zeros((240, 320, 3), np.uint8))) == 0


def test_people_found_in_several_views_are_one_with_the_mean_of_scores():
    one = Detections(
        np.array([[10, 10, 50, 90], [200, 10, 240, 90]], np.float32),
        np.array([0.6, 0.3], np.float32),
    )
    other = Detections(
        # Both overlap the first person; of one view only the better one can be the same.
        np.array([[13, 10, 53, 90], [12, 10, 52, 90]], np.float32),
        np.array([0.2, 0.1], np.float32),
    )
    found = mean_detections([one, other])
    np.testing.assert_allclose(found.score, [0.4, 0.15, 0.05])
    np.testing.assert_allclose(found.xyxy[0], [10.75, 10, 50.75, 90])  # weighed 3 : 1
    np.testing.assert_allclose(found.xyxy[1:], [[200, 10, 240, 90], [12, 10, 52, 90]])
    nobody = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    assert len(mean_detections([nobody, nobody])) == 0
    assert len(mean_detections([nobody, one])) == 2


def brightest(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A graph: the box around what is bright, surer in inputs that are larger."""
    y, x = np.nonzero(picture[0, ..., 0] > 127)
    box = [x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5]
    score = min(1.0, picture.shape[2] / 896)
    return np.array([[box]], np.float32), np.full((1, 1), score, np.float32)


@pytest.mark.parametrize(
    ("view", "score", "within_px"),
    [
        (PictureView(), 0.5, 1e-3),
        (PictureView(mirrored=True), 0.5, 1e-3),
        (PictureView(1.25), 0.643, 0.1),
        (PictureView(1.25, mirrored=True), 0.643, 0.1),
        (PictureView(0.75, mirrored=True), 0.357, 0.7),
    ],
)
def test_views_see_the_same_boxes_in_pixels_of_the_picture(
    view: PictureView, score: float, within_px: float
):
    rgb = np.zeros((256, 448, 3), np.uint8)
    rgb[80:200, 300:360] = 255
    found = BoxDetector(brightest, CARD).view(rgb, view)
    np.testing.assert_allclose(found.xyxy, [[299.5, 79.5, 359.5, 199.5]], atol=within_px)
    np.testing.assert_allclose(found.score, [score], atol=1e-3)


def test_a_thorough_detector_reports_what_its_views_see_on_average():
    rgb = np.zeros((256, 448, 3), np.uint8)
    rgb[80:200, 300:360] = 255
    found = ThoroughDetector(BoxDetector(brightest, CARD))(rgb)
    np.testing.assert_allclose(found.xyxy, [[299.5, 79.5, 359.5, 199.5]], atol=1.5)
    np.testing.assert_allclose(found.score, [0.5], atol=1e-3)

    def in_one_view(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = brightest(picture)
        return boxes, np.where(picture.shape[2] > 500, scores, 0)

    # A mean of 0.16 is less than the card's 0.3.
    assert len(BoxDetector(in_one_view, CARD).view(rgb, PictureView(1.25))) == 1
    assert len(ThoroughDetector(BoxDetector(in_one_view, CARD))(rgb)) == 0


def test_what_is_weak_in_one_view_adds_to_the_mean():
    rgb = np.zeros((256, 448, 3), np.uint8)
    rgb[80:200, 300:360] = 255

    def weak_if_small(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = brightest(picture)
        return boxes, np.where(picture.shape[2] < 400, 0.2, scores)

    found = ThoroughDetector(BoxDetector(weak_if_small, CARD))(rgb)
    np.testing.assert_allclose(found.score, [(0.5 + 0.5 + 0.643 + 0.2) / 4], atol=1e-3)


FINE = replace(CARD, fine_size_hw=(512, 896), fine_side_px=50.0)
USUAL = (256, 448)


@pytest.mark.parametrize(
    ("size_hw", "fine"),
    [
        ((720, 1280), [(512, 896)]),
        ((1280, 720), [(896, 512)]),
        ((400, 704), [(384, 704)]),  # no larger than the picture
        ((360, 640), []),  # hardly larger than usual
    ],
)
def test_small_people_are_searched_where_the_picture_has_the_pixels(
    size_hw: tuple[int, int], fine: list[tuple[int, int]]
):
    seen = []

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(picture.shape[1:3])
        return np.zeros((1, 1, 4), np.float32), np.zeros((1, 1), np.float32)

    detect, rgb = BoxDetector(run, FINE), np.zeros((*size_hw, 3), np.uint8)
    usual = USUAL if size_hw[1] > size_hw[0] else USUAL[::-1]
    assert len(detect(rgb)) == len(detect.closely(rgb)) == 0
    assert seen == [usual, usual, *fine]
    assert detect.is_small(np.array([[0, 0, 10, 20.0]]), size_hw).any() == bool(fine)
    looks = {}
    for small in (True, False):
        seen.clear()
        assert len(ThoroughDetector(detect, small_people=small)(rgb)) == 0
        looks[small] = seen.copy()
    assert len(looks[False]) == 4
    assert looks[True] == looks[False] + 2 * fine
    seen.clear()
    assert len(BoxDetector(run, CARD).closely(rgb)) == 0
    assert seen == [usual]


def test_close_looks_add_who_is_small_and_leave_others_as_they_were():
    """In the larger input boxes are twice as large; only the small one of the two is taken from there."""

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if picture.shape[1] == USUAL[0]:
            return np.array([[[100, 50, 140, 150]]], np.float32), np.array([[0.6]], np.float32)
        boxes = np.array([[[210, 110, 270, 290], [20, 30, 40, 70], [20, 33, 40, 73]]], np.float32)
        return boxes, np.array([[0.9, 0.5, 0.4]], np.float32)

    rgb = np.zeros((1024, 1792, 3), np.uint8)
    detect = BoxDetector(run, FINE)
    found = detect.closely(rgb)
    np.testing.assert_allclose(found.score, [0.6, 0.5])
    sides = found.xyxy[:, 2:] - found.xyxy[:, :2]
    np.testing.assert_allclose(sides, [[160, 400], [40, 80]], atol=1e-3)
    np.testing.assert_array_equal(detect.is_small(found.xyxy, rgb.shape[:2]), [False, True])
    np.testing.assert_array_equal(detect(rgb).score, found.score[:1])


def test_boxes_with_a_score_of_0_are_nobody():
    boxes = np.array([[10, 10, 50, 90], [60, 10, 90, 90]], np.float32)
    found = mean_detections([Detections(boxes, np.array([0.0, 0.5], np.float32))])
    np.testing.assert_allclose(found.xyxy, boxes[1:])
