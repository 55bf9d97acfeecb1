"""Pages of help, whatever the terminal."""

import io
import sys

import pytest

from glpose.cli.main import main


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp437"])
@pytest.mark.parametrize("columns", ["0", "1", "20"])
@pytest.mark.parametrize("call", [[], ["run", "--help"], ["table", "-h"], ["data"]])
def test_help_is_a_page_on_terminals_of_any_width_and_encoding(
    monkeypatch: pytest.MonkeyPatch, call: list[str], columns: str, encoding: str
) -> None:
    page = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(page, encoding))
    monkeypatch.setenv("COLUMNS", columns)
    assert main(call) == 0
    sys.stdout.flush()
    lines = page.getvalue().decode(encoding).splitlines()
    assert any(line.startswith("Usage: ") for line in lines)
    assert max(map(len, lines)) >= 30


def test_help_is_as_wide_as_a_usual_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["run", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) == 70
