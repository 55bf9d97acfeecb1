"""Results as a table: `glpose table`.

made = write_table(Path("glpose-out/walk"), TableOptions(Path("walk.csv")))
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from glpose.errors import BadInput
from glpose.files import whole_file
from glpose.formats.coco.results import write_video_results
from glpose.formats.posetrack.results import write_video_predictions
from glpose.formats.results import POSES
from glpose.formats.tables import TABLES, Layout, Row, long_layout, text_cell, wide_layout
from glpose.formats.text.lines import cannot_write
from glpose.formats.trc import METRES_A_PIXEL, write_trc
from glpose.jobs.given import (
    Found,
    Given,
    Made,
    check_new,
    find_results,
    open_given,
    warn_of_cut_off,
    without_bad,
)
from glpose.jobs.person import check_person, of_person
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.poses import person_score
from glpose.steps import Steps
from glpose.types import FramePoses, PoseResult

_MARKERS, _JSON = ".trc", ".json"
_NAME = "results"
"""The column that names the results of a row, as they were given."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of `glpose table`; `output` ends in .csv, .parquet, .trc or .json (COCO results).

    Only `person` is written if given; a .trc has one person. With `posetrack` a .json has predictions of
    PoseTrack.
    """

    output: Path
    wide: bool = False
    person: int | None = None
    overwrite: bool = False
    posetrack: bool = False


def write_table(
    results: Path | Sequence[Path], options: TableOptions, reporter: Reporter = SILENT
) -> Made:
    """Write a table of results; what they lack is reported.

    Several results, or a folder that holds folders of results, make one table, with a column that
    names them; what cannot be read, or lacks the person asked for, is reported and left out. Raises:
    BadInput if nothing is left, they do not fit together, or the table cannot be written; MissingExtra for
    Parquet without pyarrow. Nothing is left half written.
    """
    output, suffix = options.output, options.output.suffix.lower()
    if suffix not in (*TABLES, _MARKERS, _JSON):
        raise BadInput(
            f"{output}: is no name of a table; expected .csv, .parquet, .trc or .json; change -o"
        )
    if suffix not in TABLES and options.wide:
        raise BadInput(f"{output}: has all joints together in any case; leave out --wide")
    if suffix != _JSON and options.posetrack:
        raise BadInput(f"{output}: predictions of PoseTrack are a .json; change -o")
    made = Made([output])
    found = find_results(results, made, reporter)
    check_new([output], overwrite=options.overwrite, inputs=found.files)
    if suffix in TABLES:
        layout, readable = _layout(found, options, made, reporter)
        make_folder(output.parent)
        found = replace(found, files=readable)
        num_rows, name = _write(found, layout, options, made, reporter)
    elif found.num_asked > 1:
        raise BadInput(f"{output}: holds one video, {found.num_asked} results are given; give one")
    else:
        given = _open(found.files[0], options)
        make_folder(output.parent)
        write = _write_markers if suffix == _MARKERS else _write_people
        num_rows, name = write(given, options), given.result.video.name
        _tell(given, made, reporter)
    what = "poses; results" if suffix == _JSON else "rows; table"
    reporter.result(f"{name}: {num_rows} {what} in {output}")
    return made


def _open(file: Path, options: TableOptions) -> Given:
    """Open results. Raises: BadInput also if nobody in them has the number of a person who is asked for."""
    given = open_given(file)
    if options.person is not None:
        check_person(file, _numbers(given.result), options.person)
    return given


def _layout(
    found: Found, options: TableOptions, made: Made, reporter: Reporter
) -> tuple[Layout, tuple[Path, ...]]:
    """The columns that all results need, and those that are used.

    Raises: BadInput if they do not fit together.
    """
    skeleton, unit, readable = None, None, list[Path]()
    pictures, raw, in_space = False, False, False
    # One by one: many long videos need not fit into memory.
    for file, given in without_bad(found, lambda file: _open(file, options), made, reporter):
        result = given.result
        readable.append(file)
        skeleton = skeleton or result.skeleton
        if result.skeleton.joints != skeleton.joints:
            raise BadInput(
                f"{file}: has the joints {result.skeleton.name}, {readable[0]} has {skeleton.name}; "
                "write a table of each"
            )
        lift = result.settings.get("lift")
        if isinstance(lift, dict):
            if unit not in (None, lift.get("unit")):
                raise BadInput(
                    f"{file}: has joints in space in {lift.get('unit')}, others in {unit}; lift all "
                    "with --height, or none"
                )
            unit = lift.get("unit")
        pictures |= any(poses.picture is not None for poses in result.frames)
        # The frames say it: settings may be kept where the raw joints were left out.
        raw |= any(poses.before is not None for poses in result.frames)
        in_space |= any(poses.lifted is not None for poses in result.frames)
    assert skeleton is not None
    layout_of = wide_layout if options.wide else long_layout
    layout = layout_of(skeleton, pictures=pictures, raw=raw, in_space=in_space)
    return layout, tuple(readable)


def _write(
    found: Found, layout: Layout, options: TableOptions, made: Made, reporter: Reporter
) -> tuple[int, str]:
    """Write all rows; returns their number, and what they are of."""
    num_rows, name = 0, f"{len(found.files)} results"
    with table_of_results(options.output, layout.columns, named=found.named) as write:
        for file in found.files:
            given = open_given(file)
            name = name if len(found.files) > 1 else given.result.video.name
            for poses in given.result.frames:
                rows = list(layout.rows(_chosen(poses, options.person)))
                write(file, rows)
                num_rows += len(rows)
            _tell(given, made, reporter)
    return num_rows, name


def name_of_results(file: Path) -> str:
    """What the column `results` says of a file of poses."""
    return text_cell((file.parent if file.name == POSES else file).as_posix())


@contextmanager
def table_of_results(
    output: Path, columns: Mapping[str, type], *, named: bool
) -> Iterator[Callable[[Path, Iterable[Row]], None]]:
    """Opens a table; gives what writes rows of a file of results, if `named` with its name before them.

    Raises: BadInput if it cannot be written; it is there when all is written, or not at all.
    """
    columns = {**({_NAME: str} if named else {}), **columns}
    kind = TABLES[output.suffix.lower()]
    try:
        with whole_file(output) as part, kind(part, columns) as table:

            def write(file: Path, rows: Iterable[Row]) -> None:
                name = name_of_results(file)
                table.write((name, *row) if named else row for row in rows)

            yield write
    except OSError as problem:
        raise cannot_write(output, problem) from problem


def _tell(given: Given, made: Made, reporter: Reporter) -> None:
    """Report what results lack."""
    warn_of_cut_off(given, made, reporter)
    if not given.has_joints:
        made.lack(f"{given.path}: no joint was found in any frame", reporter)
    if not given.has_times:
        made.lack(
            f"{given.path}: all frames have the time {given.result.frames[0].time_s} s; count time "
            "by the frames",
            reporter,
        )


def _numbers(result: PoseResult) -> set[int]:
    return {number for poses in result.frames for number in poses.people.track_id.tolist()}


def _chosen(poses: FramePoses, person: int | None) -> FramePoses:
    """The frame with one person alone, or with all."""
    return poses if person is None else of_person(poses, person)


def _write_people(given: Given, options: TableOptions) -> int:
    """Write the people as COCO results, or predictions of PoseTrack; returns how many there are."""
    chosen = (_chosen(poses, options.person) for poses in given.result.frames)
    scored = ((poses, person_score(poses)) for poses in chosen)
    result = given.result
    if options.posetrack:
        return write_video_predictions(options.output, result.video.name, result.skeleton, scored)
    return write_video_results(options.output, result.skeleton, scored)


def _write_markers(given: Given, options: TableOptions) -> int:
    """Write one person, from the first to the last frame with them; returns the number of rows."""
    result, known = given.result, sorted(_numbers(given.result))
    if options.person is None and len(known) != 1:
        there = ", ".join(map(str, known[:9])) or "nobody"
        raise BadInput(
            f"{given.path}: a {_MARKERS} has one person, here are {there}; name one with --person"
        )
    who = known[0] if options.person is None else options.person
    alone = [of_person(poses, who) for poses in result.frames]
    rows = [i for i, poses in enumerate(alone) if len(poses.people)]
    frames = alone[rows[0] : rows[-1] + 1]
    time_s = np.array([poses.time_s for poses in frames])
    if not (np.diff(time_s) > 0).all():
        raise BadInput(
            f"{given.path}: its times do not grow from frame to frame, as those of a {_MARKERS} must; "
            "write a .csv, which has the frames as well"
        )
    number = np.array([poses.frame for poses in frames])
    rate_hz = _rate_hz(given, frames)
    places_m = _places_m(given, frames)
    # Readers want a place for each marker somewhere; the face has none in space.
    known = np.flatnonzero(np.isfinite(places_m).any((0, 2)))
    joints = [result.skeleton.joints[joint] for joint in known]
    write_trc(options.output, joints, number, time_s, places_m[:, known], rate_hz)
    return len(frames)


def _rate_hz(given: Given, frames: Sequence[FramePoses]) -> float:
    """The rate of frames; if neither they nor the header tell it, the mean of all. Raises: BadInput without."""
    steps, result = Steps(), given.result
    for poses in frames:
        steps.add(poses.frame, poses.time_s)
    rate_hz = steps.rate_hz(result.video.rate_hz)
    if not math.isnan(rate_hz):
        return rate_hz
    first, last = result.frames[0], result.frames[-1]
    if not last.time_s > first.time_s:
        raise BadInput(
            f"{given.path}: tells neither a rate nor times that pass, and a {_MARKERS} must have one; "
            "write a .csv"
        )
    return (last.frame - first.frame) / (last.time_s - first.time_s)


def _places_m(given: Given, frames: Sequence[FramePoses]) -> Float32[np.ndarray, "frames joints 3"]:
    """The joints of the one person in metres, y up; those of the picture with a length a pixel.

    Raises: BadInput for joints in space in heights of the person.
    """
    lift = given.result.settings.get("lift")
    if isinstance(lift, dict) and lift.get("unit") != "metres":
        raise BadInput(
            f"{given.path}: has joints in space in heights of the person; a {_MARKERS} has metres: lift "
            "with --height"
        )
    places = np.full((len(frames), len(given.result.skeleton.joints), 3), np.nan, np.float32)
    for place, poses in zip(places, frames, strict=True):
        if not len(poses.people):
            continue
        if lift is None:
            place[:] = 0.0
            place[:, :2] = poses.xy[0] * np.array([METRES_A_PIXEL, -METRES_A_PIXEL], np.float32)
            place[~np.isfinite(poses.xy[0]).all(-1)] = np.nan
        elif poses.lifted is not None:
            place[:] = poses.lifted.xyz[0]
    return places
