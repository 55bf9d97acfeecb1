"""`glpose train`: train a named recipe into a run folder.

`torchrun --nproc-per-node N -m glpose.train` calls the same function in N processes.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glpose.cli.checks import OUTPUT, Switch, check_count
from glpose.cli.output import complain, say
from glpose.cli.progress import Printed
from glpose.errors import needing, pasted
from glpose.train.recipe import Recipe


def train(
    name: str,
    /,
    *,
    data: Annotated[list[str] | None, Parameter(negative=())] = None,
    synth_only: Switch = False,
    out: Annotated[Path | None, OUTPUT] = None,
    cache: Path = Path("cache"),
    init: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    resume: Switch = False,
    threads: int | None = None,
) -> int:
    """Train a recipe, on real data or on synthetic figures alone.

    Parameters
    ----------
    name
        The recipe, one of those that glpose recipes lists.
    data
        A data set and its folder, as SET=FOLDER; repeatable. A recipe of one set takes the FOLDER.
    synth_only
        Leave out all sets but synth: enough to try any recipe without data.
    out
        The run folder; runs/NAME unless given.
    cache
        Where decoded pictures are kept between runs.
    init
        What to start from: a run's folder, also one of glpose pretrain, a checkpoint, or an exported
        .onnx; the name of shipped weights stands for theirs.
    set_
        Change a setting, as NAME=VALUE with a dotted name (optimizer.lr=5e-4); repeatable.
    resume
        Continue the run in the folder exactly where it stopped; start it if there is none yet.
    threads
        CPU threads of each process; all cores unless given, under torchrun one.

    """
    with needing("train"):
        import torch

        from glpose.train.loop import train as run_training
    from glpose.systems import load_system
    from glpose.train.run.processor import emulates_bf16
    from glpose.train.run.workers import join_workers

    with join_workers() as workers:
        with workers.together():
            check_count("--threads", threads)
            if threads is not None:
                torch.set_num_threads(threads)
            recipe = _recipe(name, data or [], set_ or [], init, synth_only=synth_only)
            system = load_system(recipe.system)
        if recipe.pretrained_on and not recipe.init_from and workers.is_first:
            complain(
                f"{recipe.name} is made for weights trained on "
                f"{', '.join(recipe.pretrained_on)}, but starts from random ones; give best.pt of "
                "such a run, or what glpose weights import wrote, with --init"
            )
        if (seen := recipe.trained_and_validated_on()) and workers.is_first:
            complain(
                f"{recipe.name} is validated on {seen}, which it is trained on: the scores say nothing "
                "of other data, nor which checkpoint is best; give another set with data.validation"
            )
        is_slow = recipe.precision == "bf16" and emulates_bf16(workers.device)
        if is_slow and workers.is_first and not resume:  # a run goes on as it was begun
            complain(
                "this processor has no instructions for numbers of 16 bits (bf16), which make "
                "training slower than those of 32 here; give --set precision=fp32"
            )
        if workers.is_first and not cache.exists():
            say(f"pictures are decoded, or rendered, into {cache} first: minutes, but once only")
        run_dir = out or Path("runs") / recipe.name
        best = run_training(
            recipe,
            system,
            run_dir,
            cache_dir=cache,
            resume=resume,
            workers=workers,
            report=Printed().result,
        )
        if workers.is_first:
            say(f"best checkpoint: {best}; export it with: glpose export {pasted(run_dir)}")
    return 0


def _recipe(
    name: str, data: list[str], changes: list[str], init: Path | None, *, synth_only: bool
) -> Recipe:
    """The recipe with all changes from the command line."""
    from dataclasses import replace

    from glpose.jobs.origin import with_origin
    from glpose.recipes import load_recipe
    from glpose.train.change import on_synth_only, with_roots, with_settings

    recipe = with_roots(load_recipe(name), data)
    if init is not None:
        recipe = replace(recipe, init_from=str(_shipped(init) or init))
    if synth_only:
        recipe = on_synth_only(recipe)
    named = any(change.partition("=")[0] == "pretrained_on" for change in changes)
    return with_origin(with_settings(recipe, changes), named=named)


def _shipped(init: Path) -> Path | None:
    """The encoder of shipped pose weights of this name, or the shipped detector's only file."""
    from glpose.runtime.load import shipped

    for weights in shipped():
        if weights.name == str(init):
            return weights.files[0] if weights.use == "detector" else weights.part("encoder")
    return None
