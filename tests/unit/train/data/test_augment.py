"""Random changes: seeded, within their bounds, and the group's half-body formula."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.crop import crop_from_image
from glpose.damage import DAMAGE, damage
from glpose.skeleton import POSETRACK15
from glpose.train.data.augment import (
    Augmentation,
    Look,
    draw_look,
    jitter_colour,
    paste_ellipse,
    place_beside,
    random_box,
)
from glpose.train.data.people import upper_body
from glpose.types import Affine, CropSpec

SPEC = CropSpec((64, 48))
BOX = np.array([10.0, 20.0, 60.0, 120.0])
XY = np.random.default_rng(5).uniform([10, 20], [60, 120], (15, 2))
ALL = np.ones(15, bool)
UPPER = upper_body(POSETRACK15)
STILL = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def draw(seed: int, how: Augmentation, valid: np.ndarray = ALL) -> tuple[Affine, bool]:
    """The map of a crop, as training draws it, and whether it is mirrored."""
    rng = np.random.default_rng(seed)
    look = draw_look(rng, how)
    box = random_box(rng, BOX, XY, valid, UPPER, how)
    return look.crop_from_image(box, SPEC), look.mirror


def test_upper_body_is_arms_and_head() -> None:
    upper = {j for j, is_upper in zip(POSETRACK15.joints, UPPER, strict=True) if is_upper}
    assert len(upper) == 9
    assert not any(part in joint for joint in upper for part in ("hip", "knee", "ankle"))


def test_without_augmentation_it_is_the_plain_crop() -> None:
    to_crop, mirrored = draw(0, STILL)
    assert not mirrored
    assert (to_crop.matrix == crop_from_image(BOX, SPEC).matrix).all()


def test_the_same_seed_gives_the_same_map() -> None:
    for seed in range(5):
        (a, flip_a), (b, flip_b) = draw(seed, Augmentation()), draw(seed, Augmentation())
        assert flip_a == flip_b
        assert (a.matrix == b.matrix).all()
    assert (draw(0, Augmentation())[0].matrix != draw(1, Augmentation())[0].matrix).any()


def test_rotation_scale_and_flip_stay_within_their_bounds() -> None:
    how = replace(Augmentation(), half_body_share=0.0)
    plain = np.linalg.det(crop_from_image(BOX, SPEC).matrix[:, :2])
    flips, turns, scales = [], [], []
    for seed in range(300):
        to_crop, mirrored = draw(seed, how)
        linear = to_crop.matrix[:, :2]
        if mirrored:
            linear = np.diag([-1, 1]) @ linear
        flips.append(mirrored)
        turns.append(np.degrees(np.arctan2(linear[0, 1], linear[0, 0])))
        scales.append(np.sqrt(plain / np.linalg.det(linear)))
    turned = np.abs(turns) > 1e-9
    assert np.abs(turns).max() == pytest.approx(45)
    assert turned.mean() == pytest.approx(0.6, abs=0.1)
    assert np.mean(flips) == pytest.approx(0.5, abs=0.1)
    assert min(scales) == pytest.approx(0.65)
    assert max(scales) == pytest.approx(1.35)


def test_a_stretched_person_is_wider_and_stays_in_the_middle() -> None:
    middle = np.array([[35.0, 70.0], [45.0, 70.0], [35.0, 80.0]])
    plain = Look().crop_from_image(BOX, SPEC).apply(middle)
    wide = Look(stretch=1.2).crop_from_image(BOX, SPEC).apply(middle)
    np.testing.assert_allclose(wide[0], plain[0])
    np.testing.assert_allclose(wide[1] - wide[0], [1.2, 1] * (plain[1] - plain[0]))
    np.testing.assert_allclose(wide[2], plain[2])
    factors = [
        draw_look(np.random.default_rng(seed), replace(STILL, stretch=0.1)).stretch
        for seed in range(200)
    ]
    assert 0.08 < np.std(np.log(factors)) < 0.11
    assert np.abs(np.log(factors)).max() <= 0.2 + 1e-9


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_person_fills_the_crop_as_a_box_of_the_turned_shape_does(quarters: int) -> None:
    wide = np.array([20.0, 60.0, 100.0, 80.0])
    centre, half = np.array([60.0, 70.0]), np.array([10.0, 40.0] if quarters % 2 else [40.0, 10.0])
    as_seen = crop_from_image(np.concatenate([centre - half, centre + half]), SPEC)
    corner = centre + [40, 10]
    x, y = corner - centre
    for _ in range(quarters):  # anticlockwise in a picture whose y points down
        x, y = y, -x
    expected = as_seen.apply((centre + [x, y])[None])
    found = Look(quarters=quarters).crop_from_image(wide, SPEC).apply(corner[None])
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_share_of_the_samples_is_turned_by_quarters() -> None:
    how = replace(STILL, turned_share=0.3)
    turns = [draw_look(np.random.default_rng(seed), how).quarters for seed in range(400)]
    assert set(turns) == {0, 1, 2, 3}
    assert np.mean(np.array(turns) > 0) == pytest.approx(0.3, abs=0.07)


def test_limits_of_rotation_and_scale_can_be_set() -> None:
    how = Augmentation(rotation_share=1.0, rotation_limit_deg=90.0, scale_limit=0.1)
    looks = [draw_look(np.random.default_rng(seed), how) for seed in range(300)]
    turns, scales = [look.rotation_deg for look in looks], [look.scale for look in looks]
    assert (min(turns), max(turns)) == (-90, 90)
    assert (min(scales), max(scales)) == pytest.approx((0.9, 1.1))


def test_one_look_mirrors_every_crop_that_shares_it() -> None:
    look = draw_look(np.random.default_rng(0), replace(Augmentation(), flip_share=1.0))
    assert look.mirror
    for box in (BOX, BOX + [30, -5, 60, 10]):
        mirrored = look.crop_from_image(box, SPEC)
        plain = replace(look, mirror=False).crop_from_image(box, SPEC)
        assert np.linalg.det(mirrored.matrix[:, :2]) < 0 < np.linalg.det(plain.matrix[:, :2])
        x, y = plain.apply(XY).T
        assert mirrored.apply(XY) == pytest.approx(np.stack([47 - x, y], 1))


def test_half_body_frames_the_upper_or_the_lower_joints() -> None:
    how = replace(STILL, half_body_share=1.0)
    centres = [draw(seed, how)[0].inverse().apply(np.array([23.5, 31.5])) for seed in range(200)]
    upper, lower = XY[UPPER].mean(0), XY[~UPPER].mean(0)
    is_upper = np.array([np.allclose(c, upper) for c in centres])
    is_lower = np.array([np.allclose(c, lower) for c in centres])
    assert (is_upper | is_lower).all()
    assert is_upper.mean() == pytest.approx(0.69, abs=0.1)


def test_half_body_shows_one_and_a_half_times_the_extent_of_its_joints() -> None:
    xy = np.tile([[12.0, 30.0], [44.0, 30.0], [12.0, 110.0]], (5, 1))
    for seed in range(5):
        rng = np.random.default_rng(seed)
        box = random_box(rng, BOX, xy, ALL, UPPER, replace(STILL, half_body_share=1.0))
        corners = np.array([[-0.5, -0.5], [SPEC.size_hw[1] - 0.5, SPEC.size_hw[0] - 0.5]])
        first, last = crop_from_image(box, SPEC).inverse().apply(corners)
        assert last[1] - first[1] == pytest.approx(1.5 * 80)


def test_half_body_needs_more_than_eight_joints() -> None:
    few = np.arange(15) < 8
    to_crop, _ = draw(0, replace(STILL, half_body_share=1.0), few)
    assert (to_crop.matrix == crop_from_image(BOX, SPEC).matrix).all()


def test_half_body_without_lower_joints_frames_the_upper_ones() -> None:
    for seed in range(10):
        to_crop, _ = draw(seed, replace(STILL, half_body_share=1.0), UPPER)
        centre = to_crop.inverse().apply(np.array([23.5, 31.5]))
        assert centre == pytest.approx(XY[UPPER].mean(0))


def test_shift_moves_by_a_share_of_the_box() -> None:
    for seed in range(50):
        to_crop, _ = draw(seed, replace(STILL, shift=0.1))
        moved = to_crop.inverse().apply(np.array([23.5, 31.5])) - [35, 70]
        assert (np.abs(moved) <= [5 + 1e-9, 10 + 1e-9]).all()


PICTURE = np.random.default_rng(1).integers(0, 256, (64, 48, 3)).astype(np.uint8)


def test_colour_keeps_shape_and_repeats_with_its_seed() -> None:
    a = jitter_colour(np.random.default_rng(3), PICTURE, 0.3)
    assert a.shape == PICTURE.shape
    assert a.dtype == np.uint8
    assert (a == jitter_colour(np.random.default_rng(3), PICTURE, 0.3)).all()
    assert (a != PICTURE).any()


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("strength", [0.2, 1.0, 1.1])
def test_damage_changes_the_picture_and_repeats_with_its_seed(kind: str, strength: float) -> None:
    a = damage(np.random.default_rng(2), PICTURE, kind, strength)
    assert a.shape == PICTURE.shape
    assert a.dtype == np.uint8
    assert (a == damage(np.random.default_rng(2), PICTURE, kind, strength)).all()
    assert (a != PICTURE).any()


def test_covering_hides_about_a_third_of_the_person() -> None:
    black = np.zeros((240, 180, 3), np.uint8)
    covered = [
        (damage(np.random.default_rng(s), black, "cover").max(-1) > 0).mean() for s in range(20)
    ]
    assert np.mean(covered) == pytest.approx(0.64 / 3, abs=0.03)


OWN, OTHER = np.array([30.0, 20.0, 70.0, 120.0]), np.array([0.0, 0.0, 30.0, 90.0])
JOINTS = np.stack(np.meshgrid([35.0, 50.0, 65.0], np.linspace(25, 115, 6)), -1).reshape(-1, 2)


def test_a_neighbour_stands_beside_or_before_and_hides_two_fifths_at_most() -> None:
    hidden, centres = [], []
    for seed in range(200):
        place = place_beside(np.random.default_rng(seed), OWN, OTHER, JOINTS)
        if place is None:
            continue
        np.testing.assert_allclose(place[2:] - place[:2], [30, 90])
        centre, half = (place[:2] + place[2:]) / 2, np.array([15, 45])
        hidden.append(((((JOINTS - centre) / half) ** 2).sum(-1) < 1).mean())
        centres.append(centre[0] - 50)
    assert len(hidden) > 190
    assert max(hidden) <= 0.4
    assert min(hidden) == 0
    assert np.abs(centres).min() >= 0.25 * 35
    assert np.abs(centres).max() <= 35
    assert 0.4 < np.mean(np.array(centres) > 0) < 0.6


def test_a_neighbour_who_would_hide_too_much_stays_away() -> None:
    giant, spot = np.array([0.0, 0.0, 900.0, 900.0]), np.full((3, 2), 50.0)
    assert place_beside(np.random.default_rng(0), OWN, giant, spot) is None


def test_only_the_ellipse_is_pasted() -> None:
    rgb, other = (np.full((140, 100, 3), level, np.uint8) for level in (10, 200))
    out = paste_ellipse(rgb, other, np.array([20.0, 30.0, 60.0, 110.0]))
    assert (out[70, 25:56] == 200).all()
    assert (out[35:106, 40] == 200).all()
    assert (out[[30, 30, 110, 110], [20, 60, 20, 60]] == 10).all()
    assert (out[:28] == 10).all()
    assert (out[:, 63:] == 10).all()
    assert len(np.unique(out)) > 3
