"""`glpose demo`: run on a generated clip, without any data."""

from pathlib import Path
from typing import Annotated

from glpose.cli.checks import OUTPUT
from glpose.cli.output import say


def demo(*, output: Annotated[Path, OUTPUT] = Path("glpose-out")) -> int:
    """Make a short clip of moving figures and run on it.

    Parameters
    ----------
    output
        Folder for the clip demo.mp4 and its results; those of an earlier demo are replaced,
        other files are kept.

    """
    from glpose.cli.run import run_and_tell
    from glpose.jobs.demo import write_clip
    from glpose.jobs.run import Options

    clip, num_frames = write_clip(output)
    say(f"made {clip} ({num_frames} frames)")
    return run_and_tell([str(clip)], Options(output, overwrite=True))
