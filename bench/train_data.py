"""Time to make training batches with the paper's recipe, without the network.

    python bench/train_data.py [--videos 4] [--frames 30] [--steps 10] [--batch-size 8] [--json FILE]

Renders a set in the layout of PoseTrack 2017, pictures of 720 x 1280, and makes batches of
glpose_w48_posetrack17 (a key, 8 neighbours and 20 proposals of 384 x 288 for each person) with 0
and 2 worker processes, without and with the picture cache. A row has wall seconds and CPU seconds
of all processes per step, minus the start-up time measured with a single sample, and the number of
pictures decoded per sample. The rendered set is small, so most pictures stay in the cache; with a
set much larger than the cache, a sample decodes all its distinct pictures, which the first line
counts.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from scripts import at_least, run_script

from glpose.imaging import read_image
from glpose.recipes import load_recipe
from glpose.synth.layouts import write_layout
from glpose.systems import load_system
from glpose.train.change import with_roots
from glpose.train.data import store
from glpose.train.data.batches import own_rows, prefetch
from glpose.train.recipe import Recipe
from glpose.train.run.workers import ALONE


def main() -> None:
    """Parse the command line, render, time, print rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=at_least(2), default=4)
    parser.add_argument("--frames", type=at_least(1), default=30)
    parser.add_argument("--steps", type=at_least(1), default=10)
    parser.add_argument("--batch-size", type=at_least(1), default=8)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "pt17"
        write_layout(
            "posetrack17",
            root,
            num_videos=args.videos,
            num_frames=args.frames,
            size_hw=(720, 1280),
        )
        recipe = with_roots(load_recipe("glpose_w48_posetrack17"), [str(root)])
        recipe = replace(recipe, batch_size=args.batch_size)
        rows = [different_pictures(recipe, 24, folder)]
        rows += [
            time_steps(
                replace(recipe, data_workers=workers, picture_cache_mb=cache), args.steps, folder
            )
            for workers in (0, 2)
            for cache in (0, 256)
        ]
    for row in rows:
        print(json.dumps(row))
    if args.json:
        args.json.write_text(json.dumps({"arguments": vars(args), "rows": rows}, default=str))


def different_pictures(recipe: Recipe, num_samples: int, folder: str) -> dict[str, float | None]:
    """Mean number of pictures that a sample is cut from, and how many of them are distinct."""
    recipe = replace(recipe, picture_cache_mb=0)
    data = load_system(recipe.system).open(recipe, Path(folder) / "cache").train_data()
    counts = []
    for number in range(num_samples):
        with counted_pictures() as decoded:
            data.rows(number // recipe.batch_size, [number % recipe.batch_size])
        counts.append([len(decoded), len(set(decoded))])
    used, different = np.mean(counts, 0)
    return {"pictures_per_sample": round(used, 1), "different_per_sample": round(different, 1)}


def time_steps(recipe: Recipe, num_steps: int, folder: str) -> dict[str, float | None]:
    """A row of the table; decoded pictures are only counted without worker processes."""
    start = use_s(replace(recipe, batch_size=1), 1, folder)
    whole = use_s(recipe, num_steps, folder)
    num_samples = num_steps * recipe.batch_size
    return {
        "data_workers": recipe.data_workers,
        "picture_cache_mb": recipe.picture_cache_mb,
        "wall_s_per_step": round((whole["wall"] - start["wall"]) / num_steps, 3),
        "processor_s_per_step": round((whole["processor"] - start["processor"]) / num_steps, 3),
        "start_wall_s": round(start["wall"], 2),
        "start_processor_s": round(start["processor"], 2),
        "decoded_per_sample": (
            None if recipe.data_workers else round(whole["decoded"] / num_samples, 1)
        ),
    }


def use_s(recipe: Recipe, num_steps: int, folder: str) -> dict[str, float]:
    """Wall and CPU seconds until the last process ends, and pictures decoded in this process."""
    data = load_system(recipe.system).open(recipe, Path(folder) / "cache").train_data()
    rows, workers = own_rows(recipe, ALONE), recipe.data_workers
    wall, processor = time.perf_counter(), processor_s()
    with (
        counted_pictures() as decoded,
        prefetch(data, rows, range(num_steps), workers) as batches,
    ):
        for _ in batches:
            pass
    return {
        "wall": time.perf_counter() - wall,
        "processor": processor_s() - processor,
        "decoded": len(decoded),
    }


@contextmanager
def counted_pictures() -> Iterator[list[Path]]:
    """The files that this process decodes inside the block."""
    decoded: list[Path] = []

    def counting(path: Path) -> np.ndarray:
        decoded.append(path)
        return read_image(path)

    store.read_image = counting
    try:
        yield decoded
    finally:
        store.read_image = read_image


def processor_s() -> float:
    """CPU seconds of this process and of finished child processes."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


if __name__ == "__main__":
    run_script(main)
