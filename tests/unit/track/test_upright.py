"""Who is upside down, told from the joints of the frame before."""

import numpy as np
import pytest

from glpose.skeleton import BODY19, JHMDB15, LSP14, Skeleton
from glpose.track.upright import body_turn_deg, is_upside_down, may_turn


def body(degrees: float, joints: Skeleton = BODY19) -> np.ndarray:
    """Neck, shoulders, hips, knees and ankles along a line; the neck points so far to the right."""
    heights = {"shoulder": 0.8, "hip": 0.5, "knee": 0.25, "ankle": 0.0, "head_bottom": 0.85}
    xy = np.full((len(joints.joints), 2), np.nan, np.float32)
    angle = np.deg2rad(degrees)
    for name, height in heights.items():
        for joint in (name, f"left_{name}", f"right_{name}"):
            if joint in joints.joints:
                xy[joints.index(joint)] = [
                    100 + 80 * height * np.sin(angle),
                    100 - 80 * height * np.cos(angle),
                ]
    return xy


def turn(xy: np.ndarray, joints: Skeleton = BODY19) -> float:
    return body_turn_deg(xy, np.isfinite(xy).all(-1), joints)


def without(xy: np.ndarray, *parts: str) -> np.ndarray:
    xy = xy.copy()
    xy[[i for i, name in enumerate(BODY19.joints) if name.endswith(parts)]] = np.nan
    return xy


@pytest.mark.parametrize("joints", [BODY19, JHMDB15])
def test_the_turn_is_that_of_the_body(joints: Skeleton) -> None:
    for degrees in range(-175, 180, 5):
        assert turn(body(degrees, joints), joints) == pytest.approx(degrees, abs=1e-3)


@pytest.mark.parametrize("before", [False, True])
def test_who_is_turned_by_more_than_a_quarter_is_upside_down(before: bool) -> None:
    for degrees in [*range(-180, -100, 5), *range(105, 185, 5)]:
        assert is_upside_down(float(degrees), before=before)
        assert not is_upside_down(float((degrees + 360) % 360 - 180), before=before)


@pytest.mark.parametrize("degrees", [-95, -85, 85, 95])
def test_who_lies_is_seen_as_before_and_may_turn(degrees: int) -> None:
    for before in (False, True):
        assert is_upside_down(float(degrees), before=before) == before
        assert may_turn(float(degrees), upside_down=before)


def test_who_stands_or_stands_on_the_hands_does_not_turn_at_once() -> None:
    for degrees in (-40, 0, 40):
        assert not may_turn(float(degrees), upside_down=False)
        assert may_turn(float(degrees), upside_down=True)
        assert not may_turn(degrees + 180.0, upside_down=True)


def test_half_figures_and_who_is_in_one_place_are_upright() -> None:
    """Hips are no feet: the trunk of somebody who bends hangs down."""
    for unseen in (("knee", "ankle"), ("shoulder", "bottom")):
        assert np.isnan(turn(without(body(180), *unseen)))
    assert turn(without(body(150), "ankle")) == pytest.approx(150, abs=1e-3)
    assert turn(without(body(150), "bottom")) == pytest.approx(150, abs=1e-3)
    heap = np.full_like(body(0), 50.0)
    assert np.isnan(turn(heap))
    for before in (False, True):
        assert not is_upside_down(np.nan, before=before)
        assert may_turn(np.nan, upside_down=before)


def test_the_neck_counts_under_its_other_name() -> None:
    xy = body(0, LSP14)
    xy[LSP14.index("neck")] = 180, 100
    assert turn(xy, LSP14) == pytest.approx(90, abs=1e-3)


def test_joints_that_are_not_sure_do_not_count() -> None:
    sure = np.array([not name.endswith(("knee", "ankle")) for name in BODY19.joints])
    assert np.isnan(body_turn_deg(body(0), sure & np.isfinite(body(0)).all(-1), BODY19))
