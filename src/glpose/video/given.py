"""What callers give in place of a source: arrays, iterators, bytes, open files, lists of paths.

Start at `find_given`, which is `find_sources` for all of it.
"""

import math
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from glpose.config import checked_truth, real_number
from glpose.errors import BadInput, VideoError, one_line, reason
from glpose.imaging import picture_suffix
from glpose.types import Frame, VideoInfo
from glpose.video.arrays import LATEST_S, RATES_HZ, ArraySource, checked_picture
from glpose.video.camera import CameraSource
from glpose.video.network import NetworkSource
from glpose.video.pages import Pages
from glpose.video.reader import Audio, VideoSource
from glpose.video.source import (
    ImageSequence,
    Source,
    SourceEntry,
    find_recordings,
    find_sources,
    natural,
)

Given = (
    str
    | int
    | Path
    | Source
    | np.ndarray
    | bytes
    | bytearray
    | BinaryIO
    | Collection[str | Path]
    | Iterable[np.ndarray | None]
)
"""A file, folder or glob; the number of a camera; a picture or pictures as arrays of RGB; the content of a file; a source.

An array is one picture (height x width x 3) or a video (frames x height x width x 3). An iterator of
pictures is read lazily and once. Several paths are what `glpose run` does with them, but that
a picture named twice is there twice. They keep their order; those of a set, which has none, are
sorted as the pictures of a folder are.
"""


def find_given(
    given: Iterable[Given], fps: float | None = None, *, allow_network: bool = False
) -> list[SourceEntry]:
    """The entries of everything given, in order; `fps` is the rate of arrays.

    Raises: BadInput for what is no source.
    """
    parts = (part for one in given for part in _parts(one, fps))
    return find_sources(parts, allow_network=allow_network)


def find_given_recordings(given: Iterable[Given]) -> list[SourceEntry]:
    """As `find_given`, where a camera or an address is an entry whose `open` says what it is."""
    return find_recordings(part for one in given for part in _parts(one, None))


def let_go(source: Source) -> None:
    """End the connection of a camera or a stream, also of one that was not read, and remove a copy.

    A source that a user has opened stays as it is, as it may be given again.
    """
    if isinstance(source, CameraSource | NetworkSource | _Held):
        source.close()


def _parts(given: object, fps: float | None) -> Iterator[str | Path | Source | list[str | Path]]:
    match given:
        case str():
            yield given
        case Source():
            yield given if isinstance(given, _OURS) else _Theirs(given)
        case int() if given >= 0 and not isinstance(given, bool):
            yield f"camera:{given}"
        case os.PathLike():
            yield Path(given)
        case bytes() | bytearray():
            yield _held(bytes(given), "bytes", fps)
        case np.ndarray() if given.ndim < 4:
            yield ArraySource([given], rate_hz=fps, name="picture", is_still=True)
        case _ if hasattr(given, "read"):
            yield _held(*_content(given), fps)
        case Iterable() if not isinstance(given, Mapping):
            yield _several(given, fps)
        case _:
            raise BadInput(
                f"found a {type(given).__name__} as source; expected a path, an array, a list or an "
                "iterator of pictures, the bytes of a file, the number of a camera from 0, or a "
                "glpose.ArraySource"
            )


def _several(given: Iterable[Any], fps: float | None) -> ArraySource | list[str | Path]:
    """Paths as a list, all else as pictures, of which no more is read here than the first."""
    rest = iter(given)
    first = list(islice(rest, 1))
    if not first or not isinstance(first[0], str | os.PathLike):
        has_length = isinstance(given, Sequence | np.ndarray)
        return ArraySource(given if has_length else chain(first, rest), rate_hz=fps)
    if isinstance(given, Iterator):  # of some, as of Path.glob, the order means nothing
        raise BadInput("found an iterator of paths; expected a list: give list(...) or sorted(...)")
    paths: list[str | Path] = []
    for number, path in enumerate((*first, *rest)):
        if not isinstance(path, str | os.PathLike):
            raise BadInput(
                f"found a {type(path).__name__} among paths, in place {number}; expected paths alone"
            )
        paths.append(path if isinstance(path, str) else Path(path))
    return sorted(paths, key=natural) if isinstance(given, set | frozenset) else paths


def _content(file: Any) -> tuple[bytes, str]:
    """What is in an open file from where it stands, and its name."""
    name = getattr(file, "name", None)
    name = (Path(name).name if isinstance(name, str) else "") or "file"
    try:
        data = file.read()
    except (OSError, ValueError) as problem:  # closed, or not for reading
        raise BadInput(f"{name}: the open file cannot be read ({problem})") from problem
    if not isinstance(data, bytes):
        found = type(data).__name__
        raise BadInput(f"{name}: the open file gives {found}; open it for bytes, with mode 'rb'")
    return data, name


def _held(data: bytes, name: str, fps: float | None) -> Source:
    """A source of the content of a file, kept in a temporary one as long as the source lives."""
    suffix = picture_suffix(data)  # all others are opened as videos
    # Only the suffix is the caller's, by which raw streams are known: names may be anything.
    named = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
    folder = Path(tempfile.mkdtemp(prefix="glpose-"))
    path = folder / f"content{suffix or (named[0] if named else '')}"
    try:
        path.write_bytes(data)
        (entry,) = find_sources([path])
        held = _Held(entry.open(fps), path, name)
    except BaseException as problem:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(problem, OSError):
            raise BadInput(
                f"{name}: no room for a temporary file in {tempfile.gettempdir()} "
                f"({reason(problem)})"
            ) from problem
        if isinstance(problem, VideoError):
            raise VideoError(str(problem).replace(one_line(str(path)), name)) from problem
        raise
    return held


class _Around:
    """A `Source` made of another one."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def time_base(self) -> Fraction:
        return self._source.time_base

    @property
    def audio(self) -> Audio | None:
        return self._source.audio

    @property
    def warnings(self) -> list[str]:
        return self._source.warnings

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        yield from self._source.frames(start_s, end_s)  # not returned: `self` may keep a file


class _Held(_Around):
    """A source that reads a file of its own; messages call it by the name that was given."""

    def __init__(self, source: Source, path: Path, name: str) -> None:
        super().__init__(source)
        self._path, self._name, folder = path, name, path.parent
        self._removal = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def info(self) -> VideoInfo:
        is_video = isinstance(self._source, VideoSource)
        return replace(self._source.info, name=self._name if is_video else Path(self._name).stem)

    def close(self) -> None:
        """Remove the file, now if nobody reads it, or with this object; what is known stays."""
        shutil.rmtree(self._path.parent, ignore_errors=True)
        if not self._path.parent.exists():
            self._removal.detach()

    @property
    def warnings(self) -> list[str]:
        return [text.replace(str(self._path), self._name) for text in self._source.warnings]


class _Theirs(_Around):
    """A source of a user: what it says is checked at once, what it gives as it comes."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._info = _checked_info(source.info)

    @property
    def info(self) -> VideoInfo:
        return self._info

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        name, last_index, last_s = self.info.name, -1, -float("inf")
        for frame in super().frames(start_s, end_s):
            if not isinstance(frame, Frame):
                raise BadInput(
                    f"{name}: gave a {type(frame).__name__}; expected glpose.types.Frame"
                )
            label = f"{name}: picture {frame.index!r:.40}"
            if frame.rgb is not None:
                size_hw = checked_picture(frame.rgb, label).shape[:2]
                if frame.index == 0 and size_hw != self.info.size_hw:  # later ones may differ
                    raise BadInput(
                        f"{label} has the size_hw {size_hw}; expected {self.info.size_hw}, as the "
                        "info of the source says"
                    )
            index, time_s = real_number(frame.index), real_number(frame.time_s)
            if not isinstance(index, int) or not index > last_index:
                raise BadInput(
                    f"{label} came after {last_index}; expected whole numbers from 0 that increase"
                )
            is_time = time_s is not None and abs(time_s) <= LATEST_S
            # As floats, of which two of other numbers may be one.
            time_s = float(time_s) if time_s is not None and is_time else -math.inf
            if not last_s < time_s:
                raise BadInput(
                    f"{label} is at {frame.time_s!r:.40} s, after one at {last_s} s; expected times "
                    f"in seconds that increase, up to {LATEST_S:g}"
                )
            last_index, last_s = index, time_s
            yield Frame(index, time_s, frame.rgb)


def _checked_info(info: object) -> VideoInfo:
    """What a source of a user says about itself, in numbers of Python. Raises: BadInput."""
    if not isinstance(info, VideoInfo):
        raise BadInput(f"a source has the info {info!r:.40}; expected a glpose.VideoInfo")
    if not isinstance(info.name, str):
        raise BadInput(f"a source has the name {info.name!r:.40}; expected text")

    def wrong(what: str, expected: str) -> BadInput:
        found = getattr(info, what)
        return BadInput(f"{info.name}: the info has the {what} {found!r:.40}; expected {expected}")

    def whole(what: str, value: object, least: int, expected: str) -> int:
        number = real_number(value)
        if not isinstance(number, int) or not least <= number < 2**63:
            raise wrong(what, expected)
        return number

    def size_hw(what: str, value: object) -> tuple[int, int]:
        expected = "(height, width) in pixels"
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise wrong(what, expected)
        height, width = (whole(what, side, 1, expected) for side in value)
        return height, width

    rate_hz, duration_s = real_number(info.rate_hz), real_number(info.duration_s)
    least, most = RATES_HZ
    if rate_hz is None or not (math.isnan(rate_hz) or least <= rate_hz <= most):
        expected = f"frames a second, from {least:g} to {most:g}, or math.nan if nobody knows"
        raise wrong("rate_hz", expected)
    if info.duration_s is not None and (duration_s is None or duration_s < 0):
        raise wrong("duration_s", "seconds, or None if nobody knows")
    frames, counted = info.num_frames, "a whole number from 0, or None if nobody knows"
    return VideoInfo(
        name=info.name,
        size_hw=size_hw("size_hw", info.size_hw),
        rate_hz=float(rate_hz),
        num_frames=None if frames is None else whole("num_frames", frames, 0, counted),
        duration_s=duration_s if duration_s is not None and math.isfinite(duration_s) else None,
        rotation_deg=whole("rotation_deg", info.rotation_deg, -360, "whole degrees"),
        note=str(info.note or ""),
        is_still=checked_truth(info.is_still, f"{info.name}: is_still of the info"),
        largest_hw=None if info.largest_hw is None else size_hw("largest_hw", info.largest_hw),
    )


_OURS = ArraySource | CameraSource | ImageSequence | NetworkSource | Pages | VideoSource
"""Sources that give what they should; the times of a damaged file need not increase."""
