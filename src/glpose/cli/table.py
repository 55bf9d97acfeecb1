"""`glpose table`: results as a table for a spreadsheet or a data frame."""

from pathlib import Path
from typing import Annotated

from glpose.cli.checks import OUTPUT, Switch


def table(
    *result: Path,
    output: Annotated[Path, OUTPUT],
    wide: Switch = False,
    person: int | None = None,
    posetrack: Switch = False,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Write poses as a table: time in seconds, frame, person, joint, place in pixels and score.

    There is a row for each joint of each person in each frame; cells are empty where a joint was
    not found. Those that were smoothed or lifted have more columns, and those of picture files. Several
    results make one table, with a column that names them. Exit status: 0 all well, 2 no table, 3 the
    table lacks something.

    Parameters
    ----------
    result
        A results folder of glpose run, or its poses.jsonl; also a smooth.jsonl or poses_3d.jsonl. May
        be given several times, or be a folder that holds results folders, such as glpose-out.
    output
        The table: a name that ends in .csv or .parquet (needs glpose[tables]). Of one video also .json,
        COCO results with the number of the frame as image_id; or .trc, one person as markers for
        OpenSim, in metres if lifted with --height, else a pixel as a millimetre.
    wide
        A row for each person in each frame, with columns for all joints.
    person
        Write only the person of this number; results without that number are reported.
    posetrack
        Of a .json: predictions in PoseTrack's form of 2018, for glpose score posetrack, and not COCO
        results.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace a table that exists.

    """
    from glpose.cli.progress import make_reporter
    from glpose.jobs.table import TableOptions, write_table

    options = TableOptions(output, wide, person, overwrite, posetrack)
    return 3 if write_table(result, options, make_reporter(quiet=quiet)).lacks else 0
