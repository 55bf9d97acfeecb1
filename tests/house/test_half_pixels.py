"""Half pixels belong to `crop`, the codecs of heatmaps and `imaging` (docs/decisions/0004)."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import glpose

SOURCE = Path(glpose.__file__).parent
HOMES = ("crop.py", "imaging.py", "codecs/")

# Where else half a pixel stands, and why. A line that is no longer needed fails a test below.
EXCEPTIONS = {
    "synth/backdrop.py: horizon_row": "the middle row of the grid of pixels",
    "synth/camera.py: matrix": "the principal point is the centre of the grid of pixels",
    "synth/camera.py: picture": "the principal point is the centre of the grid of pixels",
    "synth/render.py: cast_shadows": "centres of pixels of a picture drawn at part of the size",
    "synth/render.py: paint": "centres of pixels of a picture drawn several times as large",
    "synth/scene.py: visibility_of": "a joint is in the picture within half a pixel of it",
    "synth/wardrobe.py: _pattern": "the middle of a tile of cloth, in shares of it",
}


def is_half(node: ast.expr, names: set[str]) -> bool:
    """0.5, -0.5, or a name that was given one of them."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, ast.Constant) and node.value == 0.5


def is_scaled(node: ast.expr) -> bool:
    """A number times something: in 0.5 + 0.3 * x half is a share, no pixel."""
    is_product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    return is_product and isinstance(node.left, ast.Constant)


def shifts(node: ast.AST, names: set[str]) -> bool:
    """Whether an expression or statement adds or subtracts half a pixel."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        return is_half(node.value, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        one, other = node.left, node.right
        return (is_half(one, names) and not is_scaled(other)) or is_half(other, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Mult):
        # (w - 1) / 2 is w / 2 - 0.5.
        part, by = node.left, node.right
        is_less_one = isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub)
        if is_less_one and isinstance(part.right, ast.Constant) and part.right.value == 1:
            return isinstance(by, ast.Constant) and by.value in (2, 0.5)
    sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    if isinstance(node, ast.IfExp):
        sides = [node.body, node.orelse]
    return any(isinstance(side, ast.UnaryOp) and is_half(side, names) for side in sides)


def half_names(tree: ast.AST) -> set[str]:
    """Names that are given 0.5, perhaps on a condition."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            value = node.value
            values = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            if any(is_half(v, set()) for v in values):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def half_pixels(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Function (or class, or "") and line of each half pixel."""
    names = half_names(tree)

    def walk(node: ast.AST, inside: str) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.FunctionDef):
            inside = node.name
        if shifts(node, names):
            yield inside, node.lineno  # type: ignore[attr-defined]
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    yield from walk(tree, "")


@cache
def found() -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        if not where.startswith(HOMES):
            for function, line in half_pixels(ast.parse(path.read_text("utf-8"))):
                places.setdefault(f"{where}: {function}", []).append(line)
    return places


def test_half_pixels_stay_in_their_modules():
    others = {place: lines for place, lines in found().items() if place not in EXCEPTIONS}
    assert others == {}, "use the maps of `crop` or `imaging` (docs/decisions/0004)"


def test_every_exception_is_needed():
    assert set(EXCEPTIONS) - set(found()) == set()


@pytest.mark.parametrize(
    "line",
    [
        "xy = (xy + 0.5) * scale",
        "xy -= 0.5",
        "centre = w / 2 - 0.5",
        "centre = (w - 1) / 2",
        "inside = (xy > -0.5) & inside",
        "half_px = 0.5 if exact else 0.0\nxy = xy + half_px",
        "xy = 0.5 + xy",
    ],
)
def test_a_planted_half_pixel_is_found(line: str):
    body = line.replace("\n", "\n    ")
    assert [name for name, _ in half_pixels(ast.parse(f"def f(xy):\n    {body}\n"))] == ["f"]


@pytest.mark.parametrize(
    "line", ["x = 0.5 * w", "x = 0.5 - 0.5 * cos(t)", "x = random() < 0.5", "x = 0.5 + 0.05 * i"]
)
def test_other_halves_are_let_through(line: str):
    assert list(half_pixels(ast.parse(line))) == []
