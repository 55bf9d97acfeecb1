"""DG-Net: laws of the network, what it is trained on, that it learns, and the exported graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.errors import BadConfig, BadInput, BadWeights  # noqa: E402
from glpose.files import digest  # noqa: E402
from glpose.formats.motion import Motion  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.load import open_lifter  # noqa: E402
from glpose.skeleton import LIMB13, SKELETONS  # noqa: E402
from glpose.systems.dg_net.camera import look, with_errors  # noqa: E402
from glpose.systems.dg_net.data import (  # noqa: E402
    FILE,
    LiftData,
    Motions,
    is_held_out,
    open_motions,
    other_body,
    synth_motions,
)
from glpose.systems.dg_net.net import DgNet  # noqa: E402
from glpose.systems.dg_net.spec import RATE_HZ, SYNTH, DgNetConfig, MotionConfig  # noqa: E402
from glpose.systems.dg_net.step import position_loss  # noqa: E402
from glpose.systems.dg_net.system import DgNetTask  # noqa: E402
from glpose.train.recipe import data_roots  # noqa: E402

pytestmark = pytest.mark.torch

TINY = DgNetConfig(strides=(3, 1), width=8)
FEW = replace(MotionConfig().synth_only(), num_synth_clips=6, held_samples=20)
PERFECT = replace(FEW, noise=0.0, gross_share=0.0, missed_share=0.0, cut_share=0.0)
J = len(LIMB13.joints)


def task(**changes: object) -> DgNetTask:
    settings = {"model": TINY, "data": FEW, "batch_size": 8, **changes}
    recipe = replace(load_recipe("lift_small"), **settings)
    return DgNetTask(recipe, Path())


def batch(seed: int = 0, num: int = 6, window: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    joints = torch.randn(num, window, J, 3, generator=generator)
    known = (torch.rand(num, window, J, generator=generator) > 0.2).float()
    return joints, known


@pytest.mark.parametrize("strides", [(3, 1), (3, 3), (3,)])
@pytest.mark.parametrize(
    "how", [{}, {"dynamic": False}, {"static": False}, {"moves": "features"},
            {"places": "positions"}, {"likeness": "cosine"}, {"static_beside_motion": True}],
)  # fmt: skip
def test_a_window_becomes_one_pose_about_its_root_and_every_weight_learns(
    strides: tuple[int, ...], how: dict
):
    net = DgNet(replace(TINY, strides=strides, **how))
    joints, known = batch(window=net.config.window)
    pose = net(joints, known)
    assert pose.shape == (6, J, 3)
    root = pose[:, [LIMB13.index("left_hip"), LIMB13.index("right_hip")]].mean(1)
    torch.testing.assert_close(root, torch.zeros(6, 3), atol=1e-6, rtol=0)
    (pose * torch.randn(pose.shape)).sum().backward()
    # The root is taken away, and with it what all joints have in common.
    still = {n for n, p in net.named_parameters() if not p.grad.abs().max() > 0}
    assert still <= {"head.bias"}


def test_without_the_static_branch_joints_can_be_exchanged():
    order = torch.randperm(J)
    joints, known = batch()
    known[:] = 1  # joints that are not known all stand still: whose neighbours they are is open

    def pose(static: bool, turn: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        net = DgNet(replace(TINY, static=static)).eval()
        found = net(joints[:, :, turn], known[:, :, turn])
        # Each pose is about other joints then; take that away.
        return found - found[:, :1]

    straight = torch.arange(J)
    plain = pose(False, straight)
    expected = plain[:, order] - plain[:, order[:1]]
    torch.testing.assert_close(pose(False, order), expected, atol=1e-5, rtol=1e-4)
    with_names = pose(True, straight)
    expected = with_names[:, order] - with_names[:, order[:1]]
    assert not torch.allclose(pose(True, order), expected, atol=1e-3)


def test_features_are_compared_by_how_they_move_from_the_second_block_on():
    """Of what the DTG of each block is given, by blocks: 9 samples, 3, 3 and a single one."""
    net = DgNet(replace(TINY, strides=(3, 1, 3, 1), moves="features")).eval()
    joints, known = batch(window=9)
    given: list[int] = []
    for block in net.blocks:
        block.alike.register_forward_hook(lambda _, inputs, __: given.append(inputs[1].shape[-1]))
    net(joints, known)
    by_positions, by_features = 8 * 2, 2 * TINY.width
    assert given == [by_positions, by_features, by_features, by_positions]


def test_what_is_not_known_does_not_matter():
    net = DgNet(TINY).eval()
    joints, known = batch()
    other = torch.where(known[..., None] > 0, joints, torch.full_like(joints, 9.0))
    torch.testing.assert_close(net(other, known), net(joints, known))


def test_rows_depend_on_seed_step_and_place_alone():
    one, two = (task().train_data() for _ in range(2))
    for name, values in one.rows(3, [0, 1, 2, 3]).items():
        np.testing.assert_array_equal(values[2:], two.rows(3, [2, 3])[name])
    assert not np.array_equal(one.rows(3, [0])["joints"], one.rows(4, [0])["joints"])
    assert one.num_samples is None
    assert one.describe(0) is None


def test_actions_are_held_out_as_a_whole():
    assert is_held_out("dataset-1_bow_active_001")
    assert is_held_out("dataset-2_walk-turn-left_elderly_012")
    assert is_held_out("dataset-1_dash_not-confident_001")
    assert not is_held_out("dataset-2_walk_elderly_012")
    assert not is_held_out("dataset-1_walk-left_old_001")
    training, held = (synth_motions(6, LIMB13, held=h) for h in (False, True))
    assert not set(training.names) & set(held.names)
    assert len(training.names) + len(held.names) == 6


def test_motions_that_are_all_for_the_other_part_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(BadConfig, match=r"data\.num_synth_clips is 1, .* expected at least 2"):
        task(data=replace(FEW, num_synth_clips=1)).train_data()
    task(data=replace(FEW, num_synth_clips=2)).train_data()
    how = replace(FEW, sources=("mocap",))
    xyz = np.random.default_rng(0).normal(size=(9, J, 3)).astype(np.float32)
    walk = Motion("dataset-1_walk_active_001", xyz, RATE_HZ)
    monkeypatch.setattr("glpose.systems.dg_net.data.read_motions", lambda *_: [walk])
    assert open_motions(how, {"mocap": str(tmp_path)}, LIMB13, held=False)
    with pytest.raises(BadInput, match="no motion of an action that is held out"):
        open_motions(how, {"mocap": str(tmp_path)}, LIMB13, held=True)
    kick = replace(walk, name="dataset-1_kick_active_001")
    monkeypatch.setattr("glpose.systems.dg_net.data.read_motions", lambda *_: [walk, kick])
    (tmp_path / FILE).write_bytes(b"motions")
    opened = task(data=how, roots=data_roots(mocap=str(tmp_path)))
    opened.train_data()
    assert opened.drawn_from == {"mocap": digest(b"motions")}


def test_the_loss_is_the_mean_over_the_joints_that_count():
    """5, 1 and 12 apart; a joint that is 100 apart does not count."""
    found = torch.zeros(2, 3, 3)
    found[0, 0], found[0, 1, 2], found[1, 2, 0] = torch.tensor([3.0, 4, 0]), -1.0, 12.0
    found[0, 2, 1] = 100.0
    counts = torch.tensor([[1.0, 1, 0], [0, 0, 1]])
    at_rest = torch.zeros_like(found)
    assert float(position_loss(found, at_rest, counts)) == pytest.approx((5 + 1 + 12) / 3)
    assert float(position_loss(found, at_rest, 0 * counts)) == 0


def test_windows_are_as_they_were_or_mirrored_as_a_whole():
    """Left and right are exchanged where space is mirrored, and nowhere else."""
    xyz = np.random.default_rng(0).normal(0, 0.5, (1, J, 3)).astype(np.float32)
    still = Motions.of([Motion("still", xyz.repeat(5, 0), RATE_HZ)], [2.0])
    pose = LiftData({SYNTH: still}, TINY, PERFECT, 0).many([0], 40)["pose"]
    whole = xyz[0] - xyz[0, list(TINY.roots)].mean(0)
    exchanged = whole[list(LIMB13.mirror)]
    num_mirrored = 0
    for one in 2.0 * pose:
        turn, mirroring = (np.linalg.lstsq(p, one)[0] for p in (whole, exchanged))
        if np.allclose(whole @ turn, one, atol=1e-4):
            assert np.linalg.det(turn) == pytest.approx(1, abs=1e-3)
        else:
            np.testing.assert_allclose(exchanged @ mirroring, one, atol=1e-4)
            assert np.linalg.det(mirroring) == pytest.approx(-1, abs=1e-3)
            num_mirrored += 1
    assert 10 < num_mirrored < 30


def test_cameras_see_what_is_there():
    """A far camera without a turn: the picture is the pose, scaled and upside down."""
    how = replace(
        PERFECT, above_deg=(0.0, 0.0), distance_m=(900.0, 901.0), off_middle_deg=0.0, roll_deg=0.0,
        follow_share=1.0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    xyz = rng.normal(0, 1, (4, 3, J, 3))
    xy, pose = look(rng, xyz, TINY.roots, how)
    middle = xy[:, 1] - xy[:, 1][:, list(TINY.roots)].mean(1, keepdims=True)
    for n in range(4):
        scale = np.linalg.norm(middle[n]) / np.linalg.norm(pose[n, :, :2])
        np.testing.assert_allclose(middle[n], scale * pose[n, :, :2] * [1, -1], atol=0.02 * scale)
    world = xyz[:, 1] - xyz[:, 1][:, list(TINY.roots)].mean(1, keepdims=True)
    np.testing.assert_allclose(pose[..., 1], world[..., 1], atol=1e-6)  # level: up stays up
    np.testing.assert_allclose(
        np.linalg.norm(pose, axis=-1), np.linalg.norm(world, axis=-1), atol=1e-6
    )
    assert np.linalg.det(np.linalg.lstsq(world[0], pose[0], rcond=None)[0]) > 0.99  # no mirror


def test_a_camera_that_stands_still_turns_evenly():
    """Somebody at rest in its middle wanders by 0.05 radians (one deviation) to either side."""
    how = replace(PERFECT, off_middle_deg=0.0, roll_deg=0.0)
    at_rest = np.zeros((2000, 5, J, 3))
    for follows in (0.0, 1.0):
        xy, _ = look(
            np.random.default_rng(0), at_rest, TINY.roots, replace(how, follow_share=follows)
        )
        angle = np.arctan(xy[:, :, 0, 0])
        np.testing.assert_allclose(xy[..., 1], 0, atol=1e-9)
        if not follows:
            np.testing.assert_allclose(angle, angle[:, -1:] * np.linspace(-1, 1, 5), atol=1e-9)
            assert angle[:, -1].std() == pytest.approx(0.05, rel=0.05)
        else:
            np.testing.assert_allclose(angle, 0, atol=1e-9)


def test_who_is_nearer_looks_larger():
    how = replace(PERFECT, above_deg=(0.0, 0.0), roll_deg=0.0, distance_m=(4.0, 4.1))
    rng = np.random.default_rng(1)
    xyz = np.zeros((300, 1, J, 3))
    a, b, c, d = 0, 1, 4, 5
    xyz[:, 0, a], xyz[:, 0, b] = [1, 0.5, 0], [1, -0.5, 0]
    xyz[:, 0, c], xyz[:, 0, d] = [-1, 0.5, 0], [-1, -0.5, 0]
    xy, pose = look(rng, xyz, TINY.roots, how)
    right, left = (np.abs(xy[:, 0, i, 1] - xy[:, 0, j, 1]) for i, j in ((a, b), (c, d)))
    nearer = pose[:, a, 2] - pose[:, c, 2]
    sure = np.abs(nearer) > 0.3
    assert ((right > left) == (nearer > 0))[sure].mean() > 0.95


def test_errors_are_of_the_size_and_the_share_that_is_asked_for():
    how = replace(FEW, noise=0.03, likeness=0.7, gross_share=0.0, missed_share=0.1, cut_share=0.0)
    rng = np.random.default_rng(2)
    xy = np.broadcast_to(rng.uniform(0, 1, (1, 1, J, 2)), (400, 15, J, 2)).copy()
    size = (xy[0, 0].max(0) - xy[0, 0].min(0)).max()
    noisy, found = with_errors(rng, xy, LIMB13.mirror, how)
    error = ((noisy - xy) / size)[found]
    assert error.std() == pytest.approx(0.03, rel=0.05)
    assert (~found).mean() == pytest.approx(0.1, abs=0.02)
    off = np.where(found[..., None], (noisy - xy) / size, np.nan)[..., 0]
    before, after = off[:, :-1].ravel(), off[:, 1:].ravel()
    both = np.isfinite(before) & np.isfinite(after)
    assert np.corrcoef(before[both], after[both])[0, 1] == pytest.approx(0.7, abs=0.05)
    # Inside a window gaps are bridged; at its ends they stay.
    assert np.isfinite(noisy[:, 7][~found[:, 7]]).mean() > 0.8
    assert np.isnan(noisy[:, 0][~found[:, 0]]).all()


def test_another_body_moves_alike_and_has_its_own_lengths():
    xyz = synth_motions(6, LIMB13, held=False).xyz[None, :9].repeat(4, 0)
    other, stature = other_body(np.random.default_rng(0), xyz, LIMB13)
    at = LIMB13.index

    def bone(points: np.ndarray, a: str, b: str) -> np.ndarray:
        return points[:, :, at(b)] - points[:, :, at(a)]

    for a, b in (("left_hip", "left_knee"), ("left_elbow", "left_wrist")):
        old, new = bone(xyz, a, b), bone(other, a, b)
        ratio = np.linalg.norm(new, axis=-1) / np.linalg.norm(old, axis=-1)
        np.testing.assert_allclose(ratio, ratio[:, :1].repeat(9, 1), rtol=1e-4)
        mirrored = bone(other, a.replace("left", "right"), b.replace("left", "right"))
        same = bone(xyz, a.replace("left", "right"), b.replace("left", "right"))
        np.testing.assert_allclose(
            np.linalg.norm(mirrored, axis=-1) / np.linalg.norm(same, axis=-1), ratio, rtol=1e-4
        )
        assert ratio[:, 0].std() > 0.005
    assert ((stature > 1.0) & (stature < 2.3)).all()


def test_another_body_has_a_trunk_of_its_own_and_the_stature_that_goes_with_it():
    xyz = synth_motions(6, LIMB13, held=False).xyz[None, :9].repeat(50, 0)
    other, stature = other_body(np.random.default_rng(0), xyz, LIMB13)
    at = LIMB13.index

    def trunk(points: np.ndarray) -> np.ndarray:
        middle = (points[:, :, at("left_hip")] + points[:, :, at("right_hip")]) / 2
        return points[:, :, at("neck")] - middle

    # The hips go apart from where they were, on both sides by one factor: their middle stays.
    ratio = np.linalg.norm(trunk(other), axis=-1) / np.linalg.norm(trunk(xyz), axis=-1)
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(9, 1), rtol=1e-4)
    assert 0.93 <= ratio.min() < 0.95
    assert 1.08 < ratio.max() <= 1.1
    legs = [
        np.linalg.norm(other[:, 0, at(f"left_{a}")] - other[:, 0, at(f"left_{b}")], axis=-1)
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    # The thigh of the motion capture, of 0.391 m, is 0.245 of the stature.
    total = np.linalg.norm(trunk(other)[:, 0], axis=-1) + sum(legs)
    np.testing.assert_allclose(stature, total * 0.391 / 0.245 / 1.211, rtol=1e-5)


@pytest.mark.slow
def test_a_batch_can_be_learned_and_scores_are_millimetres():
    opened = task()
    model, data = (
        opened.build(),
        LiftData(open_motions(PERFECT, {}, LIMB13, held=False), TINY, PERFECT, 0),
    )
    rows = {k: torch.from_numpy(v) for k, v in data.rows(0, range(8)).items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = opened.losses(model, rows)["position"].item()
    model.eval()
    for _ in range(150):
        loss = opened.losses(model, rows)["position"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * first
    scores = opened.score(model)
    assert list(scores) == ["minus_mpjpe_mm", "minus_p_mpjpe_mm"]
    assert -1700 < scores["minus_mpjpe_mm"] < scores["minus_p_mpjpe_mm"] < -10


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
@pytest.mark.parametrize("how", [{}, {"likeness": "cosine"}, {"moves": "features"}])
def test_the_exported_graph_lifts_as_torch_does(tmp_path: Path, how: dict):
    opened = task(model=replace(TINY, strides=(3, 1, 3), **how), data=replace(FEW, cut_share=1.0))
    model = opened.build()
    # export compares with torch on windows with missing joints, and with more than it was traced on.
    (path,) = opened.export(model, tmp_path, name="tiny", made_by={}, scores={"mpjpe": "9 mm"})
    assert path.name == "tiny.lift.onnx"
    lifter = open_lifter(path).network
    assert lifter.card.window == 9
    assert lifter.card.root == ("left_hip", "right_hip")
    assert lifter.card.unit == "statures"
    nobody = np.zeros((1, 9, J, 3), np.float32), np.zeros((1, 9, J), np.float32)
    with torch.inference_mode():
        expected = model(*map(torch.from_numpy, nobody)).numpy()
    np.testing.assert_allclose(lifter.run(*nobody), expected, atol=1e-5)


def test_settings_and_weights_that_do_not_fit(tmp_path: Path):
    # One sample alone is no window: it could not be exported.
    for strides in ((2,), (1, 1), ()):
        with pytest.raises(
            BadConfig, match=r"strides is .*; expected 1s and 3s, and at least one 3"
        ):
            replace(TINY, strides=strides)
    with pytest.raises(BadConfig, match="num_neighbours is 13; expected 1 to 12"):
        replace(TINY, num_neighbours=13)
    with pytest.raises(BadConfig, match="dynamic and static are both off"):
        replace(TINY, dynamic=False, static=False)
    with pytest.raises(BadConfig, match=r"sources are .*; expected some of mocap, synth"):
        replace(FEW, sources=("coco",))
    with pytest.raises(BadConfig, match="the set mocap has no folder; expected --data mocap"):
        task(data=replace(FEW, sources=("mocap",))).train_data()
    torch.save({"ema": DgNet(replace(TINY, width=9)).state_dict()}, tmp_path / "best.pt")
    with pytest.raises(BadWeights, match="not weights of this network"):
        task(init_from=str(tmp_path / "best.pt")).build()


def test_a_run_folder_stands_for_its_best_checkpoint(tmp_path: Path) -> None:
    model = task().build()
    torch.nn.init.constant_(next(model.parameters()), 0.25)
    torch.save({"ema": model.state_dict()}, tmp_path / "best.pt")
    again = task(init_from=str(tmp_path)).build()
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("skeleton", "lacks"), [("coco17", "left_eye"), ("h36m17", "pelvis"), ("jhmdb15", "belly")]
)
def test_joints_that_our_figures_lack_are_refused(skeleton: str, lacks: str) -> None:
    """They would be joints that the figures have: eyes and ears one point."""
    with pytest.raises(
        BadConfig, match=rf"model.skeleton is {skeleton}, .* have no '{lacks}'; .*lsp14"
    ):
        task(model=replace(TINY, skeleton=skeleton)).train_data()
    (motions,) = open_motions(FEW, {}, SKELETONS["lsp14"], held=True).values()
    assert len(np.unique(motions.xyz[0], axis=0)) == 14


def test_joints_that_other_bodies_are_not_made_of_are_refused() -> None:
    """The file of motion capture has them, but the bones of another body end where limbs do."""
    how = replace(FEW, sources=("mocap",))
    with pytest.raises(BadConfig, match=r"model.skeleton is mpi17, .* no 'head_top'; .* limb13"):
        open_motions(how, {"mocap": "somewhere"}, SKELETONS["mpi17"], held=False)


def test_a_frame_that_the_windows_are_not_in_is_refused() -> None:
    with pytest.raises(
        BadConfig, match=r"model.frame is camera, but .* expected model.frame=person"
    ):
        task(model=replace(TINY, frame="camera")).train_data()


def test_runs_with_other_seeds_are_scored_on_the_same_windows() -> None:
    one, two = (task(seed=seed) for seed in (0, 3))
    for name, values in one._held.items():
        np.testing.assert_array_equal(values, two._held[name])
    trained = [opened.train_data().rows(0, [0, 1])["joints"] for opened in (one, two)]
    assert not np.array_equal(*trained)
