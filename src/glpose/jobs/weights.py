"""Weights to evaluate: exported weights, or a run folder."""

from pathlib import Path

from glpose.errors import needing
from glpose.formats.text.lines import looking_at
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import open_estimator
from glpose.runtime.protocols import Estimator


def is_run(name_or_path: str) -> bool:
    """Whether this is the folder of a run. Raises: BadInput if it may not be looked at."""
    record = Path(name_or_path) / "recipe.json"
    with looking_at(record):
        return record.is_file()


def open_weights(
    name_or_path: str, engine: EngineSpec = EngineSpec()
) -> tuple[Estimator, dict[str, object]]:
    """The estimator, and its record for results.

    A run folder is run by torch, on the device and with the threads of `engine`.
    Raises: BadWeights, BadInput or BadConfig saying what is wrong; MissingExtra for a run without
    torch.
    """
    if not is_run(name_or_path):
        opened = open_estimator(name_or_path, engine)
        return opened.network, opened.record
    with needing("train"):
        from glpose.jobs.runs import estimator_of_run
    return estimator_of_run(Path(name_or_path), engine)
