"""Writes docs/api.md, the public face of glpose, from its source: make api.

Names, signatures and texts are those of the code; nothing is imported, so that annotations stand on
the page as they stand there.
"""

import argparse
import ast
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

from scripts import run_script

import glpose

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "api.md"
SOURCE = ROOT / "src" / "glpose"
WIDTH = 100

_HEAD = """\
# The public face of glpose

Made by `make api` from the docstrings; a test checks that it is current. Everything here is a name
of the package itself: `glpose.run`. Conventions of all arrays:
[types.py](../src/glpose/types.py).

The first use of glpose sets OpenCV for the whole process: one thread (`cv2.setNumThreads`), no
messages on stderr (its log level), and, unless a program has imported it before, no pictures of more
than 2^27 pixels. A program that needs the first two otherwise sets them again afterwards. ONNX Runtime
has no telemetry unless a program has imported it before, and where it offers CUDA its default log
level is that of warnings once weights were opened. Nothing else of a process is changed.
"""


def page() -> str:
    """The text of docs/api.md."""
    names = sorted(glpose.__all__, key=lambda name: (name[0].isupper(), name))
    entries = [(glpose._HOMES[name], _defined(glpose._HOMES[name], name)) for name in names]  # noqa: SLF001
    return "\n".join([_HEAD, *(_entry(node) for _, node in entries), _others(entries)])


_Entry = ast.ClassDef | ast.FunctionDef


def _nodes(module: str) -> list[ast.stmt]:
    path = SOURCE / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text("utf-8")).body


def _defined(module: str, name: str) -> _Entry:
    (node,) = (n for n in _nodes(module) if isinstance(n, _Entry) and n.name == name)
    return node


def _others(entries: list[tuple[str, _Entry]]) -> str:
    """The types of glpose that signatures name beside its public ones: where they are, what they are."""
    waiting = [(module, name) for module, node in entries for name in sorted(_named(node))]
    found: dict[str, str] = {}
    while waiting:
        module, name = waiting.pop()
        home = _homes(module).get(name)
        if home is None or name in found or name in glpose.__all__:
            continue
        alias, text = _said_of(home, name)
        found[name] = (
            f"* `glpose.{home}.{name}`: " + (f"`{ast.unparse(alias)}`. " if alias else "") + text
        )
        waiting += [(home, other) for other in _names_in(alias)]
    return "\n".join(
        [
            "## Other types that are named here",
            "",
            *(found[name].strip() for name in sorted(found)),
            "",
        ]
    )


def _homes(module: str) -> dict[str, str]:
    """The modules of glpose in which the names of a module are defined."""
    homes = {}
    for node in _nodes(module):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("glpose."):
            homes |= {name.name: node.module.removeprefix("glpose.") for name in node.names}
        elif isinstance(node, ast.ClassDef):
            homes[node.name] = module
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            homes[node.targets[0].id] = module
    return homes


def _named(node: _Entry) -> set[str]:
    """The names in the annotations that the page shows of a class or a function."""
    shown: list[ast.expr | None] = []
    for part in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
        if isinstance(part, ast.AnnAssign):
            shown.append(part.annotation)
        elif isinstance(part, ast.FunctionDef) and part.name in (
            "__init__",
            node.name,
            *_shown(node),
        ):
            given = part.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            shown += [part.returns, *(argument.annotation for argument in every)]
    return {name for part in shown for name in _names_in(part)}


def _names_in(node: ast.expr | None) -> list[str]:
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name)] if node else []


def _shown(node: _Entry) -> list[str]:
    return [method.name for method in _methods(node)] if isinstance(node, ast.ClassDef) else []


def _said_of(module: str, name: str) -> tuple[ast.expr | None, str]:
    """What a name for a type stands for, if it is no class, and the first paragraph that is said of it."""
    nodes = _nodes(module)
    for node, below in zip(nodes, [*nodes[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return None, _paragraph(ast.get_docstring(node))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            told = below.value if isinstance(below, ast.Expr) else None
            return node.value, _paragraph(told.value if isinstance(told, ast.Constant) else None)
    raise AssertionError(f"{module} does not define {name}")


def _paragraph(text: object) -> str:
    return cleandoc(text).partition("\n\n")[0].replace("\n", " ") if isinstance(text, str) else ""


def _entry(node: _Entry) -> str:
    name = node.name
    if isinstance(node, ast.FunctionDef):
        return _section(f"## {name}", signature(node, f"glpose.{name}"), node)
    parts = [_section(f"## {name}", _class_line(node), node)]
    parts += [
        _section(f"### {name}{_mark(method.name)}", signature(method), method)
        for method in _methods(node)
    ]
    return "\n".join(parts)


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and (
            part.name == "__getitem__" or not part.name.startswith("_")
        ):
            yield part


def _mark(method: str) -> str:
    return "[...]" if method == "__getitem__" else f".{method}"


def _section(title: str, code: str, node: ast.ClassDef | ast.FunctionDef) -> str:
    text = cleandoc(ast.get_docstring(node) or "")
    return f"{title}\n\n```python\n{code}\n```\n\n{text}\n"


def _class_line(node: ast.ClassDef) -> str:
    """The class, what it derives from, and its fields or what it is made with."""
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    lines = [f"class {node.name}" + (f"({bases})" if bases else "")]
    for part in node.body:
        if isinstance(part, ast.AnnAssign):
            lines.append(f"    {ast.unparse(part)}")
        elif isinstance(part, ast.FunctionDef) and part.name == "__init__":
            lines += [f"    {line}" for line in signature(part).split("\n")]
    return "\n".join(lines)


def signature(node: ast.FunctionDef, name: str | None = None) -> str:
    """A function as it is declared, on one line or with a line for each argument."""
    marks = [f"@{ast.unparse(mark)}\n" for mark in node.decorator_list]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    name = name or node.name
    arguments = list(_arguments(node.args))
    line = f"{name}({', '.join(arguments)}){returns}"
    if len(line) > WIDTH:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in arguments) + f"){returns}"
    return "".join(marks) + line


def _arguments(given: ast.arguments) -> Iterator[str]:
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + [*given.defaults]
    yield from map(_argument, plain, defaults)
    if given.vararg:
        yield f"*{ast.unparse(given.vararg)}"
    elif given.kwonlyargs:
        yield "*"
    yield from map(_argument, given.kwonlyargs, given.kw_defaults)


def _argument(node: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(node) + (f" = {ast.unparse(default)}" if default else "")


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    run_script(main)
