"""What a run of `flowing_small` owes to learning, and what to the mean of its frames.

    python bench/flowing_run.py RUN --data jhmdb=JHMDB [--cache cache]

Scores the run's validation people again with other weights in the last layer: the learned ones,
the mean, and those of the key alone (the single-frame network). Needs the training extra.
"""

import argparse
import json
from pathlib import Path

import torch
from scripts import run_script

from glpose.jobs.runs import recorded_recipe
from glpose.systems.flowing.system import FlowingTask
from glpose.train.change import with_roots
from glpose.train.run.checkpoint import load_checkpoint


def main() -> None:
    """Print a line for each way to merge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", action="append", default=[], help="NAME=FOLDER")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    args = parser.parse_args()
    recipe = recorded_recipe(json.loads((args.run / "recipe.json").read_text("utf-8"))["recipe"])
    task = FlowingTask(with_roots(recipe, args.data), args.cache)
    model = task.build(fresh=True).eval()
    model.load_state_dict(load_checkpoint(args.run / "best.pt")["ema"])
    pool = model.pool
    learned, bias = pool.weight_JT.detach().clone(), pool.bias_J.detach().clone()
    alone = torch.zeros_like(learned)
    alone[:, 0] = 1
    ways = {
        "learned": (learned, bias),
        "mean": (torch.full_like(learned, 1 / learned.shape[1]), torch.zeros_like(bias)),
        "key alone": (alone, torch.zeros_like(bias)),
    }
    for name, (weight, offset) in ways.items():
        with torch.no_grad():
            pool.weight_JT.copy_(weight)
            pool.bias_J.copy_(offset)
        scores = task.score(model)
        print(f"{name:22s} " + "  ".join(f"{n} {v:.1f}" for n, v in scores.items()), flush=True)


if __name__ == "__main__":
    run_script(main)
