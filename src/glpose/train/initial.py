"""Weights that a network starts from: a run's checkpoint, or an imported published one.

Names are those of our networks: `encoder.*` and `head.*` in single-frame networks, `encoder.*`,
`fusion.*` and, if it is kept, `single_head.*` in GLPose, `encoder.*`, `split.*` and `decoder.*` in
what is learned without labels. Files of other projects use other names;
`glpose weights import` maps them.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from glpose.errors import BadWeights
from glpose.nets.heads import head_of_joints
from glpose.nets.stored import load_safetensors, safetensors_notes
from glpose.skeleton import COCO17, POSETRACK15, SKELETONS, Skeleton
from glpose.train.run.checkpoint import load_checkpoint


def load_initial(path: Path) -> dict[str, Tensor]:
    """Weights by name: the EMA weights of a run's `.pt`, or all weights of a `.safetensors`.

    A folder is that of a run and stands for its best checkpoint.

    Raises: BadWeights if it is neither, naming the command that imports published files.
    """
    if path.suffix == ".onnx":
        raise BadWeights(
            f"{path}: an exported network, which this recipe cannot start from; expected the folder "
            "of a run, its last.pt or best.pt, or what glpose weights import wrote"
        )
    if path.suffix == ".safetensors":
        return load_safetensors(
            path, "weights to start from", "write it anew with: glpose weights import"
        )
    saved = load_checkpoint(path / "best.pt" if path.is_dir() else path)
    weights = saved.get("ema")
    if not isinstance(weights, dict) or not weights:
        raise BadWeights(
            f"{path}: not a checkpoint of a training run (it has no 'ema'); expected last.pt or "
            "best.pt of a run; to start from a published file, first: glpose weights import"
        )
    return weights


def is_unlabelled(weights: dict[str, Tensor]) -> bool:
    """Whether weights were learned without labels, so that only their encoder can be taken."""
    return any(name.startswith("split.") for name in weights)


def initial_joints(path: Path) -> Skeleton | None:
    """The joints that the network in a file predicts; None if the file does not record them."""
    try:
        if path.suffix == ".safetensors":
            return SKELETONS.get(safetensors_notes(path)["joints"])
        saved = load_checkpoint(path / "best.pt" if path.is_dir() else path)
        return SKELETONS.get(json.loads(saved["recipe"])["model"]["skeleton"])
    except (OSError, KeyError, TypeError, ValueError):
        return None


def with_joints(
    weights: dict[str, Tensor],
    source: Skeleton | None,
    target: Skeleton,
    *,
    guesses: bool = False,
) -> dict[str, Tensor]:
    """The same weights with the head changed to the target's joints, see `head_of_joints`.

    The head is that of a single-frame network (`head.*`), or GLPose's (`fusion.head.*`,
    `single_head.*`). If the file does not say which joints its head has (`source` is None), they
    are assumed to be the target's if the number matches, else those of the skeleton with that
    number of joints. The encoder stays as it is, but for the early guesses of hourglasses where
    they are maps of the joints, as the answer is (`guesses`).
    """
    last: dict[str, Tensor] = {}
    for prefix in ("head.", "fusion.head.", "single_head."):
        names = [name for name in weights if name.startswith(prefix)]
        # Only the last layer has one row per joint; of a composite head, all layers are last.
        layer = names[-1].rpartition(".")[0] if names else ""
        is_last = (f"{layer}.", f"{prefix}maps.")
        last |= {name: weights[name] for name in names if name.startswith(is_last)}
    if not last:
        return weights
    num = len(next(iter(last.values())))
    if source is None:
        known = {len(s.joints): s for s in (COCO17, POSETRACK15, target)}
        source = known.get(num)
    if source is None or source is target or len(source.joints) != num:
        return weights
    changed = {name: head_of_joints(old, source, target) for name, old in last.items()}
    for name, old in weights.items() if guesses else ():
        if name.startswith("encoder.guesses."):
            changed[name] = _maps_of_joints(old, source, target)
        elif name.startswith("encoder.from_guess.") and old.ndim > 1:
            mapped = _maps_of_joints(old.transpose(0, 1), source, target)
            changed[name] = mapped.transpose(0, 1).contiguous()
    return weights | changed


def _maps_of_joints(old: Tensor, source: Skeleton, target: Skeleton) -> Tensor:
    """Of one or more kinds of maps, one after the other, each with a row per joint."""
    if len(old) % len(source.joints):
        return old  # of a network whose guesses are something else, which does not fit
    kinds = old.split(len(source.joints))
    return torch.cat([head_of_joints(kind, source, target) for kind in kinds])


def load_part(module: nn.Module, weights: dict[str, Tensor], prefix: str, path: str) -> None:
    """Load all weights under a prefix, e.g. "encoder.", into a module.

    Raises: BadWeights naming the first weight that is missing, unexpected or of another shape.
    """
    part = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    fault = _first_fault(module, part, prefix)
    if fault:
        raise BadWeights(
            f"{path}: does not fit this recipe's {prefix.rstrip('.') or 'network'} ({fault}); "
            "expected weights of the same network"
        )
    module.load_state_dict(part)


def _first_fault(module: nn.Module, part: dict[str, Tensor], prefix: str) -> str:
    wanted = module.state_dict()
    for name, value in wanted.items():
        if name not in part:
            return f"it has no {prefix}{name}"
        if part[name].shape != value.shape:
            found, expected = (tuple(t.shape) for t in (part[name], value))
            return f"{prefix}{name} is {found}, expected {expected}"
    extra = next((name for name in part if name not in wanted), None)
    if extra is None:
        return ""
    whole = extra.startswith(("transition3.", "stage4.", "stage3."))
    hint = "; a whole HRNet becomes an encoder by: glpose weights import FILE --as glpose_w48"
    return f"{prefix}{extra} has no place in it" + (hint if whole else "")
