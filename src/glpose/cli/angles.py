"""`glpose angles`: angles of joints and segments, and gait."""

from pathlib import Path
from typing import Annotated, Literal

from glpose.cli.checks import OUTPUT, Switch


def angles(
    *result: Path,
    output: Annotated[Path | None, OUTPUT] = None,
    person: int | None = None,
    filter: Literal["butterworth", "savgol", "one-euro", "median", "rts"] = "butterworth",  # noqa: A002
    cutoff: float = 6.0,
    fill: float = 0.3,
    plot: bool = True,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Measure the angles of joints and segments in degrees, and the strides of who walks past.

    Writes angles.csv, angles.png and gait.json beside poses.jsonl.
    Exit status: 0 all well, 2 nothing written, 3 something is missing.

    Parameters
    ----------
    result
        A results folder of glpose run, or its poses.jsonl. May be given several times, or be a folder
        that holds results folders, such as glpose-out.
    output
        Folder for the files, of one result; that of the results if not given. A name that ends in .csv
        or .parquet (needs glpose[tables]) makes one table of all angles, with a .gait.json beside it.
    person
        Measure only the person of this number. The picture shows one person: who walks, or is seen
        longest.
    filter
        The filter of the joints, as of glpose smooth.
    cutoff
        Motion faster than this, in Hz, is taken for noise.
    fill
        Gaps of at most so many seconds are filled.
    plot
        Draw angles.png (needs glpose[plot]).
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace files that exist.

    """
    from glpose.cli.progress import make_reporter
    from glpose.jobs.angles import AnglesOptions, measure_angles
    from glpose.motion.smooth import SmoothSpec

    options = AnglesOptions(SmoothSpec(filter, cutoff, fill), output, person, plot, overwrite)
    return 3 if measure_angles(result, options, make_reporter(quiet=quiet)).lacks else 0
