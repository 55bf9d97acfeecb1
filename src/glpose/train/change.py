"""Changes to a recipe by the user: data folders, single settings, synthetic data only."""

import json
from dataclasses import replace
from pathlib import Path

from glpose.config import with_changes
from glpose.errors import BadConfig, BadInput
from glpose.files import did_you_mean
from glpose.formats.sets import root_names, sources
from glpose.formats.text.lines import looking_at
from glpose.train.recipe import Recipe, data_roots


def with_roots(recipe: Recipe, given: list[str]) -> Recipe:
    """Fill in data folders given as SET=FOLDER, or as FOLDER if the recipe uses one set.

    Raises: BadConfig or BadInput.
    """
    roots = recipe.roots
    for item in given:
        name, folder = _set_and_folder(recipe, item)
        with looking_at(folder):
            if not Path(folder).is_dir():
                raise BadInput(f"--data {item}: {folder} is not a folder")
        roots = {**roots, name: str(Path(folder).resolve())}
    return replace(recipe, roots=roots)


def _set_and_folder(recipe: Recipe, item: str) -> tuple[str, str]:
    known, sets = root_names(), sources()
    names: tuple[str, ...] = recipe.data.set_names()
    used = sorted({sets[name][0].root if name in sets else name for name in names} - {""})
    name, equals, folder = item.partition("=")
    if not equals and len(used) == 1:
        return used[0], item
    if not equals:
        raise BadConfig(
            f"--data {item}: {recipe.name} uses several sets ({', '.join(used)}); expected "
            "SET=FOLDER for each"
        )
    if name not in known:
        raise BadConfig(f"--data {item}: unknown set '{name}'; {did_you_mean(name, known)}")
    return name, folder


def with_settings(recipe: Recipe, given: list[str]) -> Recipe:
    """Change settings given as NAME=VALUE, all at once; values are JSON or plain strings.

    Setting `num_steps` replaces `num_epochs`.
    """
    changes: dict[str, object] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise BadConfig(f"--set {item}: expected NAME=VALUE, e.g. optimizer.lr=5e-4")
        changes.pop(name, None)  # so that the last one counts, also after a whole table
        try:
            changes[name] = json.loads(text)
        except json.JSONDecodeError:
            changes[name] = text
    if {"num_steps", "num_epochs"} <= changes.keys():
        raise BadConfig("--set num_steps and --set num_epochs exclude each other; give one of them")
    if "num_steps" in changes:
        changes["num_epochs"] = 0
    return with_changes(recipe, changes)


def on_synth_only(recipe: Recipe) -> Recipe:
    """The recipe with synthetic data only."""
    return replace(recipe, roots=data_roots(), data=recipe.data.synth_only())
