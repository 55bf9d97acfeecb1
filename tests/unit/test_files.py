"""Files that are written whole, digests, and hints for wrong names."""

import errno
import hashlib
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from glpose import files
from glpose.files import (
    did_you_mean,
    file_digest,
    read_regular,
    resolved,
    text_bytes,
    whole_file,
    whole_folder,
    write_whole,
)


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "ä\r\n")
    write_whole(tmp_path / "a.bin", b"\x00\xff")
    write_whole(tmp_path / "b.txt", "ä\udcff")
    assert (tmp_path / "b.txt").read_text("utf-8") == "ä\\udcff"
    assert (tmp_path / "a.txt").read_bytes() == "ä\r\n".encode()
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize("problem", [OSError("full"), KeyboardInterrupt(), ValueError("ours")])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, problem: BaseException
) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(type(problem)), whole_file(path) as part:
        part.write_text("half")
        raise problem
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_content_and_name_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "a.txt", []
    monkeypatch.setattr(
        os, "fsync", lambda opened: synced.append((os.fstat(opened).st_ino, path.exists()))
    )
    write_whole(path, "new")
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize(("number", "refused"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, refused: bool
) -> None:
    path = tmp_path / "a.txt"

    def fsync(_: int) -> None:
        if path.exists():
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if refused:
        with pytest.raises(OSError, match=os.strerror(number)):
            write_whole(path, "new")
    else:
        write_whole(path, "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_what_no_file_can_be_called_is_a_problem_of_the_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="not a name that a file can have"):
        read_regular(tmp_path / name)
    with pytest.raises(OSError, match="not a name that a file can have"):
        write_whole(tmp_path / name / "a.txt", "")
    assert not files.is_same_file(tmp_path / name, tmp_path)


def test_a_folder_appears_whole_and_one_that_is_there_stays(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "made"
    for text in ("first", "second"):
        with whole_folder(folder, "last") as part:
            (part / "last").write_text(text)
            assert folder.exists() == (text == "second")
    assert (folder / "last").read_text() == "first"
    (folder / "last").rename(folder / "incomplete")
    with whole_folder(folder, "last") as part:
        (part / "last").write_text("third")
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("last", "third")]
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "cache" / "other", "last"):
        raise KeyboardInterrupt
    assert list(folder.parent.iterdir()) == [folder]


def test_what_a_killed_writer_left_is_removed_after_a_day(tmp_path: Path) -> None:
    names = ("old.0123456789ab", "new.0123456789ab", "a file.0123456789ab", "of a user")
    old, new, file, own = (tmp_path / f"{name}.part" for name in names)
    yesterday = time.time() - 25 * 3600
    for folder in (old, new, own):
        folder.mkdir()
        (folder / "pixels.bin").touch()
        os.utime(folder, (yesterday, yesterday))
    file.touch()
    for path in (old / "pixels.bin", own / "pixels.bin", file):
        os.utime(path, (yesterday, yesterday))
    with whole_folder(tmp_path / "made", "last"):
        pass
    assert set(tmp_path.iterdir()) == {file, tmp_path / "made", new, own}


def test_digests_are_those_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_the_nearest_name_or_all_of_them() -> None:
    assert did_you_mean("jhmbd", ("coco", "jhmdb")) == "did you mean 'jhmdb'?"
    assert did_you_mean("x", ("coco", "jhmdb")) == "known: coco, jhmdb"
    assert did_you_mean("x", ("coco", "jhmdb"), "see the list") == "see the list"


def test_a_small_file_takes_little_memory_and_a_large_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    tracemalloc.start()
    try:
        assert read_regular(path) == b"abc"
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    monkeypatch.setattr(files, "MOST_BYTES", 2)
    with pytest.raises(OSError, match="larger than 0 MB"):
        read_regular(path)


def test_paths_are_followed_as_far_as_they_lead(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert resolved(tmp_path / "link") == tmp_path / "file"
    assert resolved(tmp_path / "a" / ".." / "loop") == tmp_path / "loop"
    assert resolved(tmp_path / "a\0b").parent == tmp_path


def test_every_text_has_bytes_of_its_own() -> None:
    assert text_bytes("/data/M\u00fcller") == "/data/M\u00fcller".encode()
    assert (
        len({text_bytes(text) for text in ("M\udcfcller", "M\udcf6ller", "M?ller", "\ud800")}) == 4
    )
