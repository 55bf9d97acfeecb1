"""`glpose smooth`: results with clean tracks."""

from pathlib import Path
from typing import Annotated, Literal

from glpose.cli.checks import OUTPUT, Switch


def smooth(
    *result: Path,
    output: Annotated[Path | None, OUTPUT] = None,
    filter: Literal["butterworth", "savgol", "one-euro", "median", "rts"] = "butterworth",  # noqa: A002
    cutoff: float = 6.0,
    fill: float = 0.3,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Filter the tracks of joints, fill short gaps, and replace outliers.

    Writes smooth.jsonl beside poses.jsonl, with the raw values in it; glpose table reads it too.
    Exit status: 0 all well, 2 nothing written, 3 something is missing, or results are not whole.

    Parameters
    ----------
    result
        A results folder of glpose run, or its poses.jsonl. May be given several times, or be a folder
        that holds results folders, such as glpose-out.
    output
        Folder for smooth.jsonl, of one result; that of the results if not given.
    filter
        butterworth, savgol, median and rts delay nothing; one-euro is that of live programs and
        lags. If unsure: butterworth.
    cutoff
        Motion faster than this, in Hz, is taken for noise: 6 for walking, 10 to 15 for fast sport.
    fill
        Gaps of at most so many seconds are filled and marked; 0 fills none.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace a smooth.jsonl that exists.

    """
    from glpose.cli.progress import make_reporter
    from glpose.jobs.smooth import SmoothOptions, smooth_results
    from glpose.motion.smooth import SmoothSpec

    options = SmoothOptions(SmoothSpec(filter, cutoff, fill), output, overwrite)
    return 3 if smooth_results(result, options, make_reporter(quiet=quiet)).lacks else 0
