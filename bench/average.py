"""Average the weights of a run with those that it started from: a run folder, as of `glpose train`.

    python bench/average.py RUN/last.pt NEW_RUN [--first FILE] [--share 0.75] [--cache DIR]
    glpose export NEW_RUN
    glpose train RECIPE --init NEW_RUN --set ...

`--first` is what the run started from, or another run of the same network: a run folder, a checkpoint
or an exported `.onnx`; without it, the recipe's own start. `--share` is that of the run. Each of the
two has forgotten something that the other knows: Wortsman et al., Robust Fine-Tuning of Zero-Shot
Models, CVPR 2022. Activations of an average spread differently, so the batch norms are measured anew
on training data (as in Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018); without
that the detector found people in tables. With `--steps 0` they are averaged like the weights. Needs
the training extra, and the data where the run had it; no data with `--steps 0` and checkpoints.
`commit` and versions on cards are those of the averaging; those of a run are in its own folder.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from scripts import at_least, fraction, run_script
from torch import Tensor, nn

from glpose.config import to_plain
from glpose.errors import BadInput, BadWeights
from glpose.jobs.origin import with_origin
from glpose.jobs.runs import recorded_recipe
from glpose.runtime.load import read_card
from glpose.systems import load_system
from glpose.train.imagenet import IMAGENET
from glpose.train.initial import load_initial
from glpose.train.recipe import Recipe
from glpose.train.run.checkpoint import load_checkpoint, save_checkpoint
from glpose.train.run.record import write_record
from glpose.train.run.workers import ALONE
from glpose.train.system import Task

_FIRST_ROW = 100_000  # far from the steps that a run begins with


def mixed(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """`share` of the second and the rest of the first; whole numbers are those of the second.

    Raises: BadWeights if they are not weights of one network.
    """
    shapes = [{name: value.shape for name, value in part.items()} for part in (first, second)]
    if shapes[0] != shapes[1]:
        raise BadWeights("these are weights of different networks; expected one, trained twice")
    return {
        name: share * value + (1 - share) * first[name] if value.is_floating_point() else value
        for name, value in second.items()
    }


@torch.no_grad()
def measure_norms(task: Task, model: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> None:
    """Give batch norms the mean statistics of some batches."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # all batches count alike
    model.train()
    for batch in batches:
        task.losses(model, dict(batch))
    model.eval()


def told(path: Path) -> str:
    """Whose weights a file holds and how long they were trained, as far as it says."""
    if path.suffix == ".onnx":
        made_by = read_card(path).made_by.items()
        return f"{path.name} ({', '.join(f'{key} {value}' for key, value in made_by)})"
    saved = {} if path.suffix == ".safetensors" else load_checkpoint(_checkpoint(path))
    try:
        recipe = json.loads(saved["recipe"])
        if "step" not in saved:
            return f"{recipe['name']} ({saved.get('average', path.name)})"
        how = f"seed {recipe['seed']}, {saved['step']} steps, {saved['seconds'] / 60:.0f} minutes"
        return f"{recipe['name']} ({how}, glpose {saved.get('glpose', 'before 0.24')})"
    except (KeyError, TypeError, ValueError):  # of other scripts
        return path.name


def _checkpoint(path: Path) -> Path:
    return path / "best.pt" if path.is_dir() else path


def check_new(run: Path) -> None:
    """Raises: BadInput if the folder is there."""
    if run.exists():
        raise BadInput(f"{run} exists; expected a folder that can be made")


def save_average(run: Path, weights: dict[str, Tensor], recipe: dict, average: str) -> None:
    """Write the checkpoints of a new run folder; `average` says on cards what it is the average of."""
    run.mkdir(parents=True)
    state = {"ema": weights, "recipe": json.dumps(recipe), "average": average}
    for name in ("last.pt", "best.pt"):
        save_checkpoint(run / name, state)


def start_of(task: Task, recipe: Recipe, *, is_own: bool) -> nn.Module:
    """The network as the run started, or another one (not `is_own`), if its weights are known.

    Those that the run's own start lacks were new; some systems draw them from the recipe's seed, the same
    each time. Raises: BadInput or BadWeights.
    """
    start = recipe.init_from
    if start in ("", IMAGENET):
        raise BadInput(
            f"this run of {recipe.name} started from no network of its kind; give --first"
        )
    model = task.build()
    weights = model.state_dict()
    if is_own:
        again = task.build().state_dict()
        is_known = all(torch.equal(value, again[name]) for name, value in weights.items())
    elif start.endswith(".onnx"):
        is_known = recipe.system in ("person_detector", "single_frame")
    else:
        is_known = weights.keys() <= load_initial(Path(start)).keys()
    if not is_known:
        raise BadWeights(
            f"{start}: has not all weights of the network of {recipe.name}; expected another run of "
            "that network, with --first"
        )
    return model


def main() -> None:
    """Write the run folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("last", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--first", type=Path)
    parser.add_argument("--share", type=fraction, default=0.75)
    parser.add_argument("--steps", type=at_least(0), default=24)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    given = parser.parse_args()
    check_new(given.run)
    saved = load_checkpoint(_checkpoint(given.last))
    try:
        recipe, weights = recorded_recipe(json.loads(saved["recipe"])), dict(saved["ema"])
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise BadWeights(
            f"{given.last}: not a checkpoint of a training run; expected last.pt of one"
        ) from problem
    seen = load_system(recipe.system).open(recipe, given.cache).sets_seen()
    first = recipe.init_from if given.first is None else str(given.first)
    recipe = with_origin(replace(recipe, init_from=first, pretrained_on=seen), named=True)
    task = load_system(recipe.system).open(recipe, given.cache)
    model = start_of(task, recipe, is_own=given.first is None)
    parts = f"{given.share:g} of {told(given.last)} and {1 - given.share:g} of {told(Path(first))}"
    model.load_state_dict(mixed(model.state_dict(), weights, given.share))
    norms = "batch norms averaged, too"
    if given.steps:
        data, norms = task.train_data(), f"batch norms measured anew (--steps {given.steps})"
        rows = (data.rows(_FIRST_ROW + n, range(recipe.batch_size)) for n in range(given.steps))
        measure_norms(task, model, ({k: torch.from_numpy(v) for k, v in r.items()} for r in rows))
    save_average(given.run, model.state_dict(), to_plain(recipe), f"{parts}; {norms}")
    write_record(given.run, recipe, recipe, None, task.drawn_from, ALONE)
    print(f"wrote {given.run}")


if __name__ == "__main__":
    run_script(main)
