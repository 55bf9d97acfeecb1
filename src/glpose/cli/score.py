"""`glpose score`: the official metrics for any tool's predictions."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from glpose.cli.checks import Switch
from glpose.cli.output import say

if TYPE_CHECKING:
    from glpose.evaluation.scoring.report import Report

app = App(name="score", help="Score any tool's predictions with the official metrics.")


@app.command
def posetrack(
    truth: Path,
    predictions: Path,
    /,
    *,
    json: Path | None = None,
    no_quirks: Switch = False,
    mot: bool | None = None,
) -> int:
    """PoseTrack AP and MOT, 2017 or 2018, equal to poseval.

    Parameters
    ----------
    truth
        Folder of annotations (annotations/val), JSON or MAT, or one file of it.
    predictions
        Folder with a JSON or MAT file of the same name for each, or one file.
    json
        Also write all numbers to this file.
    no_quirks
        Leave out the oddities of poseval (docs/metrics.md); not for comparison with papers.
    mot
        Score tracking too; by default only if the track ids are more than row numbers.

    """
    from glpose.evaluation.scoring.posetrack import score_posetrack

    files = _checked(truth, predictions, json)
    return _show(score_posetrack(*files, quirks=not no_quirks, mot=mot), json)


@app.command
def jhmdb(
    truth: Path,
    predictions: Path,
    /,
    *,
    split: int = 1,
    json: Path | None = None,
    interpolate_belly: Switch = False,
    strict: Switch = False,
) -> int:
    """Sub-JHMDB PCK by box and by torso, with all three averages.

    Parameters
    ----------
    truth
        JHMDB in its official layout (joint_positions, puppet_mask, sub_splits).
    predictions
        Folder with ACTION/CLIP.jsonl, in the format of poses.jsonl, for each test clip.
    split
        1, 2 or 3; papers report the mean of the three.
    json
        Also write all numbers to this file.
    interpolate_belly
        Put a missing belly between shoulders and hips, as LSTM Pose Machines does.
    strict
        A joint has to be nearer than the limit, as in mmpose; papers include the limit.

    """
    from glpose.evaluation.scoring.jhmdb import score_jhmdb

    files = _checked(truth, predictions, json)
    return _show(score_jhmdb(*files, split, strict=strict, belly=interpolate_belly), json)


@app.command
def coco(truth: Path, predictions: Path, /, *, json: Path | None = None) -> int:
    """COCO keypoint AP and AR, equal to pycocotools.

    Parameters
    ----------
    truth
        The annotations, or the set's folder (annotations/person_keypoints_val2017.json).
    predictions
        Results in COCO's format, or a folder with results.json.
    json
        Also write all numbers to this file.

    """
    from glpose.evaluation.scoring.coco import score_coco

    return _show(score_coco(*_checked(truth, predictions, json)), json)


@app.command
def hieve(truth: Path, predictions: Path, /, *, json: Path | None = None) -> int:
    """HiEve's AP and weighted AP, of files in COCO's layout (docs/metrics.md).

    Parameters
    ----------
    truth
        The annotations: images and annotations, with HiEve's flags of visibility.
    predictions
        Results in COCO's format, with 14 joints.
    json
        Also write all numbers to this file.

    """
    from glpose.evaluation.scoring.hieve import score_hieve

    return _show(score_hieve(*_checked(truth, predictions, json)), json)


def _checked(truth: Path, predictions: Path, json: Path | None) -> tuple[Path, Path]:
    """Both paths, after checking them and the output path."""
    from glpose.evaluation.scoring.report import check_places

    check_places(truth, predictions, json)
    return truth, predictions


def _show(report: "Report", json: Path | None) -> int:
    """Print first, so that scores are not lost if the file cannot be written."""
    try:
        say(*report.lines)
    finally:  # neither of the two is lost if the other cannot be written
        if json is not None:
            report.save(json)
    return 0
