"""Sources of frames with times: video files, pictures, arrays.

Start at `Source`, and at `find_sources` for paths given by a user (files, folders, globs): one entry
per video or picture sequence, each with a unique name. An unusable argument is an entry too, whose
`open` raises, so that it does not stop the others.
"""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol, runtime_checkable

from glpose import imaging
from glpose.errors import BadInput, VideoError, pasted, reason
from glpose.files import can_name
from glpose.imaging import Rgb
from glpose.types import Frame, VideoInfo
from glpose.video.arrays import RATE_HZ, ArraySource, step_at
from glpose.video.camera import camera_number, open_camera
from glpose.video.gif import may_be_still_gif
from glpose.video.network import Address, NetworkSource, Watch, is_address, parse_address, shown
from glpose.video.numbering import note_on_gaps
from glpose.video.pages import open_pages
from glpose.video.reader import Audio, in_span, open_video, read_ahead
from glpose.video.stills import IMAGE_SUFFIXES, is_picture, read_picture

VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".apng", ".asf", ".avi", ".dv", ".flv", ".gif", ".h264", ".hevc", ".m2ts",
     ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogg", ".ogv",
     ".ts", ".vob", ".webm", ".wmv"}
)  # fmt: skip


@runtime_checkable
class Source(Protocol):
    """Anything that yields frames with times: a video file, a sequence of pictures, arrays."""

    @property
    def info(self) -> VideoInfo:
        """What is known before reading; `info.name` names the results."""
        ...

    @property
    def time_base(self) -> Fraction:
        """The unit in seconds of which frame times are multiples; 1/90000 if unknown."""
        ...

    @property
    def audio(self) -> Audio | None:
        """The sound of the source, None if there is none."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Problems found, one line each; grows while frames are read."""
        ...

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        """The frames with start_s <= time_s < end_s: index and time increase, pictures are RGB.

        A frame whose picture is lost is yielded with `rgb` None. Closing the generator ends reading.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ImageSequence:
    """Picture files as a video, in the order given; sizes may differ between frames."""

    paths: tuple[Path, ...]
    info: VideoInfo
    time_base: Fraction
    audio: None = None
    warnings: list[str] = field(default_factory=list)

    def frames(
        self, start_s: float | None = None, end_s: float | None = None, *, ahead: int = 4
    ) -> Generator[Frame, None, None]:
        """See `Source.frames`; a picture that cannot be read is an undecodable frame."""
        times_s = (float(index * self.time_base) for index in range(len(self.paths)))
        pictures = (partial(self._read, path) for path in self.paths)
        return read_ahead(in_span(times_s, pictures, start_s, end_s), ahead)

    def _read(self, path: Path) -> Rgb | None:
        if (number := imaging.count_pages(path)) > 1:
            self.warnings.append(
                f"{path}: holds {number} pictures, of which the first was used; give it alone "
                "for all of them"
            )
        try:
            return read_picture(path)
        except VideoError as problem:
            self.warnings.append(str(problem))
            return None


@dataclass(frozen=True, slots=True, eq=False)
class SourceEntry:
    """One video or picture sequence. `name` is unique among the entries and can name a result folder.

    `ignored` counts the files of a picture folder that are not pictures; for the first video of a
    folder its pictures. `error` says why it cannot
    be used, if known before it is opened. `given` is a source that is already open, `camera` the
    number of a camera, `address` that of a stream; the entry then has no `paths`. `is_whole` says
    whether its pictures are all those of their folder. `plain` is the name that it would have alone.
    """

    name: str
    paths: tuple[Path, ...]
    is_images: bool = False
    ignored: int = 0
    error: VideoError | None = None
    given: Source | None = None
    camera: int | None = None
    address: Address | None = None
    is_whole: bool = False
    plain: str = ""

    @property
    def plain_name(self) -> str:
        """Its name if there were no others."""
        return self.plain or self.name

    @property
    def label(self) -> str:
        """Its name in messages: its file, the folder of its pictures, or `name`."""
        if self.address is not None:
            return self.address.label
        if not self.paths:
            return self.name
        return str(self.paths[0] if len(self.paths) == 1 else self.paths[0].parent)

    @property
    def is_read_once(self) -> bool:
        """Whether its pictures come but once: those of a camera, a stream or an iterator."""
        is_given_once = isinstance(self.given, ArraySource) and self.given.is_read_once
        return self.camera is not None or self.address is not None or is_given_once

    @property
    def is_still(self) -> bool:
        """Whether it is a single picture, as far as its file can tell."""
        if self.given is not None:
            return self.given.info.is_still
        is_one = self.is_images and len(self.paths) == 1 and self.error is None
        return is_one and imaging.count_pages(self.paths[0]) <= 1

    @property
    def notes(self) -> list[str]:
        """Remarks for the user on how it was found, one line each."""
        if not self.ignored:
            return []
        folder, what = self.paths[0].parent, "files that are not pictures were ignored"
        if not self.is_images:
            what = "pictures were ignored, as there are videos; name them to run them, too"
        return [f"{folder}: {self.ignored} {what}"]

    def open(self, rate_hz: float | None = None, watch: Watch = Watch()) -> Source:
        """Open it; `rate_hz` is for pictures without times, 25 frames a second if None.

        `watch` hears of a stream that has to be waited for.

        Raises: VideoError if it cannot be read, or has times of its own and a rate is given.
        """
        source = self._opened(RATE_HZ if rate_hz is None else rate_hz, watch)
        if rate_hz is not None and source.info.rate_hz != rate_hz:
            raise VideoError(
                f"{self.label}: has times of its own; a rate can be given only for pictures"
            )
        return source

    def _opened(self, rate_hz: float, watch: Watch) -> Source:
        if self.error is not None:
            raise self.error
        if self.given is not None:
            return self.given
        if self.camera is not None:
            return open_camera(self.camera)
        if self.address is not None:
            return NetworkSource(self.address, watch)
        if self.is_images and len(self.paths) == 1 and imaging.count_pages(self.paths[0]) > 1:
            return open_pages(self.paths[0], self.name, rate_hz)
        if self.is_images:
            return open_images(self.paths, self.name, rate_hz)
        return open_video(self.paths[0])


def open_images(paths: Iterable[Path], name: str, rate_hz: float = RATE_HZ) -> ImageSequence:
    """Pictures as a sequence. Raises: VideoError if none of them can be read."""
    paths, problems = tuple(paths), []
    for path in paths:
        try:
            size_hw = read_picture(path).shape[:2]
        except VideoError as problem:
            problems.append(problem)
            continue
        step_s = step_at(rate_hz)
        duration_s = float(len(paths) * step_s)
        info = VideoInfo(
            name,
            size_hw,
            rate_hz,
            num_frames=len(paths),
            duration_s=duration_s,
            note=note_on_gaps(paths),
            is_still=len(paths) == 1,
            pictures=tuple(path.name for path in paths) if len(paths) > 1 else (),
            largest_hw=_largest(path, size_hw, paths),
        )
        return ImageSequence(paths, info, step_s)
    if len(problems) == 1:
        raise problems[0]
    raise VideoError(
        f"{name}: {len(paths)} pictures, none of which can be read"
        + (f"; the first: {problems[0]}" if problems else "")
    )


_MUCH_MORE = 2


def _largest(
    first: Path, size_hw: tuple[int, int], paths: tuple[Path, ...]
) -> tuple[int, int] | None:
    """The size of a larger picture than the first one, if its file shows that there is one.

    Only the file of the most bytes is read, as thousands of pictures may be given.
    """
    num_bytes = {path: path.stat().st_size for path in paths if path.is_file()}
    path = max(num_bytes, key=num_bytes.__getitem__, default=first)
    if num_bytes.get(path, 0) < _MUCH_MORE * num_bytes.get(first, 0):
        return None
    try:
        found = read_picture(path).shape[:2]
    except VideoError:
        return None
    return found if found[0] * found[1] > size_hw[0] * size_hw[1] else None


def frames_within(
    source: Source,
    start_s: float | None = None,
    end_s: float | None = None,
    frames: tuple[int, int | None] | None = None,
) -> Generator[Frame, None, None]:
    """The frames with start_s <= time_s < end_s, and of those the ones with an index in `frames`.

    `frames` is the first index, and the one behind the last or None. Nothing behind is read.
    """
    first, end = frames or (0, None)
    with closing(source.frames(start_s, end_s)) as found:
        for frame in found:
            if frame.index >= first:
                yield frame
            if end is not None and frame.index + 1 >= end:
                return


def find_sources(
    arguments: Iterable[str | Path | Source | list[str | Path]], *, allow_network: bool = False
) -> list[SourceEntry]:
    """The entries for the arguments of a command, in order, each file once.

    An argument that is a list itself has a picture as often as it names it.

    An argument is a video file, a picture, a folder of videos or of pictures (not recursive; if it
    has both, videos win), a glob that the shell did not expand, or `0` or `camera:0` for a camera. Pictures named one by one form
    one sequence per folder. A `Source` is used as it is. With `allow_network` an argument may be an
    address, see `network`.

    Raises: BadInput for an argument that is neither a path nor a source; see `video.given` for what
    else there is.
    """
    return _found(arguments, partial(_live, allow_network=allow_network))


def find_recordings(
    arguments: Iterable[str | Path | Source | list[str | Path]],
) -> list[SourceEntry]:
    """As `find_sources`, of files: a camera or an address is an entry whose `open` says what it is."""
    return _found(arguments, _not_recorded)


def _found(
    arguments: Iterable[str | Path | Source | list[str | Path]],
    live: Callable[[str], SourceEntry | None],
) -> list[SourceEntry]:
    """The entries of the arguments; `live` gives those of cameras and addresses."""
    found: list[SourceEntry] = []
    loose: dict[Path, list[tuple[Path, int]]] = {}
    for argument, times in _each_named(arguments):
        if not isinstance(argument, str | Path):
            if not isinstance(argument, Source):
                raise BadInput(
                    f"found a {type(argument).__name__} as source; expected a path or a source"
                )
            found.append(SourceEntry(_given_name(argument.info.name), (), given=argument))
            continue
        if (entry := live(str(argument))) is not None:
            found.append(entry)
            continue
        try:
            with _readable(str(argument)):
                for path in _expand(str(argument)):
                    if path.is_dir():
                        found += _in_folder(path)
                    elif is_picture(path):
                        if path.parent not in loose:  # keeps the sequence's place in the order
                            found.append(SourceEntry("", (path.parent,), is_images=True))
                        loose.setdefault(path.parent, []).append((path, times))
                    else:
                        found.append(SourceEntry(path.stem, (path,)))
        except VideoError as problem:
            found.append(SourceEntry(Path(argument).stem, (Path(argument),), error=problem))
    return _named_apart(_filled(entry, loose) for entry in found)


def _live(text: str, *, allow_network: bool) -> SourceEntry | None:
    """A camera or an address, None for what is a path."""
    if (camera := camera_number(text)) is not None:
        return SourceEntry(f"camera-{camera}", (), camera=camera)
    if not is_address(text):
        return None
    try:
        address = parse_address(text)
    except VideoError as problem:
        return SourceEntry("address", (), error=problem)
    if allow_network:
        return SourceEntry(_given_name(address.name), (), address=address)
    problem = VideoError(
        f"{address.label}: not a local file; add --allow-network (allow_network=True) to read it from "
        "the network, or fetch it first"
    )
    return SourceEntry("address", (), error=problem)


def _not_recorded(text: str) -> SourceEntry | None:
    entry = _live(text, allow_network=False)
    if entry is None:
        return None
    said = f"{shown(text)}: an address; expected a local file, fetch it first"
    if entry.camera is not None:
        said = f"{entry.name}: a camera; only glpose run reads those, record a file first"
    return SourceEntry(entry.name, (), error=VideoError(said))


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Raises: VideoError if a path cannot be looked at: no permission, a name that is too long."""
    try:
        yield
    except OSError as problem:
        raise VideoError(f"{name}: cannot be read ({reason(problem)}); check the path") from problem


def _expand(argument: str) -> list[Path]:
    if not argument.strip():
        raise VideoError("an empty name was given as source; expected a file, a folder or a glob")
    path = Path(argument)
    if path.exists():  # even if its name looks like a glob
        return [_absolute(path)]
    if glob.has_magic(argument):
        # `Path.glob` does not accept absolute patterns.
        if names := glob.glob(argument, recursive=True):  # noqa: PTH207
            return sorted(map(_absolute, names), key=natural)
        raise VideoError(f"{argument}: no file matches; expected videos or pictures")
    raise VideoError(f"{argument}: no such file or folder; check the path")


def _in_folder(folder: Path) -> list[SourceEntry]:
    images, videos, num_others = _media_in(folder)
    if videos:
        first, *others = [SourceEntry(p.stem, (p,)) for p in videos]
        return [replace(first, ignored=len(images)), *others]
    if not images:
        raise VideoError(_nothing_in(folder, num_others))
    return [SourceEntry(folder.name, tuple(images), True, ignored=num_others, is_whole=True)]


def _nothing_in(folder: Path, num_others: int) -> str:
    held = f"{folder}: holds neither videos nor pictures"
    num_folders = sum(p.is_dir() and not p.name.startswith(".") for p in folder.iterdir())
    if not num_folders:
        return f"{held} (found: {num_others} other files); give a folder that holds them itself"
    below = glob.escape(str(folder))
    each, every = (pasted(f"{below}/{pattern}") for pattern in ("*/", "**/*.mp4"))
    return (
        f"{held} itself (found: {num_folders} folders, which are not searched); give them, as in "
        f"{each}, or {every} for all below"
    )


def _media_in(folder: Path) -> tuple[list[Path], list[Path], int]:
    """The pictures and the videos of a folder, and how many other files there are. Raises: OSError."""
    files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    files.sort(key=natural)
    images, videos = [], []
    for path in files:
        if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
            (images if is_picture(path) else videos).append(path)
    if images and all(map(may_be_still_gif, videos)):
        images, videos = [path for path in files if path in {*images, *videos}], []
    return images, videos, len(files) - len(images) - len(videos)


def _each_named(
    arguments: Iterable[str | Path | Source | list[str | Path]],
) -> Iterator[tuple[str | Path | Source, int]]:
    """Each argument, those in lists one by one, and how often its list has named it before."""
    for argument in arguments:
        if not isinstance(argument, list):
            yield argument, 0
            continue
        named: Counter[Path] = Counter()
        for path in argument:
            yield path, named[_absolute(path)]
            named[_absolute(path)] += 1


def _filled(entry: SourceEntry, loose: dict[Path, list[tuple[Path, int]]]) -> SourceEntry:
    if entry.name or not entry.is_images:
        return entry
    (folder,) = entry.paths
    paths = tuple(path for path, _ in dict.fromkeys(loose[folder]))
    if len(paths) == 1:
        return SourceEntry(paths[0].stem, paths, True)
    is_whole = False
    with suppress(OSError):
        is_whole = sorted(paths) == sorted(_media_in(folder)[0])
    return SourceEntry(folder.name, paths, True, is_whole=is_whole)


def _named_apart(entries: Iterable[SourceEntry]) -> list[SourceEntry]:
    kept: dict[str, SourceEntry] = {}
    seen: set[tuple[Path, ...]] = set()
    for entry in entries:
        if entry.paths and entry.paths in seen:
            continue
        seen.add(entry.paths)
        names = (numbered(entry.name, number) for number in count(1))
        name = next(name for name in names if name.casefold() not in kept)  # as file systems do
        kept[name.casefold()] = replace(entry, name=name, plain=numbered(entry.name))
    return list(kept.values())


def numbered(name: str, number: int = 1) -> str:
    """The name of a folder for the results of the first, second, ... source of a name."""
    return _as_component(name, f"-{number}" if number > 1 else "")


def _given_name(name: str) -> str:
    """The name of a source that is open; only the suffix of a video or picture file is cut."""
    path = Path(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES else path.name


_MOST_BYTES = 255  # of a name, on usual file systems


def _as_component(name: str, suffix: str = "") -> str:
    """The name as one component of a path, so that results cannot leave their folder.

    Cut where no file system could take it with its suffix.
    """
    safe = "".join(char if can_name(char) else "_" for char in Path(name).name)
    safe = "source" if safe in ("", "..") else safe[:_MOST_BYTES]
    while len(os.fsencode(safe + suffix)) > _MOST_BYTES:
        safe = safe[:-1]
    return safe + suffix


def _absolute(path: Path | str) -> Path:
    # Not `Path.resolve`: a symbolic link keeps its own name.
    return Path(os.path.abspath(path))  # noqa: PTH100


def natural(path: str | Path) -> list[tuple[int, int | str]]:
    """Natural sort key: frame-2 comes before frame-10."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts]
