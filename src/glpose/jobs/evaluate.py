"""An evaluation: predictions sequence by sequence, then scores, in one folder.

settings.json    how the predictions were made; written first, compared when a call continues
predictions/     one file per sequence, written as soon as it is done
undecodable.json how many pictures of a sequence could not be read, of those with any
scores.json      the official scores and everything needed to reproduce them
results.json     of COCO all predictions in one file
replaced/        with --overwrite the evaluation that was there, until the new one is finished
"""

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from glpose import __version__
from glpose.config import to_plain, with_changes
from glpose.errors import BadInput
from glpose.evaluation.scoring.coco import RESULTS
from glpose.evaluation.scoring.report import Report, plain_of
from glpose.evaluation.sets import Metric, OfficialSet, open_set
from glpose.files import digest, file_digest, resolved, text_bytes
from glpose.formats.text.lines import cannot_write, dump, looking_at, write_text
from glpose.jobs.interrupt import Interrupt, Interrupted
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.weights import open_weights
from glpose.runtime.engine import EngineSpec
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Estimator
from glpose.types import FramePoses

SETTINGS, PREDICTIONS, SCORES = "settings.json", "predictions", "scores.json"
UNDECODABLE, REPLACED = "undecodable.json", "replaced"

# What an evaluation is made of; the settings, by which it is known, are moved last and removed first.
_OWN = (PREDICTIONS, UNDECODABLE, SCORES, RESULTS, SETTINGS)
_KEYS = {"glpose", "metric", "data", "weights", "boxes", "options"}

_TELL_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What to evaluate and how; the options of `glpose evaluate`.

    `boxes` None means ground-truth boxes; `changes` override the set's default options by name.
    """

    weights: str
    data: Path
    metric: Metric
    boxes: Path | None
    out: Path
    split: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None
    seed: int = 0
    engine: EngineSpec = EngineSpec()
    overwrite: bool = False


@dataclass(slots=True)
class Evaluation:
    """What was done and what failed, by sequence name.

    `kept` counts sequences in `done` that an earlier call had predicted. `failed` has the problem
    of each failed sequence; `frames` counts the frames predicted by this call, `undecodable` those of
    all sequences in `done` that could not be read. `report` has the scores, None if it was interrupted.
    """

    folder: Path
    total: int
    state: Literal["ok", "incomplete", "interrupted"] = "ok"
    done: list[str] = field(default_factory=list)
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    frames: int = 0
    undecodable: int = 0
    report: Report | None = None


def evaluate_set(
    how: EvaluateOptions, reporter: Reporter = SILENT, interrupt: Interrupt | None = None
) -> Evaluation:
    """Predict, score and save until all is done or a stop is requested.

    Sequences that cannot be read are reported and left out of the scores.
    Raises: GLPoseError if nothing can be evaluated, because the set, boxes, weights or folder
    cannot be used; BadConfig for `changes` that the options do not have or cannot take.
    """
    if how.limit is not None and how.limit < 1:
        raise BadInput(f"limit is {how.limit}; expected 1 or more")
    if how.seed < 0:
        raise BadInput(f"the seed is {how.seed}; expected a whole number from 0")
    if how.boxes is not None:
        with looking_at(how.boxes):
            if not how.boxes.is_file():
                raise BadInput(
                    f"--boxes {how.boxes}: no such file; expected 'gt' or a file of detections"
                )
    official = open_set(how.metric, how.data, how.split, how.boxes, how.limit)
    options = with_changes(official.usual, how.changes)
    estimate, record = open_weights(how.weights, how.engine)
    settings = _settings(how, official, options, record)
    _prepare(how, settings)
    for note in official.notes:
        reporter.note(note)
    job = _Job(how, official, options, estimate, reporter, interrupt or Interrupt())
    try:
        return job.run(settings)
    finally:
        _settle(job.outcome, reporter)


def _settings(
    how: EvaluateOptions,
    official: OfficialSet,
    options: PoseOptions,
    record: dict[str, object],
) -> dict[str, Any]:
    """Everything that the predictions depend on, in the form it is read back from JSON."""
    boxes: dict[str, str] | str = "gt"
    if how.boxes is not None:
        boxes = {"name": how.boxes.name, "sha256": file_digest(how.boxes)}
    made_by = {
        "glpose": __version__,
        "metric": how.metric,
        # Sets of one name in two places are two sets; where they lie is nobody's business.
        "data": {
            "name": how.data.absolute().name,
            "at": digest(text_bytes(str(resolved(how.data))))[:16],
        },
        "part": official.part,
        "weights": to_plain(record),
        "boxes": boxes,
        "options": to_plain(options),
        "seed": how.seed,
    }
    return json.loads(dump(made_by))


def _prepare(how: EvaluateOptions, settings: dict[str, Any]) -> None:
    """Make the folder, or check that its predictions were made with the same settings."""
    out, path = how.out, how.out / SETTINGS
    try:
        before = _settings_of(out)
        if before and how.overwrite:
            _put_aside(out)
        elif before and before != settings:
            keys = sorted({*before, *settings})
            differing = [k for k in keys if before.get(k) != settings.get(k)]
            raise BadInput(
                f"{out}: holds predictions that were made otherwise (another "
                f"{', '.join(differing)}), which were kept; choose another --output, or replace "
                "them with --overwrite"
            )
        elif before:
            return
        elif foreign := [name for name in _OWN if _holds(out / name)]:
            raise BadInput(
                f"{out / foreign[0]}: is there, but {SETTINGS} does not say that an evaluation made "
                "it, so that it is not replaced; choose another --output, or move it away"
            )
        (out / PREDICTIONS).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as problem:
        raise BadInput(f"--output {out}: is a file; expected a folder") from problem
    except OSError as problem:
        raise cannot_write(out, problem) from problem
    write_text(path, json.dumps(settings, indent=1) + "\n")


def _settings_of(folder: Path) -> dict[str, Any]:
    """The settings of the evaluation in a folder; empty if there is none."""
    found = plain_of(folder / SETTINGS)
    return found if found.keys() >= _KEYS else {}


def _holds(path: Path) -> bool:
    """Whether there is anything; an empty folder is what a call leaves that was killed at once."""
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _put_aside(out: Path) -> None:
    """Keep what is to be replaced, unless it is an evaluation that was itself never finished."""
    aside = out / REPLACED
    if _settings_of(aside):
        _remove(out)
    elif aside.exists() and not {path.name for path in aside.iterdir()} <= set(_OWN):
        raise BadInput(
            f"{aside}: is there, but not of an evaluation; expected room there for the one that is "
            "replaced; move it away"
        )
    else:
        aside.mkdir(exist_ok=True)
        _move(out, aside)


def _settle(outcome: Evaluation, reporter: Reporter) -> None:
    """Once it is finished remove what it replaced; if nothing came of it, put that back."""
    out, aside = outcome.folder, outcome.folder / REPLACED
    try:
        if not _settings_of(aside):
            return
        if outcome.report is not None:
            shutil.rmtree(aside)
        elif not _holds(out / PREDICTIONS):  # nor of a call before
            _remove(out)
            _move(aside, out)
            aside.rmdir()
        else:
            reporter.problem(
                f"{aside}: keeps the evaluation that was there until this one is finished"
            )
    except OSError as problem:
        raise cannot_write(aside, problem) from problem


def _move(source: Path, target: Path) -> None:
    for name in _OWN:
        if (source / name).exists():
            (source / name).rename(target / name)


def _remove(folder: Path) -> None:
    for name in reversed(_OWN):
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _counts(path: Path) -> dict[str, int]:
    """What calls before have counted. Raises: BadInput for a file that is none of ours."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return {name: int(number) for name, number in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as problem:
        raise BadInput(
            f"{path}: cannot be read ({problem}); remove it, or replace all with --overwrite"
        ) from problem


class _Job:
    """One evaluation in progress."""

    def __init__(
        self,
        how: EvaluateOptions,
        official: OfficialSet,
        options: PoseOptions,
        estimate: Estimator,
        reporter: Reporter,
        interrupt: Interrupt,
    ) -> None:
        self.how, self.official, self.options = how, official, options
        self.estimate, self.reporter, self.interrupt = estimate, reporter, interrupt
        self.names = official.names[: how.limit]
        self.outcome = Evaluation(how.out, len(self.names))
        self._begin = self._told = time.monotonic()
        self._undecodable = _counts(how.out / UNDECODABLE)

    def run(self, settings: dict[str, Any]) -> Evaluation:
        """Run the evaluation; problems of a sequence are reported and counted, not raised."""
        out, how = self.outcome, self.how
        try:
            with self.interrupt.listening():
                for name in self.names:
                    self._predict(name)
        except Interrupted:
            self.reporter.problem(
                f"interrupted after {len(out.done)} of {out.total} sequences; their predictions "
                f"are kept in {how.out}, the same call goes on from there"
            )
            out.state = "interrupted"
            return out
        if not out.done:
            raise BadInput(f"{how.data}: no sequence could be evaluated; there is nothing to score")
        report = self.official.score(how.out / PREDICTIONS, out.done, self.estimate)
        lacking = self._lacking()
        out.state = "incomplete" if lacking else "ok"
        self._finish(report, settings, lacking)
        out.report = report
        return out

    def _predict(self, name: str) -> None:
        """Predict and save a sequence unless its file exists."""
        out, official = self.outcome, self.official
        path = self.how.out / PREDICTIONS / official.file(name)
        if path.exists():
            out.done.append(name)
            out.kept += 1
            out.undecodable += self._undecodable.get(name, 0)
            return
        poses: list[FramePoses] = []
        try:
            for frame in official.predict(name, self.estimate, self.options, self.how.seed):
                self.interrupt.check()
                poses.append(frame)
                self._tell(name, frame.frame)
        except BadInput as problem:
            self._fail(name, problem)
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise cannot_write(path.parent, problem) from problem
        if lost := sum(frame.status == "undecodable" for frame in poses):
            self._undecodable[name] = lost
            write_text(self.how.out / UNDECODABLE, dump(self._undecodable) + "\n")
        try:
            official.write(path, name, poses, self.estimate)
        except BadInput as problem:
            if isinstance(problem.__cause__, OSError):  # the next ones would find no place either
                raise
            self._fail(name, problem)
            return
        out.done.append(name)
        out.frames += len(poses)
        out.undecodable += lost

    def _fail(self, name: str, problem: BadInput) -> None:
        self.reporter.problem(f"{problem} (left out of the scores)")
        self.outcome.failed[name] = str(problem)

    def _tell(self, name: str, frame: int) -> None:
        """Report progress every 15 seconds."""
        now, out = time.monotonic(), self.outcome
        if now - self._told < _TELL_EVERY_S:
            return
        self._told, spent = now, now - self._begin
        fresh = len(out.done) - out.kept
        left = spent / fresh * (out.total - len(out.done)) if fresh else None
        self.reporter.note(
            f"{len(out.done)} of {out.total} sequences, now frame {frame} of {name}"
            + (f", about {left / 60:.0f} min left" if left is not None else "")
        )

    def _lacking(self) -> list[str]:
        """What the scores lack of what was asked for."""
        out, lacking = self.outcome, []
        if out.failed:
            lacking.append(
                f"incomplete: these are scores of {len(out.done)} of {out.total} sequences"
            )
        if out.undecodable:
            lacking.append(f"{out.undecodable} pictures could not be read and have no predictions")
        return lacking

    def _finish(self, report: Report, settings: dict[str, Any], lacking: list[str]) -> None:
        """Report the table first, then save it with the settings and versions used."""
        out, num_all = self.outcome, len(self.official.names)
        notes = [*self.official.notes]
        if out.kept:
            notes.append(f"{out.kept} sequences had been predicted before")
        if out.total < num_all:
            notes.append(f"limited to {out.total} of {num_all} sequences by --limit")
        notes += lacking
        whole = {
            "scores": report.plain,
            "settings": settings,
            "sequences": {
                "scored": len(out.done),
                "of": num_all,
                "limit": self.how.limit,
                "failed": out.failed,
            },
            "frames": {"predicted_now": out.frames, "undecodable": out.undecodable},
            "seconds": round(time.monotonic() - self._begin, 1),
            "table": report.lines,
            "notes": notes,
        }
        for line in (*report.lines, *notes):
            self.reporter.result(line)
        Report(report.lines, whole).save(self.how.out / SCORES)
        self.reporter.result(f"scores and settings: {self.how.out / SCORES}")
