"""The store of decoded pictures: what is written comes back, whole or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.train.data.store import PictureStore, has_store, write_store

RNG = np.random.default_rng(0)
SIZES = [(4, 6), (5, 3), (1, 1)]
PICTURES = [RNG.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in SIZES]
COUNTS = [2, 0, 1]


def labelled() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    for number, (rgb, count) in enumerate(zip(PICTURES, COUNTS, strict=True)):
        yield rgb, {"xy": np.full((count, 3, 2), number, np.float32), "id": np.arange(count)}


def test_pictures_and_labels_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "store"
    assert not has_store(folder)
    write_store(folder, labelled())
    assert has_store(folder)
    store = PictureStore(folder)
    assert len(store) == 3
    for number, rgb in enumerate(PICTURES):
        assert (store[number] == rgb).all()
    assert store.labels["picture"].tolist() == [0, 0, 2]
    assert store.labels["id"].tolist() == [0, 1, 0]
    assert store.labels["xy"][:, 0, 0].tolist() == [0, 0, 2]


def test_pictures_that_are_not_contiguous(tmp_path: Path) -> None:
    rgb = PICTURES[0][:, ::-1]
    assert (write_store(tmp_path, [(rgb, {"id": np.zeros(1)})])[0] == rgb).all()


def test_several_threads_read_at_once(tmp_path: Path) -> None:
    store = write_store(tmp_path, labelled())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(store.__getitem__, [0, 1, 2] * 20))
    assert all((a == b).all() for a, b in zip(found, PICTURES * 20, strict=True))


def test_an_interrupted_store_is_absent(tmp_path: Path) -> None:
    def breaks() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        yield from labelled()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_store(tmp_path, breaks())
    assert not has_store(tmp_path)
    write_store(tmp_path, labelled())
    assert len(PictureStore(tmp_path)) == 3


def test_no_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no pictures with people"):
        write_store(tmp_path, [])
    assert not has_store(tmp_path)


def test_missing_pixels_are_noticed(tmp_path: Path) -> None:
    write_store(tmp_path, labelled())
    pixels = tmp_path / "pixels.bin"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"pixels.bin: 119 bytes, expected 120"):
        PictureStore(tmp_path)
    pixels.unlink()
    with pytest.raises(BadInput, match=r"pixels.bin: 0 bytes"):
        PictureStore(tmp_path)
