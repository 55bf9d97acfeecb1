"""Average the weights of a run with those that it started from, to train on from there.

    python bench/average.py RUN/last.pt START.pt [--first FILE] [--share 0.75] [--cache DIR]
    glpose train RECIPE --init START.pt --set ...

`--first` is what the run started from, a checkpoint or an exported `.onnx`; without it, the recipe's
own start. `--share` is that of the run. Each of the two has forgotten something that the other knows:
Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022. Activations of an average spread
differently, so the batch norms are measured anew on training data (as in Izmailov et al., Averaging
Weights Leads to Wider Optima, UAI 2018); without that the detector found people in tables. With
`--steps 0` they are averaged like the weights. Needs the training extra, and the data where the run had it.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from scripts import at_least, run_script
from torch import Tensor, nn

from glpose.config import to_plain
from glpose.jobs.runs import recorded_recipe
from glpose.systems import load_system
from glpose.train.run.checkpoint import load_checkpoint, save_checkpoint
from glpose.train.system import Task

_FIRST_ROW = 100_000  # far from the steps that a run begins with


def mixed(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """`share` of the second and the rest of the first; whole numbers are those of the second.

    Raises: ValueError if they are not weights of one network.
    """
    shapes = [{name: value.shape for name, value in part.items()} for part in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError("these are weights of different networks; expected one, trained twice")
    return {
        name: share * value + (1 - share) * first[name] if value.is_floating_point() else value
        for name, value in second.items()
    }


@torch.no_grad()
def measure_norms(task: Task, model: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> None:
    """Give batch norms the mean statistics of some batches."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # all batches count alike
    model.train()
    for batch in batches:
        task.losses(model, dict(batch))
    model.eval()


def main() -> None:
    """Write the checkpoint."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("last", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--first", type=Path)
    parser.add_argument("--share", type=float, default=0.75)
    parser.add_argument("--steps", type=at_least(0), default=24)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    given = parser.parse_args()
    saved = load_checkpoint(given.last)
    recipe = recorded_recipe(json.loads(saved["recipe"]))
    if given.first is not None:
        recipe = replace(recipe, init_from=str(given.first))
    task = load_system(recipe.system).open(recipe, given.cache)
    model = task.build()
    model.load_state_dict(mixed(model.state_dict(), saved["ema"], given.share))
    data = task.train_data()
    rows = (data.rows(_FIRST_ROW + n, range(recipe.batch_size)) for n in range(given.steps))
    if given.steps:
        measure_norms(task, model, ({k: torch.from_numpy(v) for k, v in r.items()} for r in rows))
    plain = json.dumps(to_plain(recipe))
    save_checkpoint(given.start, {"ema": model.state_dict(), "recipe": plain})
    print(f"wrote {given.start}")


if __name__ == "__main__":
    run_script(main)
