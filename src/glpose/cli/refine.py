"""`glpose refine`: make poses that exist steadier with the pictures of their video."""

from pathlib import Path
from typing import Annotated

from glpose.cli.checks import OUTPUT, Device, Switch, check_count
from glpose.cli.run import status_of


def refine(
    video: str,
    poses: Path,
    /,
    *,
    output: Annotated[Path, OUTPUT] = Path("glpose-refined"),
    window: int = 4,
    flow: Path | None = None,
    overlay: bool = True,
    device: Device = "auto",
    threads: int | None = None,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Merge poses with those of the frames around, moved along optical flow.

    Poses of other tools are taken as COCO results or PoseTrack predictions.

    The results of walk.mp4 go to OUTPUT/walk: poses.jsonl, overlay.mp4 and summary.json. Who is
    missed in between appears, with "source": "propagated".

    Parameters
    ----------
    video
        The video, or a folder of pictures.
    poses
        A results folder, a poses.jsonl, COCO results whose image_id is the frame from 0, or
        PoseTrack predictions.
    output
        Folder for the results, with a folder in it named after the video.
    window
        Frames on each side, from 1 to 5.
    flow
        An .onnx file of a flow network, in place of dense inverse search.
    overlay
        Write a video with the skeletons drawn in.
    device
        What runs the network of --flow: cpu, cuda (a GPU of NVIDIA), or auto, the GPU if it can be
        used.
    threads
        Threads of the network of --flow and of the encoder of the overlay; all cores if not given.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace results that exist.

    """
    check_count("--threads", threads)
    from glpose.cli.progress import make_reporter
    from glpose.jobs.interrupt import SignalInterrupt
    from glpose.jobs.refine import RefineOptions, refine_video
    from glpose.jobs.writers import overlay as draw_overlay
    from glpose.jobs.writers import poses_jsonl
    from glpose.runtime.engine import EngineSpec

    options = RefineOptions(
        output,
        window,
        flow=flow,
        overwrite=overwrite,
        writers=(poses_jsonl, draw_overlay) if overlay else (poses_jsonl,),
        engine=EngineSpec(device=device, threads=threads),
    )
    outcome = refine_video(video, poses, options, make_reporter(quiet=quiet), SignalInterrupt())
    return status_of([outcome])
