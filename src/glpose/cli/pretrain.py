"""`glpose pretrain`: learn an encoder from videos without labels."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glpose.cli.checks import OUTPUT, Switch, check_count
from glpose.cli.output import say
from glpose.cli.progress import Printed
from glpose.errors import needing, pasted


def pretrain(
    videos: str,
    /,
    *,
    out: Annotated[Path, OUTPUT] = Path("runs/pretrain"),
    recipe: str = "css_small",
    cache: Path | None = None,
    init: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    resume: Switch = False,
    threads: int | None = None,
) -> int:
    """Learn an encoder from the people in videos of one kind; glpose train --init takes it.

    People are found and their crops kept on disk first, so that a run can be resumed: 100 KB each,
    12 a second, which is 4 GB for an hour of one person. Static scenes are left out.

    Parameters
    ----------
    videos
        A folder of videos, a video, or a glob in quotes.
    out
        The run folder.
    recipe
        What is trained: css_small, or css_r50 for GPUs.
    cache
        Where crops of people are kept; in the run folder unless given.
    init
        A run of glpose pretrain to start from, in place of ImageNet weights.
    set_
        Change a setting, as NAME=VALUE with a dotted name (num_steps=2000); repeatable.
    resume
        Continue the run in the folder exactly where it stopped; start it if there is none yet.
    threads
        CPU threads; all cores unless given.

    """
    with needing("train"):
        import torch

        from glpose.jobs.pretrain import pretrain as run_pretraining
    from dataclasses import replace

    from glpose.recipes import load_recipe
    from glpose.train.change import with_settings

    check_count("--threads", threads)
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = load_recipe(recipe)
    if init is not None:
        chosen = replace(chosen, init_from=str(init))
    best = run_pretraining(
        videos,
        with_settings(chosen, set_ or []),
        out,
        cache_dir=cache,
        resume=resume,
        report=Printed().result,
    )
    say(
        f"best checkpoint: {best}; train on its encoder with: glpose train warmup_small --init {pasted(out)}",
        f"or export it for glpose embed with: glpose export {pasted(out)}",
    )
    return 0
