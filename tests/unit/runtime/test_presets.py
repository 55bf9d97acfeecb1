"""What a preset asks for, and what wins over it."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import glpose
import tiny_onnx
from fake_estimator import people, same
from glpose.errors import BadConfig
from glpose.runtime.card import KeySlot, PoseCard, StateSlot
from glpose.runtime.load import load_estimator
from glpose.runtime.options import PoseOptions
from glpose.runtime.presets import PRESETS, VIEWS, Effort, Plan, Wish
from glpose.track.by_pose import PoseTrackerSpec

ANSWERS, FUSES = tiny_onnx.pose_card(answers=True), tiny_onnx.pose_card()
SINGLE = tiny_onnx.pose_card(slots=tiny_onnx.slots())
STATES = (KeySlot(), StateSlot("state", "next_state", (1,)))
IN_TIME = tiny_onnx.pose_card(answers=True, slots=STATES, order="in_time")


def test_balanced_is_what_was_done_without_presets() -> None:
    assert Wish().effort(ANSWERS) == PRESETS["balanced"] == Effort()
    assert Effort(PoseTrackerSpec().look_every, flip=False, fuse=True) == Effort()


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_asked_for_wins_over_the_preset(preset: str) -> None:
    named = Wish(preset).effort(ANSWERS)
    assert named == PRESETS[preset]
    assert Wish(preset, detect_every=7).effort(ANSWERS) == replace(named, detect_every=7)
    for value in (True, False):
        flips = replace(named, flip=value, thorough=value)
        assert Wish(preset, flip=value).effort(ANSWERS) == flips
        assert Wish(preset, fuse=value).effort(ANSWERS) == replace(named, fuse=value)
        small = replace(named, small_people=value)
        assert Wish(preset, small_people=value).effort(ANSWERS) == small


def test_what_an_estimator_has_to_do_or_cannot_goes_before_a_preset() -> None:
    assert Wish("fast").effort(FUSES) == replace(PRESETS["fast"], detect_every=1, fuse=True)
    nothing_more = Effort(1, thorough=False, small_people=False)
    assert Wish(detect_every=1, fuse=True).effort(FUSES) == nothing_more
    for fuse in (None, False):
        assert not Wish("best", fuse=fuse).effort(SINGLE).fuse
    assert not Wish(fuse=True).effort(SINGLE, is_still=True).fuse
    for of in ({"is_still": True}, {"is_given": True}):
        assert Wish(detect_every=15).effort(FUSES, **of) == nothing_more


@pytest.mark.parametrize(
    ("card", "wish", "says"),
    [
        (FUSES, Wish(fuse=False), "answers nothing from a single frame; leave out --no-fuse"),
        (FUSES, Wish(detect_every=15), "answers nothing from a .* leave out --detect-every .*=15"),
        (FUSES, Wish(small_people=True), "answers nothing from a .* leave out --small-people"),
        (SINGLE, Wish(fuse=True), "sees single frames only; leave out --fuse .*, or use other"),
    ],
)
def test_what_an_estimator_cannot_do_is_refused_if_it_was_asked_for(
    card: PoseCard, wish: Wish, says: str
) -> None:
    with pytest.raises(BadConfig, match=f"^'{card.name}' {says}"):
        wish.effort(card)


def words(effort: Effort, card: PoseCard = ANSWERS, **how: bool) -> str:
    return Plan(effort, card, is_still=False).in_words(**how)


def test_what_is_done_with_a_video_in_words() -> None:
    fast, best = PRESETS["fast"], PRESETS["best"]
    assert words(fast) == (
        "people searched every 15 frames, less often where nothing changes, no flip test, "
        "single frames"
    )
    assert "every 15 frames, no" in words(fast, causal=True)
    assert "every 20 frames, no" in words(replace(fast, detect_every=20))
    assert words(best) == f"people searched every frame, {SMALL}, with flip test, frames fused"
    assert words(best, searches=False) == "people given, with flip test, frames fused"
    usual = "people searched every 5 frames, less often where nothing changes"
    assert words(Effort()) == f"{usual}, {SMALL}, no flip test, frames fused"
    assert words(Effort(small_people=False)) == f"{usual}, no flip test, frames fused"
    assert words(best, IN_TIME).endswith("with flip test, each frame with the one before")
    assert words(fast, IN_TIME) == words(fast)


SMALL = "small ones of large pictures besides"
SEARCHED = f"searched in several views, {SMALL}"
OFTEN = f"{SEARCHED}, looked at 10 times"


@pytest.mark.parametrize(
    ("card", "wish", "does", "num"),
    [
        (ANSWERS, Wish(), OFTEN, 10),
        (ANSWERS, Wish("fast"), "searched once, looked at once", 1),
        (SINGLE, Wish("best"), OFTEN, 10),
        (IN_TIME, Wish(), f"{SEARCHED}, looked at once", 1),
        (IN_TIME, Wish(fuse=False), OFTEN, 10),
        (IN_TIME, Wish(flip=True), f"{SEARCHED}, looked at twice", 2),
        (FUSES, Wish(), "searched once, looked at once", 1),
        (FUSES, Wish("best"), "searched once, looked at twice", 2),
    ],
)
def test_what_is_done_with_a_picture_and_what_is_said_of_it(
    card: PoseCard, wish: Wish, does: str, num: int
) -> None:
    effort = wish.effort(card, is_still=True)
    plan = Plan(effort, card, is_still=True)
    assert plan.in_words() == f"people {does}"
    assert plan.in_words(searches=False) == f"people given, {does.rpartition(', ')[2]}"
    options = plan.options(causal=False)
    assert (1 + len(options.views)) * (1 + options.flip) == num
    assert effort.thorough == plan.searches_views == (SEARCHED in does)


@pytest.mark.parametrize("is_picture", [True, False])
def test_what_an_effort_means_for_pictures_and_for_videos(is_picture: bool) -> None:
    def options(effort: Effort) -> PoseOptions:
        return effort.options(is_picture=is_picture, causal=False)

    once = PoseOptions(in_box=is_picture)
    often = PoseOptions(flip=True, views=VIEWS, in_box=True)
    assert options(Effort()) == (often if is_picture else once)
    assert options(PRESETS["best"]) == (often if is_picture else PoseOptions(flip=True))
    assert options(PRESETS["fast"]) == once


def test_small_people_need_a_detector_with_a_larger_input() -> None:
    plain = tiny_onnx.detector_card()
    fine = replace(plain, fine_size_hw=(128, 192), fine_side_px=40.0)
    assert Wish().effort(ANSWERS, detector=fine) == Effort()
    assert Wish().effort(ANSWERS, detector=plain) == Effort(small_people=False)
    wish = Wish(small_people=True)
    assert wish.effort(ANSWERS, detector=fine) == Effort()
    assert not wish.effort(ANSWERS, detector=plain, is_given=True).small_people
    with pytest.raises(BadConfig, match=f"^the detector '{plain.name}' has no larger input for"):
        wish.effort(ANSWERS, detector=plain)


def moving(num: int = 10) -> list[np.ndarray]:
    pictures = [np.full((96, 128, 3), 40, np.uint8) for _ in range(num)]
    for index, rgb in enumerate(pictures):
        rgb[40:60, 50 + index : 62 + 2 * index] = 255 - 3 * index
    return pictures


def test_presets_change_what_is_done_and_the_settings_say_how(tmp_path: Path) -> None:
    card = tiny_onnx.detector_card(fine_size_hw=(128, 192), fine_side_px=40.0)
    how = {
        "weights": tiny_onnx.write_pose(tmp_path, "x", answers=True),
        "detector": tiny_onnx.write_detector(tmp_path / "d.onnx", card),
    }
    found = {name: glpose.run(moving(), preset=name, **how).collect() for name in PRESETS}
    plain = glpose.run(moving(), **how).collect()
    same(list(found["balanced"].frames), list(plain.frames))
    for name, result in found.items():
        settings = result.settings
        assert settings["preset"] == name
        told = {field.name: settings[field.name] for field in fields(Effort)}
        assert Effort(**told) == PRESETS[name]
    by_hand = glpose.run(moving(), detect_every=1, flip=True, fuse=True, **how).collect()
    same(list(by_hand.frames), list(found["best"].frames))
    xy = {name: np.concatenate([p.xy for p in result.frames]) for name, result in found.items()}
    assert not np.array_equal(xy["balanced"], xy["best"])
    assert not np.array_equal(xy["balanced"], xy["fast"])


@pytest.mark.parametrize("fuse", [True, False])
def test_with_a_flip_test_the_joints_of_a_pair_are_equally_sure(fuse: bool, tmp_path: Path) -> None:
    """The tiny network is surer of some joints than of others: a mirror gives each its partner's."""
    how = {
        "weights": tiny_onnx.write_pose(tmp_path, "x", answers=True),
        "detector": tiny_onnx.write_detector(tmp_path / "d.onnx"),
    }
    rgb = np.full((96, 128, 3), 40, np.uint8)
    rgb[40:60, 54:74] = 255
    partner = list(load_estimator(how["weights"]).card.joints.mirror)
    for flip in (False, True):
        (poses,) = glpose.run(rgb, flip=flip, fuse=fuse, **how)
        (score,) = poses.score
        assert np.allclose(score, score[partner], atol=1e-6) == flip


def test_a_picture_is_looked_at_thoroughly_unless_in_a_hurry(tmp_path: Path) -> None:
    weights = tiny_onnx.write_pose(tmp_path, "x", answers=True)
    how = {"boxes": {0: people((7, 64, 50))}, "weights": weights, "refiners": ()}
    rgb = np.zeros((96, 128, 3), np.uint8)  # beside the box there is nothing
    rgb[34:66, 52:76] = np.random.default_rng(0).integers(0, 256, (32, 24, 3), np.uint8)

    def scores(source: object, **more: object) -> np.ndarray:
        (poses,) = glpose.run(source, **how, **more)  # type: ignore[arg-type]
        return poses.score

    once, thorough = scores(rgb, flip=False), scores(rgb)
    assert not np.array_equal(once, thorough)
    np.testing.assert_array_equal(scores(rgb, preset="best"), thorough)
    np.testing.assert_array_equal(scores(rgb, preset="fast"), once)
    # A video of one frame is a video.
    np.testing.assert_array_equal(scores([rgb], fuse=False), once)


def test_without_fusing_each_frame_counts_alone(tmp_path: Path) -> None:
    box = people((7, 64, 50))
    weights = tiny_onnx.write_pose(tmp_path, "x", answers=True)
    pictures = moving()

    def scores(pictures: list[np.ndarray], *, fuse: bool) -> np.ndarray:
        boxes = dict.fromkeys(range(len(pictures)), box)
        how = {"boxes": boxes, "weights": weights, "refiners": (), "fuse": fuse}
        return np.stack([poses.score[0] for poses in glpose.run(pictures, **how)])

    for fuse in (False, True):
        apart = np.concatenate([scores([rgb], fuse=fuse) for rgb in pictures])
        assert np.array_equal(scores(pictures, fuse=fuse), apart) == (not fuse)
