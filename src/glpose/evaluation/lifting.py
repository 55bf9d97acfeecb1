"""Lifting on the published sets: every frame that counts, with the measures of the papers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glpose.errors import BadWeights
from glpose.evaluation.scoring.report import Report, number
from glpose.formats.tracks_in_space import LIFT_SETS, TrackInSpace
from glpose.metrics.lifting import (
    auc_3d,
    mpjpe,
    pck_3d,
    per_action,
    procrustes_mpjpe,
    scaled_mpjpe,
    velocity_error,
)
from glpose.runtime.card import LiftCard
from glpose.runtime.lift import Lifter
from glpose.skeleton import MPI17

# The joints of the official groups: without pelvis, spine and the middle of the head.
_MPI_COUNTED = [j for j, name in enumerate(MPI17.joints) if name not in ("pelvis", "spine", "head")]


@dataclass(frozen=True, slots=True, eq=False)
class LiftedInSpace:
    """A track with its poses by a network, millimetres about the root.

    The truth is NaN in frames that do not count.
    """

    track: TrackInSpace
    guess: Float[np.ndarray, "frames joints 3"]
    truth: Float[np.ndarray, "frames joints 3"]


def lift_tracks(
    lifter: Lifter, name: str, tracks: Sequence[TrackInSpace]
) -> Iterator[LiftedInSpace]:
    """Lift each frame, with the mean over mirror images; windows repeat the ends of a track.

    Raises: BadWeights for a lifter of other joints, rates or units than those of the set.
    """
    check_fits(lifter.card, name)
    roots = [lifter.card.joints.index(root) for root in lifter.card.root]
    for track in tracks:
        score = np.ones(track.xy.shape[:2], np.float32)
        found = lifter(track.xy, score, lifter.card.rate_hz, track.size_wh, least_frames=1)
        truth = track.xyz - track.xyz[:, roots].mean(1, keepdims=True)
        counts = track.counts[:, None, None]
        yield LiftedInSpace(
            track,
            1000 * found.xyz.astype(np.float64),
            1000 * np.where(counts, truth, np.nan).astype(np.float64),
        )


def check_fits(card: LiftCard, name: str) -> None:
    """Raises: BadWeights for weights of other joints, another rate or another unit than the set's."""
    expected = LIFT_SETS[name]
    here = (expected.skeleton.name, expected.rate_hz, "metres")
    found = (card.skeleton, card.rate_hz, card.unit)
    if found != here:
        told = "joints of {}, {:g} frames a second and {}"
        raise BadWeights(
            f"'{card.name}' is for {told.format(*found)}, {name} has {told.format(*here)}; expected "
            "weights that were trained on it"
        )


def score_lifted(name: str, lifted: Sequence[LiftedInSpace]) -> Report:
    """The table of a set: by action, or of MPI-INF-3DHP by sequence.

    Human3.6M and HumanEva-I: protocols #1 to #3 (MPJPE, P-MPJPE, N-MPJPE) and MPJVE in mm, pooled
    over the frames of an action; each action weighs the same in the mean. MPI-INF-3DHP: 3D-PCK at
    150 mm and AUC over the 14 joints of its official groups, MPJPE over all, in one pool.
    """
    if name == "3dhp":
        return _report(name, "sequence", _of_sequences(lifted))
    rows: dict[str, list[LiftedInSpace]] = {}
    for one in lifted:
        by_subject = f" {one.track.subject}" if LIFT_SETS[name].by_subject else ""
        rows.setdefault(one.track.action + by_subject, []).append(one)
    table = {action: _errors(rows[action]) for action in sorted(rows)}
    columns = list(next(iter(table.values()), {}))
    means = {c: per_action({a: row[c] for a, row in table.items()})["mean"] for c in columns}
    return _report(name, "action", {**table, "mean": means})


def _errors(lifted: Sequence[LiftedInSpace]) -> dict[str, float]:
    guess, truth = _pooled(lifted)
    return {
        "mpjpe": mpjpe(guess, truth),
        "p_mpjpe": procrustes_mpjpe(guess, truth),
        "n_mpjpe": scaled_mpjpe(guess, truth),
        "mpjve": velocity_error([one.guess for one in lifted], [one.truth for one in lifted]),
        "lifted": _share(guess, truth),
    }


def _of_sequences(lifted: Sequence[LiftedInSpace]) -> dict[str, dict[str, float]]:
    def row(some: Sequence[LiftedInSpace]) -> dict[str, float]:
        guess, truth = _pooled(some)
        counted = guess[:, _MPI_COUNTED], truth[:, _MPI_COUNTED]
        return {
            "pck": pck_3d(*counted),
            "auc": auc_3d(*counted),
            "mpjpe": mpjpe(guess, truth),
            "lifted": _share(guess, truth),
        }

    return {**{one.track.action: row([one]) for one in lifted}, "all": row(lifted)}


def _pooled(
    lifted: Sequence[LiftedInSpace],
) -> tuple[Float[np.ndarray, "poses joints 3"], Float[np.ndarray, "poses joints 3"]]:
    return np.concatenate([one.guess for one in lifted]), np.concatenate(
        [one.truth for one in lifted]
    )


def _share(
    guess: Float[np.ndarray, "poses joints 3"], truth: Float[np.ndarray, "poses joints 3"]
) -> float:
    """Percent of the joints that count which have a guess."""
    return float(100 * np.isfinite(guess[np.isfinite(truth).all(-1)]).all(-1).mean())


def _report(name: str, of: str, table: dict[str, dict[str, float]]) -> Report:
    columns = list(next(iter(table.values())))
    titles = {"p_mpjpe": "P-MPJPE", "n_mpjpe": "N-MPJPE", "lifted": "lifted %"}
    wide = max(len(of), *map(len, table))
    head = "".join(f"{titles.get(c, c.upper()):>10}" for c in columns)
    lines = [f"{of:<{wide}}{head}"]
    lines += [
        f"{row:<{wide}}" + "".join(f"{number(values[c]):>10}" for c in columns)
        for row, values in table.items()
    ]
    return Report(lines, {"metric": name, "rows": table})
