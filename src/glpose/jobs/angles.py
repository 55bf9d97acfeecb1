"""Angles and gait of the people of results: `glpose angles`.

made = measure_angles(Path("glpose-out/walk"), AnglesOptions())
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from glpose.errors import BadInput, MissingExtra
from glpose.formats.results import write_summary
from glpose.formats.tables import TABLES, Row
from glpose.formats.text.lines import cannot_write
from glpose.jobs.angles_figure import draw_angles
from glpose.jobs.given import (
    Given,
    Made,
    check_new,
    each_alone,
    find_results,
    open_given,
    warn_of_cut_off,
    without_bad,
)
from glpose.jobs.person import check_person
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.jobs.smooth import check_filter
from glpose.jobs.table import name_of_results, table_of_results
from glpose.jobs.writers import ANGLES, ANGLES_PICTURE, GAIT
from glpose.motion.angles import ANGLE_NAMES, FLEXIONS
from glpose.motion.people import Motion, motions_of
from glpose.motion.smooth import SmoothSpec
from glpose.types import FramePoses


@dataclass(frozen=True, slots=True)
class AnglesOptions:
    """The options of `glpose angles`; `output` is a folder, by default that of the results, or a table.

    Only `person` is measured if given. `plot` asks for the picture.
    """

    how: SmoothSpec = SmoothSpec()
    output: Path | None = None
    person: int | None = None
    plot: bool = True
    overwrite: bool = False


def measure_angles(
    results: Path | Sequence[Path],
    options: AnglesOptions = AnglesOptions(),
    reporter: Reporter = SILENT,
) -> Made:
    """Write `angles.csv`, `gait.json` and `angles.png`; the last only with matplotlib.

    `results` may be several, or a folder of them: files beside each; if `output` is a table (.csv or
    .parquet), the angles of all in it, and the gait of all in a `.gait.json` beside. Of several, what is bad
    is reported. Raises: BadInput if the only ones cannot be read or have no angles, or files cannot be
    written. No file is left half written.
    """
    output = options.output
    if output is not None and output.suffix.lower() in TABLES:
        return _measure_together(results, output, options, reporter)
    return each_alone(
        results, lambda file: _measure(file, options, reporter), reporter, {"-o": output}
    )


_People = tuple[Given, dict[int, Motion]]


def _measure(file: Path, options: AnglesOptions, reporter: Reporter) -> Made:
    folder = options.output or file.parent
    names = (ANGLES, GAIT, ANGLES_PICTURE) if options.plot else (ANGLES, GAIT)
    check_new([folder / name for name in names], overwrite=options.overwrite, inputs=[file])
    given, people = _people_of(file, options)
    make_folder(folder)
    made = Made([folder / ANGLES, folder / GAIT])
    names = tuple(next(iter(people.values())).filtered)
    with table_of_results(folder / ANGLES, _columns(names), named=False) as write:
        write(file, _rows(given.result.frames, people, names))
    write_summary(folder / GAIT, _summary(people, options.how))
    warn_of_cut_off(given, made, reporter)
    if options.plot:
        _draw(folder / ANGLES_PICTURE, people, made, reporter)
    for line in _told(given.result.video.name, people, folder):
        reporter.result(line)
    return made


def _measure_together(
    results: Path | Sequence[Path], output: Path, options: AnglesOptions, reporter: Reporter
) -> Made:
    made = Made([output, output.with_suffix(f".{GAIT}")])
    found = find_results(results, made, reporter)
    check_new(made.files, overwrite=options.overwrite, inputs=found.files)
    measured = without_bad(found, lambda file: _people_of(file, options), made, reporter)
    first = next(measured)  # raises if there is none
    make_folder(output.parent)
    gaits: dict[str, dict[str, object]] = {}
    # Of all angles, as results may be of different joints.
    with table_of_results(output, _columns(ANGLE_NAMES), named=found.named) as write:
        for file, (given, people) in chain([first], measured):
            write(file, _rows(given.result.frames, people, ANGLE_NAMES))
            warn_of_cut_off(given, made, reporter)
            name = name_of_results(file) if found.named else given.result.video.name
            gaits[name] = _summary(people, options.how)
            for line in _told(name, people, output):
                reporter.result(line)
    write_summary(made.files[1], {"results": gaits} if found.named else gaits.popitem()[1])
    return made


def _people_of(file: Path, options: AnglesOptions) -> _People:
    """The results with their people. Raises: BadInput if nobody has an angle."""
    given = open_given(file)
    if given.is_smoothed:
        raise BadInput(f"{given.path}: is smoothed; give the poses.jsonl of the run, and --filter")
    check_filter(given, options.how)
    frames, skeleton = given.result.frames, given.result.skeleton
    people = motions_of(frames, skeleton, options.how)
    if options.person is not None:
        check_person(given.path, people, options.person)
        people = {options.person: people[options.person]}
    if not any(_num_known(motion) for motion in people.values()):
        raise BadInput(
            f"{given.path}: nobody has an angle in two frames on end; expected people whose limbs are "
            "seen and told apart"
        )
    return given, people


def _num_known(motion: Motion) -> int:
    """In how many rows some angle is known in the next one too."""
    num_known = np.isfinite(np.stack(list(motion.filtered.values()))).sum(axis=0)
    return int(((num_known[1:] > 0) & (num_known[:-1] > 0)).sum())


def _columns(names: Sequence[str]) -> dict[str, type]:
    columns: dict[str, type] = {"time_s": float, "frame": int, "person": int}
    columns |= {"facing": str, "sides": str}
    return columns | dict.fromkeys((f"{n}{raw}_deg" for n in names for raw in ("", "_raw")), float)


def _rows(
    frames: tuple[FramePoses, ...], people: Mapping[int, Motion], names: Sequence[str]
) -> Iterator[Row]:
    """For each person a row for each frame from the first to the last with them.

    Cells of angles that their joints do not have are empty.
    """
    for number, motion in people.items():
        none = np.full(len(motion.series.rows), np.nan)
        both = np.array(
            [one.get(name, none) for name in names for one in (motion.filtered, motion.raw)]
        )
        for at, row in enumerate(motion.series.rows):
            cells = [round(v, 2) + 0.0 if np.isfinite(v) else None for v in both[:, at].tolist()]
            facing = {1.0: "right", -1.0: "left"}.get(float(motion.facing[at]))
            sides = "unsure" if motion.is_unsure[at] else None
            frame = frames[row]
            yield round(frame.time_s, 6), frame.frame, number, facing, sides, *cells


def _summary(people: Mapping[int, Motion], how: SmoothSpec) -> dict[str, object]:
    return {
        "smooth": asdict(how),
        "people": {
            str(number): {
                "frames": int(motion.series.is_present.sum()),
                "unsure_sides": _num_unsure(motion),
                "not_from_the_side": _num_frontal(motion),
                "gait": None
                if motion.gait is None
                else {"stride_s": motion.gait.stride_s, **asdict(motion.gait)},
            }
            for number, motion in people.items()
        },
    }


def _num_unsure(motion: Motion) -> int:
    return int((motion.series.is_present & motion.is_unsure).sum())


def _num_frontal(motion: Motion) -> int | None:
    """None where no nose says which way anybody faces, so that there are no flexions."""
    if not motion.filtered.keys() & FLEXIONS.keys():
        return None
    return int((motion.series.is_present & np.isnan(motion.facing)).sum())


def _draw(path: Path, people: Mapping[int, Motion], made: Made, reporter: Reporter) -> None:
    number = max(people, key=lambda n: (people[n].gait is not None, _num_known(people[n])))
    try:
        draw_angles(path, number, people[number])
    except MissingExtra as problem:
        made.lack(f"{path}: was not drawn; {problem} (or leave it out with --no-plot)", reporter)
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    else:
        made.files.append(path)


def _told(name: str, people: Mapping[int, Motion], folder: Path) -> Iterator[str]:
    """What is printed: a line about all, and one about everybody who walks or runs."""
    poses = sum(int(motion.series.is_present.sum()) for motion in people.values())
    unsure = sum(map(_num_unsure, people.values()))
    frontal = [num for motion in people.values() if (num := _num_frontal(motion)) is not None]
    flexions = (
        f"flexions in {sum(frontal)} not seen from the side"
        if frontal
        else "no flexions, as these poses have no nose"
    )
    yield (
        f"{name}: {len(people)} people, {poses} poses; left and right blanked in {unsure} where sides "
        f"are unsure, {flexions}; angles in {folder}"
    )
    for number, motion in people.items():
        if motion.gait is not None:
            gait = motion.gait
            ranges = ", ".join(
                f"{side} {one.knee_range_deg:.0f}"
                for side, one in (("left", gait.left), ("right", gait.right))
                if np.isfinite(one.knee_range_deg)
            )
            yield (
                f"{name}: person {number}: {gait.left.strides + gait.right.strides} strides of "
                f"{gait.stride_s:.2f} s, {gait.cadence_per_min:.0f} steps a minute; range of the knee in "
                f"degrees: {ranges or 'not measured'}"
            )
