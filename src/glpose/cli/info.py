"""`glpose info`: versions, engine and weights; or what a file, a folder, weights, a training run or a recipe hold."""

from pathlib import Path

from glpose.cli.output import say
from glpose.errors import BadInput, GLPoseError


def info(what: str | None = None, /) -> int:
    """Tell versions and weights, or about a file, a folder, weights or a recipe.

    Parameters
    ----------
    what
        A video, a folder of videos, of pictures or of results, a poses.jsonl, weights (a name, a
        file or a folder), a run of glpose train, or a recipe by its name.

    """
    from glpose.cli import about

    say(*(about.installation() if what is None else _lines(what)))
    return 0


def _lines(what: str) -> list[str]:
    from glpose.cli import about
    from glpose.formats.text.lines import looking_at
    from glpose.runtime.trained import how_to_export, training_run
    from glpose.video.network import is_address

    if is_address(what):  # as it was given: a path has no "//", and its name may be too long
        return about.source(what)
    path = Path(what)
    with looking_at(path):
        if not path.exists():
            return _of_name(what)
        if (run := training_run(path)) and not any(run.glob("*.onnx")):
            return about.training(path, run)
        if path.is_dir():
            return _of_folder(path)
        if said := how_to_export(path):
            raise BadInput(said)
        if path.suffix == ".onnx":
            return about.weights_file(path)
        return about.results_file(path) if path.suffix == ".jsonl" else about.source(path)


def _of_folder(path: Path) -> list[str]:
    from glpose.cli import about

    if any(path.glob("*.onnx")):
        return about.weights_folder(path)
    if found := about.results_in(path):
        if len(found) == 1:
            return about.results_folder(found[0])
        return [line for folder in found for line in _of_one(folder)]
    return about.source(path)


def _of_one(folder: Path) -> list[str]:
    """About one of several folders of results; a problem of it hides none of the others."""
    from glpose.cli import about

    try:
        return about.results_folder(folder)
    except GLPoseError as problem:
        return [str(problem)]


def _of_name(name: str) -> list[str]:
    """About shipped weights or a recipe."""
    from glpose.cli import about
    from glpose.cli.recipes import recipe_lines
    from glpose.files import did_you_mean
    from glpose.recipes import RECIPES
    from glpose.runtime.load import shipped

    for weights in shipped():
        if weights.name == name:
            return about.model_lines(weights.files)
    if name in RECIPES:
        return recipe_lines(name)
    known = [*(weights.name for weights in shipped()), *RECIPES]
    hint = did_you_mean(name, known, "expected a video, results, weights or a recipe")
    raise BadInput(f"{name}: no such file, weights or recipe; {hint}")
