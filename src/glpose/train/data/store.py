"""Pictures to train on, by number, with label rows of the people in them.

`PictureStore` keeps decoded pictures in one flat file, so that training never decodes. Its folder
holds `pixels.bin` (all pictures, one after the other) and `index.npz`; it is complete or absent:
the index is written last. `PictureFiles` leaves them where they are, for sets too large for that,
and may keep some of them decoded in a `PictureCache`. All of them can be handed to other processes,
which open the pictures by their paths again.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64, UInt8

from glpose.errors import BadInput
from glpose.files import whole_file
from glpose.imaging import read_image


@runtime_checkable
class Pictures(Protocol):
    """Pictures by number, and the people in them.

    `labels` are arrays with a row for each person; "picture", "clip", "frame" and "track" tell
    where it is and who.
    """

    labels: dict[str, np.ndarray]

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> UInt8[np.ndarray, "height width 3"]: ...

    def places(self) -> dict[tuple[int, int], int]:
        """The numbers of the pictures by (clip, frame), of those without labels too."""
        ...

    def clip_name(self, clip: int) -> str:
        """What to call a clip in messages."""
        ...


class PictureCache:
    """Decoded pictures by path, at most `max_bytes` of them; thread-safe.

    The picture that nobody has asked for the longest goes first; one that is too large by itself is
    read each time. In another process it starts empty. Pictures are read-only, as they are shared.
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
        # Not under the lock: two threads may decode the same picture, but none waits.
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
    """Pictures in files of their own, each read when it is asked for; thread-safe."""

    def __init__(
        self,
        paths: Sequence[Path],
        clip: Int64[np.ndarray, " pictures"],
        frame: Int64[np.ndarray, " pictures"],
        labels: dict[str, np.ndarray],
        names: tuple[str, ...],
    ) -> None:
        self._paths, self._clip, self._frame, self._names = paths, clip, frame, names
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
        return self._cache.read(self._paths[number])

    def places(self) -> dict[tuple[int, int], int]:
        """As in `Pictures`: all frames of the videos."""
        places = zip(self._clip.tolist(), self._frame.tolist(), strict=True)
        return {place: number for number, place in enumerate(places)}

    def clip_name(self, clip: int) -> str:
        """The name of the video, or of the picture file."""
        return self._names[clip]


class PictureStore:
    """Read access to the pictures of a folder made by `write_store`, by number; thread-safe.

    Raises: BadInput if pixels are missing from the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = np.load(folder / "index.npz")
        self.offset, self.shape_hw = index["offset"], index["shape_hw"]
        self.labels = {name: index[name] for name in index.files if name not in _OWN}
        # Read by position, not mapped: page faults of a large mapping can cost more than reading.
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
        """Another process opens the folder itself."""
        return PictureStore, (self._folder,)

    def places(self) -> dict[tuple[int, int], int]:
        """As in `Pictures`: the frames that have people."""
        columns = (self.labels[name].tolist() for name in ("clip", "frame", "picture"))
        return {(clip, frame): number for clip, frame, number in zip(*columns, strict=True)}

    def clip_name(self, clip: int) -> str:
        """A store knows numbers only."""
        return f"clip {clip}"

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, number: int) -> UInt8[np.ndarray, "height width 3"]:
        height, width = (int(v) for v in self.shape_hw[number])
        data = os.pread(self._file, height * width * 3, int(self.offset[number]))
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def with_cache(sets: Sequence[Pictures], megabytes: int) -> list[Pictures]:
    """The sets, of which those in files of their own share a cache of so many MiB."""
    cache = PictureCache(megabytes * 2**20)
    return [s.with_cache(cache) if isinstance(s, PictureFiles) else s for s in sets]


_OWN = ("offset", "shape_hw")


def has_store(folder: Path) -> bool:
    """Whether a complete store lies in the folder."""
    return (folder / "index.npz").is_file()


def write_store(
    folder: Path,
    pictures: Iterable[tuple[UInt8[np.ndarray, "height width 3"], dict[str, np.ndarray]]],
) -> PictureStore:
    """Write pictures with their labels (arrays with one row per person, stacked over all).

    Each label dictionary describes the people of its picture; a row `picture` with the picture's
    number is added for each of them.

    Raises: BadInput if there are no pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    offsets, shapes, rows, owner = [], [], [], []
    position = 0
    with (folder / "pixels.bin").open("wb") as file:
        for number, (rgb, labels) in enumerate(pictures):
            offsets.append(position)
            shapes.append(rgb.shape[:2])
            file.write(np.ascontiguousarray(rgb).tobytes())
            position += rgb.size
            count = len(next(iter(labels.values())))
            rows.append(labels)
            owner.append(np.full(count, number, np.int64))
    if not rows:
        raise BadInput(f"{folder}: no pictures with people to write; check the data set's folder")
    stacked = {key: np.concatenate([r[key] for r in rows]) for key in rows[0]}
    with whole_file(folder / "index.npz") as part, part.open("wb") as file:
        np.savez(
            file,
            offset=np.array(offsets, np.int64),
            shape_hw=np.array(shapes, np.int64),
            picture=np.concatenate(owner),
            **stacked,  # type: ignore[arg-type]  # no label is called `allow_pickle`
        )
    return PictureStore(folder)
