"""Weights to start from: a run's averaged ones, or an imported file."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from torch import nn  # noqa: E402

from glpose.errors import BadWeights  # noqa: E402
from glpose.nets.spec import HourglassConfig  # noqa: E402
from glpose.skeleton import COCO17, JHMDB15, POSETRACK15, POSETRACK17, Skeleton  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.train.initial import (  # noqa: E402
    initial_joints,
    load_initial,
    load_part,
    with_joints,
)
from glpose.types import CropSpec  # noqa: E402

pytestmark = pytest.mark.torch


def test_a_run_gives_its_averaged_weights(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    torch.save({"model": {"a": torch.zeros(2)}, "ema": {"a": torch.ones(2)}, "step": 3}, path)
    assert load_initial(path)["a"].tolist() == [1.0, 1.0]


def test_a_run_says_which_joints_it_finds(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    torch.save({"ema": {}, "recipe": '{"model": {"skeleton": "jhmdb15"}}'}, path)
    assert initial_joints(path) is JHMDB15
    torch.save({"ema": {}}, path)
    assert initial_joints(path) is None
    assert initial_joints(tmp_path / "any.safetensors") is None


def test_an_imported_file_says_it_too(tmp_path: Path) -> None:
    path = tmp_path / "hrnet.safetensors"
    for notes, found in (({"joints": "jhmdb15"}, JHMDB15), ({"joints": ""}, None), ({}, None)):
        safetensors_torch.save_file({"head.weight": torch.ones(15, 2)}, path, notes)
        assert initial_joints(path) is found


@pytest.mark.parametrize("prefix", ["head.", "fusion.head."])
def test_heads_are_brought_to_other_joints_in_their_last_layer_alone(prefix: str) -> None:
    # A perceptron whose hidden layer is as wide as there are joints.
    old = {
        f"{prefix}0.weight": torch.rand(15, 4),
        f"{prefix}0.bias": torch.rand(15),
        f"{prefix}2.weight": torch.rand(15, 15),
        f"{prefix}2.bias": torch.rand(15),
        "encoder.weight": torch.rand(15, 15),
    }
    new = with_joints(old, POSETRACK15, JHMDB15)
    for name in (f"{prefix}0.weight", f"{prefix}0.bias", "encoder.weight"):
        assert new[name] is old[name]
    rows = [JHMDB15.index(joint) for joint in ("neck", "right_ankle")]
    known = [POSETRACK15.index(joint) for joint in ("head_bottom", "right_ankle")]
    belly = JHMDB15.index("belly")
    for name in (f"{prefix}2.weight", f"{prefix}2.bias"):
        assert torch.equal(new[name][rows], old[name][known])
    # A joint that the old head lacks starts as that of a new head: near zero, not as the others.
    assert 0 < new[f"{prefix}2.weight"][belly].abs().max() < 0.01
    assert new[f"{prefix}2.bias"][belly] == 0


def test_guesses_of_joints_are_brought_to_other_ones_with_the_head_and_no_other_encoder() -> None:
    """What an early guess is made with and what is made of it: heatmaps and two offsets a joint."""

    def net(skeleton: Skeleton) -> SingleFrameNet:
        num = len(skeleton.joints)
        encoder = HourglassConfig(2, num_maps=3 * num, width=32, depth=1)
        joints = {"num_joints": num, "skeleton": skeleton.name}
        crop = CropSpec((32, 32))
        return SingleFrameNet(
            SingleFrameConfig(**joints, head="composite", crop=crop, backbone=encoder)
        ).eval()

    old, new = net(COCO17), net(POSETRACK15)
    weights = old.state_dict()
    new.load_state_dict(with_joints(weights, COCO17, POSETRACK15, guesses=True))
    untouched = with_joints(weights, COCO17, POSETRACK15)
    assert all(untouched[name] is weights[name] for name in weights if name.startswith("encoder."))
    crops = torch.full((1, 32, 32, 3), 90, dtype=torch.uint8)
    mine, its = (maps.guesses(crops)[0] for maps in (new, old))
    into, its_into = (n.encoder.from_guess[0][0].weight.unflatten(1, (3, -1)) for n in (new, old))
    for joint in ("right_ankle", "left_wrist"):
        here, there = POSETRACK15.index(joint), COCO17.index(joint)
        for name, maps in mine.items():
            torch.testing.assert_close(maps[:, here], its[name][:, there])
        assert torch.equal(into[:, :, here], its_into[:, :, there])
    # Guesses of something else fit no network of these joints, and are left for it to refuse.
    name = "encoder.guesses.0.weight"
    odd = weights | {name: torch.rand(5, 32, 1, 1)}
    assert with_joints(odd, COCO17, POSETRACK15, guesses=True)[name] is odd[name]


def test_a_head_of_unknown_joints_goes_by_their_number() -> None:
    of_15, of_17 = {"head.bias": torch.rand(15)}, {"head.bias": torch.rand(17)}
    assert with_joints(of_15, None, JHMDB15) is of_15
    assert with_joints(of_17, None, POSETRACK17) is of_17
    ankle = COCO17.index("right_ankle")
    assert with_joints(of_17, None, POSETRACK15)["head.bias"][0] == of_17["head.bias"][ankle]
    assert with_joints({"encoder.a": torch.rand(15)}, JHMDB15, POSETRACK15).keys() == {"encoder.a"}
    odd = {"head.bias": torch.rand(16)}
    assert with_joints(odd, None, POSETRACK15) is odd


def test_an_imported_file_gives_all_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "hrnet.safetensors"
    safetensors_torch.save_file({"encoder.a": torch.arange(3.0)}, path)
    assert load_initial(path)["encoder.a"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("saved", [{"conv1.weight": torch.zeros(1)}, {"ema": {}}])
def test_other_checkpoints_are_refused_with_the_way_out(tmp_path: Path, saved: object) -> None:
    path = tmp_path / "pose_hrnet_w48.pth"
    torch.save(saved, path)
    with pytest.raises(BadWeights, match=r"has no 'ema'.*glpose weights import"):
        load_initial(path)


def test_missing_and_broken_files_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="not found"):
        load_initial(tmp_path / "no.safetensors")
    with pytest.raises(BadWeights, match="not found"):
        load_initial(tmp_path / "no.pt")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\xff" * 64)
    with pytest.raises(BadWeights, match="cannot be read as safetensors") as caught:
        load_initial(broken)
    assert "\n" not in str(caught.value)


def test_a_part_must_fit_in_every_weight() -> None:
    module = nn.Linear(2, 3)
    weights = {"head.weight": torch.ones(3, 2), "head.bias": torch.ones(3), "x.y": torch.ones(1)}
    load_part(module, weights, "head.", "f")
    assert module.bias.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(BadWeights, match=r"it has no head\.bias"):
        load_part(module, {"head.weight": torch.ones(3, 2)}, "head.", "f")
    with pytest.raises(BadWeights, match=r"head\.weight is \(3, 5\), expected \(3, 2\)"):
        load_part(module, {**weights, "head.weight": torch.ones(3, 5)}, "head.", "f")
    with pytest.raises(BadWeights, match=r"head\.more has no place"):
        load_part(module, {**weights, "head.more": torch.ones(1)}, "head.", "f")


def test_a_whole_hrnet_is_told_how_to_become_an_encoder() -> None:
    whole = {"encoder.weight": torch.ones(3, 2), "encoder.bias": torch.ones(3)}
    whole["encoder.stage4.0.bias"] = torch.ones(1)
    with pytest.raises(BadWeights, match=r"stage4\.0\.bias has no place.*--as glpose_w48"):
        load_part(nn.Linear(2, 3), whole, "encoder.", "f")
