"""`glpose weights`: a published checkpoint to a start of training; and calls that cannot work."""

import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")

from glpose.cli.main import main  # noqa: E402
from glpose.nets.spec import ResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.load import read_card  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simple Baselines with a ResNet-50, as its authors would save it, untrained."""
    path = tmp_path_factory.mktemp("published") / "pose_resnet_50_256x192.pth"
    config = SingleFrameConfig(
        backbone=ResNetConfig(), num_joints=17, skeleton="coco17", head="conv1x1"
    )
    model = SingleFrameNet(config)
    named = {
        name.replace("encoder.", "module.").replace("head.", "module.final_layer."): value
        for name, value in model.state_dict().items()
        if name not in ("encoder.mean", "encoder.std")
    }
    torch.save({"epoch": 140, "state_dict": named}, path)
    return path


def test_import_then_start_training_from_it(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "folder"
    call = ["weights", "import", str(published), "--as", "simple_baseline_r50", "--out", str(out)]
    assert main(call) == 0
    shown = capsys.readouterr().out
    assert "Simple Baselines, ResNet-50, prefix 'module.', under 'state_dict'" in shown
    assert "channel of head_bottom, channel of head_top: coco17 has no such joint" in shown
    file = out / "simple_baseline_r50.safetensors"
    assert sorted(p.name for p in out.iterdir()) == [file.name, "simple_baseline_r50.txt"]
    assert stat.S_IMODE(file.stat().st_mode) & 0o044, "others can read it"
    account = (out / "simple_baseline_r50.txt").read_text("utf-8")
    assert "  module.layer4.2.bn3.running_var  encoder.layer4.2.bn3.running_var  (2048,)" in account

    recipe = replace(
        load_recipe("pretrain_small"),
        model=SingleFrameConfig(backbone=ResNetConfig(), head="conv1x1"),
        init_from=str(file),
    )
    model = load_system("single_frame").open(recipe, tmp_path).build()
    first = torch.load(published, weights_only=True)["state_dict"]["module.conv1.weight"]
    assert torch.equal(model.encoder.conv1.weight, first.flip(1))

    assert main(["weights", "info", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "network: ResNet-50" in shown
    assert "source: pose_resnet_50_256x192.pth" in shown


def test_info_tells_what_a_checkpoint_holds(
    published: Path, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "info", str(published)]) == 0
    shown = capsys.readouterr().out
    for part in ("33,999,697 parameters, under 'state_dict'", "ResNet-50", "17, usually coco17"):
        assert part in shown
    other = tmp_path / "other.pth"
    torch.save({"something.else": torch.zeros(3)}, other)
    assert main(["weights", "info", str(other)]) == 0
    assert "project: unknown; the names begin with something.else" in capsys.readouterr().out
    assert main(["weights", "info", str(next(tiny_weights.glob("tiny.fusion.onnx")))]) == 0
    assert "tiny" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--as", "hrnet_w48"], "is ResNet-50 (Simple Baselines), but hrnet_w48 is HRNet-W48"),
        (["--as", "hrnet"], "unknown network 'hrnet'; known: hrnet_w32, hrnet_w48"),
        (["--as", "simple_baseline_r50", "--joints", "coco"], "unknown skeleton 'coco'"),
        (["--as", "simple_baseline_r50", "--size", "big"], "--size big: expected HEIGHTxWIDTH"),
        (
            ["--as", "simple_baseline_r50", "--onnx", "--size", "100x100"],
            "--size 100x100: expected HEIGHTxWIDTH, multiples of 32",
        ),
        ([], "--as"),
    ],
)
def test_refused_calls_say_why_and_write_nothing(
    arguments: list[str],
    message: str,
    published: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["weights", "import", str(published), *arguments, "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()


def test_a_folder_that_cannot_be_written_to_is_said(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "out"
    taken.write_text("a file")
    call = ["weights", "import", str(published), "--as", "simple_baseline_r50", "-o", str(taken)]
    for more in ([], ["--onnx"]):
        assert main([*call, *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{taken} cannot be written" in line


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
def test_weights_that_are_there_are_kept_and_others_may_have_another_name(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "simple_baseline_r50.txt"
    mine.write_text("mine")
    call = ["weights", "import", str(published), "--as", "simple_baseline_r50", "-o", str(tmp_path)]
    assert main(call) == 2
    assert f"holds {mine.name} already; use --overwrite" in capsys.readouterr().err
    assert main([*call, "--name", "small", "--onnx", "--size", "64x64"]) == 0
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("small.*")) == [
        "small.encoder.onnx", "small.fusion.onnx", "small.safetensors", "small.txt",
    ]  # fmt: skip
    assert read_card(tmp_path / "small.fusion.onnx").name == "small"
    assert main([*call, "--overwrite"]) == 0
    assert mine.read_text() != "mine"


@pytest.mark.parametrize("command", [["import", "x.pth", "--as", "hrnet_w48"], ["info", "x.pth"]])
def test_without_torch_the_extra_is_named(command: list[str]) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from glpose.cli.main import main; "
        f"sys.exit(main(['weights', *{command!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert 'pip install ".[train]"' in line
