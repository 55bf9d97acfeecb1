"""Commands that messages tell can be pasted: paths in them are quoted, and are no options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import glpose
from glpose.cli.main import app

SOURCE = Path(glpose.__file__).parent
COMMANDS = [name for name in app if name[0] != "-"]
NO_PATHS = {"layout", "name", "options"}
"""What else is put into commands: options, and names of data sets."""


def bare(tree: ast.AST) -> Iterator[str]:
    """What is put into commands of texts without `pasted`."""
    quoted = set(NO_PATHS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names, values = (
                part.elts if isinstance(part, ast.Tuple) else [part]
                for part in (node.targets[0], node.value)
            )
            pairs = zip(names, values, strict=False)
            quoted |= {ast.unparse(name) for name, value in pairs if is_pasted(value)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        put = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        text = "".join(str(p.value) if isinstance(p, ast.Constant) else "\0" for p in node.values)
        for command in re.finditer(rf"glpose (?:{'|'.join(COMMANDS)})\b[^;:,]*", text):
            for place in re.finditer(r"(?<=[ =])\0", command[0]):
                value = put[text.count("\0", 0, command.start() + place.start())]
                if not is_pasted(value) and ast.unparse(value) not in quoted:
                    yield ast.unparse(value)


def is_pasted(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pasted"


def test_paths_in_commands_are_quoted() -> None:
    found = {
        f"{path.relative_to(SOURCE)}: {expression}"
        for path in sorted(SOURCE.rglob("*.py"))
        for expression in bare(ast.parse(path.read_text("utf-8")))
    }
    assert found == set()


def test_bare_paths_would_be_found() -> None:
    def found(text: str) -> list[str]:
        return list(bare(ast.parse(text)))

    assert found("f'{a}: see glpose info {b.parent}; not {c}'") == ["b.parent"]
    assert found("f'glpose run {pasted(a)} -o {b}'") == ["b"]
    assert found("x, y = pasted(p), p\nf'glpose table {x} -o {y}'") == ["y"]
