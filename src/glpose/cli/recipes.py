"""`glpose recipes`: all recipes, each with its row in the paper's tables; or all settings of one."""

import json
from collections.abc import Iterator

from glpose.cli.output import say


def recipes(name: str | None = None, /) -> int:
    """List the recipes for glpose train: what each trains, and the table row it stands for.

    Parameters
    ----------
    name
        A recipe to print instead, with all its settings as glpose train --set takes them.

    """
    say(*(listed() if name is None else recipe_lines(name)))
    return 0


def listed() -> list[str]:
    """A line for each recipe."""
    from glpose.recipes import RECIPES

    width = max(len(name) for name in RECIPES)
    return [
        *(
            f"{name:<{width}}  {entry.line}" + (f"  [{entry.row}]" if entry.row else "")
            for name, entry in RECIPES.items()
        ),
        "",
        "Rows are those of Jiao et al., ACM TOMM 2022. Train one with: glpose train NAME; see its",
        "settings with: glpose recipes NAME",
    ]


def recipe_lines(name: str) -> list[str]:
    """A recipe with all its settings. Raises BadConfig, suggesting the nearest name."""
    from glpose.config import to_plain
    from glpose.recipes import RECIPES, load_recipe

    settings = to_plain(load_recipe(name))
    entry = RECIPES[name]
    row = [f"stands for {entry.row} (Jiao et al., ACM TOMM 2022)"] if entry.row else []
    return [f"{name}: {entry.line}", *row, *_settings(settings)]


def _settings(plain: dict[str, object], before: str = "") -> Iterator[str]:
    for name, value in plain.items():
        if isinstance(value, dict) and value:
            yield from _settings(value, f"{before}{name}.")
        else:
            yield f"  {before}{name}={json.dumps(value)}"
