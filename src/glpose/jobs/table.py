"""Results as a table: `glpose table`.

made = write_table(Path("glpose-out/walk"), TableOptions(Path("walk.csv")))
"""

from dataclasses import dataclass
from pathlib import Path

from glpose.errors import BadInput
from glpose.files import whole_file
from glpose.formats.tables import TABLES, CsvTable, ParquetTable, long_layout, wide_layout
from glpose.formats.text.lines import cannot_write
from glpose.jobs.given import Given, Made, check_new, open_given, warn_of_cut_off
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of `glpose table`; `output` ends in .csv or .parquet."""

    output: Path
    wide: bool = False
    overwrite: bool = False


def write_table(results: Path, options: TableOptions, reporter: Reporter = SILENT) -> Made:
    """Write a table of results; what it lacks is reported.

    Raises: BadInput if the results cannot be read or the table cannot be written; MissingExtra for
    Parquet without pyarrow. Nothing is left half written.
    """
    output = options.output
    kind = TABLES.get(output.suffix.lower())
    if kind is None:
        raise BadInput(f"{output}: is no name of a table; expected .csv or .parquet; change -o")
    given = open_given(results)
    check_new([output], overwrite=options.overwrite, inputs=[given.path])
    make_folder(output.parent)
    num_rows = _write(given, options, kind)
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
