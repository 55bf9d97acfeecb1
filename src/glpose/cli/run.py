"""`glpose run`: estimate poses of sources into result folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from glpose.cli.checks import OUTPUT, Device, Switch, check_count, read_frames, read_seconds
from glpose.cli.output import complain
from glpose.errors import BadInput
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_LIFT

if TYPE_CHECKING:
    from glpose.jobs.run import Options, Outcome

Private = Literal["blur", "skeleton"]  # as in `viewer.private`, which would slow down --help
Preset = Literal["fast", "balanced", "best"]  # as in `runtime.presets`


def run(
    *source: str,
    output: Annotated[Path, OUTPUT] = Path("glpose-out"),
    boxes: Path | None = None,
    weights: str | None = None,
    detector: str = DEFAULT_DETECTOR,
    preset: Preset = "balanced",
    detect_every: int | None = None,
    flip: bool | None = None,
    fuse: bool | None = None,
    small_people: bool | None = None,
    refine: str | None = None,
    lift: Switch = False,
    height: float | None = None,
    flow: Path | None = None,
    causal: Switch = False,
    person: str | None = None,
    overlay: bool = True,
    table: bool = True,
    private: Private | None = None,
    start: str | None = None,
    end: str | None = None,
    frames: str | None = None,
    fps: float | None = None,
    allow_network: Switch = False,
    device: Device = "auto",
    threads: int | None = None,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Estimate the poses in videos or pictures.

    Parameters
    ----------
    source
        Videos, pictures, folders of them, or globs. A picture alone gives a picture; the pictures of
        a folder are the frames of a video, and so are several from one folder; those beside videos
        are left out. 0 or camera:0 is a camera (Linux), until Ctrl-C or --end.
    output
        Folder for the results, one folder in it for each source. A file whose name is in use there
        by another one's results gets the next free folder, such as walk-2; see file in summary.json.
    boxes
        Lines of boxes, or a poses.jsonl, to use instead of finding people. A line is a frame:
        {"frame": 0, "people": [{"track_id": 1, "box_xyxy": [x1, y1, x2, y2], "box_score": 1}]}.
    weights
        Pose weights: a name (see glpose info), a file or a folder. Unless given, pose_small, and for
        a picture alone picture_small.
    detector
        Weights that find people: a name, a file or a folder.
    preset
        fast: people searched every 15 frames, single frames. balanced: every 5 frames, frames
        fused. best: every frame, frames fused, flip test. The next four options win over it.
    detect_every
        Look for people at every n-th frame, or, where nothing changes beside them, less often, up to
        the 20th; poses say where they are in between. 1 looks at every frame and costs more.
    flip
        Flip test: look at each person mirrored, too; costs more. With the shipped weights a single
        picture is searched in four views, and its people are looked at in ten (with dkd_small once,
        or mirrored, too, unless --no-fuse is given), unless --no-flip, or --preset fast without
        --flip, is given.
    fuse
        Find joints with the help of the frames around, or in each frame alone, which costs less.
    small_people
        In large pictures also search for people who are small, in an input up to twice as large; in
        videos about every 10 frames while such people are there, else more seldom. Unless given, with
        all presets but fast.
    refine
        Make poses steadier afterwards: flow merges those of frames around along optical flow.
    lift
        Also write poses_3d.jsonl: the poses with joints in space, see glpose lift -h.
    height
        The height of the people in metres, for --lift.
    flow
        For --refine: an .onnx file of a flow network, in place of dense inverse search.
    causal
        Use nothing that comes after a frame for its poses, as a live source would; less exact.
    person
        Keep one person: a number, largest, central (nearest to the middle) or longest (in most
        frames). By numbers from 1, as in the overlay of a run before.
    overlay
        Write the video, or the picture, with the skeletons drawn in.
    private
        In the overlay, and without its sound: blur the faces of all who are found, or show only
        the skeleton, on black. A face in a frame where nobody finds it is not blurred.
    table
        Write the poses as a table too, a row for each joint; glpose table makes other ones.
    start
        Leave out what comes before this time: seconds, or 1:20, or 0:01:20.
    end
        Stop at this time.
    frames
        Take only these frames: 100:200 are those from 100 to 199, counted from 0; 100: and :200
        leave one end open.
    fps
        Frames a second of pictures, which have no times; 25 if not given.
    allow_network
        Also open addresses: http, https, rtsp, rtmp. Off unless given; a stream that breaks off is
        connected again up to five times.
    device
        What runs the networks: cpu, cuda (a GPU of NVIDIA; needs onnxruntime-gpu in place of
        onnxruntime), or auto, the GPU if it can be used. See glpose doctor.
    threads
        Threads of the networks and of the encoder; all cores if not given.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace results of the same file.

    """
    if not source:
        raise BadInput(
            "no SOURCE was given; expected a video, a folder or a glob; see glpose run -h"
        )
    if private is not None and not overlay:
        raise BadInput("--private is about the overlay, which --no-overlay leaves out; drop one")
    check_count("--threads", threads)
    check_count("--detect-every", detect_every)
    # Imported here: NumPy and the video library would slow down --help.
    from glpose.jobs.lift import lifted_jsonl
    from glpose.jobs.person import read_person
    from glpose.jobs.run import Options
    from glpose.jobs.writers import overlay as draw_overlay
    from glpose.jobs.writers import poses_csv, poses_jsonl
    from glpose.lifting import check_height
    from glpose.runtime.engine import EngineSpec
    from glpose.runtime.load import open_lifter
    from glpose.runtime.presets import Wish

    if height is not None and not lift:
        raise BadInput("--height is for poses in space; expected --lift with it")
    if lift and causal:
        raise BadInput("--lift looks at frames before and after; leave out --lift or --causal")
    check_height(height)
    engine = EngineSpec(device=device, threads=threads)
    in_space = (lifted_jsonl(open_lifter(DEFAULT_LIFT, engine), height),) if lift else ()
    options = Options(
        output,
        boxes=boxes,
        weights=weights,
        detector=detector,
        start_s=read_seconds("--start", start),
        end_s=read_seconds("--end", end),
        frames=read_frames("--frames", frames),
        fps=fps,
        allow_network=allow_network,
        person=None if person is None else read_person(person),
        private=private,
        engine=engine,
        overwrite=overwrite,
        writers=(
            poses_jsonl,
            *((poses_csv,) if table else ()),
            *((draw_overlay,) if overlay else ()),
            *in_space,
        ),
        wish=Wish(preset, detect_every, flip, fuse, small_people),
        also=() if refine is None else (refine,),
        flow=flow,
        causal=causal,
    )
    return run_and_tell(source, options, quiet=quiet)


def run_and_tell(sources: Sequence[str], options: "Options", *, quiet: bool = False) -> int:
    """Run, print what happens, and give the exit status."""
    from glpose.cli.progress import make_reporter
    from glpose.jobs.interrupt import SignalInterrupt
    from glpose.jobs.run import run_sources

    interrupt = SignalInterrupt()
    outcomes = run_sources(sources, options, make_reporter(quiet=quiet), interrupt)
    status = status_of(outcomes)
    if interrupt.requested and status != 130:
        # The last source was read to its end by then, and others may not have begun.
        complain("interrupted")
        status = 130
    return status


def status_of(outcomes: "Sequence[Outcome]") -> int:
    """The exit status for the outcomes of all sources."""
    states = {outcome.state for outcome in outcomes}
    if "interrupted" in states:
        return 130
    if states == {"ok"}:
        return 0
    return 3 if any(outcome.kept for outcome in outcomes) else 2
