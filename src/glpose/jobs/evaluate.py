"""An evaluation on its way: predictions sequence by sequence, then scores, in one folder.

settings.json    how the predictions were made; written first, and asked when a call goes on
predictions/     a file for each sequence, there as soon as it is done
scores.json      the official scores and everything needed to make them again
"""

import json
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glpose import __version__
from glpose.cli.main import complain
from glpose.config import to_plain
from glpose.errors import BadInput, GLPoseError
from glpose.evaluation.scoring.report import Report
from glpose.evaluation.sets import Metric, OfficialSet, open_set
from glpose.files import file_digest
from glpose.formats.text.lines import cannot_write, dump, write_text
from glpose.jobs.interrupt import Interrupt, Interrupted
from glpose.jobs.weights import open_weights
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Estimator
from glpose.types import FramePoses

SETTINGS, PREDICTIONS, SCORES = "settings.json", "predictions", "scores.json"

_TELL_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What `glpose evaluate` was told; see there. `changes` are of the usual options of the set."""

    weights: str
    data: Path
    metric: Metric
    boxes: Path | None
    out: Path
    split: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    threads: int | None = None
    overwrite: bool = False


@dataclass(slots=True)
class Progress:
    """What was done and what could not be."""

    total: int
    done: list[str] = field(default_factory=list)
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    frames: int = 0
    undecodable: int = 0
    begin: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)

    def add(self, poses: list[FramePoses]) -> None:
        """Count the predictions of a sequence."""
        self.frames += len(poses)
        self.undecodable += sum(frame.status == "undecodable" for frame in poses)

    def tell(self, name: str, frame: int) -> None:
        """A line every quarter of a minute."""
        now = time.monotonic()
        if now - self.last < _TELL_EVERY_S:
            return
        self.last, spent = now, now - self.begin
        fresh = len(self.done) - self.kept
        left = spent / fresh * (self.total - len(self.done)) if fresh else None
        print(
            f"{len(self.done)} of {self.total} sequences, now frame {frame} of {name}"
            + (f", about {left / 60:.0f} min left" if left is not None else ""),
            file=sys.stderr,
            flush=True,
        )


def evaluate_set(how: EvaluateOptions) -> int:
    """Predict, score and save; the result is the exit status of the command."""
    if how.boxes is not None and not how.boxes.is_file():
        raise BadInput(f"--boxes {how.boxes}: no such file; expected 'gt' or a file of detections")
    official = open_set(how.metric, how.data, how.split, how.boxes)
    options = replace(official.usual, **how.changes)
    estimate, record = open_weights(how.weights, how.threads)
    settings = _settings(how, official, options, record)
    _prepare(how, settings)
    names = official.names[: how.limit]
    progress, interrupt = Progress(len(names)), Interrupt()
    try:
        with interrupt.listening():
            for name in names:
                _predict_one(name, how, official, estimate, options, progress, interrupt)
    except Interrupted:
        complain(
            f"interrupted after {len(progress.done)} of {len(names)} sequences; their predictions "
            f"are kept in {how.out}, the same call goes on from there"
        )
        return 130
    if not progress.done:
        raise BadInput(f"{how.data}: no sequence could be evaluated; there is nothing to score")
    report = official.score(how.out / PREDICTIONS, progress.done, estimate)
    _finish(how, report, settings, progress, len(official.names))
    return 3 if progress.failed or progress.undecodable else 0


def _settings(
    how: EvaluateOptions,
    official: OfficialSet,
    options: PoseOptions,
    record: dict[str, object],
) -> dict[str, Any]:
    """Everything that the predictions depend on, as it will be read back from JSON."""
    boxes: dict[str, str] | str = "gt"
    if how.boxes is not None:
        digest = file_digest(how.boxes)
        boxes = {"name": how.boxes.name, "sha256": digest}
    made_by = {
        "glpose": __version__,
        "metric": how.metric,
        "data": how.data.absolute().name,
        "part": official.part,
        "weights": to_plain(record),
        "boxes": boxes,
        "options": to_plain(options),
        "seed": how.seed,
    }
    return json.loads(dump(made_by))


def _prepare(how: EvaluateOptions, settings: dict[str, Any]) -> None:
    """Make the folder, or find in it predictions that were made in the very same way."""
    out, path = how.out, how.out / SETTINGS
    try:
        if how.overwrite:
            shutil.rmtree(out / PREDICTIONS, ignore_errors=True)
            path.unlink(missing_ok=True)
            (out / SCORES).unlink(missing_ok=True)
        if path.exists():
            before = json.loads(path.read_text("utf-8"))
            if before != settings:
                keys = {*before, *settings} if isinstance(before, dict) else {"all of it"}
                differing = [k for k in sorted(keys) if before.get(k) != settings.get(k)]
                raise BadInput(
                    f"{out}: holds predictions that were made otherwise (another "
                    f"{', '.join(differing)}), which were kept; choose another --out, or replace "
                    "them with --overwrite"
                )
            return
        if (out / PREDICTIONS).exists():
            raise BadInput(
                f"{out / PREDICTIONS}: exists, but {SETTINGS} does not say how it was made; "
                "choose another --out, or replace it with --overwrite"
            )
        (out / PREDICTIONS).mkdir(parents=True)
    except (FileExistsError, NotADirectoryError) as problem:
        raise BadInput(f"--out {out}: is a file; expected a folder") from problem
    except OSError as problem:
        raise cannot_write(out, problem) from problem
    except ValueError as problem:
        if isinstance(problem, GLPoseError):
            raise
        raise BadInput(f"{path}: not JSON ({problem}); remove it, or use --overwrite") from problem
    write_text(path, json.dumps(settings, indent=1) + "\n")


def _predict_one(
    name: str,
    how: EvaluateOptions,
    official: OfficialSet,
    estimate: Estimator,
    options: PoseOptions,
    progress: Progress,
    interrupt: Interrupt,
) -> None:
    """Predict and save a sequence, unless that was done before; what is wrong with it is told."""
    path = how.out / PREDICTIONS / official.file(name)
    if path.exists():
        progress.done.append(name)
        progress.kept += 1
        return
    poses: list[FramePoses] = []
    try:
        for frame in official.predict(name, estimate, options, how.seed):
            interrupt.check()
            poses.append(frame)
            progress.tell(name, frame.frame)
    except BadInput as problem:
        complain(f"{problem} (left out of the scores)")
        progress.failed[name] = str(problem)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise cannot_write(path.parent, problem) from problem
    official.write(path, name, poses, estimate)
    progress.done.append(name)
    progress.add(poses)


def _finish(
    how: EvaluateOptions,
    report: Report,
    settings: dict[str, Any],
    progress: Progress,
    num_all: int,
) -> None:
    """Print the table and save it with all that it was made with."""
    notes = []
    if progress.kept:
        notes.append(f"{progress.kept} sequences had been predicted before")
    if len(progress.done) < num_all:
        notes.append(f"incomplete: these are scores of {len(progress.done)} of {num_all} sequences")
    if progress.undecodable:
        notes.append(f"{progress.undecodable} pictures could not be read and have no predictions")
    whole = {
        "scores": report.plain,
        "settings": settings,
        "sequences": {
            "scored": len(progress.done),
            "of": num_all,
            "limit": how.limit,
            "failed": progress.failed,
        },
        "frames": {"predicted_now": progress.frames, "undecodable": progress.undecodable},
        "seconds": round(time.monotonic() - progress.begin, 1),
        "table": report.lines,
    }
    print("\n".join([*report.lines, *notes]), flush=True)
    Report(report.lines, whole).save(how.out / SCORES)
    print(f"scores and settings: {how.out / SCORES}")
