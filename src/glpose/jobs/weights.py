"""Weights to evaluate: exported weights, or a run folder."""

from pathlib import Path

from glpose.errors import MissingExtra
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import open_estimator
from glpose.runtime.protocols import Estimator


def open_weights(
    name_or_path: str, engine: EngineSpec = EngineSpec()
) -> tuple[Estimator, dict[str, object]]:
    """The estimator, and its record for results.

    A run folder is run by torch, on the device and with the threads of `engine`.
    Raises: BadWeights, BadInput or BadConfig saying what is wrong; MissingExtra for a run without
    torch.
    """
    if not (Path(name_or_path) / "recipe.json").is_file():
        opened = open_estimator(name_or_path, engine)
        return opened.network, opened.record
    try:
        from glpose.jobs.runs import estimator_of_run
    except ImportError as problem:
        raise MissingExtra(problem.name or "torch", "train") from problem
    return estimator_of_run(Path(name_or_path), engine)
