"""Optical flow: its sign, its size, its scale, and points that move along it."""

import numpy as np
import pytest

from glpose.flow import Flow, Motion, Motions, move_points
from glpose.imaging import blur, dense_flow
from glpose.types import Frame

SIZE_HW = (120, 160)


def noise(seed: int, size_hw: tuple[int, int] = SIZE_HW, sigma_px: float = 2.0) -> np.ndarray:
    """Smooth noise with the full range of levels."""
    raw = np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), np.uint8)
    soft = blur(raw, sigma_px).astype(np.float64)
    return ((soft - soft.min()) / np.ptp(soft) * 255).astype(np.uint8)


def shifted(seed: int, x: int, y: int, zoom: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures of a texture; what is at p in the first is at p + (x, y) in the second."""
    margin, (height, width) = 16, (SIZE_HW[0] * zoom, SIZE_HW[1] * zoom)
    whole = noise(seed, (height + 2 * margin, width + 2 * margin), 2.0 * zoom)
    first = whole[margin : margin + height, margin : margin + width]
    second = whole[margin - y : margin - y + height, margin - x : margin - x + width]
    return np.ascontiguousarray(first), np.ascontiguousarray(second)


def constant(x: float, y: float, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (*size_hw, 2)).copy()


def flow_of(a: np.ndarray, b: np.ndarray, **settings: int) -> np.ndarray:
    flow = Motions(**settings).flow(Frame(0, 0.0, a), Frame(1, 0.04, b))
    assert flow is not None
    return flow


def end_point_error(flow: np.ndarray, x: float, y: float, margin: int = 12) -> float:
    inner = flow[margin:-margin, margin:-margin]
    return float(np.linalg.norm(inner - [x, y], axis=-1).mean())


def test_the_flow_of_moving_noise_has_the_right_sign_and_size() -> None:
    """Pixels of the first picture move to the right and up; the other order is the other way."""
    rng = np.random.default_rng(3)
    for seed in range(6):
        x, y = (int(v) for v in rng.integers(-6, 7, 2))
        a, b = shifted(seed, x, y)
        assert end_point_error(flow_of(a, b), x, y) < 0.2
        assert end_point_error(flow_of(b, a), -x, -y) < 0.2
    assert isinstance(dense_flow, Flow)


def test_flow_found_on_smaller_pictures_is_scaled_back() -> None:
    a, b = shifted(1, 8, -4, zoom=2)
    flow = flow_of(a, b, longest_px=160)
    assert flow.shape == (*a.shape[:2], 2)
    assert flow.dtype == np.float32
    assert end_point_error(flow, 8, -4, margin=24) < 0.4


@pytest.mark.parametrize("size_hw", [(5, 7), (8, 900), (900, 3), (16, 16)])
def test_pictures_of_any_shape_have_a_flow(size_hw: tuple[int, int]) -> None:
    picture = noise(0, size_hw)
    flow = flow_of(picture, picture)
    assert flow.shape == (*size_hw, 2)
    assert np.abs(flow).max() < 0.5


def test_points_move_by_the_flow_where_they_are() -> None:
    flow = constant(0, 0)
    flow[:, 80:] = 5, -3
    moved = move_points(np.array([[[100.4, 60], [20, 30]]]), flow)
    assert moved[0].tolist() == [[pytest.approx(105.4), 57], [20, 30]]


def test_one_wrong_pixel_of_the_flow_moves_no_point() -> None:
    flow = constant(2, 1)
    flow[50, 60] = 70, 70
    assert move_points(np.array([[60.0, 50]]), flow).tolist() == [[62, 51]]


def test_points_outside_before_or_after_are_nan() -> None:
    xy = np.array([[155.0, 60], [10, 60], [-3, 60], [np.nan, 60], [159, 119], [0, 0]])
    moved = move_points(xy, constant(6, 0))
    assert np.isnan(moved).all(1).tolist() == [True, False, True, True, True, False]
    still = move_points(xy[-2:], constant(0, 0))
    assert still.tolist() == xy[-2:].tolist()


def test_the_forward_backward_error_is_the_distance_from_where_one_started() -> None:
    xy = np.array([[50.0, 50], [158, 50]])
    moved, error = Motion(constant(4, 0), constant(-4, 3)).move(xy)
    assert moved[0].tolist() == [54, 50]
    assert error[0] == pytest.approx(3)
    assert np.isnan(error[1])
    back, _ = Motion(constant(4, 0), constant(-4, 3)).reversed.move(xy)
    assert back[0].tolist() == [46, 53]


class Asked:
    """A flow that says who was asked: the first pictures' levels, and a list of all searches."""

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []

    def __call__(self, a_rgb: np.ndarray, b_rgb: np.ndarray, /) -> np.ndarray:
        self.pairs.append((int(a_rgb[0, 0, 0]), int(b_rgb[0, 0, 0])))
        return constant(*map(float, self.pairs[-1]), size_hw=a_rgb.shape[:2])


def levels(num: int, size_hw: tuple[int, int] = SIZE_HW) -> list[Frame]:
    return [Frame(i, i / 25, np.full((*size_hw, 3), i, np.uint8)) for i in range(num)]


def test_a_direction_is_searched_once_whoever_asks_and_the_last_ones_are_kept() -> None:
    frames, flow = levels(4), Asked()
    motions = Motions(flow, keep=4)
    there = motions.flow(frames[0], frames[1])
    assert there is not None
    assert there[0, 0].tolist() == [0, 1]
    both = motions.between(frames[0], frames[1])
    assert both is not None
    assert (both.there[0, 0].tolist(), both.back[0, 0].tolist()) == ([0, 1], [1, 0])
    assert motions.between(frames[1], frames[0]) is not None
    assert flow.pairs == [(0, 1), (1, 0)]
    motions.between(frames[1], frames[2])
    motions.between(frames[0], frames[1])
    assert len(flow.pairs) == 4
    motions.flow(frames[2], frames[3])  # the fifth; the first is forgotten
    motions.flow(frames[1], frames[0])
    assert len(flow.pairs) == 5
    motions.flow(frames[0], frames[1])
    assert len(flow.pairs) == 6


def test_flow_over_more_frames_takes_no_room() -> None:
    frames, flow = levels(3), Asked()
    motions = Motions(flow)
    motions.between(frames[0], frames[1])
    for _ in range(2):
        motions.flow(frames[0], frames[2])
    motions.between(frames[0], frames[1])
    assert flow.pairs == [(0, 1), (1, 0), (0, 2), (0, 2)]


def test_what_is_remembered_of_large_pictures_is_small_and_given_in_full() -> None:
    frames, flow = levels(2, (240, 320)), Asked()
    motions = Motions(flow, longest_px=160)
    first, again = (motions.flow(frames[1], frames[0]) for _ in range(2))
    assert first is not None
    assert again is not None
    assert flow.pairs == [(1, 0)]
    assert [found.shape for found in motions._found.values()] == [(120, 160, 2)]
    np.testing.assert_array_equal(first, constant(2, 0, (240, 320)))
    np.testing.assert_array_equal(again, first)


def test_frames_without_pictures_have_no_motion() -> None:
    there = Frame(0, 0.0, noise(0))
    assert Motions().between(there, Frame(1, 0.04, None)) is None
    assert Motions().between(Frame(1, 0.04, None), there) is None
    assert Motions().between(there, Frame(1, 0.04, noise(0, (60, 80)))) is None
