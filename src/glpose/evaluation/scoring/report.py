"""The outcome of scoring, for people and for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glpose.errors import BadInput
from glpose.formats.text.lines import write_text


@dataclass(frozen=True, slots=True)
class Report:
    """What to print, and the same as plain data; scores are in percent."""

    lines: list[str]
    plain: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the plain data as JSON, whole or not at all; a number that is undefined is null."""
        text = json.dumps(_defined(self.plain), indent=1, allow_nan=False) + "\n"
        try:
            write_text(path, text)
        except BadInput as problem:
            raise BadInput(
                f"--json {path}: cannot be written ({problem.__cause__}); free some space or "
                "choose another place"
            ) from problem


def check_there(files: Sequence[Path], folder: Path, what: str) -> None:
    """Raises: BadInput if files of a folder are missing, naming the first and telling how many."""
    lacking = [path for path in files if not path.is_file()]
    if lacking:
        raise BadInput(
            f"{lacking[0]}: not found; {folder} lacks the predictions of {len(lacking)} of "
            f"{len(files)} {what}; expected a file for each"
        )


def number(value: float, decimals: int = 1) -> str:
    """A number of a table; a dash where it is undefined."""
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
