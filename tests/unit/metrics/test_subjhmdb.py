"""PCK of Sub-JHMDB: sizes, limits, averages and the belly; its worked example is in tests/parity."""

import numpy as np
import pytest

from glpose.metrics.subjhmdb import Norm, interpolate_belly, subjhmdb_pck
from glpose.skeleton import JHMDB15

BOX = np.array([[10.0, 20.0, 60.0, 120.0]])  # longer side 100: limit 20
TRUTH = np.zeros((1, 15, 2))
TRUTH[0, JHMDB15.index("left_shoulder")] = 30, 0
TRUTH[0, JHMDB15.index("right_hip")] = 0, 40  # torso 50: limit 10


def moved(joint: str, distance: float) -> np.ndarray:
    guess = TRUTH.copy()
    guess[0, JHMDB15.index(joint), 0] += distance
    return guess


@pytest.mark.parametrize(("norm", "limit"), [("box", 20.0), ("torso", 10.0)])
def test_the_limit_is_inclusive_unless_strict(norm: Norm, limit: float) -> None:
    head = JHMDB15.index("face")
    for distance, strict, share in (
        (limit, False, 1),
        (limit, True, 0),
        (limit + 0.01, False, 0),
        (limit - 0.01, True, 1),
    ):
        found = subjhmdb_pck(moved("face", distance), TRUTH, BOX, norm=norm, strict=strict)
        assert found.per_joint[head] == share


def test_three_averages_of_one_wrong_joint() -> None:
    wrong_head = subjhmdb_pck(moved("face", 99), TRUTH, BOX)
    assert wrong_head.columns["Head"] == 0
    assert wrong_head.mean_of_columns == pytest.approx(6 / 7)
    assert wrong_head.mean_of_joints == pytest.approx(14 / 15)
    assert wrong_head.mean_of_13 == pytest.approx(12 / 13)
    wrong_wrist = subjhmdb_pck(moved("left_wrist", 99), TRUTH, BOX)
    assert wrong_wrist.columns["Wrist"] == 0.5
    assert wrong_wrist.mean_of_columns == pytest.approx(6.5 / 7)
    wrong_neck = subjhmdb_pck(moved("neck", 99), TRUTH, BOX)
    assert wrong_neck.mean_of_columns == wrong_neck.mean_of_13 == 1
    assert wrong_neck.mean_of_joints == pytest.approx(14 / 15)


def test_a_torso_below_one_pixel_is_taken_from_the_guess() -> None:
    truth = np.zeros((1, 15, 2))
    truth[0, JHMDB15.index("right_hip")] = 0.5, 0
    guess = truth.copy()
    guess[0, JHMDB15.index("left_shoulder")] = 100.5, 0  # now the torso is 100: limit 20
    guess[0, JHMDB15.index("face")] = 20, 0
    found = subjhmdb_pck(guess, truth, BOX, norm="torso")
    assert found.columns["Head"] == 1
    assert found.columns["Shoulder"] == 0.5


def test_missing_joints_are_wrong_and_frames_are_pooled() -> None:
    guess = np.repeat(TRUTH, 4, 0)
    guess[0] = np.nan
    truth, box = np.repeat(TRUTH, 4, 0), np.repeat(BOX, 4, 0)
    found = subjhmdb_pck(guess, truth, box)
    assert (found.per_joint == 0.75).all()
    assert found.num_frames == 4
    assert (subjhmdb_pck(guess, truth, box, norm="torso").per_joint == 0.75).all()


def test_no_frames_give_nan_not_a_warning() -> None:
    nothing = subjhmdb_pck(TRUTH[:0], TRUTH[:0], BOX[:0])
    assert np.isnan(nothing.mean_of_joints)
    assert np.isnan(nothing.mean_of_columns)


def test_the_belly_lies_between_shoulders_and_hips_where_it_is_missing() -> None:
    xy = np.full((2, 15, 2), np.nan, np.float32)
    for joint, place in {
        "left_shoulder": (60, 10), "right_shoulder": (20, 30),
        "left_hip": (50, 100), "right_hip": (30, 140),
    }.items():  # fmt: skip
        xy[:, JHMDB15.index(joint)] = place
    belly = JHMDB15.index("belly")
    xy[1, belly] = 1, 2
    found = interpolate_belly(xy)
    assert found[0, belly].tolist() == [40, 85]  # 20 + 0.65 * (120 - 20)
    assert found[1, belly].tolist() == [1, 2]
    assert np.isnan(xy[0, belly]).all()
    assert found.dtype == np.float32
    xy[:, JHMDB15.index("left_hip")] = np.nan
    assert np.isnan(interpolate_belly(xy)[0, belly]).all()
