"""Arrays, iterators, bytes and open files are sources like the files they stand for."""

import gc
import io
import math
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import glpose
from bad_videos import (
    coded_picture,
    image_folder,
    read_index,
    truncated_with_index,
    truncated_without_index,
    write_video,
)
from glpose.errors import BadInput, VideoError, one_line
from glpose.types import Frame, VideoInfo
from glpose.video.arrays import ArraySource
from glpose.video.given import find_given
from glpose.video.reader import open_video
from glpose.video.source import Source
from glpose.video.stills import IMAGE_SUFFIXES
from heif import write_heic

PICTURES = [coded_picture(i) for i in range(4)]


def opened(given: object, fps: float | None = None) -> Source:
    (entry,) = find_given([given], fps)  # type: ignore[list-item]
    return entry.open(fps)


def indices(source: Source) -> list[int]:
    return [read_index(frame.rgb) for frame in source.frames() if frame.rgb is not None]


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("form", [np.stack, list, tuple, iter])
def test_pictures_in_memory_are_a_video_at_the_rate_given(form: Callable) -> None:
    source = opened(form(PICTURES), fps=10.0)
    assert not source.info.is_still
    frames = list(source.frames())
    assert [frame.time_s for frame in frames] == [0, 0.1, 0.2, 0.3]
    assert [read_index(frame.rgb) for frame in frames] == [0, 1, 2, 3]


def test_an_iterator_is_read_as_far_as_it_is_needed() -> None:
    taken = []

    def pictures() -> Iterator[np.ndarray]:
        for i, rgb in enumerate(PICTURES):
            taken.append(i)
            yield rgb

    frames = opened(pictures()).frames()
    next(frames), next(frames)
    assert taken == [0, 1]


def test_an_array_of_one_picture_is_a_picture() -> None:
    source = opened(PICTURES[3])
    assert source.info.is_still
    assert indices(source) == [3]
    assert not opened(PICTURES[:1]).info.is_still


def test_paths_together_are_one_sequence(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    source = opened([folder / "frame-2.png", str(folder / "frame-10.png")])
    assert indices(source) == [2, 10]


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        deque,
        lambda paths: dict(enumerate(paths)).values(),
        lambda p: dict.fromkeys(p).keys(),
    ],
)
def test_paths_with_an_order_keep_it(form: Callable, tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    source = opened(form([folder / "frame-10.png", str(folder / "frame-2.png")]))
    assert indices(source) == [10, 2]


@pytest.mark.parametrize("form", [set, frozenset])
def test_paths_without_an_order_are_sorted_as_those_of_a_folder(
    form: Callable, tmp_path: Path
) -> None:
    folder = image_folder(tmp_path)
    names = [folder / "frame-10.png", str(folder / "frame-2.png"), folder / "frame-1.png"]
    assert indices(opened(form(names))) == [1, 2, 10]


@pytest.mark.parametrize("form", [iter, reversed, lambda paths: Path(paths[0]).parent.glob("*")])
def test_an_iterator_of_paths_is_to_be_put_in_order(form: Callable, tmp_path: Path) -> None:
    """Some tell an order, and some, as `Path.glob`, do not."""
    folder = image_folder(tmp_path)
    with pytest.raises(
        BadInput, match=r"iterator of paths; expected a list: give list\(...\) or sorted"
    ):
        opened(form([str(folder / "frame-10.png"), str(folder / "frame-2.png")]))


def test_what_is_no_path_among_paths_is_told() -> None:
    with pytest.raises(
        BadInput, match="found a ndarray among paths, in place 1; expected paths alone"
    ):
        opened(["a.png", PICTURES[0]])


def test_a_picture_is_there_as_often_as_one_list_names_it(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    two, ten = folder / "frame-2.png", folder / "frame-10.png"
    source = opened([two, f"{folder}/./frame-2.png", ten, str(two)])
    assert indices(source) == [2, 2, 10, 2]
    assert source.info.num_frames == 4
    assert not opened([two, two]).info.is_still
    # The arguments of a command, or patterns that overlap, name a file but once.
    (entry,) = find_given([two, two, ten])
    assert entry.paths == (two, ten)
    (entry,) = find_given([[folder / "frame-*.png", two], [ten]])
    assert len(entry.paths) == len(set(entry.paths)) > 2


@pytest.mark.parametrize("form", [bytes, bytearray, io.BytesIO])
def test_the_content_of_a_video_is_that_video(
    form: Callable, tmp_path: Path, own_temporary_folder: Path
) -> None:
    data = write_video(tmp_path / "a.mp4", num_frames=5, audio="aac").read_bytes()
    source = opened(form(data))
    assert indices(source) == indices(source) == list(range(5))
    assert source.info.rate_hz == 25
    assert source.audio is not None
    assert source.audio.path.read_bytes() == data
    assert len(list(own_temporary_folder.iterdir())) == 1
    del source
    gc.collect()
    assert list(own_temporary_folder.iterdir()) == []


def test_an_open_file_keeps_its_name_and_is_read_from_where_it_stands(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=3)
    (tmp_path / "b.bin").write_bytes(b"head" + path.read_bytes())
    with (tmp_path / "b.bin").open("rb") as file:
        file.seek(4)
        source = opened(file)
    assert source.info.name == "b.bin"
    assert indices(source) == [0, 1, 2]


def written(path: Path) -> Path:
    """A picture; the name of a BigTIFF ends in .big.tif."""
    if path.suffix in (".heic", ".heif"):
        return write_heic(path, [coded_picture(5, (128, 256))])
    big = {"big_tiff": True} if path.name.endswith(".big.tif") else {}
    Image.fromarray(coded_picture(5)).save(path, **big)
    return path


@pytest.mark.parametrize("suffix", [*sorted(IMAGE_SUFFIXES), ".big.tif"])
@pytest.mark.parametrize(
    "form",
    [Path, Path.read_bytes, lambda path: io.BytesIO(path.read_bytes())],
    ids=["path", "bytes", "memory"],
)
def test_a_picture_of_each_format_is_read_however_it_is_given(
    suffix: str, form: Callable, tmp_path: Path
) -> None:
    path = written(tmp_path / f"a{suffix}")
    source = opened(form(path))
    assert source.info.is_still
    assert indices(source) == [5]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", "file"), (".", "file"), ("/", "file"), ("..", ".."), ("a\0b", "a\0b"), ("x" * 304, "x" * 304),
     ("a\nb.mp4", "a\nb.mp4"), ("c/d.mp4", "d.mp4"), ("x." + "y" * 300, "x." + "y" * 300)],
)  # fmt: skip
def test_an_open_file_may_have_any_name(name: str, expected: str, tmp_path: Path) -> None:
    file = io.BytesIO(write_video(tmp_path / "a.mp4", num_frames=3).read_bytes())
    file.name = name
    source = opened(file)
    assert indices(source) == [0, 1, 2]
    assert source.info.name == expected
    text = io.BytesIO(b"no video")
    text.name = name
    with pytest.raises(VideoError) as problem:
        opened(text)
    assert str(problem.value).startswith(f"{one_line(expected)}: text, not a video")


def test_messages_call_the_content_by_its_name(
    own_temporary_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_temporary_folder = own_temporary_folder / "odd\u200b"
    own_temporary_folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own_temporary_folder))
    data = truncated_without_index(tmp_path).read_bytes()
    with pytest.raises(VideoError, match=r"^bytes: its index \(moov\) is missing"):
        opened(data)
    with (tmp_path / "x.txt").open("wb") as file, pytest.raises(BadInput, match=r"^x.txt: "):
        opened(file)
    assert list(own_temporary_folder.iterdir()) == []


@pytest.mark.parametrize("is_read", [True, False])
def test_a_closed_stream_keeps_no_copy_of_what_it_was_given(
    is_read: bool, own_temporary_folder: Path, tmp_path: Path, tiny_weights: Path
) -> None:
    how = {"weights": tiny_weights, "detector": tiny_weights / "finder.onnx"}
    video = truncated_with_index(tmp_path)
    with video.open("rb") as file:
        stream = glpose.run(file, engine=glpose.EngineSpec(threads=1), **how)
    assert list(own_temporary_folder.iterdir())
    with stream:
        assert not is_read or [poses.frame for poses in stream]
    assert not list(own_temporary_folder.iterdir())
    assert stream.video.name == video.name
    assert bool(stream.warnings) == is_read
    stream.close()
    for given in (theirs := Theirs((0, 0.0, RGB)), theirs):
        with glpose.run(given, engine=glpose.EngineSpec(threads=1), **how) as stream:
            assert len(list(stream)) == 1


def test_a_rate_is_refused_where_there_are_times(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", num_frames=3)
    for given in (video, video.read_bytes()):
        with pytest.raises(VideoError, match="has times of its own"):
            opened(given, fps=10.0)
    assert opened(image_folder(tmp_path), fps=10.0).info.rate_hz == 10


class Theirs:
    """A source as a user writes it."""

    info, time_base, audio = VideoInfo("mine", (8, 8), 25.0), Fraction(1, 25), None

    def __init__(self, *frames: tuple[int, float, object]) -> None:
        self.warnings: list[str] = []
        self._frames, self.has_ended = frames, False

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        try:
            for index, time_s, rgb in self._frames:
                frame = object.__new__(Frame)  # whatever a user puts in
                for name, value in (("index", index), ("time_s", time_s), ("rgb", rgb)):
                    object.__setattr__(frame, name, value)
                yield frame
            self.warnings.append("done")
        finally:
            self.has_ended = True


RGB = np.zeros((8, 8, 3), np.uint8)


def test_a_source_of_a_user_is_taken_as_it_is() -> None:
    given = Theirs((0, 0.0, RGB), (np.int64(3), np.float32(0.5), None), (4, 1.0, RGB))
    source = opened(given)
    frames = list(source.frames())
    assert [frame.index for frame in frames] == [0, 3, 4]
    assert [frame.time_s for frame in frames] == [0, 0.5, 1]
    assert frames[2].rgb is RGB
    assert source.warnings == ["done"]
    reading = source.frames()
    given.has_ended = False
    next(reading)
    reading.close()
    assert given.has_ended


@pytest.mark.parametrize("kind", [Fraction, np.float32, np.float64, np.int64, int])
def test_frames_of_a_user_are_numbered_and_timed_in_numbers_of_python(kind: Callable) -> None:
    frames = list(opened(Theirs(*((np.int64(i), kind(i), RGB) for i in range(2)))).frames())
    assert [type(value) for f in frames for value in (f.index, f.time_s)] == [int, float] * 2


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([(0, 0.0, RGB / 255)], "mine: picture 0 is an array of float64 and shape"),
        ([(0, 0.0, RGB[..., 0])], "mine: picture 0 is an array of uint8 and shape"),
        ([(0, 0.0, np.zeros((8, 8, 4), np.uint8))], "expected RGB, uint8"),
        ([(0, 0.0, "a.png")], "mine: picture 0 is str; expected RGB"),
        ([(1, 0.0, RGB), (1, 0.5, RGB)], "mine: picture 1 came after 1; expected whole numbers"),
        ([(-1, 0.0, RGB)], "mine: picture -1 came after -1"),
        ([(0.5, 0.0, RGB)], "mine: picture 0.5 came after -1"),
        ([(0, 1.0, RGB), (1, 1.0, RGB)], "mine: picture 1 is at 1.0 s, after one at 1.0 s"),
        ([(0, float("nan"), RGB)], "mine: picture 0 is at nan s"),
        ([(0, None, RGB)], "mine: picture 0 is at None s"),
        ([(0, 0.0, RGB), (1, 1e19, RGB)], "picture 1 is at 1e+19 s, after one at 0.0 s; expected"),
        ([(0, 10**400, RGB)], "expected times in seconds that increase, up to 1e+12"),
        (
            [(0, 10**11, RGB), (1, Fraction(10**17, 10**6) + Fraction(1, 10**9), RGB)],
            "picture 1 is",
        ),
        ([(0, 0.0, np.zeros((8, 4, 3), np.uint8))], "has the size_hw (8, 4); expected (8, 8)"),
    ],
)
def test_what_a_source_of_a_user_gives_is_checked(frames: list, words: str) -> None:
    with pytest.raises(BadInput) as problem:
        list(opened(Theirs(*frames)).frames())
    assert words in str(problem.value)


def theirs_with(**parts: object) -> Theirs:
    """A source whose info has these parts, of whatever types."""
    source = Theirs((0, 0.0, RGB))
    source.info = object.__new__(VideoInfo)
    for part in fields(VideoInfo):
        value = parts.get(part.name, getattr(Theirs.info, part.name))
        object.__setattr__(source.info, part.name, value)
    return source


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"rate_hz": None},
            "the rate_hz None; expected frames a second, from 1e-09 to 1e+09, or math.nan",
        ),
        ({"rate_hz": "25"}, "the rate_hz '25'"),
        ({"rate_hz": 0.0}, "the rate_hz 0.0"),
        ({"rate_hz": 1e-320}, "the rate_hz 1e-320"),
        ({"rate_hz": -25.0}, "the rate_hz -25.0"),
        ({"rate_hz": math.inf}, "the rate_hz inf"),
        ({"size_hw": (0, 8)}, "the size_hw (0, 8); expected (height, width) in pixels"),
        ({"size_hw": (8.0, 8.0)}, "the size_hw (8.0, 8.0)"),
        ({"size_hw": (8, 8, 3)}, "the size_hw (8, 8, 3)"),
        ({"size_hw": None}, "the size_hw None"),
        ({"largest_hw": 8}, "the largest_hw 8"),
        ({"num_frames": -1}, "the num_frames -1; expected a whole number from 0"),
        ({"num_frames": math.nan}, "the num_frames nan"),
        ({"duration_s": -1.0}, "the duration_s -1.0; expected seconds"),
        ({"duration_s": "1"}, "the duration_s '1'"),
        ({"rotation_deg": 0.5}, "the rotation_deg 0.5; expected whole degrees"),
        ({"name": None}, "the name None; expected text"),
    ],
)
def test_what_a_source_of_a_user_says_is_checked(parts: dict, words: str) -> None:
    with pytest.raises(BadInput) as problem:
        opened(theirs_with(**parts))
    assert words in str(problem.value)


def test_what_a_source_of_a_user_says_is_in_numbers_of_python() -> None:
    info = opened(
        theirs_with(rate_hz=Fraction(30), size_hw=[np.int64(8), 8], duration_s=math.inf)
    ).info
    assert info == VideoInfo("mine", (8, 8), 30.0)
    assert [type(value) for value in (info.rate_hz, *info.size_hw)] == [float, int, int]
    assert math.isnan(opened(theirs_with(rate_hz=np.float32(math.nan))).info.rate_hz)
    assert opened(theirs_with(note=None)).info.note == ""


def test_our_own_sources_are_not_checked_again(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.mp4", num_frames=3))
    for source in (video, ArraySource(PICTURES)):
        assert opened(source) is source
