"""`glpose report`: results as one page for the browser."""

from pathlib import Path
from typing import Annotated

from glpose.cli.checks import OUTPUT, Switch


def report(
    *result: Path,
    output: Annotated[Path | None, OUTPUT] = None,
    video: Path | None = None,
    no_video: Switch = False,
    embed: Switch = False,
    quiet: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Write one HTML file to look through results, offline in any browser.

    It shows the video with skeletons frame by frame, who is there when, curves of joints, angles and
    scores, the spans to look at, people, settings and weights; it works by keyboard and with screen
    readers. Exit status: 0 all well, 2 nothing written, 3 something is missing.

    Parameters
    ----------
    result
        A results folder of glpose run, or its poses.jsonl; also a smooth.jsonl. May be given several
        times, or be a folder that holds results folders, such as glpose-out.
    output
        The page, of one result; report.html beside the results if not given.
    video
        The video of the one result, on which the page then draws; the overlay beside the results if
        not given. The page plays the file from where it is.
    no_video
        Show skeletons on a plain ground.
    embed
        Put a small copy of the video, without sound, into the page: for short clips.
    quiet
        Say nothing unless there is a problem.
    overwrite
        Replace a page that exists.

    """
    from glpose.cli.progress import make_reporter
    from glpose.jobs.html_report import ReportOptions, write_report

    options = ReportOptions(output, video, no_video, embed, overwrite)
    return 3 if write_report(result, options, make_reporter(quiet=quiet)).lacks else 0
