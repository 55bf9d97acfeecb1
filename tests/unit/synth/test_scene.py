"""Rendered figures: the truth must be true of the pictures."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import BadConfig
from glpose.skeleton import POSETRACK15
from glpose.synth import SceneSpec, demo_scene, render_person, render_scene
from glpose.synth.body import make_mesh
from glpose.synth.camera import Camera
from glpose.synth.effects import Effects
from glpose.synth.figure import BONES, SIDES, Proportions, limited, pose
from glpose.synth.ground import travel
from glpose.synth.motion import ARMS, LEGS, Action, act
from glpose.synth.props import make_box
from glpose.synth.render import Light
from glpose.synth.scene import MARGIN, Scene, make_actor
from glpose.synth.wardrobe import random_outfit

SPEC = SceneSpec(size_hw=(120, 160), num_frames=4, num_people=(2, 3), motion_blur_share=0.0)
JOINT = POSETRACK15.index


def _stage(heading: float = 0.0, size_hw: tuple[int, int] = (240, 160)) -> Scene:
    """One person on plain ground in front of a still camera."""
    num = 3
    time_s = (np.arange(num + 2) - 1) / 25
    still = np.zeros(num + 2)
    camera = Camera(1.0, still, still, still, still + 240, size_hw)
    actor = make_actor(
        np.random.default_rng(5), Action(), (0.0, -3.2), heading, time_s, Proportions()
    )
    up = np.array([0.0, 1.0, 0.0])
    reference = camera.reference(MARGIN)
    plain = np.full((*reference.size_hw, 3), 77, np.uint8)
    spec = SceneSpec(size_hw, num, num_people=(1, 1))
    light = Light(up, 0.8, 0.2, 0.0)
    return Scene(spec, 0, (actor,), (), camera, reference, plain, light, Effects())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes():
    first, second = (
        render_scene(replace(SPEC, motion_blur_share=1.0), 3).frame(1) for _ in range(2)
    )
    np.testing.assert_array_equal(first[0].rgb, second[0].rgb)
    np.testing.assert_array_equal(first[1].xy, second[1].xy)
    assert not np.array_equal(first[0].rgb, render_scene(SPEC, 4).frame(1)[0].rgb)


def test_frames_are_numbered_and_timed():
    frames = list(render_scene(SPEC, 1).frames())
    assert [f.index for f, _ in frames] == [0, 1, 2, 3] == [t.frame for _, t in frames]
    assert [f.time_s for f, _ in frames] == [0.0, 0.04, 0.08, 0.12] == [t.time_s for _, t in frames]
    assert all(f.rgb.shape == (120, 160, 3) and f.rgb.dtype == np.uint8 for f, _ in frames)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_truth_is_well_formed(seed: int):
    ids = []
    for _, truth in render_scene(SPEC, seed).frames():
        labelled = truth.visibility > 0
        assert np.isfinite(truth.xy[labelled]).all()
        assert np.isnan(truth.xy[~labelled]).all()
        x, y = truth.xy[labelled].T
        assert ((x >= -0.5) & (x <= 159.5) & (y >= -0.5) & (y <= 119.5)).all()
        left, top, right, bottom = truth.people.xyxy.T
        assert ((left < right) & (top < bottom)).all()
        assert ((left >= 0) & (top >= 0) & (right <= 159) & (bottom <= 119)).all()
        for box, xy, known in zip(truth.people.xyxy, truth.xy, labelled, strict=True):
            assert (xy[known] >= box[:2] - 1).all()
            assert (xy[known] <= box[2:] + 1).all()
        ids.append(set(truth.people.track_id.tolist()))
        assert all(1 <= i <= 3 for i in ids[-1])
    assert len(set.intersection(*ids)) >= len(ids[0]) - 1


@pytest.mark.slow
def test_people_can_be_none_or_many():
    _, truth = render_scene(replace(SPEC, num_people=(0, 0)), 0).frame(0)
    assert len(truth.people) == 0
    assert truth.xy.shape == (0, 15, 2)
    still = replace(SPEC, num_frames=1)
    assert len(render_scene(replace(still, num_people=(6, 6)), 0).actors) == 6
    counts = {len(render_scene(replace(still, num_people=(0, 1)), s).actors) for s in range(6)}
    assert counts == {0, 1}
    with pytest.raises(BadConfig, match="num_people"):
        SceneSpec(num_people=(3, 1))


def test_boxes_are_tight_and_joints_lie_on_the_figure():
    frame, truth = _stage(heading=0.4).frame(0)
    figure = np.abs(frame.rgb.astype(int) - 77).max(-1) > 3
    rows, columns = np.flatnonzero(figure.any(1)), np.flatnonzero(figure.any(0))
    drawn = [columns[0], rows[0], columns[-1], rows[-1]]
    np.testing.assert_allclose(truth.people.xyxy[0], drawn, atol=1.5)
    x, y = np.round(truth.xy[0]).astype(int).T
    assert figure[y, x].all()


def test_left_limbs_are_on_the_right_of_the_picture_when_facing_the_camera():
    towards, away = (_stage(heading).frame(0)[1] for heading in (0.0, np.pi))
    for name in ("shoulder", "elbow", "hip", "ankle"):
        left, right = JOINT(f"left_{name}"), JOINT(f"right_{name}")
        assert towards.xy[0, left, 0] > towards.xy[0, right, 0]
        assert away.xy[0, left, 0] < away.xy[0, right, 0]
    nose = JOINT("nose")
    assert towards.visibility[0, nose] == 2
    assert away.visibility[0, nose] == 1
    order = [JOINT(j) for j in ("head_top", "nose", "head_bottom", "left_hip", "left_ankle")]
    assert (np.diff(towards.xy[0, order, 1]) > 0).all()


def test_an_obstacle_hides_joints_and_an_edge_cuts_them_off():
    scene = _stage()
    wall = make_box(np.random.default_rng(0), (0.0, 0.0, -2.2), (2.0, 0.75, 0.1), 0.0)
    _, free = scene.frame(0)
    _, hidden = replace(scene, props=(wall,)).frame(0)
    legs = [JOINT(f"{s}_{j}") for s in SIDES for j in ("knee", "ankle")]
    head = [JOINT(j) for j in ("nose", "head_top", "head_bottom")]
    assert (free.visibility[0, legs + head] == 2).all()
    assert (hidden.visibility[0, legs] == 1).all()
    assert (hidden.visibility[0, head] == 2).all()
    np.testing.assert_array_equal(free.xy, hidden.xy)
    np.testing.assert_array_equal(free.people.xyxy, hidden.people.xyxy)

    _, cut = _stage(size_hw=(120, 160)).frame(0)
    assert (cut.visibility[0, legs] == 0).any()
    assert cut.people.xyxy[0, 3] == 119


def test_the_depth_in_the_camera_explains_the_picture():
    scene = _stage(heading=1.0)
    _, truth = scene.frame(1)
    xyz = scene.joints_in_camera(1)[0]
    projected = scene.camera.at(2.0).picture(xyz)
    np.testing.assert_allclose(projected, truth.xy[0], atol=0.01)
    assert abs(xyz[:, 2].mean() - 3.2) < 0.3


@pytest.mark.parametrize(
    ("legs", "arms"), [(n, "own") for n in sorted(LEGS)] + [("stand", n) for n in sorted(ARMS)]
)
def test_bodies_stay_on_the_floor_and_within_their_limits(legs: str, arms: str):
    time_s, person = np.arange(20) / 12, Proportions()
    angles = act(np.random.default_rng(1), Action(legs, arms), time_s)
    bones, _ = travel(person, angles, Action(legs, arms))
    mesh = make_mesh(person, random_outfit(np.random.default_rng(2)))
    height = mesh.place(bones)[0][..., 1].min(1)
    air = np.broadcast_to(angles.get("air", 0.0), height.shape)
    assert (height - air > -0.12).all()
    assert (height - air < 0.06).all()
    kept = limited({n: a for n, a in angles.items() if n != "air"})
    assert all((kept[f"{s}_knee"] > 0).all() and (kept[f"{s}_elbow"] > 0).all() for s in SIDES)


def test_knees_bend_backwards_and_elbows_forwards():
    bent = {f"{s}_{n}": np.full(1, 1.0) for s in SIDES for n in ("knee", "elbow")}
    origin = dict(zip(BONES, pose(Proportions(), bent).origin[0], strict=True))
    for side in SIDES:
        assert origin[f"{side}_foot"][2] < origin[f"{side}_shin"][2] - 0.2
        assert origin[f"{side}_hand"][2] > origin[f"{side}_forearm"][2] + 0.15


def test_feet_that_carry_do_not_slide():
    time_s, action = np.arange(50) / 25, Action("walk", "own")
    angles = act(np.random.default_rng(0), action, time_s)
    bones, path = travel(Proportions(), angles, action)
    feet = bones.origin[:, [BONES.index(f"{s}_foot") for s in SIDES]]
    speed = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) * 25
    assert np.median(speed.min(1)) < 0.25
    assert 0.6 < np.linalg.norm(path[-1, [0, 2]]) / time_s[-1] < 2.2
    assert path[-1, 2] > 0.8, "walks the way it faces"


@pytest.mark.slow
def test_a_single_person_and_the_demo():
    rgb, truth = render_person(3)
    assert rgb.shape == (256, 192, 3)
    assert truth.people.track_id.tolist() in ([], [1])
    scene = demo_scene()
    frame, truth = scene.frame(50)
    assert frame.rgb.shape == (360, 640, 3)
    assert truth.people.track_id.tolist() == [1, 2, 3]
    assert (truth.visibility == 2).sum() > 20


def test_a_given_picture_becomes_the_background():
    green = np.zeros((50, 90, 3), np.uint8)
    green[..., 1] = 200
    empty = replace(SPEC, num_people=(0, 0), num_obstacles=(0, 0), damage=0.0)
    frame, _ = render_scene(empty, 0, background=green).frame(0)
    assert (frame.rgb == (0, 200, 0)).all()
