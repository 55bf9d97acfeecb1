"""Training pictures by number, with label rows of the people in them.

`PictureStore` keeps decoded pictures in one flat file, so that training never decodes. Its folder
holds `pixels.bin` (all pictures, one after the other) and `index.npz`; it is made under another name
and gets its own when it is complete, so that several runs can share a cache. `PictureFiles` reads
larger sets from their own files and may keep some decoded in a `PictureCache`. All of them can be
pickled to other processes, which reopen the pictures by path.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, UInt8

from glpose.errors import BadInput, reason
from glpose.files import resolved, text_bytes, whole_folder
from glpose.formats.dataset import of_labelled_size
from glpose.imaging import read_image


@runtime_checkable
class Pictures(Protocol):
    """Pictures by number, and the people in them.

    `labels` are arrays with one row per person; "picture", "clip", "frame" and "track" say where
    and who the person is.
    """

    labels: dict[str, np.ndarray]

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> UInt8[np.ndarray, "height width 3"]: ...

    def places(self) -> dict[tuple[int, int], int]:
        """Picture numbers by (clip, frame), including pictures without labels."""
        ...

    def clip_name(self, clip: int) -> str:
        """The name of a clip in messages."""
        ...

    def identity(self) -> str:
        """A text that is another for other pictures, by the paths, sizes and times of files."""
        ...


class PictureCache:
    """An LRU cache of at most `max_bytes` of decoded pictures by path; thread-safe.

    A picture larger than the whole cache is read each time. Pickled to another process, the cache
    starts empty. Pictures are shared and therefore read-only.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self.num_bytes = max_bytes, 0
        self._kept: OrderedDict[Path, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["PictureCache"], tuple[int]]:
        return PictureCache, (self._max_bytes,)

    def read(self, path: Path) -> UInt8[np.ndarray, "height width 3"]:
        """The picture of a file. Raises: VideoError."""
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
        # Without the lock: two threads may decode the same picture, but none waits.
        rgb = read_image(path)
        rgb.flags.writeable = False
        with self._lock:
            if path not in self._kept and rgb.nbytes <= self._max_bytes:
                while self.num_bytes + rgb.nbytes > self._max_bytes:
                    self.num_bytes -= self._kept.popitem(last=False)[1].nbytes
                self._kept[path] = rgb
                self.num_bytes += rgb.nbytes
        return rgb


class PictureFiles:
    """Pictures in separate files, each read on access; thread-safe."""

    def __init__(
        self,
        paths: Sequence[Path],
        clip: Int64[np.ndarray, " pictures"],
        frame: Int64[np.ndarray, " pictures"],
        labels: dict[str, np.ndarray],
        names: tuple[str, ...],
        sizes: Sequence[tuple[int, int] | None] = (),
    ) -> None:
        self._paths, self._clip, self._frame, self._names = paths, clip, frame, names
        self._sizes = sizes
        self.labels = labels
        self._cache = PictureCache(0)

    def with_cache(self, cache: PictureCache) -> "PictureFiles":
        """The same pictures, read through a cache."""
        other = copy(self)
        other._cache = cache  # noqa: SLF001 - a copy of this class
        return other

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> UInt8[np.ndarray, "height width 3"]:
        rgb = self._cache.read(self._paths[number])
        return of_labelled_size(
            rgb, self._paths[number], self._sizes[number] if self._sizes else None
        )

    def places(self) -> dict[tuple[int, int], int]:
        """As in `Pictures`, for all frames of the videos."""
        places = zip(self._clip.tolist(), self._frame.tolist(), strict=True)
        return {place: number for number, place in enumerate(places)}

    def clip_name(self, clip: int) -> str:
        """The name of the video, or of the picture file."""
        return self._names[clip]

    def identity(self) -> str:
        """As in `Pictures`."""
        return _identity(self._paths)


class PictureStore:
    """Read access by number to the pictures in a folder made by `write_store`; thread-safe.

    Raises: BadInput if pixels are missing from the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = np.load(folder / _INDEX)
        self.offset, self.shape_hw = index["offset"], index["shape_hw"]
        self.labels = {name: index[name] for name in index.files if name not in _OWN}
        # `pread`, not a memory map: page faults of a large map can cost more than reading.
        pixels = folder / "pixels.bin"
        found = pixels.stat().st_size if pixels.exists() else 0
        expected = 3 * int(self.shape_hw.prod(1).sum())
        if found != expected:
            raise BadInput(
                f"{pixels}: {found} bytes, expected {expected}; delete the folder, "
                "it is made again when needed"
            )
        self._file = os.open(pixels, os.O_RDONLY)

    def __reduce__(self) -> tuple[type["PictureStore"], tuple[Path]]:
        """Another process reopens the folder."""
        return PictureStore, (self._folder,)

    def places(self) -> dict[tuple[int, int], int]:
        """As in `Pictures`, for frames with people."""
        columns = (self.labels[name].tolist() for name in ("clip", "frame", "picture"))
        return {(clip, frame): number for clip, frame, number in zip(*columns, strict=True)}

    def clip_name(self, clip: int) -> str:
        """The clip's number: a store has no names."""
        return f"clip {clip}"

    def identity(self) -> str:
        """As in `Pictures`."""
        return _identity([self._folder / "pixels.bin"])

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, number: int) -> UInt8[np.ndarray, "height width 3"]:
        height, width = (int(v) for v in self.shape_hw[number])
        data = os.pread(self._file, height * width * 3, int(self.offset[number]))
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _identity(paths: Iterable[Path]) -> str:
    whole, where = hashlib.sha256(), lru_cache(None)(resolved)
    for path in paths:
        try:
            found = path.stat()
            what = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            what = "missing"
        whole.update(text_bytes(f"{where(path.parent)}/{path.name} {what}\n"))
    return whole.hexdigest()


def with_cache(sets: Sequence[Pictures], megabytes: int) -> list[Pictures]:
    """The same sets; those of type `PictureFiles` share one cache of `megabytes` MiB."""
    cache = PictureCache(megabytes * 2**20)
    return [s.with_cache(cache) if isinstance(s, PictureFiles) else s for s in sets]


_INDEX, _OWN = "index.npz", ("offset", "shape_hw")

STORE_VERSION = 4
"""To be raised if the code that fills stores makes something else of the same files."""


def content_digest(
    *settings: object, labels: Iterable[np.ndarray] = (), files: Iterable[Path] = ()
) -> str:
    """Eight hexadecimal digits for the name of a store: others if its content may be another.

    They stand for `settings`, the labels as they were read, the paths, sizes and times of the
    pictures' or videos' `files`, and `STORE_VERSION`.
    """
    whole = hashlib.sha256(repr((STORE_VERSION, settings)).encode())
    for array in labels:
        whole.update(f"{array.shape}".encode())
        whole.update(array.tobytes())
    whole.update(_identity(files).encode())
    return whole.hexdigest()[:8]


@contextmanager
def cached_folder(folder: Path, last: str) -> Iterator[Path]:
    """Yield a new folder of the cache, which is made by `files.whole_folder`.

    Raises: BadInput if it cannot be written, or what is put there cannot be read.
    """
    try:
        with whole_folder(folder, last) as part:
            yield part
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        raise BadInput(
            f"{folder}: cannot be filled ({where}{reason(problem)}); make room or mend access"
        ) from problem


def has_store(folder: Path) -> bool:
    """Whether the folder holds a complete store."""
    return (folder / _INDEX).is_file()


def write_store(
    folder: Path,
    pictures: Iterable[tuple[UInt8[np.ndarray, "_ _ 3"], dict[str, np.ndarray]]],
    of: str = "the data",
) -> PictureStore:
    """Write pictures with their labels (arrays with one row per person, stacked over all).

    Each label dictionary describes the people in its picture; an array `picture` with their
    picture's number is added. If another run has written the same store meanwhile, that one counts.

    Raises: BadInput, saying `of` which data, if there are no pictures, and if it cannot be written.
    """
    offsets, shapes, rows, owner = [], [], [], []
    position = 0
    with cached_folder(folder, _INDEX) as part:
        with (part / "pixels.bin").open("wb") as file:
            for number, (rgb, labels) in enumerate(pictures):
                offsets.append(position)
                shapes.append(rgb.shape[:2])
                file.write(np.ascontiguousarray(rgb).tobytes())
                position += rgb.size
                count = len(next(iter(labels.values())))
                rows.append(labels)
                owner.append(np.full(count, number, np.int64))
        if not rows:
            raise BadInput(
                f"{of}: no picture with a labelled person; check the folder and the labels in it"
            )
        np.savez(
            part / _INDEX,
            offset=np.array(offsets, np.int64),
            shape_hw=np.array(shapes, np.int64),
            picture=np.concatenate(owner),
            **{key: np.concatenate([r[key] for r in rows]) for key in rows[0]},  # type: ignore[arg-type]  # no label is called `allow_pickle`
        )
    return PictureStore(folder)
