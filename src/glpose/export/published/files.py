"""Checkpoint files of other projects, read without running code and recognised by weight names.

`read_checkpoint` returns the state dictionary, `recognise` identifies the project. The importing
system's `port.Port` decides what happens to each weight.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glpose.errors import BadWeights, reason
from glpose.nets.stored import load_safetensors

# Keys under which training code saves the weights; ours uses `ema`.
_NESTED = ("ema", "state_dict", "model_state_dict", "best_state_dict", "model", "net")

HEAD = "final_layer."
"""The pose head's name in all these projects."""

_OURS = "encoder."
# Axes of the weights that are read before all are compared with those of our network.
_NUM_AXES = {
    "conv1.weight": 4,
    "transition1.0.0.weight": 4,
    f"{HEAD}weight": 4,
    f"{HEAD}bias": 1,
}
# Of norms, and of our ResNet's input normalisation.
_STATISTICS = (
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "encoder.mean",
    "encoder.std",
)
_OF_PICTURES = ("mean", "std")


class UnknownProject(BadWeights):
    """No project is known by these names of weights."""


@dataclass(frozen=True, slots=True)
class Family:
    """A project's weight names, recognised by any name that starts with `sign`.

    The network itself is under `prefix`. `others` are prefixes of further layers, which do not have
    `prefix` and are left out on purpose; `why` gives the reason. `joints17` are the joints of a
    head with 17 channels; None means that there is no pose head.
    """

    name: str
    sign: str
    prefix: str = ""
    others: tuple[str, ...] = ()
    why: str = ""
    joints17: str | None = "coco17"
    blue_first: bool = False


# The first match wins. The code of these projects was read for the names only.
FAMILIES = (
    Family(
        "DCPose",
        "rough_pose_estimation_net.",
        prefix="rough_pose_estimation_net.",
        why="DCPose's own layers, after its HRNet",
        joints17="posetrack17",
    ),
    Family(
        "FAMI-Pose",
        "hrnet.",
        prefix="hrnet.",
        why="FAMI-Pose's own layers, after its HRNet",
        joints17="posetrack17",
    ),
    Family(
        "glpose",
        _OURS,
        prefix=_OURS,
        others=("fusion.",),
        why="GLPose's own layers, after its encoder",
    ),
    Family(
        "PoseWarper",
        "offset_feats.",
        others=("offset_feats.", "offsets", "deform_conv"),
        why="PoseWarper's layers for offsets and warping, after its HRNet",
        joints17="posetrack17",
    ),
    Family(
        "HRNet trained on ImageNet",
        "classifier.",
        others=("incre_modules.", "downsamp_modules.", "final_layer.", "classifier."),
        why="the head for classification",
        joints17=None,
    ),
    Family("Simple Baselines", "deconv_layers.", blue_first=True),
    Family(
        "ResNet trained on ImageNet",
        "fc.",
        others=("fc.",),
        why="the head for classification",
        joints17=None,
    ),
    Family("HRNet", "stage2."),
)


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint whose project is known.

    `weights` are those of the network itself, named without prefix; `others` are further ones by
    full name. `full_name` restores what was stripped.
    """

    path: Path
    family: Family
    prefix: str
    nested: str
    weights: dict[str, Tensor]
    others: dict[str, Tensor]

    def full_name(self, name: str) -> str:
        """The name in the file."""
        if self.family.sign == _OURS and name.startswith(HEAD):
            return f"head.{name.removeprefix(HEAD)}"
        return name if name in self.others else self.prefix + name

    @property
    def num_joints(self) -> int | None:
        """Channels of the pose head, None if there is none."""
        head = self.weights.get(f"{HEAD}weight")
        return None if head is None or self.family.joints17 is None else head.shape[0]

    @property
    def architecture(self) -> str:
        """The network by names and shapes: "HRNet-W48", "ResNet-50", or "unknown"."""
        return architecture(self.weights)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], str]:
    """The state dictionary of a `.pth`, `.pt` or `.safetensors`, and the key it was nested under.

    Raises: BadWeights if the file would run code (naming the call), is damaged, or holds no
    weights.
    """
    saved = (
        load_safetensors(path, "a checkpoint", "take the file from its source again")
        if path.suffix == ".safetensors"
        else _load_pickle(path)
    )
    if not isinstance(saved, dict):
        raise BadWeights(
            f"{path}: holds a {type(saved).__name__}, expected a dictionary of weights by name"
        )
    for key in _NESTED:
        inner = saved.get(key)
        if isinstance(inner, dict) and any(isinstance(v, Tensor) for v in inner.values()):
            return _checked(inner, path), key
    return _checked(saved, path), ""


def recognise(weights: dict[str, Tensor], nested: str, path: Path) -> Published:
    """Identify the project by weight names.

    Raises: UnknownProject if none matches; BadWeights for a tensor that cannot be what it is named.
    """
    wrapper = "module." if all(name.startswith("module.") for name in weights) else ""
    names = {name.removeprefix(wrapper): value for name, value in weights.items()}
    for family in FAMILIES:
        if not any(name.startswith(family.sign) for name in names):
            continue
        if family.sign == _OURS:
            names = {_unlike_ours(name): value for name, value in names.items()}
        own = {
            name.removeprefix(family.prefix): value
            for name, value in names.items()
            if name.startswith(family.prefix) and not name.startswith(family.others)
        }
        rest = {
            wrapper + name: value
            for name, value in names.items()
            if not name.startswith(family.prefix) or name.startswith(family.others)
        }
        found = Published(path, family, wrapper + family.prefix, nested, own, rest)
        _check_axes(found)
        return found
    known = ", ".join(family.name for family in FAMILIES)
    some = ", ".join(list(weights)[:3])
    raise UnknownProject(
        f"{path}: weights of an unknown project (it begins with {some}); known: {known}"
    )


def _check_axes(file: Published) -> None:
    for name, expected in _NUM_AXES.items():
        value = file.weights.get(name)
        if value is not None and value.ndim != expected:
            raise BadWeights(
                f"{file.path}: {file.full_name(name)} has {value.ndim} axes, expected {expected}; "
                "take the file from its source again"
            )
    head = [file.weights[HEAD + part] for part in ("weight", "bias") if HEAD + part in file.weights]
    if len({len(value) for value in head}) > 1:
        raise BadWeights(
            f"{file.path}: the head's weights have {len(head[0])} channels, its biases "
            f"{len(head[1])}; expected as many; take the file from its source again"
        )


def _unlike_ours(name: str) -> str:
    """Rename our head to the published name, where it is part of the network."""
    head = "head."
    return f"{_OURS}{HEAD}{name.removeprefix(head)}" if name.startswith(head) else name


def architecture(weights: dict[str, Tensor]) -> str:
    """The network with weights of these names and shapes."""
    first = weights.get("transition1.0.0.weight")
    if first is not None:
        numbers = (int(name[5]) for name in weights if re.match(r"stage\d", name))
        stages = max(numbers, default=1)
        return f"HRNet-W{first.shape[0]}" + ("" if stages == 4 else f" up to stage {stages}")
    blocks = {m[0] for name in weights if (m := re.match(r"layer[1-4]\.\d+", name))}
    if not blocks:
        return "unknown"
    depth = 3 if "layer1.0.conv3.weight" in weights else 2
    return f"ResNet-{depth * len(blocks) + 2}"


def num_parameters(named: Iterable[tuple[str, Tensor]]) -> int:
    """Number of learned values, without statistics."""
    return sum(
        value.numel()
        for name, value in named
        if not name.endswith(_STATISTICS) and name not in _OF_PICTURES
    )


def _checked(weights: dict[Any, Any], path: Path) -> dict[str, Tensor]:
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise BadWeights(
                f"{path}: '{name}' is a {type(value).__name__}, expected weights by name; "
                f"a state dictionary is looked for at the top and under {', '.join(_NESTED)}"
            )
    if not weights:
        raise BadWeights(f"{path}: holds no weights")
    return weights


def _load_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # On old pickle formats, which are either read or refused with our own message.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as problem:
        said = "not found" if isinstance(problem, FileNotFoundError) else reason(problem)
        raise BadWeights(f"{path}: {said}; expected a checkpoint") from problem
    except Exception as problem:
        raise BadWeights(f"{path}: {_why_not(path, problem)}") from problem


def _why_not(path: Path, problem: Exception) -> str:
    """The reason in one line, without torch's advice to load the file anyway."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return "is an empty file; expected a checkpoint"
    is_zip = start.startswith(b"PK")
    if is_zip and not zipfile.is_zipfile(path):
        return "is damaged or not complete (a zip archive without its end); get it again"
    wanted = re.search(r"GLOBAL ([\w.]+)", str(problem))
    name = wanted[1] if wanted else _first_foreign_name(path, is_zip=is_zip)
    if name:
        return (
            f"refused, since reading it could run code: it asks for '{name}'; expected tensors and "
            "plain data alone. Where you trust it, save its state dictionary to a file of its own"
        )
    if is_zip and not any(n.endswith("data.pkl") for n in zipfile.ZipFile(path).namelist()):
        return "is a zip archive without data.pkl, not a checkpoint of torch"
    if "EOF" in str(problem):
        return "is damaged or not complete (it ends too early); get it again"
    return "is not a checkpoint that torch can read; expected a .pth, .pt or .safetensors file"


def _first_foreign_name(path: Path, *, is_zip: bool) -> str:
    """The first name a pickle asks for that is neither torch's nor OrderedDict; runs nothing."""
    data = path.read_bytes()
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("data.pkl")]
            data = archive.read(names[0]) if names else b""
    texts: list[str] = []
    try:
        for code, argument, _ in pickletools.genops(data):
            if code.name in ("GLOBAL", "INST"):
                texts = str(argument).split(" ")
            elif isinstance(argument, str):
                texts.append(argument)
            if code.name in ("GLOBAL", "INST", "STACK_GLOBAL") and len(texts) >= 2:
                name = ".".join(texts[-2:])
                if not name.startswith(("torch.", "collections.OrderedDict")):
                    return name
    except (ValueError, pickle.UnpicklingError, IndexError):
        pass
    return ""
