"""`glpose lift`: give the people of a file of poses joints in space."""

from pathlib import Path
from typing import Annotated

from glpose.cli.checks import OUTPUT, Device, Switch, check_count
from glpose.weights import DEFAULT_LIFT


def lift(
    *poses: Path,
    output: Annotated[Path | None, OUTPUT] = None,
    weights: str = DEFAULT_LIFT,
    height: float | None = None,
    rate: float | None = None,
    device: Device = "auto",
    threads: int | None = None,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Add joints in space to every person who is seen long enough.

    Writes the poses again, with "joints_3d" relative to the middle of the hips: x to the right of
    the picture, y up, z towards the camera. Lengths are in statures of the person, or in metres
    with --height. Exit status: 0 all well, 2 nothing was written, 3 something is missing, or results are
    not whole.

    Parameters
    ----------
    poses
        A results folder, a poses.jsonl, COCO results whose image_id is the frame from 0, or
        PoseTrack predictions. May be given several times, or be a folder that holds results folders,
        such as glpose-out.
    output
        The file to write, of one result; NAME_3d.jsonl beside the poses unless given.
    weights
        Weights that lift: a name (see glpose info), a file or a folder.
    height
        The height of the people in metres.
    rate
        Frames in a second, only for a file of poses that does not say.
    device
        What runs the network: cpu, cuda (a GPU of NVIDIA), or auto, the GPU if it can be used.
    threads
        Threads of the network; all cores if not given.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace the output if it exists.

    """
    check_count("--threads", threads)
    from glpose.cli.progress import make_reporter
    from glpose.jobs.lift import LiftOptions, lift_results
    from glpose.runtime.engine import EngineSpec

    options = LiftOptions(
        output, weights, height, rate, overwrite, EngineSpec(device=device, threads=threads)
    )
    return 3 if lift_results(poses, options, make_reporter(quiet=quiet)).lacks else 0
