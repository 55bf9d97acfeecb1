"""Weights to evaluate: exported ones, or the folder of a run."""

from pathlib import Path

from glpose.errors import MissingExtra
from glpose.runtime.load import describe, load_estimator
from glpose.runtime.protocols import Estimator


def open_weights(
    name_or_path: str, threads: int | None = None
) -> tuple[Estimator, dict[str, object]]:
    """The estimator, and what results say about it.

    Raises: BadWeights or BadInput, saying what is wrong; MissingExtra for a run without torch.
    """
    if not (Path(name_or_path) / "recipe.json").is_file():
        estimate = load_estimator(name_or_path, threads)
        return estimate, describe(name_or_path, "pose", estimate.card)
    try:
        import torch

        from glpose.jobs.runs import estimator_of_run
    except ImportError as problem:
        raise MissingExtra(problem.name or "torch", "train") from problem
    if threads is not None:
        torch.set_num_threads(threads)
    return estimator_of_run(Path(name_or_path))
