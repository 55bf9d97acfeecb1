"""The writer: times, size, audio, and what is left when it does not come to an end."""

import os
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bad_videos import VFR_MS, coded_picture, read_index, variable_rate, with_audio, write_video
from glpose.errors import VideoError
from glpose.video.reader import VideoSource, open_video
from glpose.video.writer import VideoWriter


def copy(source: VideoSource, path: Path, **span: float) -> VideoWriter:
    info = source.info
    with VideoWriter(
        path, info.size_hw, info.rate_hz, time_base=source.time_base, audio=source.audio, threads=1
    ) as writer:
        for frame in source.frames(**span):
            writer.write(frame.rgb, frame.time_s)
    return writer


def packets(path: Path, kind: str) -> list[av.Packet]:
    with av.open(str(path)) as video:
        return [packet for packet in video.demux(video.streams.best(kind)) if packet.size]


@pytest.mark.parametrize("time_base", [None, Fraction(1, 90000)])
def test_times_survive_exactly(tmp_path: Path, time_base: Fraction | None) -> None:
    source = open_video(variable_rate(tmp_path))
    with VideoWriter(
        tmp_path / "out.mp4", source.info.size_hw, time_base=time_base or source.time_base
    ) as writer:
        for frame in source.frames():
            writer.write(frame.rgb, frame.time_s)
    frames = list(open_video(tmp_path / "out.mp4").frames())
    assert [frame.time_s for frame in frames] == [ms / 1000 for ms in VFR_MS]
    assert [read_index(frame.rgb) for frame in frames] == list(range(len(VFR_MS)))


@pytest.mark.slow
def test_result_is_one_that_browsers_play(tmp_path: Path) -> None:
    copy(open_video(with_audio(tmp_path)), tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert b"moof" not in data
    with av.open(str(tmp_path / "out.mp4")) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        assert video.streams.video[0].codec_context.pix_fmt == "yuv420p"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4", "with_audio.mp4"]


def test_colours_survive(tmp_path: Path) -> None:
    rgb = np.zeros((720, 1280, 3), np.uint8)
    rgb[:, :640], rgb[:, 640:] = (200, 30, 60), (20, 160, 90)
    with VideoWriter(tmp_path / "out.mp4", rgb.shape[:2], threads=1) as writer:
        writer.write(rgb, 0.0)
    (frame,) = open_video(tmp_path / "out.mp4").frames()
    assert np.abs(frame.rgb[360, [320, 960]].astype(int) - rgb[360, [320, 960]]).max() <= 4


@pytest.mark.slow
def test_audio_is_copied(tmp_path: Path) -> None:
    source = open_video(with_audio(tmp_path))
    writer = copy(source, tmp_path / "out.mp4")
    before, after = packets(source.path, "audio"), packets(tmp_path / "out.mp4", "audio")
    assert writer.warnings == []
    assert [bytes(p) for p in after] == [bytes(p) for p in before]
    assert [p.pts * p.time_base for p in after] == [p.pts * p.time_base for p in before]


@pytest.mark.slow
def test_audio_of_a_part_begins_with_it(tmp_path: Path) -> None:
    source = open_video(with_audio(tmp_path))
    copy(source, tmp_path / "out.mp4", start_s=0.8, end_s=1.6)
    frames = list(open_video(tmp_path / "out.mp4").frames())
    assert [read_index(frame.rgb) for frame in frames] == list(range(20, 40))
    assert frames[0].time_s == 0
    after = packets(tmp_path / "out.mp4", "audio")
    expected = [
        p for p in packets(source.path, "audio") if Fraction(8, 10) <= p.pts * p.time_base < 1.6
    ]
    assert [bytes(p) for p in after] == [bytes(p) for p in expected]
    assert 0 <= after[0].pts * after[0].time_base < 1024 / 44100


def test_audio_that_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    write_video(path, num_frames=4, audio="pcm_s16le")
    writer = copy(open_video(path), tmp_path / "out.mp4")
    assert "pcm_s16le" in writer.warnings[0]
    assert packets(tmp_path / "out.mp4", "video")
    with av.open(str(tmp_path / "out.mp4")) as video:
        assert not video.streams.audio


def test_odd_sides_are_padded_and_other_sizes_fitted(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", (181, 241), threads=1) as writer:
        writer.write(coded_picture(5, (181, 241)), 0.0)
        writer.write(coded_picture(6, (362, 482)), 0.04)
    frames = list(open_video(tmp_path / "out.mp4").frames())
    assert [frame.rgb.shape[:2] for frame in frames] == [(182, 242)] * 2
    assert [read_index(frame.rgb) for frame in frames] == [5, 6]


def test_times_that_stand_still_are_moved_on(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", (64, 64), threads=1) as writer:
        for time_s in (0.0, 0.04, 0.04, 0.02, 0.12):
            writer.write(np.zeros((64, 64, 3), np.uint8), time_s)
    times = [frame.time_s for frame in open_video(tmp_path / "out.mp4").frames()]
    assert np.allclose(times, [0, 0.04, 0.04, 0.04, 0.12], atol=1e-4)


def test_a_broken_off_block_still_gives_a_video(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        VideoWriter(tmp_path / "out.mp4", (240, 320), threads=1) as writer,
    ):
        for index in range(7):
            writer.write(coded_picture(index), index / 25)
        raise KeyboardInterrupt
    frames = list(open_video(tmp_path / "out.mp4").frames())
    assert [read_index(frame.rgb) for frame in frames] == list(range(7))


@pytest.mark.parametrize("how", ["stopped", "disk full", "in the way"])
def test_what_counts_only_as_a_whole_leaves_the_old_one(how: str, tmp_path: Path) -> None:
    old, partial = tmp_path / "out.mp4", tmp_path / "out.partial.mp4"
    old.write_bytes(b"old")
    if how == "in the way":
        partial.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if how == "disk full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with (
            pytest.raises((KeyboardInterrupt, VideoError)) as raised,
            VideoWriter(old, (240, 320), threads=1, whole=True) as writer,
        ):
            for index in range(100):
                writer.write(coded_picture(index), index / 25)
            raise KeyboardInterrupt
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "partial" not in str(raised.value)
    assert old.read_bytes() == b"old"
    assert partial.exists() == (how == "in the way")


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", (240, 320)):
        pass
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from bad_videos import coded_picture
from glpose.video.writer import VideoWriter

writer = VideoWriter(Path(sys.argv[1]), (240, 320), threads=1)
for index in range(100):
    writer.write(coded_picture(index), index / 25)
os._exit(1)
"""


def run_python(code: str, *arguments: Path) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        timeout=60,
    )


@pytest.mark.slow
def test_a_killed_writer_leaves_a_readable_file(tmp_path: Path) -> None:
    run_python(KILLED, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    frames = list(open_video(tmp_path / "out.partial.mp4").frames())
    assert len(frames) > 60
    assert [read_index(frame.rgb) for frame in frames] == list(range(len(frames)))


def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    # A limit on the size of files fails like a full disk does, in the middle of a write.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with (
            pytest.raises(VideoError, match=r"cannot be written .*out\.partial\.mp4"),
            VideoWriter(tmp_path / "out.mp4", (240, 320), threads=1) as writer,
        ):
            for index in range(100):
                writer.write(coded_picture(index), index / 25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert len(list(open_video(tmp_path / "out.partial.mp4").frames())) > 0
    assert not (tmp_path / "out.mp4").exists()


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="No such file or directory"):
        VideoWriter(tmp_path / "none" / "out.mp4", (240, 320))


def test_pictures_that_h264_cannot_hold_are_scaled_down_and_it_is_said(tmp_path: Path) -> None:
    wide = np.zeros((64, 16640, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", (64, 16640)) as writer:
        writer.write(wide, 0.0)
    assert writer.warnings == [
        "a.mp4: scaled down from 16640x64 to 16384x63; H.264 has at most 16384 pixels a side"
    ]
    assert open_video(tmp_path / "a.mp4").info.size_hw == (64, 16384)
