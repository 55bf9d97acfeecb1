"""Results with clean tracks: `glpose smooth`.

made = smooth_results(Path("glpose-out/walk"), SmoothOptions())
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from glpose.errors import BadInput
from glpose.formats.results import write_whole_result
from glpose.jobs.ended import passed_on
from glpose.jobs.given import (
    Given,
    Made,
    check_motion,
    check_new,
    each_alone,
    open_given,
    warn_of_cut_off,
)
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.jobs.writers import SMOOTH
from glpose.motion.filters import LEAST_SAMPLES
from glpose.motion.series import Series, series_of
from glpose.motion.smooth import (
    Smoothed,
    SmoothSpec,
    check_cutoff,
    smooth_person,
    smoothed_frames,
)
from glpose.types import FramePoses


@dataclass(frozen=True, slots=True)
class SmoothOptions:
    """The options of `glpose smooth`; `output` is a folder, by default that of the results."""

    how: SmoothSpec = SmoothSpec()
    output: Path | None = None
    overwrite: bool = False


def smooth_results(
    results: Path | Sequence[Path],
    options: SmoothOptions = SmoothOptions(),
    reporter: Reporter = SILENT,
) -> Made:
    """Write `smooth.jsonl`: filtered joints, and beside them the raw ones.

    `results` may be several, or a folder of them: a file beside each, and what is bad is reported.
    Raises: BadInput if the only ones cannot be read or smoothed, or the file cannot be written.
    Nothing is left half written.
    """
    return each_alone(
        results, lambda file: _smooth(file, options, reporter), reporter, {"-o": options.output}
    )


def _smooth(file: Path, options: SmoothOptions, reporter: Reporter) -> Made:
    given = open_given(file)
    if given.is_smoothed:
        raise BadInput(f"{given.path}: is smoothed already; give the poses.jsonl of the run")
    if given.is_lifted:
        raise BadInput(
            f"{given.path}: has poses in space, which were lifted from joints as they are; give the "
            "poses.jsonl of the run, and lift what comes out"
        )
    check_filter(given, options.how)
    target = (options.output or given.path.parent) / SMOOTH
    check_new([target], overwrite=options.overwrite, inputs=[given.path])
    frames, how = given.result.frames, options.how
    people = {
        number: (one, smooth_person(one, how, given.result.skeleton))
        for number, one in series_of(frames).items()
    }
    counts = Counts.of(people.values())
    if not counts.filtered:
        raise BadInput(
            f"{given.path}: nobody is seen in {LEAST_SAMPLES} frames on end; that is too short for "
            "a filter"
        )
    make_folder(target.parent)
    _write(target, given, smoothed_frames(frames, people), how)
    made = Made([target])
    warn_of_cut_off(given, made, reporter)
    reporter.result(f"{given.result.video.name}: {counts.told()}; poses in {target}")
    return made


def check_filter(given: Given, how: SmoothSpec) -> None:
    """Raises: BadInput, as `check_motion`, and for a cut-off that the frames cannot show."""
    check_motion(given)
    try:
        check_cutoff(how, np.array([poses.time_s for poses in given.result.frames]))
    except BadInput as problem:
        raise BadInput(f"{given.path}: {problem}") from problem


@dataclass(frozen=True, slots=True)
class Counts:
    """How many joints, over all frames and people, were treated how."""

    people: int
    filtered: int
    filled: int
    outliers: int
    too_short: int

    @classmethod
    def of(cls, people: Collection[tuple[Series, Smoothed]]) -> "Counts":
        """Count the joints of all people."""
        known, raw, filled, outliers = (
            sum(int(marks(smoothed).sum()) for _, smoothed in people)
            for marks in (
                lambda s: np.isfinite(s.xy[..., 0]),
                lambda s: s.is_raw,
                lambda s: s.is_filled,
                lambda s: s.is_outlier,
            )
        )
        return cls(len(people), known - raw, filled, outliers, raw)

    def told(self) -> str:
        """The counts in words."""
        return (
            f"{self.people} people, {self.filtered} joints filtered, {self.filled} filled in, "
            f"{self.outliers} outliers replaced, {self.too_short} kept as they were"
        )


def _write(target: Path, given: Given, frames: Iterable[FramePoses], how: SmoothSpec) -> None:
    result = given.result
    lack = passed_on(given.path, len(result.frames), result.settings)
    settings = {**result.settings, **lack, "smooth": asdict(how)}
    write_whole_result(target, frames, result.video, result.skeleton, result.models, settings)
