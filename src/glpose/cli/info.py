"""`glpose info`: versions, engine and weights; or what a video, results or weights file holds."""

from pathlib import Path

from glpose.cli.output import say
from glpose.errors import BadInput


def info(path: Path | None = None, /) -> int:
    """Tell versions and weights, or about a file.

    Parameters
    ----------
    path
        A video, a folder of pictures, a poses.jsonl, or weights.

    """
    from glpose.cli import about

    if path is None:
        lines = about.installation()
    elif not path.exists():
        raise BadInput(f"{path}: no such file or folder; expected a video, results or weights")
    elif path.suffix == ".onnx":
        lines = about.weights_file(path)
    elif path.suffix == ".jsonl":
        lines = about.results_file(path)
    elif path.is_dir() and any(path.glob("*.onnx")):
        lines = about.weights_folder(path)
    else:
        lines = about.source(path)
    say(*lines)
    return 0
