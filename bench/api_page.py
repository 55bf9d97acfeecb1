"""Writes docs/api.md, the public face of glpose, from its source: make api.

Names, signatures and texts are those of the code; nothing is imported, so that annotations stand on
the page as they stand there.
"""

import ast
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

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
    return "\n".join([_HEAD, *(_entry(name) for name in names)])


def _entry(name: str) -> str:
    module = SOURCE / f"{glpose._HOMES[name].replace('.', '/')}.py"  # noqa: SLF001
    nodes = ast.parse(module.read_text("utf-8")).body
    (node,) = (n for n in nodes if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name)
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


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE}")
