"""The result of scoring, as text and as data."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glpose.errors import BadInput
from glpose.files import read_regular
from glpose.formats.text.lines import looking_at, write_text


@dataclass(frozen=True, slots=True)
class Report:
    """Lines to print, and the same as plain data; scores in percent.

    Tables may be given as one text of several lines; they are split.
    """

    lines: list[str]
    plain: dict[str, Any]

    def __post_init__(self) -> None:
        """What prints lines shows a line break within one as an escape."""
        split = [line for text in self.lines for line in text.split("\n")]
        object.__setattr__(self, "lines", split)

    def save(self, path: Path) -> None:
        """Write the plain data as JSON, atomically; undefined numbers become null."""
        text = json.dumps(_defined(self.plain), indent=1, allow_nan=False) + "\n"
        try:
            write_text(path, text)
        except BadInput as problem:
            raise BadInput(
                f"--json {path}: cannot be written ({problem.__cause__}); free some space or "
                "choose another place"
            ) from problem


def check_places(truth: Path, predictions: Path, json: Path | None = None) -> None:
    """Raises: BadInput if files to score do not exist, or `json` exists and is not a score file."""
    for path, what in ((truth, "the truth"), (predictions, "the predictions")):
        with looking_at(path):
            if not path.exists():
                raise BadInput(f"{path}: no such file or folder; expected {what}; check the name")
    if json is not None:
        with looking_at(json):
            _check_target(json)


def _check_target(json: Path) -> None:
    if json.is_dir() or not json.parent.is_dir():
        raise BadInput(
            f"--json {json}: found {'a folder' if json.is_dir() else 'no folder for it'}; "
            "expected the name of a file in a folder that exists"
        )
    if json.is_file() and not _is_score(json):
        raise BadInput(
            f"--json {json}: there is a file that is no score of glpose; choose another name"
        )


def check_there(files: Sequence[Path], folder: Path, what: str) -> None:
    """Raises: BadInput if files of a folder are missing, with the first one and their number."""
    lacking = [path for path in files if not path.is_file()]
    if lacking:
        raise BadInput(
            f"{lacking[0]}: not found; {folder} lacks the predictions of {len(lacking)} of "
            f"{len(files)} {what}; expected a file for each"
        )


def number(value: float, decimals: int = 1) -> str:
    """Format a number for a table; a dash if it is undefined."""
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"


# By metric some keys of the files of `glpose score`, more than other programs would have by chance.
_KEYS = {
    "posetrack": {"quirks", "num_sequences", "ap", "mot"},
    "jhmdb": {"split", "strict", "interpolate_belly", "num_clips"},
    "coco": {"skeleton", "num_pictures", "num_ignored", "num_poses"},
    "hieve": {"num_frames", "num_people", "num_poses"},
}


def _is_score(path: Path) -> bool:
    """Whether a file was written by `glpose score` and may be replaced."""
    found = plain_of(path)
    known = _KEYS.get(str(found.get("metric")))
    return known is not None and known <= found.keys()


def plain_of(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; nothing of a file that holds none, or is not there.

    Raises: OSError if it cannot be read otherwise.
    """
    try:
        found = json.loads(read_regular(path))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
