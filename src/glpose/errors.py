"""The exceptions of glpose. Every message says what was found, what was expected and what to do.

    GLPoseError
    ├── BadInput      (also ValueError)   a file, array or argument that cannot be used
    │   └── VideoError                    a video or image source that cannot be read or written
    ├── BadWeights                        weights that are missing, damaged or of another kind
    ├── BadConfig     (also ValueError)   a setting with an unknown name, a wrong type or value
    └── MissingExtra  (also ImportError)  an optional dependency that is not installed

The command line prints one line for a `GLPoseError` and exits with 2; anything else is a bug.
"""

import shlex
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_JOINERS = "\u200c\u200d"  # of letters, in Persian and Hindi, and of emoji


def one_line(text: str) -> str:
    """Text on one line, without characters that a terminal would obey: they become escapes."""
    return "".join(c if _is_shown(c) else c.encode("unicode_escape").decode() for c in text)


def _is_shown(c: str) -> bool:
    # Spaces of other kinds are in names of files, e.g. of screenshots.
    return c.isprintable() or c in _JOINERS or unicodedata.category(c) == "Zs"


def pasted(path: Path | str) -> str:
    """A path in a command that a message tells, to be pasted: quoted, and not taken for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


class GLPoseError(Exception):
    """Base of all errors that a user can cause and fix. Their text is one line, whatever it names."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class BadInput(GLPoseError, ValueError):
    """A file, array or argument that cannot be used."""


class VideoError(BadInput):
    """A video or image source that cannot be read or written."""


class BadWeights(GLPoseError):
    """Weights that are missing, damaged or of another kind than asked for."""


class BadConfig(GLPoseError, ValueError):
    """A setting with an unknown name, a wrong type or a wrong value."""


def reason(problem: Exception) -> str:
    """What the system says of a failure: its words without number and path, if it has some."""
    return getattr(problem, "strerror", None) or str(problem)


class MissingExtra(GLPoseError, ImportError):
    """An optional dependency is not installed; the message has the exact `pip` command."""

    def __init__(self, package: str, extra: str | None = None) -> None:
        """`extra` is the one of glpose that brings the package, None if it is a package alone."""
        # glpose itself is not on an index: its extras are installed from a copy of the repository.
        how = (
            f"pip install {package}"
            if extra is None
            else f'pip install ".[{extra}]" in your copy of the glpose repository'
        )
        super().__init__(
            f"this needs the package '{package}', which is not installed; install it with: {how}"
        )
        self._given = package, extra

    def __reduce__(self) -> tuple:
        """Made anew from what was given: not from the message, as other exceptions are."""
        return type(self), self._given


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """For imports that need the packages of an extra of glpose.

    Raises: MissingExtra if one is not installed; all else that is wrong with an import as it is.
    """
    try:
        yield
    except ModuleNotFoundError as problem:
        ours = __name__.partition(".")[0]
        package = (problem.name or ours).partition(".")[0]
        if package == ours:
            raise
        raise MissingExtra(package, extra) from problem
