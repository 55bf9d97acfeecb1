"""Results as a table: `glpose table`.

made = write_table(Path("glpose-out/walk"), TableOptions(Path("walk.csv")))
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from glpose.errors import BadInput
from glpose.files import whole_file
from glpose.formats.tables import TABLES, CsvTable, ParquetTable, long_layout, wide_layout
from glpose.formats.text.lines import cannot_write
from glpose.formats.trc import METRES_A_PIXEL, write_trc
from glpose.jobs.given import Given, Made, check_new, open_given, warn_of_cut_off
from glpose.jobs.person import of_person
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.steps import Steps
from glpose.types import FramePoses

MARKERS = ".trc"


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of `glpose table`; `output` ends in .csv, .parquet or .trc.

    Only `person` is written if given; a .trc has one person.
    """

    output: Path
    wide: bool = False
    person: int | None = None
    overwrite: bool = False


def write_table(results: Path, options: TableOptions, reporter: Reporter = SILENT) -> Made:
    """Write a table of results; what it lacks is reported.

    Raises: BadInput if the results cannot be read or the table cannot be written; MissingExtra for
    Parquet without pyarrow. Nothing is left half written.
    """
    output = options.output
    suffix = output.suffix.lower()
    if suffix not in (*TABLES, MARKERS):
        raise BadInput(
            f"{output}: is no name of a table; expected .csv, .parquet or .trc; change -o"
        )
    if suffix == MARKERS and options.wide:
        raise BadInput(f"{output}: has columns for all joints in any case; leave out --wide")
    given = open_given(results)
    given = _of_person(given, options.person, alone=suffix == MARKERS)
    check_new([output], overwrite=options.overwrite, inputs=[given.path])
    make_folder(output.parent)
    if suffix == MARKERS:
        num_rows = _write_markers(given, output)
    else:
        num_rows = _write(given, options, TABLES[suffix])
    made = Made([output])
    warn_of_cut_off(given, made, reporter)
    if not given.has_joints:
        made.lack(f"{given.path}: no joint was found in any frame; {output} has none", reporter)
    if not given.has_times:
        made.lack(
            f"{given.path}: all frames have the time {given.result.frames[0].time_s} s; count time "
            "by the frames",
            reporter,
        )
    reporter.result(f"{given.result.video.name}: {num_rows} rows; table in {output}")
    return made


def _write(given: Given, options: TableOptions, kind: type[CsvTable] | type[ParquetTable]) -> int:
    """Write all rows; returns their number."""
    output, num_rows = options.output, 0
    make = wide_layout if options.wide else long_layout
    # The frames say it: settings may be kept where the raw joints were left out.
    raw = any(poses.before is not None for poses in given.result.frames)
    in_space = any(poses.lifted is not None for poses in given.result.frames)
    layout = make(given.result.skeleton, raw=raw, in_space=in_space)
    try:
        with whole_file(output) as part, kind(part, layout.columns) as table:
            for poses in given.result.frames:
                rows = list(layout.rows(poses))
                table.write(rows)
                num_rows += len(rows)
    except OSError as problem:
        raise cannot_write(output, problem) from problem
    return num_rows


def _of_person(given: Given, person: int | None, *, alone: bool) -> Given:
    """The results with this person alone; `alone` takes the only one if none is named.

    Raises: BadInput if the person is not there, or if it is not clear who is meant.
    """
    frames = given.result.frames
    if person is None and not alone:
        return given
    seen = {number for poses in frames for number in poses.people.track_id.tolist()}
    known = ", ".join(map(str, sorted(seen)[:9])) or "nobody"
    if person is None and len(seen) != 1:
        raise BadInput(
            f"{given.path}: a {MARKERS} has one person, here are {known}; name one with --person"
        )
    if person is not None and person not in seen:
        raise BadInput(f"{given.path}: has no person {person}; there are {known}")
    who = min(seen) if person is None else person
    chosen = tuple(of_person(poses, who) for poses in frames)
    return replace(given, result=replace(given.result, frames=chosen))


def _write_markers(given: Given, output: Path) -> int:
    """Write the one person of results, from the first to the last frame with them; returns the rows."""
    result = given.result
    rows = [i for i, poses in enumerate(result.frames) if len(poses.people)]
    frames = result.frames[rows[0] : rows[-1] + 1]
    time_s = np.array([poses.time_s for poses in frames])
    if not (np.diff(time_s) > 0).all():
        raise BadInput(
            f"{given.path}: its times do not grow from frame to frame, as those of a {MARKERS} must; "
            "write a .csv, which has the frames as well"
        )
    steps = Steps()
    for poses in frames:
        steps.add(poses.frame, poses.time_s)
    number = np.array([poses.frame for poses in frames])
    rate_hz = steps.rate_hz(result.video.rate_hz)
    places_m = _places_m(given, frames)
    # Readers want a place for each marker somewhere; the face has none in space.
    known = np.flatnonzero(np.isfinite(places_m).any((0, 2)))
    joints = [result.skeleton.joints[joint] for joint in known]
    write_trc(output, joints, number, time_s, places_m[:, known], rate_hz)
    return len(frames)


def _places_m(given: Given, frames: Sequence[FramePoses]) -> Float32[np.ndarray, "frames joints 3"]:
    """The joints of the one person in metres, y up; those of the picture with a length a pixel.

    Raises: BadInput for joints in space in heights of the person.
    """
    lift = given.result.settings.get("lift")
    if isinstance(lift, dict) and lift.get("unit") != "metres":
        raise BadInput(
            f"{given.path}: has joints in space in heights of the person; a {MARKERS} has metres: lift "
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
