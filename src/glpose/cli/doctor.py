"""`glpose doctor`: is everything here that glpose needs, and what to do if not."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glpose.cli.checks import OUTPUT
from glpose.cli.output import say


def doctor(
    *,
    output: Annotated[Path, OUTPUT] = Path("glpose-out"),
    camera: int | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Check the installation and this computer, a line for each check: ok, warning or fails.

    Nothing is changed, no network is used, and no camera is opened unless asked for.
    Exit status: 0 glpose run will work, 2 it will not.

    Parameters
    ----------
    output
        The folder for results, to see whether it can be written and has room.
    camera
        Open this camera and take a picture.
    json_
        Print JSON, for programs.

    """
    from glpose import __version__
    from glpose.jobs.doctor import checkup, fails

    checks = checkup(output, camera)
    failed = fails(checks)
    if json_:
        plain = {"glpose": __version__, "works": not failed, "checks": [asdict(c) for c in checks]}
        say(*json.dumps(plain, indent=1, ensure_ascii=False).splitlines())
        return 2 if failed else 0
    for check in checks:
        advice = f"; {check.advice}" if check.advice else ""
        say(f"{check.state:<8} {check.name}: {check.found}{advice}")
    return 2 if failed else 0
