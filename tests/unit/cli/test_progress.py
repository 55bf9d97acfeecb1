"""What a run says about itself: on a terminal, elsewhere, and not at all."""

import io

import pytest
from rich.console import Console

from glpose.cli import progress
from glpose.cli.progress import make_reporter


def tell(reporter: progress.Reporter) -> None:
    reporter.start("a [walk]", 40)
    for frames in (10, 20):
        reporter.update(frames, 3)
    reporter.stop()


def test_a_terminal_shows_a_bar() -> None:
    out = io.StringIO()
    tell(progress._Live(Console(file=out, force_terminal=True, width=120)))
    assert "a [walk]" in out.getvalue()
    assert "20/40" in out.getvalue()
    assert "3 people" in out.getvalue()


def test_elsewhere_plain_lines_come_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 29.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    tell(make_reporter(quiet=False))
    line = "a [walk]: 20 of 40 frames, 0.5 frames/s, 3 people, 40 s left\n"
    assert capsys.readouterr().err == line


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    tell(make_reporter(quiet=True))
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""
