"""Evaluate a lifter on a published set: a table of errors in space.

report = evaluate_lifter(LiftEvaluation("runs/dgnet_h36m_27", Path("h36m"), "h36m", Path("out")))
"""

from dataclasses import dataclass
from pathlib import Path

from glpose import __version__
from glpose.config import to_plain
from glpose.errors import BadInput, needing
from glpose.evaluation.lifting import check_fits, lift_tracks, score_lifted
from glpose.evaluation.scoring.report import Report, plain_of
from glpose.formats.text.lines import looking_at
from glpose.formats.tracks_in_space import GROUND_TRUTH, LIFT_SETS
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.jobs.weights import is_run
from glpose.runtime.engine import EngineSpec
from glpose.runtime.lift import Lifter
from glpose.runtime.load import open_lifter

SCORES = "scores.json"


@dataclass(frozen=True, slots=True)
class LiftEvaluation:
    """What to evaluate: weights or a run, the folder of the `metric`'s set, where scores go.

    `points` names the joints in the picture; `limit` takes that many tracks only.
    """

    weights: str
    data: Path
    metric: str
    out: Path
    points: str = GROUND_TRUTH
    limit: int | None = None
    engine: EngineSpec = EngineSpec()
    overwrite: bool = False


def evaluate_lifter(how: LiftEvaluation, reporter: Reporter = SILENT) -> Report:
    """Lift the test part, report and save its table. Raises: BadInput, BadWeights."""
    with looking_at(how.data):
        if not how.data.is_dir():
            raise BadInput(
                f"--data {how.data}: no such folder; expected the set in its public layout"
            )
    path = how.out / SCORES
    with looking_at(path):
        if path.exists() and not how.overwrite:
            raise BadInput(
                f"{path}: exists; choose another --output, or replace it with --overwrite"
            )
        if path.exists() and not {"scores", "settings"} <= plain_of(path).keys():
            raise BadInput(f"{path}: is of no evaluation; choose another --output, or move it away")
    lifter, record = open_lift_weights(how.weights, how.engine)
    check_fits(lifter.card, how.metric)
    with looking_at(how.data):
        tracks = LIFT_SETS[how.metric].read(how.data, "test", how.points)
    chosen = tracks[: how.limit]
    if not chosen:
        raise BadInput(f"{how.data}: the test part has no tracks; there is nothing to score")
    report = score_lifted(how.metric, list(lift_tracks(lifter, how.metric, chosen)))
    settings = {
        "glpose": __version__,
        "metric": how.metric,
        "data": how.data.absolute().name,
        "points": how.points,
        "tracks": {"scored": len(chosen), "of": len(tracks)},
        "weights": to_plain(record),
    }
    reporter.result(f"{how.metric}, joints in the picture: {how.points}")
    for line in report.lines:
        reporter.result(line)
    if len(chosen) < len(tracks):
        reporter.result(f"limited to {len(chosen)} of {len(tracks)} tracks by --limit")
    whole = Report(report.lines, {"scores": report.plain, "settings": settings})
    make_folder(how.out)
    whole.save(path)
    reporter.result(f"scores and settings: {path}")
    return whole


def open_lift_weights(
    name_or_path: str, engine: EngineSpec = EngineSpec()
) -> tuple[Lifter, dict[str, object]]:
    """Exported weights that lift, or a run, and the record for results.

    Raises: BadWeights, BadInput or BadConfig; MissingExtra for a run without torch.
    """
    if not is_run(name_or_path):
        opened = open_lifter(name_or_path, engine)
        return opened.network, opened.record
    with needing("train"):
        from glpose.jobs.runs import lifter_of_run
    return lifter_of_run(Path(name_or_path), engine)
