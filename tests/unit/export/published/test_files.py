"""Checkpoints of other projects: what is read, what is refused, and in which words."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from glpose.errors import BadWeights  # noqa: E402
from glpose.export.published.files import architecture, read_checkpoint, recognise  # noqa: E402
from glpose.export.published.imported import describe_file  # noqa: E402

pytestmark = pytest.mark.torch

WEIGHTS = {"stage2.a": torch.zeros(2)}


class RunsCode:
    """A pickle of it calls a function when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self.folder / "code_was_run"),)


@pytest.mark.parametrize("form", ["zip", "old", "pickle"])
def test_a_file_that_would_run_code_is_refused_by_name_and_not_run(
    form: str, tmp_path: Path
) -> None:
    path, value = tmp_path / "pose.pth", {"state_dict": WEIGHTS, "x": RunsCode(tmp_path)}
    if form == "pickle":
        path.write_bytes(pickle.dumps({"x": RunsCode(tmp_path)}))
    else:
        torch.save(value, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(BadWeights, match=r"refused.*it asks for '(posix|nt)\.mkdir'") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "code_was_run").exists()


def test_a_whole_module_is_refused_by_its_class(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(BadWeights, match=r"asks for 'torch\.nn\.modules\.linear\.Linear'"):
        read_checkpoint(path)


def half(path: Path) -> None:
    torch.save(WEIGHTS | {"b": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])


def half_old(path: Path) -> None:
    torch.save({"b": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:2000])


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no weights here")


BROKEN = {
    "not complete .a zip archive without its end": half,
    "not complete .it ends too early": half_old,
    "a zip archive without data.pkl": other_zip,
    "is an empty file": lambda path: path.write_bytes(b""),
    "not a checkpoint that torch can read": lambda path: path.write_text("<html>quota</html>"),
    "not found": lambda _path: None,
    "Is a directory": lambda path: path.mkdir(),
    r"holds a list, expected a dictionary": lambda path: torch.save([1, 2], path),
    r"'a' is a list, expected weights by name": lambda path: torch.save({"a": [1]}, path),
    "holds no weights": lambda path: torch.save({}, path),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_cannot_be_read_is_said_in_one_line_with_the_file(
    message: str, tmp_path: Path
) -> None:
    path = tmp_path / "pose.pth"
    BROKEN[message](path)
    with pytest.raises(BadWeights, match=message) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "state_dict", "model_state_dict", "ema"])
def test_the_state_dictionary_is_found_where_programs_keep_it(key: str, tmp_path: Path) -> None:
    path = tmp_path / "pose.pth"
    torch.save({key: WEIGHTS, "epoch": 3, "model": "pose_hrnet"} if key else WEIGHTS, path)
    weights, nested = read_checkpoint(path)
    assert list(weights) == ["stage2.a"]
    assert nested == key


@pytest.mark.parametrize(
    ("names", "project", "prefix"),
    [
        (["conv1.a", "stage2.a", "final_layer.weight"], "HRNet", ""),
        (["module.conv1.a", "module.stage2.a"], "HRNet", "module."),
        (["stage2.a", "classifier.weight"], "HRNet trained on ImageNet", ""),
        (["conv1.a", "stage2.a", "offset_feats.0.a"], "PoseWarper", ""),
        (
            ["rough_pose_estimation_net.conv1.a", "masks_list.a"],
            "DCPose",
            "rough_pose_estimation_net.",
        ),
        (["module.hrnet.conv1.a", "module.dcn_1.a"], "FAMI-Pose", "module.hrnet."),
        (["layer1.0.a", "deconv_layers.0.weight"], "Simple Baselines", ""),
        (["layer1.0.a", "fc.weight"], "ResNet trained on ImageNet", ""),
        (["encoder.conv1.a", "head.weight"], "glpose", "encoder."),
    ],
)
def test_projects_are_told_by_their_names(names: list[str], project: str, prefix: str) -> None:
    file = recognise({name: torch.zeros(1, 1, 1, 1) for name in names}, "", Path("f.pth"))
    assert (file.family.name, file.prefix) == (project, prefix)
    # Nothing is lost, and every name can be given back.
    assert sorted([*map(file.full_name, file.weights), *file.others]) == sorted(names)


def test_an_unknown_project_is_told_with_its_first_names() -> None:
    with pytest.raises(BadWeights, match=r"unknown project \(it begins with backbone\.a\); known"):
        recognise({"backbone.a": torch.zeros(1)}, "", Path("f.pth"))


def test_networks_are_told_by_their_shapes() -> None:
    first = {"transition1.0.0.weight": torch.zeros(32, 1, 1, 1), "stage2.0.a": torch.zeros(1)}
    assert architecture(first) == "HRNet-W32 up to stage 2"
    assert architecture(first | {"stage4.0.a": torch.zeros(1)}) == "HRNet-W32"
    resnet = {f"layer{n}.{i}.conv3.weight": torch.zeros(1) for n in range(1, 5) for i in range(4)}
    assert architecture(resnet) == "ResNet-50"
    assert architecture({"a": torch.zeros(1)}) == "unknown"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"hrnet.conv1.weight": (3,)}, r"hrnet\.conv1\.weight has 1 axes, expected 4"),
        ({"hrnet.transition1.0.0.weight": ()}, "has 0 axes, expected 4"),
        ({"hrnet.final_layer.weight": ()}, r"final_layer\.weight has 0 axes, expected 4"),
        ({"deconv_layers.0.weight": (2,), "final_layer.bias": ()}, "has 0 axes, expected 1"),
        ({"encoder.conv1.weight": (4, 3, 3, 3), "head.weight": (2, 2)}, "head.weight has 2 axes"),
        (
            {"hrnet.final_layer.weight": (17, 8, 1, 1), "hrnet.final_layer.bias": (15,)},
            "have 17 channels, its biases 15",
        ),
    ],
)
def test_tensors_that_cannot_be_what_they_are_named_are_refused(
    tensors: dict, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pth"
    torch.save({name: torch.zeros(shape) for name, shape in tensors.items()}, path)
    with pytest.raises(BadWeights, match=said):
        describe_file(path)


def test_a_file_without_stages_is_described(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"hrnet.transition1.0.0.weight": torch.zeros(48, 256, 3, 3)}, path)
    assert any("HRNet-W48 up to stage 1" in line for line in describe_file(path))
