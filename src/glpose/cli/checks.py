"""What several commands check of their options, and how times and frames are typed."""

import re
from typing import Annotated, Literal

from cyclopts import Parameter

from glpose.errors import BadInput

Switch = Annotated[bool, Parameter(negative=())]
"""An option that is given or not, without one that takes it back."""

OUTPUT = Parameter(name=["--output", "-o"])

Device = Literal["auto", "cpu", "cuda"]
"""As in `runtime.engine`, which would slow down --help."""


def check_count(option: str, value: int | None) -> None:
    """Raises: BadInput, naming the option as it is typed, for a number below 1."""
    if value is not None and value < 1:
        raise BadInput(f"{option} is {value}; expected 1 or more")


def read_seconds(option: str, text: str | None) -> float | None:
    """Seconds of a time as players show it: 80, 80.5, 1:20 or 0:01:20.5. Raises: BadInput."""
    if text is None:
        return None
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text, re.ASCII):
        raise BadInput(f"{option} is '{text}'; expected seconds, or a time such as 1:20 or 0:01:20")
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total


def read_frames(option: str, text: str | None) -> tuple[int, int | None] | None:
    """The first frame and the one behind the last of FIRST:END, FIRST: or :END. Raises: BadInput."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{0,15}):(\d{0,15})", text, re.ASCII)
    if not found or text == ":":
        raise BadInput(
            f"{option} is '{text}'; expected FIRST:END, such as 100:200 for the frames 100 to 199, "
            "100: or :200"
        )
    first, end = found.groups()
    return int(first or 0), int(end) if end else None
