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
from glpose.systems import FORMERLY, PHONE_BOOK, load_system, settings_of

SOURCE = Path(glpose.systems.__file__).parents[1]
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


def test_phone_book_lists_every_folder():
    folders = {path.parent.name for path in (SOURCE / "systems").glob("*/system.py")}
    assert folders == set(PHONE_BOOK)
    assert all(home == f"glpose.systems.{name}" for name, home in PHONE_BOOK.items())
    assert set(FORMERLY.values()) <= folders
    assert not folders & set(FORMERLY)


@pytest.mark.torch
@pytest.mark.parametrize("name", PHONE_BOOK)
def test_a_system_opens_recipes_of_its_settings(name: str):
    pytest.importorskip("torch")
    from glpose.train.system import PoseTask, System, Task

    system = load_system(name)
    assert isinstance(system, System)
    assert (system.model, system.data) == settings_of(name)
    assert set(system.formerly) == {old for old, now in FORMERLY.items() if now == name}
    recipe = next(r for r in map(load_recipe, RECIPES) if r.system == name)
    task = system.open(recipe, Path())
    assert isinstance(task, Task)
    assert isinstance(task, PoseTask) == (name not in ("css", "dg_net", "person_detector"))


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


TABLES = {
    path.parent.name: text
    for path in sorted((SOURCE / "systems").glob("*/README.md"))
    if not RECIPES.keys().isdisjoint(
        re.findall(r"^\| `(\w+)`", text := path.read_text("utf-8"), re.MULTILINE)
    )
}
"""What systems with a table of their recipes say, a row of which begins with the name of one."""
assert TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_recipes_has_them_all(name: str):
    """Those that differ in an argument, such as the number of layers, by the name of one of them."""
    made: dict[str, list[str]] = {}
    for recipe, entry in RECIPES.items():
        if load_recipe(recipe).system == name:
            made.setdefault(entry.make, []).append(f"`{recipe}`")
    assert not [names for names in made.values() if not any(n in TABLES[name] for n in names)]


def test_nothing_asks_for_a_system_by_name():
    outside = "|".join(PHONE_BOOK)
    asks = re.compile(rf"""(==|!=|\bin\b|\bcase\b)\s*[\(\[\{{]?\s*["']({outside})["']""")
    for path in TREES:
        if "systems" not in path.relative_to(SOURCE).parts:
            assert not asks.search(path.read_text("utf-8")), path


# A card is also a record: these two are written for readers, or checked before there is a `Card`.
RECORDS = {"About.card_version"}


Trees = dict[str, ast.Module]
"""Modules by their dotted names."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def settings(trees: Trees) -> Iterator[tuple[str, ast.ClassDef, str]]:
    """Every field of every dataclass of settings: module, class, name."""
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or not is_settings(module, node):
                continue
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    yield module, node, item.target.id


def is_settings(module: str, node: ast.ClassDef) -> bool:
    is_dataclass = any("dataclass" in ast.unparse(d) for d in node.decorator_list)
    in_place = module.endswith((".spec", ".recipe", ".card", ".augment"))
    return is_dataclass and (in_place or node.name.endswith(("Config", "Card", "Options", "Spec")))


def imports_of(tree: ast.Module) -> set[str]:
    """Modules that are imported anywhere in a module, and what is imported from them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def reads_of(tree: ast.Module) -> set[str]:
    """Attributes that are read, except by checks of settings (`__post_init__`)."""
    names: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef) and node.name == "__post_init__":
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            names.add(node.attr)
        todo.extend(ast.iter_child_nodes(node))
    return names


def room_of(module: str) -> str:
    """The folder of a module; the module itself if it stands at the top."""
    folder = module.rpartition(".")[0]
    return module if folder == "glpose" else folder


def unread(trees: Trees) -> set[str]:
    """Settings that no module reads which could have them: of the same folder, or importing it.

    The folders of base classes count too, for their code reads what a class inherits or changes.
    """
    reads = {module: reads_of(tree) for module, tree in trees.items()}
    imports = {module: imports_of(tree) | {module} for module, tree in trees.items()}
    fields = list(settings(trees))
    homes = {node.name: module for module, node, _ in fields}
    found = set()
    for module, node, name in fields:
        bases = (base.id for base in node.bases if isinstance(base, ast.Name))
        rooms = {room_of(m) for m in (module, *(homes[base] for base in bases if base in homes))}
        inside = tuple(f"{room}." for room in rooms)
        readers = [
            reader
            for reader, names in imports.items()
            if not rooms.isdisjoint(names) or any(n.startswith(inside) for n in names)
        ]
        if not any(name in reads[reader] for reader in readers):
            found.add(f"{node.name}.{name}")
    return found


def test_every_setting_is_read():
    found = unread({module_of(path): tree for path, tree in TREES.items()})
    assert found - RECORDS == set()


SPEC = """
@dataclass(frozen=True)
class ToyConfig:
    width: int = 1
    def __post_init__(self):
        assert self.width > 0
"""


@pytest.mark.parametrize(
    ("module", "code", "is_read"),
    [
        ("glpose.systems.toy.net", "print(config.width)", True),
        ("glpose.train.toy", "from glpose.systems.toy.spec import ToyConfig\nConfig.width", True),
        ("glpose.train.toy", "config.width = 2\nimport glpose.systems.toy", False),
        ("glpose.train.toy", "print(picture.width)", False),
        ("glpose.systems.toys.net", "print(config.width)", False),
    ],
)
def test_a_setting_that_only_its_check_or_a_stranger_reads_is_found(
    module: str, code: str, is_read: bool
):
    trees = {"glpose.systems.toy.spec": ast.parse(SPEC), module: ast.parse(code)}
    assert unread(trees) == (set() if is_read else {"ToyConfig.width"})


def knowing(name: str, trees: Trees) -> set[str]:
    """Modules that import a system or name one of its modules, but for itself and recipes."""
    home = f"glpose.systems.{name}"

    def is_of_it(text: object) -> bool:
        return isinstance(text, str) and f"{text}.".startswith(f"{home}.")

    return {
        module
        for module, tree in trees.items()
        if not is_of_it(module) and not module.startswith("glpose.recipes.")
        if any(map(is_of_it, imports_of(tree)))
        or any(is_of_it(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant))
    }


@pytest.mark.parametrize("name", PHONE_BOOK)
def test_a_system_can_be_deleted_with_its_line_and_its_recipes(name: str):
    assert knowing(name, {module_of(path): tree for path, tree in TREES.items()}) == {
        "glpose.systems"
    }


@pytest.mark.parametrize(
    ("module", "code", "knows"),
    [
        ("glpose.jobs.toy", "from glpose.systems.toy.spec import ToyConfig", True),
        ("glpose.jobs.toy", "def f():\n    from glpose.systems import toy", True),
        ("glpose.jobs.toy", "import_module('glpose.systems.toy.port')", True),
        ("glpose.systems.other", "import glpose.systems.toy", True),
        ("glpose.systems.toy.net", "from glpose.systems.toy.spec import ToyConfig", False),
        ("glpose.recipes.toys", "from glpose.systems.toy.spec import ToyConfig", False),
        ("glpose.jobs.toy", "from glpose.systems import load_system", False),
        ("glpose.jobs.toy", "import glpose.systems.toys", False),
    ],
)
def test_whoever_knows_a_system_is_found(module: str, code: str, *, knows: bool):
    assert knowing("toy", {module: ast.parse(code)}) == ({module} if knows else set())


def test_settings_are_frozen():
    for name in RECIPES:
        with pytest.raises(dataclasses.FrozenInstanceError):
            load_recipe(name).seed = 1  # type: ignore[misc]
