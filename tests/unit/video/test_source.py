"""What a user names becomes entries with names of their own; one bad one stops none."""

import os
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from bad_videos import coded_picture, empty, image_folder, one_frame, read_index
from glpose.errors import VideoError
from glpose.video.arrays import ArraySource
from glpose.video.source import find_recordings, find_sources, frames_within


def names(*arguments: object) -> list[str]:
    return [entry.name for entry in find_sources(arguments)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "https://me:pw@host.invalid/x.mp4",
            "^https://host.invalid/x.mp4: an address; expected a local",
        ),
        (
            Path("https://host.invalid/x.mp4"),
            "^https://host.invalid/x.mp4: an address; expected a local",
        ),
        (
            "ftp://host.invalid/x.mp4",
            "^ftp://host.invalid/x.mp4: an address; expected a local file, fetch it first$",
        ),
        ("0", "^camera-0: a camera; only glpose run reads those, record a file first$"),
        ("camera:0", "^camera-0: a camera; only glpose run reads"),
    ],
)
def test_where_a_recording_is_needed_what_is_live_cannot_be_allowed(
    given: str | Path, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (entry,) = find_recordings([given])
    with pytest.raises(VideoError, match=said):
        entry.open()
    (tmp_path / "0").mkdir()
    (entry,) = find_recordings([image_folder(tmp_path / "0")])
    assert entry.open().info.num_frames == 12


def test_a_folder_of_pictures_is_a_video_in_natural_order(tmp_path: Path) -> None:
    (entry,) = find_sources([image_folder(tmp_path)])
    source = entry.open()
    frames = list(source.frames())
    assert entry.name == source.info.name == "pictures"
    assert [read_index(f.rgb) for f in frames] == [f.index for f in frames] == list(range(12))
    assert [f.time_s for f in frames] == [i / 25 for i in range(12)]
    assert (source.info.num_frames, source.info.size_hw) == (12, (240, 320))
    assert "1 files that are not pictures" in entry.notes[0]
    assert source.warnings == []
    assert [f.index for f in source.frames(0.08, 0.2)] == [2, 3, 4]


def test_pictures_may_differ_in_size_and_be_unreadable(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    (folder / "frame-3.png").write_bytes(b"not a picture")
    cv2.imwrite(str(folder / "frame-4.png"), coded_picture(4, (64, 96))[..., ::-1])
    source = find_sources([folder])[0].open(rate_hz=10.0)
    assert source.info.largest_hw is None  # the first is the largest
    frames = list(source.frames())
    assert [f.index for f in frames if f.rgb is None] == [3]
    assert frames[4].rgb.shape == (64, 96, 3)
    assert frames[11].time_s == 1.1
    assert "frame-3.png" in source.warnings[0]


def test_memory_is_planned_for_the_largest_picture(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (300, 500, 3), np.uint8)
    cv2.imwrite(str(folder / "frame-7.png"), noise)
    info = find_sources([folder])[0].open().info
    assert (info.size_hw, info.largest_hw) == ((240, 320), (300, 500))
    cv2.imwrite(str(folder / "frame-7.png"), noise[:100, :100])
    assert find_sources([folder])[0].open().info.largest_hw is None
    (folder / "frame-7.png").write_bytes(bytes(10**6))
    assert find_sources([folder])[0].open().info.largest_hw is None


def test_a_picture_is_shown_as_its_exif_says(tmp_path: Path) -> None:
    _, data = cv2.imencode(".jpg", np.rot90(coded_picture(9, (320, 240)))[..., ::-1])
    # A minimal EXIF block: one tag, orientation 6, "turn a quarter clockwise to show".
    exif = bytes.fromhex("45786966000049492a0008000000010012010300010000000600000000000000")
    head = b"\xff\xd8\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "a.jpg").write_bytes(head + data.tobytes()[2:])
    (frame,) = find_sources([tmp_path / "a.jpg"])[0].open().frames()
    assert frame.rgb.shape == (320, 240, 3)
    assert read_index(frame.rgb) == 9


def test_loose_pictures_of_a_folder_form_one_sequence(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    (entry,) = find_sources([folder / "frame-2.png", folder / "frame-10.png"])
    assert (entry.name, len(entry.paths)) == ("pictures", 2)
    (entry,) = find_sources([str(folder / "frame-?.png")])
    assert len(entry.paths) == 10
    assert names(folder / "frame-2.png") == ["frame-2"]


def test_a_picture_alone_is_known_before_it_is_opened(tmp_path: Path) -> None:
    folder, one = image_folder(tmp_path), np.zeros((8, 8, 3), np.uint8)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    given = [
        folder / "frame-2.png",
        tmp_path / "bad.png",
        ArraySource([one], is_still=True),
        tmp_path / "nothing.png",
        folder,
        ArraySource([one]),
        one_frame(tmp_path),
    ]
    entries = [find_sources([source])[0] for source in given]
    assert [e.is_still for e in entries] == [True, True, True, False, False, False, False]
    for entry in (e for e in entries if e.label not in (str(given[1]), str(given[3]))):
        assert entry.open().info.is_still == entry.is_still


def test_messages_name_a_sequence_by_its_folder_and_a_single_file_by_its_own_name(
    tmp_path: Path,
) -> None:
    folder, video = image_folder(tmp_path), one_frame(tmp_path)
    given = [folder, str(folder / "frame-?.png"), [folder / "frame-3.png", folder / "frame-1.png"]]
    for source in given:
        (entry,) = find_sources([source])
        assert entry.label == str(folder)
    for path in (folder / "frame-2.png", video, tmp_path / "nothing.mp4"):
        (entry,) = find_sources([path])
        assert entry.label == str(path)


def test_a_folder_of_videos_and_globs(tmp_path: Path) -> None:
    for name in ("clip10.mp4", "clip2.mp4", "clip2.txt", ".hidden.mp4"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["clip2", "clip10"]
    assert names(str(tmp_path / "clip*.mp4")) == ["clip2", "clip10"]
    assert names(tmp_path, tmp_path / "clip10.mp4") == ["clip2", "clip10"]
    (tmp_path / "thumbnail.png").touch()
    first, second = find_sources([tmp_path])
    assert first.notes == [
        f"{tmp_path}: 1 pictures were ignored, as there are videos; name them to run them, too"
    ]
    assert second.notes == []


def test_a_folder_of_folders_says_how_to_give_them_and_that_works(tmp_path: Path) -> None:
    for name in ("my [1]/a/walk.mp4", "my [1]/b/run.mp4", "my [1]/.cache/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (entry,) = find_sources([tmp_path / "my [1]"])
    with pytest.raises(VideoError, match=r"found: 2 folders, which are not searched") as told:
        entry.open()
    words = shlex.split(str(told.value).partition("as in ")[2])
    one, every = words[0].rstrip(","), words[2]
    assert names(one) == ["walk", "run"]
    assert sorted(names(every)) == ["run", "walk"]


def test_names_that_look_like_globs_are_files_first(tmp_path: Path) -> None:
    path = one_frame(tmp_path).rename(tmp_path / "a[1]*.mp4")
    (entry,) = find_sources([str(path)])
    assert len(list(entry.open().frames())) == 1


def test_equal_stems_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/walk.mp4", "b/walk.mov", "c/walk-2.mp4", "d/Walk.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    found = names(*(tmp_path / n for n in ("a/walk.mp4", "b/walk.mov", "c/walk-2.mp4", "d")))
    assert found == ["walk", "walk-2", "walk-2-2", "Walk-3"]


def test_no_file_is_named_like_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "...mp4").touch()
    assert names(tmp_path / "...mp4") == ["source"]


@pytest.mark.parametrize(
    ("name", "component"), [("\ud800x", "_x"), ("a\0b", "a_b"), ("\udcffx", "\udcffx"), ("ä", "ä")]
)
def test_what_no_file_can_be_named_is_replaced(name: str, component: str, tmp_path: Path) -> None:
    (entry,) = find_sources([ArraySource([np.zeros((8, 8, 3), np.uint8)], name=name)])
    assert entry.name == component
    (tmp_path / entry.name).mkdir()


def test_bad_ones_do_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = one_frame(tmp_path), empty(tmp_path)
    (tmp_path / "nothing").mkdir()
    arguments = [tmp_path / "no.mp4", good, bad, tmp_path / "*.xyz", tmp_path / "nothing"]
    arguments.append("https://host/a.mp4")
    entries = find_sources(arguments)
    assert len(entries) == 6
    assert len(list(entries[1].open().frames())) == 1
    words = ["no such file", None, "0 bytes", "no file matches", "neither", "not a local file"]
    for entry, word in zip(entries, words, strict=True):
        if word is not None:
            with pytest.raises(VideoError, match=word):
                entry.open()


def test_relative_names_with_a_leading_dash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(one_frame(tmp_path), tmp_path / "-i.mp4")
    monkeypatch.chdir(tmp_path)
    (entry,) = find_sources(["-i.mp4"])
    assert entry.name == "-i"
    assert len(list(entry.open().frames())) == 1


def test_frames_by_number_and_time(tmp_path: Path) -> None:
    (entry,) = find_sources([image_folder(tmp_path)])
    source = entry.open()

    def kept(*span: object) -> list[int]:
        return [frame.index for frame in frames_within(source, *span)]

    assert kept() == list(range(12))
    assert kept(None, None, (3, 6)) == [3, 4, 5]
    assert kept(None, None, (10, None)) == [10, 11]
    assert kept(0.08, 0.2, (3, 99)) == [3, 4]
    assert kept(None, None, (50, 60)) == []


def test_a_sequence_says_which_numbers_are_missing_and_its_names(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    assert find_sources([folder])[0].open().info.note == ""
    (folder / "frame-4.png").unlink()
    info = find_sources([folder])[0].open().info
    assert "missing (4)" in info.note
    assert info.pictures == tuple(f"frame-{i}.png" for i in range(12) if i != 4)
    assert find_sources([folder / "frame-3.png"])[0].open().info.pictures == ()
