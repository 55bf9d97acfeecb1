"""Pictures in memory are a source like files."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from bad_videos import coded_picture, read_index, write_video
from glpose import imaging
from glpose.errors import BadInput
from glpose.video.arrays import ArraySource
from glpose.video.reader import open_video
from glpose.video.source import Source, find_sources, open_images

PICTURES = [coded_picture(i, (48, 64)) for i in range(12)]


def test_all_kinds_are_sources(tmp_path: Path) -> None:
    path = write_video(tmp_path / "walk.mp4", num_frames=3)
    assert isinstance(open_video(path), Source)
    assert isinstance(ArraySource(PICTURES), Source)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(BadInput):
        open_images([tmp_path / "a.png"], "a")


def test_arrays_have_the_times_and_the_order_of_a_sequence_of_pictures() -> None:
    for pictures in (PICTURES, tuple(PICTURES), np.stack(PICTURES), iter(PICTURES)):
        source = ArraySource(pictures, rate_hz=25.0, name="walk")
        frames = list(source.frames(0.08, 0.2))
        assert [read_index(f.rgb) for f in frames] == [f.index for f in frames] == [2, 3, 4]
        assert [f.time_s for f in frames] == [2 / 25, 3 / 25, 4 / 25]
        assert (source.info.name, source.info.size_hw) == ("walk", (48, 64))
        assert source.info.num_frames == (12 if hasattr(pictures, "__len__") else None)
        assert source.audio is None


def test_times_may_be_given_and_pictures_may_be_missing() -> None:
    source = ArraySource([None, *PICTURES[:2]], times_s=(0.5, 0.75, 2.0))
    assert [(f.time_s, f.status) for f in source.frames()] == [
        (0.5, "undecodable"), (0.75, "ok"), (2.0, "ok"),
    ]  # fmt: skip
    assert len(list(source.frames())) == 3
    assert [f.index for f in source.frames(0.6, 2.0)] == [1]


def test_an_iterator_is_read_as_frames_are_asked_for_and_once() -> None:
    read: list[int] = []

    def pictures():
        for index in range(5):
            read.append(index)
            yield PICTURES[index]

    source = ArraySource(pictures())
    frames = source.frames()
    next(frames)
    next(frames)
    assert read == [0, 1]
    assert len(list(frames)) == 3
    with pytest.raises(BadInput, match="read once only; give a list"):
        next(source.frames())


def test_an_iterator_may_use_its_memory_again() -> None:
    buffer = np.zeros((2, 2, 3), np.uint8)

    def pictures():
        for index in range(4):
            buffer[:] = index
            yield buffer

    frames = list(ArraySource(pictures()).frames())
    assert [int(frame.rgb.max()) for frame in frames if frame.rgb is not None] == [0, 1, 2, 3]


class Redrawn(Sequence):
    """Pictures that are made when they are asked for, all in one array."""

    def __init__(self) -> None:
        self._buffer = np.zeros((2, 2, 3), np.uint8)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> np.ndarray:
        if index >= 4:
            raise IndexError
        self._buffer[:] = index
        return self._buffer


class RedrawnList(list):
    """As `Redrawn`, but a list."""

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(Redrawn())


class RedrawnArray(np.ndarray):
    """As `Redrawn`, but an array."""

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(Redrawn())


@pytest.mark.parametrize(
    "pictures",
    [Redrawn(), RedrawnList(Redrawn()), np.zeros((4, 2, 2, 3), np.uint8).view(RedrawnArray)],
)
def test_a_sequence_may_use_its_memory_again(pictures: Sequence | np.ndarray) -> None:
    source = ArraySource(pictures)
    assert source.info.num_frames == 4
    for _ in range(2):
        frames = list(source.frames())
        assert [int(f.rgb.max()) for f in frames if f.rgb is not None] == [0, 1, 2, 3]


@pytest.mark.parametrize("form", [list, tuple, np.stack])
def test_pictures_that_are_there_are_not_copied(form: Callable) -> None:
    given = form(PICTURES)
    for frame, rgb in zip(ArraySource(given).frames(), given, strict=True):
        assert np.shares_memory(frame.rgb, rgb)


class Counted:
    """As wrappers that show progress: no iterator, but not to be begun twice either."""

    def __init__(self, num: int) -> None:
        self.begun, self._num = 0, num

    def __len__(self) -> int:
        return self._num

    def __iter__(self) -> Iterator[np.ndarray]:
        self.begun += 1
        buffer = np.zeros((2, 2, 3), np.uint8)
        while self._num:
            self._num -= 1
            buffer[:] += 1
            yield buffer


def test_what_is_no_list_and_no_iterator_is_begun_once_and_may_use_its_memory_again() -> None:
    pictures = Counted(4)
    source = ArraySource(pictures)
    frames = list(source.frames())
    assert [int(frame.rgb.max()) for frame in frames if frame.rgb is not None] == [1, 2, 3, 4]
    assert pictures.begun == 1
    assert source.info.num_frames is None
    assert source.is_read_once
    with pytest.raises(BadInput, match="read once only"):
        next(source.frames())


@pytest.mark.parametrize(
    ("pictures", "more", "words"),
    [
        ([], {}, "found no picture"),
        ([None], {}, "found no picture"),
        ([PICTURES[0][..., 0]], {}, r"uint8 and shape \(48, 64\); expected RGB"),
        ([PICTURES[0], PICTURES[0] / 255], {}, "picture 1 is an array of float64"),
        ([np.zeros((0, 4, 3), np.uint8)], {}, "an empty array"),
        (PICTURES, {"rate_hz": 0.0}, "rate_hz is 0"),
        (PICTURES, {"times_s": [0.0, 1.0]}, "more pictures than the 2 times"),
        (PICTURES[:3], {"times_s": [0.0, 1.0, 1.0]}, "expected times that increase"),
        (PICTURES[:1], {"times_s": [float("nan")]}, "expected times that increase"),
        (PICTURES[:2], {"times_s": [0.0, 5e-324]}, "pictures come 4.94066e-324 s apart; expected"),
        (
            PICTURES[:2],
            {"times_s": [0.0, 2e9]},
            "pictures come 2e.09 s apart; expected from 1e-09 to 1e",
        ),
        (PICTURES[:2], {"times_s": [0.0, 1e300]}, "expected times that increase, up to 1e"),
        (PICTURES[:3], {"times_s": [-1e308, 0.0, 1e308]}, "expected times that increase, up to 1e"),
        (PICTURES[:3], {"times_s": [-np.inf, 0.0, 1.0]}, "expected times that increase, up to 1e"),
        (PICTURES, {"rate_hz": 1e-320}, "rate_hz is 1e-320; expected frames a second, from 1e-09"),
        (PICTURES, {"rate_hz": 1e308}, r"expected frames a second, from 1e-09 to 1e\+09"),
    ],
)
def test_what_is_no_picture_and_no_time_is_said(pictures: list, more: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        list(ArraySource(pictures, **more).frames())


@pytest.mark.parametrize(
    ("name", "folder"),
    [("walk.v2", "walk.v2"), ("walk.MOV", "walk"), ("..", "source"), ("a/..", "source"),
     (".", "source"), ("", "source"), ("/", "source"), ("...mp4", "source"), ("a\0b", "a_b")],
)  # fmt: skip
def test_results_stay_in_their_folder_whatever_a_source_is_called(name: str, folder: str) -> None:
    (entry,) = find_sources([ArraySource(PICTURES, name=name)])
    assert entry.name == folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            "p, times_s=[0, 'soon']",
            "pictures: times_s: could not convert string to float: 'soon'; ",
        ),
        ("p, times_s=[0, 10**400]", "pictures: times_s: int too large to convert to float; "),
        ("p, times_s=[0, None]", "pictures: times_s: float() argument must be "),
        ("p, times_s=3.0", "pictures: times_s: 'float' object is not iterable; expected a number"),
        ("p, rate_hz='25'", "rate_hz is '25'; expected frames a second, from"),
        ("p, rate_hz=True", "rate_hz is True; expected frames a second, from"),
        ("5", "pictures: found a int; expected a list, an array or an iterator of pictures"),
    ],
)
def test_what_is_no_list_is_said_when_it_is_given(arguments: str, words: str) -> None:
    # In a process of its own: here the types are checked before our own check is reached.
    code = (
        "import glpose, numpy as np; p = np.zeros((2, 4, 4, 3), np.uint8); "
        f"glpose.ArraySource({arguments})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith(f"glpose.errors.BadInput: {words}")


@pytest.mark.parametrize(
    ("times_s", "more", "rate_hz"),
    [
        (np.arange(12) / 30, {}, 30.0),
        (np.arange(12) * 1001 / 30000, {}, 30000 / 1001),
        (np.round(np.arange(12) / 30, 6), {}, 30.0),
        ([0.0, 0.5, 1.0, 9.0, 9.5], {}, 2.0),  # after a gap
        ([0.0, 10.0], {}, 0.1),
        (np.arange(12) / 30, {"rate_hz": 50.0}, 50.0),
        ([0.0], {}, 25.0),
        ([], {}, 25.0),
        ([0.0, float("nan")], {}, 25.0),
        ([1.0, 0.0], {}, 25.0),
    ],
)
def test_the_rate_is_that_of_the_times(times_s: Sequence, more: dict, rate_hz: float) -> None:
    source = ArraySource(PICTURES, times_s=[float(t) for t in times_s], **more)
    assert source.info.rate_hz == pytest.approx(rate_hz, rel=1e-12)


@pytest.mark.parametrize(
    ("rate_hz", "step_s"),
    [
        (1e-4, 10_000),
        (1e-9, 1e9),
        (1 / 1200, 1200),
        (1 / 3, 3),
        (25.0, 0.04),
        (30000 / 1001, 1001 / 30000),
    ],
)
def test_a_rate_may_be_as_small_as_one_likes(tmp_path: Path, rate_hz: float, step_s: float) -> None:
    imaging.write_image(tmp_path / "a.png", PICTURES[0])
    sequence = open_images([tmp_path / "a.png"] * 3, "a", rate_hz)
    np.testing.assert_allclose([f.time_s for f in sequence.frames()], [0, step_s, 2 * step_s])
    times = [frame.time_s for frame in ArraySource(PICTURES, rate_hz=rate_hz).frames()]
    np.testing.assert_allclose(times[:3], [0, step_s, 2 * step_s], rtol=1e-12)


def test_a_source_stands_for_itself_among_names(tmp_path: Path) -> None:
    path = write_video(tmp_path / "walk.mp4", num_frames=3)
    source, other = ArraySource(PICTURES, name="walk.mov"), ArraySource(PICTURES, name="a/b")
    entries = find_sources([path, source, other, source])
    assert [e.name for e in entries] == ["walk", "walk-2", "b", "walk-3"]
    assert entries[1].open() is source
    assert [e.label for e in entries[:2]] == [str(path), "walk-2"]
