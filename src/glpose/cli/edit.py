"""`glpose link` and `glpose drop`: correct the people of results that exist."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from glpose.cli.output import complain, say
from glpose.errors import BadInput

if TYPE_CHECKING:
    from glpose.jobs.edit import Edited


def link(result: Path, /, *same: str, video: str | None = None) -> int:
    """Say that numbers are one person, who was lost and found again.

    Exit status: 0 all well, 2 nothing is changed, 3 the overlay lacks something, or the run did not end
    well.

    Parameters
    ----------
    result
        The folder of results of a video, or its poses.jsonl.
    same
        1=3 makes person 3 person 1; several are 1=3 1=5. Two who are in one frame are two people
        and cannot be linked.
    video
        The video, to draw the overlay anew.

    """
    pairs = [re.fullmatch(r"(\d+)=(\d+)", text, re.ASCII) for text in same]
    if not pairs or not all(pairs):
        raise BadInput(f"{' '.join(same) or 'nothing'} is to be linked; expected pairs such as 1=3")
    numbers = {int(pair[2]): int(pair[1]) for pair in pairs if pair}
    if len(numbers) < len(pairs):
        raise BadInput(f"{' '.join(same)} gives a number two others; expected one for each")
    from glpose.jobs.edit import link as link_people

    return _tell(link_people(result, numbers, video))


def drop(result: Path, /, *number: int, video: str | None = None) -> int:
    """Leave people out of poses.jsonl: somebody in the background, or who is none.

    Exit status: 0 all well, 2 nothing is changed, 3 the overlay lacks something, or the run did not end
    well.

    Parameters
    ----------
    result
        The folder of results of a video, or its poses.jsonl.
    number
        The numbers of the people, as in the overlay; none, to draw it anew only.
    video
        The video, to draw the overlay anew.

    """
    if not number and video is None:
        raise BadInput("nobody is to be dropped; expected numbers, as in the overlay")
    from glpose.jobs.edit import drop as drop_people

    return _tell(drop_people(result, number, video))


def _tell(edited: "Edited") -> int:
    from glpose.jobs.anew import how_anew

    left = ", ".join(map(str, edited.track_ids)) or "nobody"
    say(f"{edited.path}: changed; the people are now: {left}")
    for path in edited.stale:
        say(f"{path}: still as it was; {how_anew(path, edited.private)}")
    for lack in edited.lacks:
        complain(lack)
    return 3 if edited.lacks else 0
