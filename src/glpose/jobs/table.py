"""Results as a table: `glpose table`.

made = write_table(Path("glpose-out/walk"), TableOptions(Path("walk.csv")))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from glpose.errors import BadInput
from glpose.files import resolved, whole_file
from glpose.formats.coco.results import write_video_results
from glpose.formats.results import POSES, is_folder_of_results, poses_files_of
from glpose.formats.tables import TABLES, Layout, long_layout, wide_layout
from glpose.formats.text.lines import cannot_write
from glpose.formats.trc import METRES_A_PIXEL, write_trc
from glpose.jobs.given import Given, Made, check_new, open_given, warn_of_cut_off
from glpose.jobs.person import of_person
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.poses import person_score
from glpose.steps import Steps
from glpose.types import FramePoses, PoseResult

_MARKERS, _COCO = ".trc", ".json"
_NAME = "results"
"""The column that names the results of a row, as they were given."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of `glpose table`; `output` ends in .csv, .parquet, .trc or .json (COCO results).

    Only `person` is written if given; a .trc has one person.
    """

    output: Path
    wide: bool = False
    person: int | None = None
    overwrite: bool = False


def write_table(
    results: Path | Sequence[Path], options: TableOptions, reporter: Reporter = SILENT
) -> Made:
    """Write a table of results; what they lack is reported.

    Several results, or a folder that holds folders of results, make one table, with a column that
    names them. Raises: BadInput if results cannot be read or do not fit together, or the table cannot
    be written; MissingExtra for Parquet without pyarrow. Nothing is left half written.
    """
    output, suffix = options.output, options.output.suffix.lower()
    if suffix not in (*TABLES, _MARKERS, _COCO):
        raise BadInput(
            f"{output}: is no name of a table; expected .csv, .parquet, .trc or .json; change -o"
        )
    if suffix not in TABLES and options.wide:
        raise BadInput(f"{output}: has all joints together in any case; leave out --wide")
    asked = [results] if isinstance(results, Path) else list(results)
    # Each once: a folder and what is in it may both be given.
    files = list({resolved(f): f for path in asked for f in poses_files_of(path)}.values())
    check_new([output], overwrite=options.overwrite, inputs=files)
    made = Made([output])
    if suffix in TABLES:
        named = len(files) > 1 or is_folder_of_results(asked[0], files)
        layout = _layout(files, options)
        make_folder(output.parent)
        num_rows, name = _write(files, layout, options, made, reporter, named=named)
    elif len(files) > 1:
        raise BadInput(f"{output}: holds one video, {len(files)} results are given; give one")
    else:
        given = open_given(files[0])
        _check_person(files[0], _numbers(given.result), options.person)
        make_folder(output.parent)
        write = _write_markers if suffix == _MARKERS else _write_coco
        num_rows, name = write(given, options), given.result.video.name
        _tell(given, made, reporter)
    reporter.result(f"{name}: {num_rows} rows; table in {output}")
    return made


def _layout(files: Sequence[Path], options: TableOptions) -> Layout:
    """The columns that all results need. Raises: BadInput if they do not fit together."""
    skeleton, known, raw, in_space, unit = None, set[int](), False, False, None
    for file in files:  # one by one: many long videos need not fit into memory
        result = open_given(file).result
        skeleton = skeleton or result.skeleton
        if result.skeleton.joints != skeleton.joints:
            raise BadInput(
                f"{file}: has the joints {result.skeleton.name}, {files[0]} has {skeleton.name}; "
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
        known |= _numbers(result)
        # The frames say it: settings may be kept where the raw joints were left out.
        raw |= any(poses.before is not None for poses in result.frames)
        in_space |= any(poses.lifted is not None for poses in result.frames)
    _check_person(files[0], known, options.person)
    assert skeleton is not None
    return (wide_layout if options.wide else long_layout)(skeleton, raw=raw, in_space=in_space)


def _write(
    files: Sequence[Path],
    layout: Layout,
    options: TableOptions,
    made: Made,
    reporter: Reporter,
    *,
    named: bool,
) -> tuple[int, str]:
    """Write all rows; returns their number, and what they are of."""
    output, num_rows, name = options.output, 0, f"{len(files)} results"
    columns = {_NAME: str, **layout.columns} if named else layout.columns
    kind = TABLES[output.suffix.lower()]
    try:
        with whole_file(output) as part, kind(part, columns) as table:
            for file in files:
                given = open_given(file)
                first = [_cell(file)] if named else []
                name = name if len(files) > 1 else given.result.video.name
                for poses in given.result.frames:
                    chosen = _chosen(poses, options.person)
                    rows = [(*first, *row) for row in layout.rows(chosen)]
                    table.write(rows)
                    num_rows += len(rows)
                _tell(given, made, reporter)
    except OSError as problem:
        raise cannot_write(output, problem) from problem
    return num_rows, name


def _cell(file: Path) -> str:
    """The name of results in a table, which no spreadsheet takes for a formula."""
    name = (file.parent if file.name == POSES else file).as_posix()
    return f"./{name}" if name.startswith(("=", "+", "-", "@")) else name


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


def _check_person(file: Path, known: set[int], person: int | None) -> None:
    """Raises: BadInput if nobody has the number of a person who is asked for."""
    if person is not None and person not in known:
        there = ", ".join(map(str, sorted(known)[:9])) or "nobody"
        raise BadInput(f"{file}: has no person {person}; there are {there}")


def _chosen(poses: FramePoses, person: int | None) -> FramePoses:
    """The frame with one person alone, or with all."""
    return poses if person is None else of_person(poses, person)


def _write_coco(given: Given, options: TableOptions) -> int:
    """Write the people as COCO results; returns how many there are."""
    chosen = (_chosen(poses, options.person) for poses in given.result.frames)
    scored = ((poses, person_score(poses)) for poses in chosen)
    return write_video_results(options.output, given.result.skeleton, scored)


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
    steps = Steps()
    for poses in frames:
        steps.add(poses.frame, poses.time_s)
    number = np.array([poses.frame for poses in frames])
    rate_hz = steps.rate_hz(result.video.rate_hz)
    places_m = _places_m(given, frames)
    # Readers want a place for each marker somewhere; the face has none in space.
    known = np.flatnonzero(np.isfinite(places_m).any((0, 2)))
    joints = [result.skeleton.joints[joint] for joint in known]
    write_trc(options.output, joints, number, time_s, places_m[:, known], rate_hz)
    return len(frames)


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
