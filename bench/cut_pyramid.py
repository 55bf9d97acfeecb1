r"""Start a coarser network from a single-frame run: its encoder without the pyramid's finest maps.

    python bench/cut_pyramid.py RUN/best.pt START.pt --stride 8 --head composite
    glpose train composite_small --init START.pt --set ...

The head is new. Prints the settings that composite_small needs to have this network. Needs the
training extra.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from scripts import at_least, run_script
from torch import Tensor

from glpose.config import to_plain
from glpose.jobs.runs import recorded_recipe
from glpose.nets.spec import EfficientNetLiteConfig
from glpose.systems.single_frame.net import SingleFrameNet
from glpose.systems.single_frame.spec import SingleFrameConfig
from glpose.train.run.checkpoint import load_checkpoint

SIGMA = {8: 1.5, 16: 1.0}


def cut_model(model: SingleFrameConfig, levels: int, head: str) -> SingleFrameConfig:
    """The same network without the finest `levels` maps, with another head."""
    backbone = model.backbone
    assert isinstance(backbone, EfficientNetLiteConfig)
    kept = (*backbone.pyramid, backbone.channels)[:-levels]
    cut = replace(backbone, pyramid=kept[:-1], channels=kept[-1])
    return replace(model, backbone=cut, head=head, sigma_px=SIGMA[cut.stride])


def cut_weights(weights: dict[str, Tensor], net: SingleFrameNet, levels: int) -> dict[str, Tensor]:
    """Weights for the coarser network `net`, which lacks the finest `levels` maps: a new head."""

    def before(name: str) -> str:
        parts = name.split(".")
        if parts[:2] == ["encoder", "pyramid"]:  # encoder.pyramid.LIST.NUMBER..., the finest is 0
            parts[3] = str(int(parts[3]) + levels)
        return ".".join(parts)

    return {
        name: value if name.startswith("head.") else weights[before(name)]
        for name, value in net.state_dict().items()
    }


def settings_of(model: SingleFrameConfig) -> list[str]:
    """What differs from composite_small's network, as NAME=VALUE."""
    backbone = model.backbone
    assert isinstance(backbone, EfficientNetLiteConfig)
    return [
        f"head={model.head}",
        f"sigma_px={model.sigma_px}",
        f"backbone.pyramid={list(backbone.pyramid)}",
        f"backbone.channels={backbone.channels}",
        f"crop.size_hw={list(model.crop.size_hw)}",
        f"crop.padding={model.crop.padding}",
    ]


def main() -> None:
    """Write the weights to start from, print the settings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--stride", type=at_least(1), choices=tuple(SIGMA), default=8)
    parser.add_argument("--head", choices=("composite", "conv3x3", "conv1x1"), default="composite")
    args = parser.parse_args()
    saved = load_checkpoint(args.run)
    recipe = recorded_recipe(json.loads(saved["recipe"]))
    levels = (args.stride // recipe.model.backbone.stride).bit_length() - 1
    model = cut_model(recipe.model, levels, args.head)
    torch.manual_seed(recipe.seed)
    net = SingleFrameNet(model)
    weights = cut_weights(saved["ema"], net, levels)
    net.load_state_dict(weights)
    plain = json.dumps(to_plain(replace(recipe, model=model)))
    torch.save({"ema": weights, "recipe": plain}, args.start)
    for setting in settings_of(model):
        print(f"--set 'model.{setting}'")


if __name__ == "__main__":
    run_script(main)
