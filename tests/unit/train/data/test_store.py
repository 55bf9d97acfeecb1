"""The store of decoded pictures: what is written comes back, whole or not at all."""

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from full_disk import files_of_at_most
from glpose.errors import BadInput
from glpose.imaging import read_image, write_image
from glpose.train.data import store as module
from glpose.train.data.store import (
    PictureCache,
    PictureFiles,
    PictureStore,
    content_digest,
    has_store,
    with_cache,
    write_store,
)

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


def test_a_digest_is_of_the_settings_the_labels_and_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").mkdir()
    picture, labels = tmp_path / "1.png", [np.zeros((2, 3)), np.ones(1)]
    picture.write_bytes(b"one")

    def found() -> str:
        return content_digest(0.15, labels=labels, files=[picture])

    first = found()
    assert len(first) == 8
    assert content_digest(0.15, labels=labels, files=[tmp_path / "x" / ".." / "1.png"]) == first
    digests = {first, content_digest(0.2, labels=labels, files=[picture])}
    digests |= {content_digest(0.15, files=[picture]), content_digest(0.15, labels=labels)}
    labels[0] = np.zeros((3, 2))
    digests.add(found())
    labels[0][0] = 1
    digests.add(found())
    os.utime(picture, ns=(1, 1))
    digests.add(found())
    picture.write_bytes(b"other")
    digests.add(found())
    picture.unlink()
    digests.add(found())
    monkeypatch.setattr(module, "STORE_VERSION", 0)
    digests.add(found())
    assert len(digests) == 10


def test_several_threads_read_at_once(tmp_path: Path) -> None:
    store = write_store(tmp_path, labelled())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(store.__getitem__, [0, 1, 2] * 20))
    assert all((a == b).all() for a, b in zip(found, PICTURES * 20, strict=True))


def test_a_store_that_cannot_be_written_is_one_line_and_absent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"/file/made: cannot be filled \(\S*/file: File exists\)"):
        write_store(tmp_path / "file" / "made", labelled())
    full = pytest.raises(BadInput, match=r"^\S*/made: cannot be filled \(File too large\); make")
    for limit in (10, 3 * sum(rgb.shape[0] * rgb.shape[1] for rgb in PICTURES)):
        with full, files_of_at_most(limit):
            write_store(tmp_path / "made", labelled())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_store_is_absent(tmp_path: Path) -> None:
    def breaks() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        yield from labelled()
        raise OSError("disk full")

    with pytest.raises(BadInput, match="disk full"):
        write_store(tmp_path / "store", breaks())
    assert not list(tmp_path.iterdir())
    write_store(tmp_path / "store", labelled())
    assert len(PictureStore(tmp_path / "store")) == 3


def test_a_second_writer_leaves_the_store_of_the_first_as_it_is(tmp_path: Path) -> None:
    """Two runs that are started at once and share a cache."""
    folder = tmp_path / "store"

    def overtaken() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        for number, item in enumerate(labelled()):
            yield item
            if number == 0:
                first.append(write_store(folder, labelled()))
                inodes.extend(path.stat().st_ino for path in sorted(folder.iterdir()))

    first: list[PictureStore] = []
    inodes: list[int] = []
    second = write_store(folder, overtaken())
    for store in (first[0], second, PictureStore(folder)):
        assert all((store[n] == rgb).all() for n, rgb in enumerate(PICTURES))
    assert [path.stat().st_ino for path in sorted(folder.iterdir())] == inodes
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_no_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the set x in /y: no picture with a labelled person"):
        write_store(tmp_path / "store", [], "the set x in /y")
    assert not list(tmp_path.iterdir())


def test_missing_pixels_are_noticed(tmp_path: Path) -> None:
    write_store(tmp_path, labelled())
    pixels = tmp_path / "pixels.bin"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"pixels.bin: 119 bytes, expected 120"):
        PictureStore(tmp_path)
    pixels.unlink()
    with pytest.raises(BadInput, match=r"pixels.bin: 0 bytes"):
        PictureStore(tmp_path)


# --- handed to another process, and kept decoded ---

SIDE_PX = 20
BYTES = 3 * SIDE_PX**2


@pytest.fixture
def files(tmp_path: Path) -> PictureFiles:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        write_image(paths[-1], np.full((SIDE_PX, SIDE_PX, 3), 50 * number, np.uint8))
    numbers = np.arange(4)
    return PictureFiles(paths, np.zeros(4, int), numbers, {"picture": numbers}, ("clip",))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were decoded, in order."""
    names: list[str] = []

    def read(path: Path) -> np.ndarray:
        names.append(path.stem)
        return read_image(path)

    monkeypatch.setattr(module, "read_image", read)
    return names


def test_pictures_that_are_kept_are_decoded_once(files: PictureFiles, decoded: list[str]) -> None:
    (cached,) = with_cache([files], 1)
    for number in [0, 1, 0, 2, 1, 0]:
        assert (cached[number] == 50 * number).all()
    assert decoded == ["0", "1", "2"]
    with pytest.raises(ValueError, match="read-only"):
        cached[0][:] = 0
    assert (files[0] == 0).all()
    assert (with_cache([files], 0)[0][0] == 0).all()
    assert decoded == ["0", "1", "2", "0", "0"]


def test_the_cache_keeps_its_bound_and_what_was_asked_for_last(
    files: PictureFiles, decoded: list[str]
) -> None:
    cache = PictureCache(2 * BYTES + 1)
    kept = files.with_cache(cache)
    for number, num_bytes in zip([0, 1, 0, 2, 0, 1], [1, 2, 2, 2, 2, 2], strict=True):
        assert (kept[number] == 50 * number).all()
        assert cache.num_bytes == num_bytes * BYTES
    assert decoded == ["0", "1", "2", "1"]
    small = PictureCache(BYTES - 1)
    assert (files.with_cache(small)[3] == 150).all()
    assert small.num_bytes == 0


def test_sets_share_one_cache_also_in_another_process(
    files: PictureFiles, decoded: list[str]
) -> None:
    first, second = with_cache([files, files], 1)
    assert (first[1] == second[1]).all()
    assert decoded == ["1"]
    first, second = pickle.loads(pickle.dumps((first, second)))
    assert (first[1] == second[1]).all()
    assert decoded == ["1", "1"]


def test_many_threads_do_not_break_the_bound(files: PictureFiles) -> None:
    cache = PictureCache(2 * BYTES)
    kept = files.with_cache(cache)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: int(kept[n][0, 0, 0]), [0, 1, 2, 3] * 50))
    assert found == [0, 50, 100, 150] * 50
    assert cache.num_bytes == 2 * BYTES


def test_a_store_is_sent_by_its_path(tmp_path: Path) -> None:
    large = np.zeros((300, 300, 3), np.uint8)
    store = write_store(tmp_path, [(large, {"id": np.arange(1)})] * 3)
    sent = pickle.dumps(store)
    assert len(sent) < 500
    assert (pickle.loads(sent)[2] == large).all()
    assert with_cache([store], 5) == [store]


def test_files_of_any_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    files = [tmp_path / os.fsdecode(name) for name in (b"\xfc.png", b"\xf6.png", b"loop/1.png")]
    assert len({content_digest(files=[file]) for file in files}) == 3


def test_other_pictures_have_another_identity(tmp_path: Path) -> None:
    label = {name: np.zeros(1, np.int64) for name in ("clip", "frame", "track")}
    stores = [
        write_store(tmp_path / str(level), [(np.full((4, 4, 3), level, np.uint8), label)])
        for level in (1, 2)
    ]
    assert stores[0].identity() == PictureStore(tmp_path / "1").identity()
    assert stores[0].identity() != stores[1].identity()
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    files = PictureFiles([path], np.zeros(1, np.int64), np.zeros(1, np.int64), label, ("a",))
    before = files.identity()
    assert files.with_cache(PictureCache(10)).identity() == before
    path.write_bytes(b"another")
    assert files.identity() != before
