"""Fused poses against the best that a temporal filter makes of single frames.

Filters run over each unbroken run of a person's frames, on all limb joints alike. Each kind is
tuned on the clean frames of the same validation clips, by PCK@0.1: the filters' figures are the
best they can have there, not those of other clips.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
from clips import (
    AGAINST,
    FIFTH,
    THREE_IN_A_ROW,
    Limbs,
    Rhythm,
    against_their_view,
    limbs_of,
    pairs_of,
    text,
    val_clips,
)
from figures import Figure, NotMeasured, Outcome, Subject
from jaxtyping import Float, Float64
from scipy.signal import savgol_filter

from glpose.api import Models, load_models
from glpose.metrics.jitter import jitter
from glpose.refine.limbs import with_plausible_limbs
from glpose.refine.steady import with_steady_joints
from glpose.runtime.alone import alone
from glpose.types import FrameAndPoses, FramePoses, People

Track = Float64[np.ndarray, "frames joints 2"]
"""Joints in consecutive frames, as shares of the longer side of the person's box."""

Filter = Callable[[Track], Track]

RATE_HZ = 25.0
STEADY = "limbs and steady joints"
STATES: tuple[tuple[str, Rhythm | None], ...] = (
    ("clean", None),
    ("every fifth damaged", FIFTH),
    ("three in a row damaged", THREE_IN_A_ROW),
)


def median(xy: Track, window: int) -> Track:
    """The median of each coordinate over `window` frames; ends are repeated."""
    reach = window // 2
    padded = np.pad(xy, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    return np.median([padded[i : i + len(xy)] for i in range(window)], axis=0)


def savitzky_golay(xy: Track, window: int) -> Track:
    """Parabolas fitted to `window` frames; shorter tracks stay as they are."""
    return np.asarray(savgol_filter(xy, window, 2, axis=0)) if len(xy) >= window else xy


def one_euro(xy: Track, min_cutoff_hz: float, beta: float) -> Track:
    """The One-Euro filter: a low pass whose cutoff rises by `beta` for each box side a second.

    Source: Casiez, Roussel and Vogel, 1 Euro Filter, CHI 2012; the speed's cutoff is theirs, 1 Hz.
    """
    out = xy.copy()
    speed = np.zeros_like(xy[0])
    for i in range(1, len(xy)):
        speed += _alpha(1.0) * ((xy[i] - xy[i - 1]) * RATE_HZ - speed)
        share = _alpha(min_cutoff_hz + beta * np.linalg.norm(speed, axis=-1, keepdims=True))
        out[i] = out[i - 1] + share * (xy[i] - out[i - 1])
    return out


def _alpha(cutoff_hz: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
    return 1 / (1 + RATE_HZ / (2 * np.pi * cutoff_hz))


FILTERS: dict[str, dict[str, Filter]] = {
    "none": {"": lambda xy: xy},
    "median": {f"{n} frames": partial(median, window=n) for n in (3, 5, 7)},
    "Savitzky-Golay": {f"{n} frames": partial(savitzky_golay, window=n) for n in (5, 7, 9)},
    "One-Euro": {
        f"{cutoff:g} Hz, beta {beta:g}": partial(one_euro, min_cutoff_hz=cutoff, beta=beta)
        for cutoff, beta in product((0.5, 1.0, 2.0, 4.0), (0.25, 1.0, 4.0, 16.0))
    },
}


def filtered(seen: Limbs, smooth: Filter) -> Limbs:
    """The same joints after a filter; rows are in the order of clips and frames."""
    breaks = np.flatnonzero((np.diff(seen.clip) != 0) | (np.diff(seen.frame) != 1)) + 1
    parts = []
    for rows in np.split(np.arange(len(seen.frame)), breaks):
        side_px = float(np.median(seen.side_px[rows]))
        parts.append(smooth(seen.guess_xy[rows].astype(np.float64) / side_px) * side_px)
    return replace(seen, guess_xy=np.concatenate(parts).astype(np.float32))


def jitter_of(seen: Limbs) -> float:
    """The jitter of all joints that were found, see `glpose.metrics.jitter`."""
    poses = [
        FramePoses(
            # Far apart, so that no clip goes on in the next one.
            int(clip) * 100_000 + int(frame),
            0.0,
            People(box[None], np.ones(1, np.float32), np.ones(1, np.int64)),
            xy[None],
            np.ones((1, xy.shape[0]), np.float32),
        )
        for clip, frame, box, xy in zip(
            seen.clip, seen.frame, seen.truth_xyxy, seen.guess_xy, strict=True
        )
    ]
    return jitter(poses).pooled


def single_frame(subject: Subject) -> Models:
    """The network of one frame to compare with. Raises: NotMeasured if there is none."""
    if subject.single is not None:
        return load_models(subject.single, None, subject.engine)
    if not subject.models.estimate.card.answers:
        raise NotMeasured("the encoder has no answer of its own; give --single")
    return replace(subject.models, estimate=alone(subject.models.estimate))


@dataclass(frozen=True, slots=True)
class Row:
    """PCK of clean and damaged clips, all frames, in the order of `STATES`, and clean jitter.

    `fits` is the PCK without clips whose labels contradict the view in their names.
    """

    pck: tuple[dict[str, float], ...]
    fits: tuple[dict[str, float], ...]
    jitter: float

    def plain(self) -> dict[str, object]:
        """The row by names, for a file."""
        named = {state: p for (state, _), p in zip(STATES, self.pck, strict=True)}
        fits = {state: p for (state, _), p in zip(STATES, self.fits, strict=True)}
        return {**named, "labels_fit_the_view": fits, "jitter": self.jitter}


def row_of(states: Sequence[Limbs]) -> Row:
    """The row of joints seen in each of `STATES`."""
    rows = ~against_their_view(states[0])[states[0].clip]
    fits = tuple(seen.both(rows) for seen in states)
    return Row(tuple(seen.both() for seen in states), fits, jitter_of(states[0]))


Settings = dict[tuple[str, str], Row]
"""Rows by a filter's kind and setting."""


def filter_rows(alone: Sequence[Limbs]) -> Settings:
    """What every filter makes of joints seen in each of `STATES`."""
    return {
        (kind, setting): row_of([filtered(seen, smooth) for seen in alone])
        for kind, settings in FILTERS.items()
        for setting, smooth in settings.items()
    }


def tuned(rows: Settings) -> Settings:
    """The best setting of each kind on clean frames."""
    best: Settings = {}
    for kind in dict.fromkeys(kind for kind, _ in rows):
        of_kind = {key: row for key, row in rows.items() if key[0] == kind}
        key = max(of_kind, key=lambda k: _clean(rows[k]))
        best[key] = rows[key]
    return best


def with_and_without(subject: Subject, models: Models) -> tuple[list[Limbs], list[Limbs]]:
    """The joints seen in each of `STATES`: where each frame's maps say, and as a run gives them."""

    def as_run(pairs: Iterable[FrameAndPoses]) -> Iterator[FrameAndPoses]:
        return with_steady_joints(with_plausible_limbs(pairs, models.skeleton))

    found, steady = [], []
    for _, rhythm in STATES:
        clips = val_clips(subject)
        pairs = [
            [
                (replace(frame, rgb=None), poses)
                for frame, poses in pairs_of(clip, number, models, rhythm=rhythm, steady=False)
            ]
            for number, clip in enumerate(clips)
        ]
        for out, change in ((found, iter), (steady, as_run)):
            poses = [[poses for _, poses in change(of_clip)] for of_clip in pairs]
            out.append(limbs_of(clips, models.skeleton, poses, rhythm))
    return found, steady


def against_filters(subject: Subject) -> Outcome:
    """The fused poses, and the single frame's with each kind of filter at its best.

    What a run does to limbs and joints is a filter for single frames, too.
    """
    as_found, made_steady = with_and_without(subject, subject.models)
    fused, unsteady = row_of(made_steady), row_of(as_found)
    alone, alone_steady = with_and_without(subject, single_frame(subject))
    rows = filter_rows(alone) | {(STEADY, ""): row_of(alone_steady)}
    chosen = tuned(rows)
    best = max(chosen, key=lambda k: _clean(rows[k]))
    lines = [_line("fused", fused), _line("fused, as its maps say", unsteady)]
    near = [f"{seen[0].pck(0.05).pooled:.1f}" for seen in (made_steady, as_found)]
    lines.append(f"clean, within 0.05: fused {near[0]}, as its maps say {near[1]}")
    lines += [_line(f"single frame, {' '.join(k)}", row) for k, row in chosen.items()]
    for i, (state, _) in enumerate(STATES[1:], 1):
        top = max(rows, key=lambda k, i=i: rows[k].pck[i]["pck@0.1"])
        lines.append(f"best at 0.1, {state}: {' '.join(top)} {text(rows[top].pck[i])}")
    lines += [
        f"{name}, without {AGAINST}: " + ", ".join(text(p) for p in row.fits)
        for name, row in (("fused", fused), (" ".join(best).strip(), rows[best]))
    ]
    gain = [a["pck@0.1"] - b["pck@0.1"] for a, b in zip(fused.pck, rows[best].pck, strict=True)]
    measured = " / ".join(f"{x:+.1f}" for x in gain)
    what = f"fused less single frame with the best filter ({' '.join(best).strip()}), @0.1"
    values = {" ".join(k).strip(): row.plain() for k, row in rows.items()}
    return Outcome(
        [Figure(f"{what}: clean / fifth damaged / three in a row", measured, "+1 / +5")],
        lines,
        {
            "fused": fused.plain(),
            "unsteady": unsteady.plain(),
            "best": " ".join(best).strip(),
            "single": values,
        },
    )


def _clean(row: Row) -> float:
    return row.pck[0]["pck@0.1"]


def _line(name: str, row: Row) -> str:
    cells = ", ".join(f"{state} {text(p)}" for (state, _), p in zip(STATES, row.pck, strict=True))
    return f"{name.strip()}: {cells}, jitter {row.jitter:.2f} %"
