"""What all scripts of this folder share: how they start, and which numbers their options take."""

import argparse
import sys
from collections.abc import Callable

from glpose.errors import GLPoseError, one_line


def run_script(main: Callable[[], None]) -> None:
    """Run a script; what its user can mend is one line on stderr, with exit status 2."""
    try:
        main()
    except (GLPoseError, OSError) as problem:
        print("error:", one_line(str(problem)), file=sys.stderr)
        sys.exit(2)


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option for whole numbers from `least` on."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value}: expected {least} or more")
        return value

    return number


def fraction(text: str) -> float:
    """The type of an option for numbers from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to 1")
    return value


def above_zero(text: str) -> float:
    """The type of an option for numbers above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return value
