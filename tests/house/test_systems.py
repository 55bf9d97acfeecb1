"""Systems, recipes and settings: what is listed exists, what is set is read."""

import ast
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import glpose.recipes
import glpose.systems
from glpose.config import from_plain, to_plain
from glpose.errors import BadConfig
from glpose.recipes import RECIPES, load_recipe
from glpose.systems import PHONE_BOOK, load_system

SOURCE = Path(glpose.systems.__file__).parents[1]
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


def test_phone_book_lists_every_folder():
    folders = {path.parent.name for path in (SOURCE / "systems").glob("*/system.py")}
    assert folders == set(PHONE_BOOK)
    assert all(home == f"glpose.systems.{name}.system" for name, home in PHONE_BOOK.items())


@pytest.mark.torch
@pytest.mark.parametrize("name", PHONE_BOOK)
def test_system_answers_the_protocol(name: str):
    pytest.importorskip("torch")
    system = load_system(name)
    for method in ("build", "train_data", "losses", "validate", "export"):
        assert callable(getattr(system, method, None)), method


def test_unknown_system():
    with pytest.raises(BadConfig, match="unknown system 'hrnett'"):
        load_system("hrnett")


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_builds_and_round_trips(name: str):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.system in PHONE_BOOK
    plain = json.loads(json.dumps(to_plain(recipe)))
    for part in ("model", "data", "optimizer", "roots"):
        value = getattr(recipe, part)
        assert from_plain(type(value), plain[part]) == value


def test_nothing_asks_for_a_system_by_name():
    outside = "|".join(PHONE_BOOK)
    asks = re.compile(rf"""(==|!=|\bin\b|\bcase\b)\s*[\(\[\{{]?\s*["']({outside})["']""")
    for path in TREES:
        if "systems" not in path.relative_to(SOURCE).parts:
            assert not asks.search(path.read_text("utf-8")), path


# A card is also a record: these two are written for readers, or checked before there is a `Card`.
RECORDS = {"About.card_version"}


def settings() -> Iterator[tuple[Path, ast.ClassDef, str]]:
    """Every field of every dataclass of settings: file, class, name."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or not is_settings(path, node):
                continue
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    yield path, node, item.target.id


def is_settings(path: Path, node: ast.ClassDef) -> bool:
    is_dataclass = any("dataclass" in ast.unparse(d) for d in node.decorator_list)
    in_place = path.name in ("spec.py", "recipe.py", "card.py", "augment.py")
    return is_dataclass and (in_place or node.name.endswith(("Config", "Card", "Options", "Spec")))


def test_every_setting_is_read():
    read = {
        node.attr
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    unread = {f"{node.name}.{name}" for _, node, name in settings() if name not in read}
    assert unread - RECORDS == set()


def test_settings_are_frozen():
    for name in RECIPES:
        with pytest.raises(dataclasses.FrozenInstanceError):
            load_recipe(name).seed = 1  # type: ignore[misc]
