"""The reader: order, times, turns, damage, refusals; pictures carry their index."""

import io
import struct
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from bad_videos import (
    CASES,
    UNUSABLE,
    VFR_MS,
    by_browser,
    coded_picture,
    read_index,
    set_display_matrix,
    write_video,
)
from glpose.errors import VideoError
from glpose.types import Frame
from glpose.video.reader import open_video, read_ahead


def indices(frames: list[Frame]) -> list[int | None]:
    return [None if frame.rgb is None else read_index(frame.rgb) for frame in frames]


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_give_one_clear_line(name: str, tmp_path: Path) -> None:
    path = CASES[name](tmp_path)
    with pytest.raises(VideoError) as caught:
        open_video(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "no such file"),
        ("empty", "0 bytes"),
        ("text", "text, not a video"),
        ("truncated_without_index", "cut short"),
        ("audio_only", "found: audio"),
        ("hls_playlist", "a playlist"),
    ],
)
def test_the_line_says_what_was_found(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=words):
        open_video(CASES[name](tmp_path))


@pytest.mark.parametrize(
    ("name", "codec", "words"),
    [
        ("a.mp4", "libx264", "it ends early, 59 of the 60 frames .*; copy it again$"),
        ("a.mkv", "libx264", "it ends early, .* the file was cut short; copy it again$"),
    ],
)
def test_a_file_cut_within_its_first_picture_is_called_cut(
    name: str, codec: str, words: str, tmp_path: Path
) -> None:
    path = write_video(tmp_path / name, codec=codec)
    with av.open(str(path)) as container:
        first = next(packet for packet in container.demux() if packet.size)
    path.write_bytes(path.read_bytes()[: first.pos + first.size // 4])
    with pytest.raises(VideoError, match=words):
        open_video(path)


def test_one_of_several_streams_of_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "two.mp4"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, size_hw in zip(streams, ((48, 64), (96, 128)), strict=True):
            stream.height, stream.width = size_hw
            stream.pix_fmt = "yuv420p"
        for stream in streams:
            for i in range(3):
                rgb = coded_picture(i, (stream.height, stream.width))
                picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                picture.pts = i
                out.mux(stream.encode(picture))
            out.mux(stream.encode(None))
    info = open_video(path).info
    assert info.size_hw == (48, 64)  # the default one
    assert info.note.startswith("it holds 2 streams of video (64x48, 128x96), of which number 1 ")
    assert open_video(write_video(tmp_path / "one.mp4", num_frames=2)).info.note == ""


@pytest.mark.parametrize("name", ["http://host/a.mp4", "rtsp://host/a", "concat:a.mp4|b.mp4"])
def test_only_local_files(name: str) -> None:
    with pytest.raises(VideoError, match=r"local file|no such file"):
        open_video(name)


def test_folders_and_devices_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(VideoError, match="ordinary file"):
            open_video(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["one_frame", "odd_size", "turned_90", "mirrored", "spaced_name", "unicode_name",
     "dashed_name", "with_audio"],
)  # fmt: skip
def test_every_frame_once_in_order_upright(name: str, tmp_path: Path) -> None:
    source = open_video(CASES[name](tmp_path))
    frames = list(source.frames())
    assert indices(frames) == [f.index for f in frames] == list(range(source.info.num_frames))
    assert np.allclose([f.time_s for f in frames], [f.index / 25 for f in frames], atol=1e-9)
    assert {f.rgb.shape[:2] for f in frames} == {source.info.size_hw}
    assert source.warnings == []


def test_odd_sizes_are_kept_and_turns_exchange_them(tmp_path: Path) -> None:
    assert open_video(CASES["odd_size"](tmp_path)).info.size_hw == (181, 241)
    turned = open_video(CASES["turned_90"](tmp_path)).info
    assert (turned.size_hw, turned.rotation_deg) == ((320, 240), 90)


@pytest.mark.parametrize(
    ("abcd", "store", "rotation_deg"),
    [
        ((-1, 0, 0, -1), lambda rgb: np.rot90(rgb, 2), 180),
        ((0, -1, 1, 0), lambda rgb: np.rot90(rgb, -1), 270),
        ((1, 0, 0, -1), np.flipud, 180),  # that is, mirrored left to right and turned by 180
        ((0, 1, 1, 0), lambda rgb: np.swapaxes(rgb, 0, 1), 270),
    ],
)
def test_other_turns(tmp_path: Path, abcd: tuple, store: object, rotation_deg: int) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=3, size_hw=(320, 240), store=store)
    source = open_video(set_display_matrix(path, abcd))
    assert source.info.size_hw == (320, 240)
    assert source.info.rotation_deg == rotation_deg
    assert indices(list(source.frames())) == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".png", ".avi"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_pictures_with_exif_are_shown_as_it_says(
    suffix: str, orientation: int, tmp_path: Path
) -> None:
    path, exif = tmp_path / f"a{suffix}", Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    first, *others = (Image.fromarray(coded_picture(i)) for i in range(3))
    if suffix == ".png":
        first.save(path, save_all=True, append_images=others, exif=exif, duration=40)
    else:
        with av.open(path, "w") as out:
            stream = out.add_stream("mjpeg", rate=25)
            stream.width, stream.height, stream.pix_fmt = *first.size, "yuvj420p"
            for pts, picture in enumerate((first, *others)):
                file = io.BytesIO()
                picture.save(file, "jpeg", exif=exif)
                packet = av.Packet(file.getvalue())
                packet.stream, packet.pts, packet.dts = stream, pts, pts
                out.mux(packet)
    first.getexif()[ExifTags.Base.Orientation] = orientation
    expected = np.asarray(ImageOps.exif_transpose(first)).astype(int)
    frames = list(open_video(path).frames())
    assert len(frames) == 3
    rgb = frames[0].rgb
    assert rgb is not None
    assert rgb.shape == expected.shape
    assert np.abs(rgb - expected).mean() < 4


def test_pixels_become_square(tmp_path: Path) -> None:
    source = open_video(CASES["wide_pixels"](tmp_path))
    assert source.info.size_hw == (240, 640)
    assert indices(list(source.frames())) == list(range(8))


def test_variable_times_are_exact(tmp_path: Path) -> None:
    frames = list(open_video(CASES["variable_rate"](tmp_path)).frames())
    assert [f.time_s for f in frames] == [ms / 1000 for ms in VFR_MS]
    assert indices(frames) == list(range(len(VFR_MS)))


def test_times_count_from_the_first_picture(tmp_path: Path) -> None:
    source = open_video(write_video(tmp_path / "late.mkv", times_ms=[700, 740, 800]))
    assert source.start_s == Fraction(7, 10)
    assert [round(f.time_s, 9) for f in source.frames()] == [0, 0.04, 0.1]


@pytest.mark.slow
def test_damage_costs_the_damaged_frames_only(tmp_path: Path) -> None:
    frames = list(open_video(CASES["flipped_bytes"](tmp_path)).frames())
    assert [f.index for f in frames] == list(range(60))
    assert [f.index for f in frames if f.rgb is None] == [29, 30]
    assert [f.status for f in frames].count("undecodable") == 2
    assert np.allclose([f.time_s for f in frames], np.arange(60) / 25)


def test_a_cut_file_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    source = open_video(CASES["truncated_with_index"](tmp_path))
    frames = list(source.frames())
    assert 25 < len(frames) < 60
    assert indices(frames[:-1]) == list(range(len(frames) - 1))
    assert f"{60 - len(frames)} of the 60 frames" in source.warnings[0]


def test_a_lost_key_frame_is_lost_and_the_rest_is_in_place(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=6, codec="mjpeg", pix_fmt="yuvj420p")
    with av.open(str(path)) as video:
        third = [p for p in video.demux(video=0) if p.size][2]
    data = bytearray(path.read_bytes())
    data[third.pos : third.pos + third.size] = bytes(third.size)
    path.write_bytes(data)
    assert indices(list(open_video(path).frames())) == [0, 1, None, 3, 4, 5]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.avi", "mpeg4"), ("a.avi", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"),
     ("a.h264", "libx264"), ("a.webm", "libvpx"), ("a.webm", "libvpx-vp9"), ("a.mov", "mpeg4")],
)  # fmt: skip
def test_containers_and_codecs(name: str, codec: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, num_frames=30, codec=codec, size_hw=(96, 128))
    frames = list(open_video(path).frames())
    assert indices(frames) == list(range(30))
    assert np.allclose([f.time_s for f in frames], np.arange(30) / 25, atol=1e-3)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.flv", "a.avi"])
@pytest.mark.parametrize(
    "rate_hz", [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 60, 240]
)
def test_the_rate_is_that_of_the_recording_however_coarse_its_times(
    name: str, rate_hz: Fraction | int, tmp_path: Path
) -> None:
    path = write_video(tmp_path / name, num_frames=40, rate_hz=rate_hz)
    assert open_video(path).info.rate_hz == pytest.approx(float(rate_hz), rel=0.01)


@pytest.mark.parametrize("pause_ms", [0, 5000])
def test_the_rate_is_that_of_the_times_where_no_header_says_it(
    pause_ms: int, tmp_path: Path
) -> None:
    """Browsers' recorders write no duration of frames; FFmpeg then guesses 1000, the clock's rate."""
    late_ms = np.random.default_rng(0).uniform(0, 12, 40)
    times_ms = np.round(np.arange(40) * 1000 / 30 + late_ms + pause_ms * (np.arange(40) > 0))
    path = by_browser(tmp_path / "a.webm", times_ms.astype(int).tolist())
    assert open_video(path).info.rate_hz == pytest.approx(30.0, rel=0.02)


def test_a_change_of_size_in_mid_stream_keeps_the_first_size(tmp_path: Path) -> None:
    first = write_video(tmp_path / "a.ts", num_frames=5)
    second = write_video(tmp_path / "b.ts", num_frames=5, size_hw=(480, 640))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    frames = list(open_video(joined).frames())
    assert indices(frames) == [0, 1, 2, 3, 4] * 2
    assert {f.rgb.shape for f in frames} == {(240, 320, 3)}
    times = [f.time_s for f in frames]
    assert times == sorted(times)


@pytest.mark.slow
def test_a_span_keeps_index_and_time(tmp_path: Path) -> None:
    source = open_video(CASES["with_audio"](tmp_path))
    frames = list(source.frames(0.4, 0.8))
    assert indices(frames) == [f.index for f in frames] == list(range(10, 20))
    assert frames[0].time_s == 0.4


@pytest.mark.slow
def test_reading_ahead_changes_nothing_and_ends_its_thread(tmp_path: Path) -> None:
    source = open_video(CASES["with_audio"](tmp_path))
    threads = threading.active_count()
    assert indices(list(source.frames(ahead=1))) == indices(list(source.frames(ahead=0)))
    frames = source.frames(ahead=2)
    assert read_index(next(frames).rgb) == 0
    assert threading.active_count() == threads + 1
    frames.close()
    assert threading.active_count() == threads


def test_reading_ahead_is_bounded_and_hands_errors_on() -> None:
    made = []

    def make():
        for index in range(10):
            made.append(index)
            yield Frame(index, float(index), None)
            if index == 6:
                raise VideoError("broken")

    frames = read_ahead(make(), 2)
    seen = [next(frames).index]
    assert len(made) <= 5
    with pytest.raises(VideoError, match="broken"):
        seen.extend(frame.index for frame in frames)
    assert seen == list(range(7))


def test_untagged_colours_of_large_pictures_are_bt709(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        planes = np.full((1080, 1280), 128, np.uint8)
        planes[:720], planes[900:] = 100, 180  # Y, then U and V
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        out.mux([*stream.encode(picture), *stream.encode(None)])
    (frame,) = open_video(path).frames()
    luma, red = (100 - 16) * 255 / 219, 1.5748 * (180 - 128) * 255 / 224
    assert abs(int(frame.rgb[360, 640, 0]) - (luma + red)) <= 3


def copy_pictures(given: av.container.InputContainer, out: av.container.OutputContainer) -> None:
    """The packets of a file's pictures, not decoded."""
    stream = out.add_stream_from_template(given.streams.video[0])
    for packet in given.demux(video=0):
        if packet.dts is not None:
            packet.stream = stream
            out.mux(packet)


def test_a_header_that_counts_the_first_part_alone_is_not_believed(tmp_path: Path) -> None:
    """As in a fragmented MP4, which some recorders write."""
    whole, parts = write_video(tmp_path / "whole.mp4", num_frames=30), tmp_path / "parts.mp4"
    flags = {"movflags": "frag_every_frame"}
    with av.open(str(whole)) as given, av.open(str(parts), "w", options=flags) as out:
        copy_pictures(given, out)
    with av.open(str(parts)) as made:
        assert made.streams.video[0].frames == 1
    assert open_video(whole).info.num_frames == 30
    source = open_video(parts)
    assert source.info.num_frames is None
    assert len(list(source.frames())) == 30
    assert source.warnings == []


def trimmed(path: Path, shown_s: Fraction, from_s: Fraction = Fraction(0)) -> Path:
    """The MP4 with an edit list that shows only a part of it, as editors write it that trim."""
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 12
    lasts_ms, begin = struct.unpack_from(">Ii", data, place)
    with av.open(str(path)) as video:
        begin += round(from_s / video.streams.video[0].time_base)
    struct.pack_into(">Ii", data, place, min(lasts_ms, round(1000 * shown_s)), begin)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("begin", [0, 13])
@pytest.mark.parametrize("shown", [1, 12, 29, 45, 47])
def test_what_an_edit_list_does_not_show_is_not_missing(
    shown: int, begin: int, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=60)
    source = open_video(trimmed(path, Fraction(shown, 25), Fraction(begin, 25)))
    frames = list(source.frames())
    assert source.info.num_frames == len(frames)
    assert shown <= len(frames) <= shown + 2
    assert indices(frames)[:shown] == list(range(begin, begin + shown))
    assert source.warnings == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
@pytest.mark.parametrize("begin", [0, 5])
def test_a_trimmed_file_that_was_cut_short_says_so(begin: int, name: str, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", num_frames=60)
    path = trimmed(whole, Fraction(2), Fraction(begin, 25)).rename(tmp_path / name)
    counted = open_video(path).info.num_frames or 0
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_video(path)
    missing = counted - len(list(source.frames()))
    assert missing > 10
    assert f"{missing} of the {counted} frames" in source.warnings[0]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
@pytest.mark.parametrize(
    "steps_ms", [[100, *[33] * 40], [67, 33, 33] * 12, [*[33] * 30, 3000], [16] * 20 + [1000] * 20]
)
def test_frames_are_counted_however_unevenly_they_come(
    steps_ms: list[int], name: str, tmp_path: Path
) -> None:
    times_ms = [sum(steps_ms[:i]) for i in range(len(steps_ms) + 1)]
    source = open_video(write_video(tmp_path / name, times_ms=times_ms, size_hw=(96, 128)))
    assert source.info.num_frames == len(list(source.frames())) == len(times_ms)
    assert source.warnings == []


def test_a_count_that_no_video_has_is_none(tmp_path: Path) -> None:
    """As FFmpeg writes it to a pipe, where it cannot go back to count."""
    whole = write_video(tmp_path / "whole.avi", num_frames=20, codec="mpeg4", size_hw=(96, 128))
    piped = tmp_path / "piped.avi"
    with piped.open("wb") as file, av.open(str(whole)) as given:
        pipe = SimpleNamespace(write=file.write)
        with av.open(pipe, "w", format="avi") as out:
            copy_pictures(given, out)
    with av.open(str(piped)) as made:
        assert made.streams.video[0].frames == 1 << 30
    source = open_video(piped)
    assert source.info.num_frames is None
    assert len(list(source.frames())) == 20
    assert source.warnings == []
