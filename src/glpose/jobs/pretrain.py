"""Learn from a user's videos without labels: find people, cut their crops, train.

best = pretrain("pool/*.mp4", load_recipe("css_small"), Path("runs/pool"))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from glpose.errors import BadConfig
from glpose.formats.text.lines import looking_at
from glpose.jobs.origin import with_origin
from glpose.systems import load_system
from glpose.train.data.crops import VIDEOS, CropsConfig, digests_of_videos, open_crops
from glpose.train.loop import train
from glpose.train.recipe import Recipe, data_roots
from glpose.train.run.record import check_data, check_record

CACHE = "cache"
"""The folder in a run's folder where the crops of people are kept, unless another is given."""


def pretrain(
    videos: str,
    recipe: Recipe,
    run_dir: Path,
    *,
    cache_dir: Path | None = None,
    resume: bool = False,
    report: Callable[[str], None] = print,
) -> Path:
    """Train a recipe of features on a file, a folder or a glob; return the best checkpoint.

    Deleting `run_dir` deletes the crops of people too, unless `cache_dir` is elsewhere.

    Raises: BadConfig for a recipe that does not learn from videos, and what `train.loop.train` does;
    BadInput where there is nothing to learn from.
    """
    how = getattr(recipe.data, "crops", None)
    if not isinstance(how, CropsConfig):
        raise BadConfig(f"{recipe.name} does not learn from videos alone; expected a recipe css_*")
    with looking_at(videos):
        where = str(Path(videos).resolve()) if Path(videos).exists() else videos
    recipe = replace(recipe, roots=data_roots(**{**recipe.roots, VIDEOS: where}))
    recipe = with_origin(recipe)
    cache_dir = cache_dir or run_dir / CACHE
    check_record(run_dir, recipe, resume=resume)
    if recipe.data.sources == (VIDEOS,):  # cutting crops of other videos would be in vain
        check_data(run_dir, digests_of_videos(where))
    open_crops(VIDEOS, recipe.roots, cache_dir, recipe.model.crop, how, recipe.data.near_s, report)
    system = load_system(recipe.system)
    return train(recipe, system, run_dir, cache_dir=cache_dir, resume=resume, report=report)
