"""Pictures and threads of FFmpeg are freed at once, not when the garbage collector runs."""

import gc
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from bad_videos import TURNED_90, set_display_matrix, write_video
from glpose.video.reader import open_video

NUM = 300


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def num_pictures() -> int:
    return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())


def num_threads() -> int:
    """Threads of this process, those of FFmpeg with them."""
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux does")
@pytest.mark.usefixtures("no_collector")
def test_pictures_and_threads_do_not_pile_up(tmp_path: Path) -> None:
    """Each picture has side data, a display matrix, which would keep it in a cycle once read."""
    path = write_video(tmp_path / "a.mp4", num_frames=NUM, size_hw=(120, 160))
    source = open_video(set_display_matrix(path, TURNED_90))
    pictures, threads = [], []
    for frame in source.frames():
        assert frame.rgb.shape == (160, 120, 3)
        if frame.index % 30 == 0:
            pictures.append(num_pictures())
            threads.append(num_threads())
    # What other tests have left may still go away, so only growth counts.
    assert max(pictures[5:]) <= max(pictures[:5]) + 10
    assert max(threads[5:]) <= max(threads[:5]) + 1
