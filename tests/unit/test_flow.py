"""Optical flow: its sign, its size, its scale, and points that move along it."""

import numpy as np
import pytest

from glpose.flow import Flow, Motion, Motions, dis_flow, move_points
from glpose.imaging import blur
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


def end_point_error(flow: np.ndarray, x: float, y: float, margin: int = 12) -> float:
    inner = flow[margin:-margin, margin:-margin]
    return float(np.linalg.norm(inner - [x, y], axis=-1).mean())


def test_the_flow_of_moving_noise_has_the_right_sign_and_size() -> None:
    """Pixels of the first picture move to the right and up; the other order is the other way."""
    rng = np.random.default_rng(3)
    for seed in range(6):
        x, y = (int(v) for v in rng.integers(-6, 7, 2))
        a, b = shifted(seed, x, y)
        assert end_point_error(dis_flow(a, b), x, y) < 0.2
        assert end_point_error(dis_flow(b, a), -x, -y) < 0.2
    assert isinstance(dis_flow, Flow)


def test_flow_found_on_smaller_pictures_is_scaled_back() -> None:
    a, b = shifted(1, 8, -4, zoom=2)
    flow = dis_flow(a, b, longest_px=160)
    assert flow.shape == (*a.shape[:2], 2)
    assert flow.dtype == np.float32
    assert end_point_error(flow, 8, -4, margin=24) < 0.4


@pytest.mark.parametrize("size_hw", [(5, 7), (8, 900), (900, 3), (16, 16)])
def test_pictures_of_any_shape_have_a_flow(size_hw: tuple[int, int]) -> None:
    picture = noise(0, size_hw)
    flow = dis_flow(picture, picture)
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


def test_the_flow_of_a_pair_is_computed_once() -> None:
    pairs = []

    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        pairs.append((int(a[0, 0, 0]), int(b[0, 0, 0])))
        return constant(float(a[0, 0, 0]), float(b[0, 0, 0]))

    frames = [Frame(i, i / 25, np.full((*SIZE_HW, 3), i, np.uint8)) for i in range(4)]
    motions = Motions(flow, keep=2)
    first = motions.between(frames[0], frames[1])
    assert first is not None
    assert (first.there[0, 0].tolist(), first.back[0, 0].tolist()) == ([0, 1], [1, 0])
    assert motions.between(frames[0], frames[1]) is first
    assert pairs == [(0, 1), (1, 0)]
    motions.between(frames[1], frames[2])
    motions.between(frames[2], frames[3])
    assert motions.between(frames[0], frames[1]) is not first  # only two pairs are kept


def test_frames_without_pictures_have_no_motion() -> None:
    there = Frame(0, 0.0, noise(0))
    assert Motions(dis_flow).between(there, Frame(1, 0.04, None)) is None
    assert Motions(dis_flow).between(Frame(1, 0.04, None), there) is None
    assert Motions(dis_flow).between(there, Frame(1, 0.04, noise(0, (60, 80)))) is None
