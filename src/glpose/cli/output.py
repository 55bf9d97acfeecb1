"""What the commands print: results on stdout, problems on stderr, as lines that a terminal can show."""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from glpose.errors import BadInput, one_line, reason


def say(*lines: str) -> None:
    """Print lines of a result on stdout; quietly nothing if the reader has closed the pipe.

    Raises: BadInput if it cannot be written, e.g. to a full disk; later calls then print nothing.
    """
    if sys.stdout is None:  # closed by who started the command
        return
    try:
        print(_printable(lines, sys.stdout.encoding), flush=True)
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as problem:
        _silence(sys.stdout)
        raise unwritten(problem) from problem


def unwritten(problem: OSError) -> BadInput:
    """The error for a standard output that cannot be written."""
    return BadInput(
        f"the standard output cannot be written ({reason(problem)}); free some space, or send it "
        "elsewhere"
    )


def unwritten_weights(out: Path, problem: OSError) -> BadInput:
    """The error for weights that cannot be written into the folder of `--output`."""
    return BadInput(
        f"--output {out}: {problem.filename or out} cannot be written ({reason(problem)}); "
        "choose another folder with --output"
    )


def tell(line: str) -> None:
    """Print a line about the work on stderr; nothing if that cannot be written."""
    if sys.stderr is None:
        return
    try:
        print(_printable([line], sys.stderr.encoding), file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def complain(message: str) -> None:
    """One line about a problem, on stderr."""
    tell(f"glpose: {message}")


def hush_natives() -> None:
    """Send what libraries print by themselves nowhere, e.g. libpng on a damaged picture.

    They write to file 2; Python's own stderr goes on to where that file led.
    """
    with suppress(OSError, ValueError, AttributeError):
        own = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
        sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        sys.stderr = own


def escape_unprintable() -> None:
    """Have others print what the encoding of stdout lacks as escapes, as `say` does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence(stream: Any) -> None:
    """Send what is printed there from now on nowhere; Python would else complain when it ends."""
    # A stream without a file, e.g. in a test, has nothing to redirect.
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _printable(lines: Sequence[str], encoding: str | None) -> str:
    encoding = encoding or "utf-8"
    return "\n".join(map(one_line, lines)).encode(encoding, "backslashreplace").decode(encoding)
