"""Weights to start from: a run's averaged ones, or an imported file."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from torch import nn  # noqa: E402

from glpose.errors import BadWeights  # noqa: E402
from glpose.skeleton import JHMDB15  # noqa: E402
from glpose.train.initial import initial_joints, load_initial, load_part  # noqa: E402

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
