"""Sub-JHMDB: PCK and jitter from the official labels and a file of poses for each clip."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glpose.errors import BadInput
from glpose.evaluation.scoring.report import Report, check_there, number
from glpose.formats.dataset import LabelledSequence
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.results import load
from glpose.metrics.jitter import Jitter, acceleration_error, jitter
from glpose.metrics.subjhmdb import NORMS, SubJhmdbPck, interpolate_belly, subjhmdb_pck
from glpose.skeleton import JHMDB15, convert
from glpose.types import FramePoses, FrameTruth

_TITLES = ("Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl", "7 col", "15 j", "13 j")


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """The frames of a clip with a mask, truth and poses as JHMDB15, and how many have none."""

    truth: list[FrameTruth]
    guess: list[FramePoses]
    num_maskless: int


def score_jhmdb(
    root: Path,
    predictions: Path,
    split: int,
    *,
    strict: bool = False,
    belly: bool = False,
    only: Collection[str] | None = None,
) -> Report:
    """PCK of the test clips of a split; `belly` interpolates a missing belly.

    `only`, if given, names the clips to score.

    Raises: BadInput naming the file that is missing, invalid or of the wrong length.
    """
    sequences = open_subjhmdb(root, split, "test")
    sequences = [s for s in sequences if only is None or s.name in only]
    if not predictions.is_dir():
        raise BadInput(f"{predictions}: a file; expected a folder with ACTION/CLIP.jsonl")
    files = [predictions / f"{sequence.name}.jsonl" for sequence in sequences]
    check_there(files, predictions, f"test clips of split {split}")
    clips = [_read(*pair) for pair in zip(sequences, files, strict=True)]
    truth = [frame for clip in clips for frame in clip.truth]
    if not truth:
        raise BadInput(f"{root}: no frame of split {split} has a mask; nothing can be scored")
    guess_xy = np.stack([_only_person(poses) for clip in clips for poses in clip.guess])
    missing = np.asarray(np.isnan(guess_xy).any(-1))
    scores = {
        norm: subjhmdb_pck(
            interpolate_belly(guess_xy) if belly else guess_xy,
            np.concatenate([frame.xy for frame in truth]),
            np.concatenate([frame.people.xyxy for frame in truth]),
            norm=norm,
            strict=strict,
        )
        for norm in NORMS
    }
    num_maskless = sum(clip.num_maskless for clip in clips)
    smooth = _smoothness(clips)
    rule = "excluded" if strict else "included"
    lines = [
        f"Sub-JHMDB, split {split}, test: {len(clips)} clips, {len(truth)} frames",
        *_missing_lines(missing, belly=belly),
        f"PCK@0.2, limit {rule}; last the means of 7 columns, 15 joints, 13 (no neck, no belly)",
        "      " + " ".join(f"{title:>6}" for title in _TITLES),
        *(_row(norm, pck) for norm, pck in scores.items()),
        "acceleration, percent of the person's size per frame squared: "
        + ", ".join(f"{name} {number(value, 2)}" for name, value in smooth.items()),
    ]
    if num_maskless:
        lines.insert(1, f"left out: {num_maskless} frames whose mask is empty")
    plain = {
        "metric": "jhmdb",
        "split": split,
        "strict": strict,
        "interpolate_belly": belly,
        "num_clips": len(clips),
        "num_frames": len(truth),
        "num_frames_without_mask": num_maskless,
        "num_not_predicted": dict(zip(JHMDB15.joints, missing.sum(0).tolist(), strict=True)),
        **{norm: _plain(pck) for norm, pck in scores.items()},
        "acceleration": smooth,
    }
    return Report(lines, plain)


def _read(sequence: LabelledSequence, file: Path) -> _Clip:
    truth, result = sequence.truth(), load(file)
    if [poses.frame for poses in result.frames] != list(range(len(truth))):
        raise BadInput(
            f"{file}: holds {len(result.frames)} frames, but the clip has {len(truth)}; expected "
            "each of them once, counted from 0"
        )
    for poses in result.frames:
        if len(poses.people) > 1:
            raise BadInput(
                f"{file}: frame {poses.frame} has {len(poses.people)} people; expected one, as "
                "the clips have; predict with the boxes of the truth"
            )
    with_mask = [frame for frame in truth if len(frame.people)]
    guess = []
    for frame in with_mask:
        poses = result.frames[frame.frame]
        xy, score = convert(poses.xy, poses.score, result.skeleton, JHMDB15)
        # One person per clip: a change of the predicted track id does not split the track.
        people = replace(poses.people, track_id=frame.people.track_id[: len(poses.people)])
        guess.append(replace(poses, people=people, xy=xy, score=score))
    return _Clip(with_mask, guess, len(truth) - len(with_mask))


def _only_person(poses: FramePoses) -> Float[np.ndarray, "15 2"]:
    """The joints of the only person, NaN if there is none."""
    return poses.xy[0] if len(poses.xy) else np.full((len(JHMDB15.joints), 2), np.nan, np.float32)


def _smoothness(clips: Sequence[_Clip]) -> dict[str, float]:
    """Mean accelerations over all clips."""
    return {
        "predicted": _pooled([jitter(clip.guess) for clip in clips]),
        "true": _pooled([jitter(clip.truth) for clip in clips]),
        "error": _pooled([acceleration_error(clip.guess, clip.truth) for clip in clips]),
    }


def _pooled(parts: Sequence[Jitter]) -> float:
    known = [part for part in parts if part.num_triples]
    if not known:
        return float("nan")
    return float(np.average([p.pooled for p in known], weights=[p.num_triples for p in known]))


def _missing_lines(missing: Bool[np.ndarray, "frames 15"], *, belly: bool) -> list[str]:
    """Lines about joints that were not predicted, and how they were treated."""
    nobody = int(missing.all(1).sum())
    lines = [f"nobody predicted in {nobody} frames: all joints wrong"] if nobody else []
    never = [
        joint
        for joint, gone in zip(JHMDB15.joints, np.asarray(missing.all(0)), strict=True)
        if gone
    ]
    if never:
        lines.append(f"never predicted: {', '.join(never)} ({len(never)} of {len(JHMDB15.joints)})")
    if not missing.any():
        return lines
    lines.append(f"joints not predicted: {missing.sum()} of {missing.size}, all of them wrong")
    if belly:
        lines[-1] += " save for bellies, which are put between shoulders and hips"
    elif "belly" in never:
        lines[-1] += " (bellies can be interpolated: --interpolate-belly)"
    return lines


def _row(norm: str, pck: SubJhmdbPck) -> str:
    values = [*pck.columns.values(), pck.mean_of_columns, pck.mean_of_joints, pck.mean_of_13]
    return f"{norm:<6}" + " ".join(f"{number(100 * value, 2):>6}" for value in values)


def _plain(pck: SubJhmdbPck) -> dict[str, Any]:
    percent = (100 * pck.per_joint).tolist()
    return {
        "per_joint": dict(zip(JHMDB15.joints, percent, strict=True)),
        "columns": {name: 100 * value for name, value in pck.columns.items()},
        "mean_of_7_columns": 100 * pck.mean_of_columns,
        "mean_of_15_joints": 100 * pck.mean_of_joints,
        "mean_of_13_joints": 100 * pck.mean_of_13,
    }
