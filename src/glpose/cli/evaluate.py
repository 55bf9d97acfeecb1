"""`glpose evaluate`: a run or weights on an official set, with the official scores."""

from pathlib import Path
from typing import Annotated, Literal

from glpose.cli.checks import OUTPUT, Device, Switch, check_count
from glpose.errors import BadInput


def evaluate(
    weights: str,
    /,
    *,
    data: Path,
    metric: Literal["posetrack", "jhmdb", "coco", "h36m", "humaneva", "3dhp"],
    boxes: str = "gt",
    points: str = "gt",
    out: Annotated[Path, OUTPUT] = Path("evaluation"),
    split: str | None = None,
    flip: bool | None = None,
    decode: Literal["argmax", "quarter", "dark"] | None = None,
    score: Literal["heatmap", "product", "rescored"] | None = None,
    oks_nms: float | None = None,
    min_box: float | None = None,
    candidates: Literal["video", "even", "past"] | None = None,
    limit: int | None = None,
    seed: int | None = None,
    device: Device = "auto",
    threads: int | None = None,
    overwrite: Switch = False,
) -> int:
    """Predict the people of an official set and score them as the papers do.

    Each sequence's predictions are saved as soon as they are done; the same call continues after an
    interruption. Options not given follow the papers on the set; scores.json lists them.
    Exit status: 0 all well, 2 nothing could be evaluated, 3 scores lack sequences
    or pictures that could not be read.

    Parameters
    ----------
    weights
        The folder of a run (needs glpose[train]), or exported weights: a name, a file or a folder.
    data
        The set in its official layout; see glpose data check.
    metric
        posetrack (2017 or 2018), jhmdb or coco, or for weights that lift h36m, humaneva or 3dhp; it
        says which set DATA is.
    boxes
        gt for ground-truth boxes, or a file of detections.
    points
        The joints to lift (h36m, humaneva): gt, or a detector as in data_2d_h36m_DETECTOR.npz.
    out
        Folder for predictions and scores.
    split
        train or val (posetrack, coco), 1, 2 or 3 (jhmdb); val and 1 unless given.
    flip
        Look at each crop mirrored too; on for coco.
    decode
        How joints are found in heatmaps; as the weights say unless given.
    score
        Score of a joint: heatmap, or product with the box score (posetrack); rescored: of people,
        box score times the mean of their joints (coco).
    oks_nms
        Leave out poses more alike than this to a better one; 1 keeps all; 0.9 for coco.
    min_box
        Leave out boxes below this score; 0.2 for posetrack.
    candidates
        Global crops from all of the video, at random or evenly spaced, or from its past only.
    limit
        Evaluate this many sequences only, the first ones; the scores say so.
    seed
        Seed for drawing candidates; 0 unless given.
    device
        What runs the network: cpu, cuda (a GPU of NVIDIA), or auto, the GPU if it can be used.
    threads
        CPU threads; all cores unless given.
    overwrite
        Replace predictions that exist.

    """
    check_count("--limit", limit)
    check_count("--threads", threads)
    # Imported here: NumPy and the video library would slow down --help.
    from glpose.cli.progress import Printed
    from glpose.jobs.evaluate import EvaluateOptions, evaluate_set
    from glpose.jobs.interrupt import SignalInterrupt
    from glpose.runtime.engine import EngineSpec

    if metric in ("h36m", "humaneva", "3dhp"):
        from glpose.jobs.evaluate_lift import LiftEvaluation, evaluate_lifter

        other = (
            split, flip, decode, score, oks_nms, min_box, candidates, seed,
            None if boxes == "gt" else boxes,
        )  # fmt: skip
        if any(value is not None for value in other):
            raise BadInput(
                f"--metric {metric} lifts joints: of the options only --data, --points, --output, --limit, "
                "--device, --threads and --overwrite mean something for it"
            )
        engine = EngineSpec(device=device, threads=threads)
        job = LiftEvaluation(weights, data, metric, out, points, limit, engine, overwrite)
        evaluate_lifter(job, Printed())
        return 0
    if points != "gt":
        raise BadInput(f"--points {points}: means nothing for --metric {metric}; leave it out")
    changes = {
        "flip": flip,
        "decode": decode,
        "score": score,
        "oks_nms": oks_nms,
        "min_box": min_box,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if candidates is not None:
        changes["candidates"] = "past" if candidates == "past" else "video"
        changes["sampling"] = "even" if candidates == "even" else "random"
    how = EvaluateOptions(
        weights,
        data,
        metric,
        None if boxes == "gt" else Path(boxes),
        out,
        split,
        changes,
        limit,
        0 if seed is None else seed,
        EngineSpec(device=device, threads=threads),
        overwrite,
    )
    done = evaluate_set(how, Printed(), SignalInterrupt())
    return {"ok": 0, "incomplete": 3, "interrupted": 130}[done.state]
