"""Pictures to train on, by number, with label rows of the people in them.

`PictureStore` keeps decoded pictures in one flat file, so that training never decodes. Its folder
holds `pixels.bin` (all pictures, one after the other) and `index.npz`; it is complete or absent:
the index is written last. `PictureFiles` leaves them where they are, for sets too large for that.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
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

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> UInt8[np.ndarray, "height width 3"]:
        return read_image(self._paths[number])

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
