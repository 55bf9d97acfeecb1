"""Checkpoint files of other projects: read without running code, and recognised by their names.

`read_checkpoint` gives the state dictionary, `recognise` says whose it is. What becomes of each
weight is decided by a `port.Port` of the system that takes them over.
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

from glpose.errors import BadWeights
from glpose.nets.stored import load_safetensors

# Where training programs keep the weights; `ema` is where ours does.
_NESTED = ("ema", "state_dict", "model_state_dict", "best_state_dict", "model", "net")

HEAD = "final_layer."
"""The head for poses, as all these projects name it."""

_OURS = "encoder."
# Of norms, and of the pictures that our ResNet normalises itself.
_STATISTICS = (
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "encoder.mean",
    "encoder.std",
)
_OF_PICTURES = ("mean", "std")


@dataclass(frozen=True, slots=True)
class Family:
    """A project's way of naming: any name that begins with `sign` gives it away.

    The network itself is below `prefix`. `others` are the beginnings of names of further layers,
    without the prefix, which are left out on purpose, and `why`. `joints17` are the joints of a
    head with 17 channels; a family without any has no head for poses.
    """

    name: str
    sign: str
    prefix: str = ""
    others: tuple[str, ...] = ()
    why: str = ""
    joints17: str | None = "coco17"
    blue_first: bool = False


# The first whose sign is found. Read: the projects named here, for their names only.
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

    `weights` are those of the network itself by their names without prefix, `others` further ones
    by their full names; `full_name` puts back what was stripped.
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
        """Channels of the head for poses, if there is one."""
        head = self.weights.get(f"{HEAD}weight")
        return None if head is None or self.family.joints17 is None else head.shape[0]

    @property
    def architecture(self) -> str:
        """What the shapes say: "HRNet-W48", "ResNet-50", or "unknown"."""
        return architecture(self.weights)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], str]:
    """The state dictionary of a `.pth`, `.pt` or `.safetensors`, and the key it was nested under.

    Raises: BadWeights if the file would run code (naming what it asks for), is damaged, or holds
    no weights.
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
    """Tell the project by the names. Raises: BadWeights if none is known to name them so."""
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
        return Published(path, family, wrapper + family.prefix, nested, own, rest)
    known = ", ".join(family.name for family in FAMILIES)
    some = ", ".join(list(weights)[:3])
    raise BadWeights(
        f"{path}: weights of an unknown project (it begins with {some}); known: {known}"
    )


def _unlike_ours(name: str) -> str:
    """Our head by the published name, which is inside the network there."""
    head = "head."
    return f"{_OURS}{HEAD}{name.removeprefix(head)}" if name.startswith(head) else name


def architecture(weights: dict[str, Tensor]) -> str:
    """Which network has weights of such names and shapes."""
    first = weights.get("transition1.0.0.weight")
    if first is not None:
        stages = max(int(name[5]) for name in weights if re.match(r"stage\d", name))
        return f"HRNet-W{first.shape[0]}" + ("" if stages == 4 else f" up to stage {stages}")
    blocks = {m[0] for name in weights if (m := re.match(r"layer[1-4]\.\d+", name))}
    if not blocks:
        return "unknown"
    depth = 3 if "layer1.0.conv3.weight" in weights else 2
    return f"ResNet-{depth * len(blocks) + 2}"


def num_parameters(named: Iterable[tuple[str, Tensor]]) -> int:
    """Values that are learned, without statistics."""
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
            # Of old forms of pickle, which are either read or refused in our own words.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as problem:
        reason = "not found" if isinstance(problem, FileNotFoundError) else problem.strerror
        raise BadWeights(f"{path}: {reason}; expected a checkpoint") from problem
    except Exception as problem:
        raise BadWeights(f"{path}: {_why_not(path, problem)}") from problem


def _why_not(path: Path, problem: Exception) -> str:
    """In one line and without torch's advice to load it all the same."""
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
    """What a pickle would call that is neither torch's nor a dictionary; it is not run."""
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
