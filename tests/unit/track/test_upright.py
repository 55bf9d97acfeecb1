"""Who is upside down, told from the joints of the frame before."""

import numpy as np
import pytest

from glpose.skeleton import BODY19, JHMDB15, Skeleton
from glpose.track.upright import is_upside_down


def body(degrees: float, joints: Skeleton = BODY19) -> np.ndarray:
    """Head, shoulders, hips, knees and ankles along a line; the head points so far to the right."""
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


def told(xy: np.ndarray, *, before: bool, joints: Skeleton = BODY19) -> bool:
    return is_upside_down(xy, np.isfinite(xy).all(-1), joints, before=before)


@pytest.mark.parametrize("joints", [BODY19, JHMDB15])
@pytest.mark.parametrize("degrees", range(-180, 180, 5))
def test_who_is_turned_by_more_than_a_quarter_is_turned_back(
    degrees: int, joints: Skeleton
) -> None:
    xy = body(degrees, joints)
    assert told(xy, before=False, joints=joints) == (abs(degrees) > 100)
    assert told(xy, before=True, joints=joints) == (abs(degrees) >= 80)


def test_who_lies_is_seen_as_before() -> None:
    for degrees in (-95, -85, 85, 95):
        assert not told(body(degrees), before=False)
        assert told(body(degrees), before=True)


@pytest.mark.parametrize("before", [True, False])
def test_without_neck_and_shoulders_or_without_legs_nothing_changes(before: bool) -> None:
    xy = body(180 * (not before))
    legs = [i for i, name in enumerate(BODY19.joints) if name.endswith(("hip", "knee", "ankle"))]
    tops = [i for i, name in enumerate(BODY19.joints) if name.endswith(("shoulder", "bottom"))]
    assert told(xy, before=before) != before
    for unseen in (legs, tops):
        some = xy.copy()
        some[unseen] = np.nan
        assert told(some, before=before) == before


def test_what_is_seen_next_to_the_feet_counts_and_no_joint_that_is_not_sure() -> None:
    """Somebody bends: the trunk hangs down, but the feet are below."""
    xy = body(0)
    for name in ("left_shoulder", "right_shoulder", "head_bottom"):
        xy[BODY19.index(name)] = [130, 75]  # below the hips
    assert not told(xy, before=False)
    sure = np.array([not name.endswith(("knee", "ankle")) for name in BODY19.joints])
    assert is_upside_down(xy, sure & np.isfinite(xy).all(-1), BODY19, before=False)
