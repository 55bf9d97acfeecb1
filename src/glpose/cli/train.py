"""`glpose train`: a named recipe, data folders, and a run folder."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glpose.errors import BadConfig, MissingExtra


def train(
    name: str,
    /,
    *,
    data: Annotated[list[str] | None, Parameter(negative=())] = None,
    synth_only: Annotated[bool, Parameter(negative=())] = False,
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    cache: Path = Path("cache"),
    init: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    resume: Annotated[bool, Parameter(negative=())] = False,
    threads: int | None = None,
) -> int:
    """Train a recipe, on real data or on synthetic figures alone.

    Parameters
    ----------
    name
        The recipe; a wrong name lists the known ones.
    data
        A data set and its folder, as SET=FOLDER (lspet, coco, jhmdb, person_boxes); repeatable.
    synth_only
        Leave out all sets but synth: enough to try any recipe without data.
    out
        The run folder; runs/NAME unless given.
    cache
        Where decoded pictures are kept between runs.
    init
        A checkpoint to start from, e.g. best.pt of another run.
    set_
        Change a setting, as NAME=VALUE with a dotted name (optimizer.lr=5e-4); repeatable.
    resume
        Continue the run in the folder exactly where it stopped.
    threads
        CPU threads; all cores unless given.

    """
    try:
        import torch
    except ImportError as problem:
        raise MissingExtra("torch", "train") from problem
    from dataclasses import replace

    from glpose.recipes import load_recipe
    from glpose.systems import load_system
    from glpose.train.change import on_synth_only, with_roots, with_settings
    from glpose.train.loop import train as run_training

    if threads is not None:
        if threads < 1:
            raise BadConfig(f"--threads is {threads}; expected 1 or more")
        torch.set_num_threads(threads)
    recipe = with_roots(load_recipe(name), data or [])
    if init is not None:
        recipe = replace(recipe, init_from=str(init))
    if synth_only:
        recipe = on_synth_only(recipe)
    recipe = with_settings(recipe, set_ or [])
    if recipe.pretrained_on and not recipe.init_from:
        print(
            f"glpose: {recipe.name} is made for the weights of another run, but starts from random "
            "ones; give them with --init, e.g. runs/pretrain_small/best.pt",
            file=sys.stderr,
        )
    run_dir = out or Path("runs") / recipe.name
    best = run_training(
        recipe,
        load_system(recipe.system),
        run_dir,
        cache_dir=cache,
        resume=resume,
        report=lambda line: print(line, flush=True),
    )
    print(f"best checkpoint: {best}; export it with: glpose export {run_dir}")
    return 0
