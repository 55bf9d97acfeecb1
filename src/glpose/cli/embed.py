"""`glpose embed`: vectors of how people look and how they hold themselves."""

from pathlib import Path
from typing import Annotated

from glpose.cli.checks import OUTPUT, Device, Switch, check_count


def embed(
    poses: Path,
    video: str,
    /,
    *,
    weights: str,
    output: Annotated[Path, OUTPUT] = Path("embeddings.npz"),
    device: Device = "auto",
    threads: int | None = None,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Write two vectors for each person and frame: appearance (who it is) and pose (how they stand).

    Likeness is the cosine of two vectors. The arrays of the file have one row for each person and
    frame: frame, time_s, track_id, xyxy, appearance, pose. Exit status: 0 all well, 2 nothing
    written, 3 something is missing.

    Parameters
    ----------
    poses
        A results folder, a poses.jsonl, COCO results whose image_id is the frame from 0, or
        PoseTrack predictions.
    video
        The video, or a folder of pictures.
    weights
        NAME.embedding.onnx, which glpose export writes of a run of glpose pretrain; or its folder.
    output
        The file to write.
    device
        What runs the network: cpu, cuda (a GPU of NVIDIA), or auto, the GPU if it can be used.
    threads
        Threads of the network; all cores if not given.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace a file that exists.

    """
    check_count("--threads", threads)
    from glpose.cli.progress import make_reporter
    from glpose.jobs.embed import EmbedOptions, embed_video
    from glpose.jobs.interrupt import Interrupted, SignalInterrupt
    from glpose.runtime.engine import EngineSpec

    options = EmbedOptions(weights, overwrite, EngineSpec(device=device, threads=threads))
    try:
        made = embed_video(
            video, poses, output, options, make_reporter(quiet=quiet), SignalInterrupt()
        )
    except Interrupted:
        raise KeyboardInterrupt from None
    return 3 if made.lacks else 0
