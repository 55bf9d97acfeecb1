"""Bones of constant length: what changes, and what does not."""

import numpy as np
import pytest

from glpose.runtime.bones import with_steady_bones
from glpose.skeleton import LIMB13

ROOTS = (LIMB13.index("left_hip"), LIMB13.index("right_hip"))
NUM = len(LIMB13.joints)


def person(frames: int = 30, noise: float = 0.0) -> np.ndarray:
    """A stiff figure, left as right, that turns about the upright; about its root."""
    rng = np.random.default_rng(0)
    shape = rng.normal(0, 0.3, (NUM, 3))
    shape = (shape + shape[list(LIMB13.mirror)] * [-1, 1, 1]) / 2
    angle = np.linspace(0, 2, frames)
    turn = np.zeros((frames, 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2], turn[:, 2, 0] = np.sin(angle), -np.sin(angle)
    turn[:, 1, 1] = 1
    xyz = np.einsum("tij,nj->tni", turn, shape) + rng.normal(0, noise, (frames, NUM, 3))
    return (xyz - xyz[:, list(ROOTS)].mean(1, keepdims=True)).astype(np.float32)


def lengths(xyz: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(xyz[:, a] - xyz[:, b], axis=-1) for a, b in LIMB13.bones])


def test_bones_that_do_not_change_are_left_alone():
    np.testing.assert_allclose(with_steady_bones(person(), LIMB13, ROOTS), person(), atol=1e-5)


def test_noisy_bones_get_their_median_length_left_as_right():
    noisy, true = person(noise=0.03), person()
    steady = with_steady_bones(noisy, LIMB13, ROOTS)
    after, number = lengths(steady), {bone: i for i, bone in enumerate(LIMB13.bones)}
    assert np.abs(after / np.median(after, 1, keepdims=True) - 1).max() < 0.05
    both = (
        number[LIMB13.index("left_hip"), LIMB13.index("left_knee")],
        number[LIMB13.index("right_hip"), LIMB13.index("right_knee")],
    )
    expected = np.median(lengths(noisy)[list(both)])
    np.testing.assert_allclose(np.median(after[list(both)], 1), expected, rtol=0.01)
    # Joints move little, and closer to the truth.
    assert np.linalg.norm(steady - noisy, axis=-1).mean() < 0.05
    assert (
        np.linalg.norm(steady - true, axis=-1).mean() < np.linalg.norm(noisy - true, axis=-1).mean()
    )


def test_the_root_stays_the_origin():
    steady = with_steady_bones(person(noise=0.05), LIMB13, ROOTS)
    np.testing.assert_allclose(steady[:, list(ROOTS)].mean(1), 0, atol=1e-6)


@pytest.mark.parametrize("missing", ["left_wrist", "left_elbow", "left_hip"])
def test_what_is_missing_stays_missing_and_pulls_at_nothing(missing: str):
    joint = LIMB13.index(missing)
    xyz = person()
    xyz[5, joint] = np.nan
    steady = with_steady_bones(xyz, LIMB13, ROOTS)
    np.testing.assert_array_equal(np.isnan(steady), np.isnan(xyz))
    np.testing.assert_allclose(np.nan_to_num(steady), np.nan_to_num(xyz), atol=1e-5)
    nobody = np.full_like(xyz, np.nan)
    assert np.isnan(with_steady_bones(nobody, LIMB13, ROOTS)).all()
