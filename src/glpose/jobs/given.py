"""Results that a command is given, and the files that it makes of them."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from glpose.errors import BadInput, GLPoseError
from glpose.files import is_same_file, resolved
from glpose.formats.results import (
    is_folder_of_results,
    load,
    poses_file_of,
    poses_files_of,
    put_aside,
)
from glpose.formats.text.lines import cannot_write
from glpose.jobs.ended import lack_of
from glpose.jobs.report import Reporter
from glpose.types import Frame, PoseResult
from glpose.video.source import Source, frames_within

Some = TypeVar("Some")

EDITED = "edited"
"""The setting that tells what `glpose link` and `drop` have done to results."""


def edits_of(settings: Mapping[str, object]) -> list[dict[str, object]]:
    """What they have done, in order; "drawn" says whether the overlay was drawn anew then."""
    edits = settings.get(EDITED)
    return [edit for edit in edits if isinstance(edit, dict)] if isinstance(edits, list) else []


@dataclass(frozen=True, slots=True)
class Given:
    """Results of a run: their `poses.jsonl`, what it holds, and a line if that is not all."""

    path: Path
    result: PoseResult
    lack: str = ""

    @property
    def has_joints(self) -> bool:
        """Whether any joint of anybody was found."""
        return any((poses.score > 0).any() for poses in self.result.frames)

    @property
    def is_smoothed(self) -> bool:
        """Whether `glpose smooth` has made them."""
        return "smooth" in self.result.settings

    @property
    def is_lifted(self) -> bool:
        """Whether `glpose lift` has made them."""
        return "lift" in self.result.settings

    @property
    def private(self) -> object:
        """What `glpose run --private` was given; None if nobody is hidden."""
        return self.result.settings.get("private")

    @property
    def is_drawn_before(self) -> bool:
        """Whether `glpose link` or `drop` has changed people since the overlay was drawn."""
        edits = edits_of(self.result.settings)
        return bool(edits) and edits[-1].get("drawn") is not True

    @property
    def has_times(self) -> bool:
        """Whether time passes from frame to frame."""
        frames = self.result.frames
        return len(frames) < 2 or frames[-1].time_s > frames[0].time_s


@dataclass(slots=True)
class Made:
    """What a command has made. `lacks` says what is missing or cannot be relied on, a line each."""

    files: list[Path] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)

    def lack(self, message: str, reporter: Reporter) -> None:
        """Report something that is missing."""
        self.lacks.append(message)
        reporter.problem(message)


class SinglePicture(BadInput):
    """Results of a photo, for a command that is for videos."""


@dataclass(frozen=True, slots=True)
class Found:
    """Files of poses, each once. `num_asked` counts also what was asked for and has none.

    `named` says whether more than one may be meant, to be told apart. `below` are files that were found
    in a folder that holds folders of results, and not given by name.
    """

    files: Sequence[Path]
    num_asked: int
    named: bool
    below: Collection[Path] = ()


def find_results(
    asked: Path | Sequence[Path],
    made: Made,
    reporter: Reporter,
    files_of: Callable[[Path], list[Path]] = poses_files_of,
) -> Found:
    """The results that are meant: each of the paths, or those in a folder that holds folders of results.

    `files_of` finds those of a path. A path without results is reported as lacking. Raises: BadInput if
    none has any, or none is given.
    """
    asked = [asked] if isinstance(asked, Path) else asked
    if not asked:
        raise BadInput("no results given; expected results folders of glpose run")
    files: dict[Path, Path] = {}
    by_name: set[Path] = set()
    num_bad = 0
    for path in asked:
        try:
            found = files_of(path)
        except BadInput as problem:
            if len(asked) == 1:
                raise
            made.lack(str(problem), reporter)
            num_bad += 1
        else:
            # Each once: a folder and what is in it may both be given. Files are made beside a link, too.
            places = {resolved(file.parent) / file.name: file for file in found}
            files |= places
            if not is_folder_of_results(path, found):
                by_name |= places.keys()
    if not files:
        raise _none_of(num_bad, made.lacks[0])
    results, num = tuple(files.values()), len(files) + num_bad
    below = [file for place, file in files.items() if place not in by_name]
    return Found(results, num, num > 1 or is_folder_of_results(asked[0], results), below)


def without_bad(
    found: Found, read: Callable[[Path], Some], made: Made, reporter: Reporter
) -> Iterator[tuple[Path, Some]]:
    """The files with what `read` makes of them, without bad ones, which are reported as lacking.

    What `read` raises has to name the file, or what is beside it.
    Pictures among videos of a folder lack nothing: they are passed over with a remark.
    Raises: what `read` raises of a single one; BadInput if all are bad, or pictures.
    """
    are_all_bad = True
    pictures: list[str] = []
    for file in found.files:
        try:
            one = read(file)
        except GLPoseError as problem:
            if found.num_asked == 1:
                raise
            if isinstance(problem, SinglePicture) and file in found.below:
                pictures.append(str(problem))
                reporter.note(f"{file}: is of a single picture; passed over")
            else:
                made.lack(str(problem), reporter)
        else:
            are_all_bad = False
            yield file, one
    if are_all_bad:
        raise _none_of(found.num_asked, [*made.lacks, *pictures][0])


def _none_of(num: int, first: str) -> BadInput:
    return BadInput(f"none of the {num} results can be used; the first: {first}")


def each_alone(
    asked: Path | Sequence[Path],
    make: Callable[[Path], Made],
    reporter: Reporter,
    of_one: Mapping[str, object] | None = None,
    *,
    files_of: Callable[[Path], list[Path]] = poses_files_of,
    place_of: Callable[[Path], Path] = lambda file: file.parent,
) -> Made:
    """What `make` makes of each of the results; one that is bad is reported, and stops no other.

    `of_one` are options for one alone, by name. `files_of` finds the results of a path, and what is made
    of a file lies at `place_of` it. Raises: BadInput if one of the options is set for several, or if two
    results would share a place; for a single one whatever `make` raises.
    """
    made = Made()
    found = find_results(asked, made, reporter, files_of)
    for option, value in (of_one or {}).items():
        if value is not None and found.num_asked > 1:
            raise BadInput(
                f"{option} {value}: is for one result, but {found.num_asked} were given; leave it out, "
                "or give each alone"
            )
    places: dict[Path, Path] = {}
    for file in found.files:
        if (other := places.setdefault(resolved(place_of(file)), file)) is not file:
            raise BadInput(
                f"{file}: is beside {other}, and what is made of both would have one name; give one"
            )
    for _, one in without_bad(found, make, made, reporter):
        made.files += one.files
        made.lacks += one.lacks
    return made


def open_given(path: Path) -> Given:
    """Read a results folder of `glpose run`, or its `poses.jsonl`.

    Raises: BadInput for anything else, and for results without a single frame.
    """
    file = poses_file_of(path)
    result = load(file)
    if not result.frames:
        raise BadInput(
            f"{file}: holds no frame; expected a line for each; the run stopped before the first, "
            f"run it again{put_aside(file.parent)}"
        )
    return Given(file, result, lack_of(file, len(result.frames), result.settings))


def check_motion(given: Given) -> None:
    """Raises: BadInput for results in which nothing moves: no time, no joint, or a single frame."""
    frames, path = given.result.frames, given.path
    for before, after in pairwise(frames):
        if after.time_s < before.time_s:
            raise BadInput(
                f"{path}: frame {after.frame} is at {after.time_s} s, before frame {before.frame} at "
                f"{before.time_s} s; expected times that do not fall; correct them"
            )
    if len(frames) == 1:
        kind = SinglePicture if given.result.video.is_still else BadInput
        raise kind(f"{path}: holds a single frame; expected a video")
    if not given.has_times:
        raise BadInput(
            f"{path}: all {len(frames)} frames have the time {frames[0].time_s} s; expected seconds "
            "from the start; correct them, or run the video again"
        )
    if not given.has_joints:
        raise BadInput(f"{path}: no joint was found in any frame; there is nothing to work on")


def warn_of_cut_off(given: Given, made: Made, reporter: Reporter) -> None:
    """Report results of a run that did not end well."""
    if given.lack:
        made.lack(given.lack, reporter)


class Wanted:
    """The frames of a video that a command needs by index, and what was lacking when it was read."""

    def __init__(self, source: Source, label: str, indices: Collection[int]) -> None:
        self._source, self._label, self._num = source, label, len(indices)
        self._left = set(indices)
        self._num_undecodable = 0

    def read(self) -> Generator[Frame, None, None]:
        """All frames from the first needed one to the last, also those between them."""
        span = (min(self._left), max(self._left) + 1) if self._left else (0, 0)
        for frame in frames_within(self._source, frames=span):
            if frame.index in self._left:
                self._left.remove(frame.index)
                self._num_undecodable += frame.rgb is None
            yield frame

    def lacks(self) -> list[str]:
        """What was lacking, a line each, once all was read."""
        lines = list(dict.fromkeys(self._source.warnings))
        for num, what in (
            (self._num_undecodable, "could not be decoded"),
            (len(self._left), "are not in the video"),
        ):
            if num:
                lines.append(f"{self._label}: {num} of the {self._num} frames needed {what}")
        return lines


def check_new(files: list[Path], *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raises: BadInput for files that exist and are not to be replaced, or cannot be looked for.

    What is made of `inputs` never replaces them.
    """
    inputs = tuple(inputs)
    try:
        old = [file.name for file in files if file.exists()]
        folders = [file for file in files if file.is_dir()]
    except OSError as problem:
        raise cannot_write(files[0], problem) from problem
    if folders:
        raise BadInput(f"{folders[0]}: is a folder; expected a file to write; change -o")
    for file in files:
        if any(is_same_file(file, path) for path in inputs):
            raise BadInput(f"{file}: would be replaced by what is made of it; choose another -o")
    if old and not overwrite:
        raise BadInput(
            f"{files[0].parent}: holds {', '.join(old)} already; use --overwrite to replace what "
            "is there, or choose another place with -o"
        )
