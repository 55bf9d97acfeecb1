"""Makes videos, good and bad, by script: one function for each case, and `CASES` with all of them.

Every maker takes a folder and returns the path of what it made there. Pictures carry their index
(`coded_picture`, `read_index`), so that order, times and turns are really checked.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

SIZE_HW = (240, 320)
NUM_FRAMES = 60
VFR_MS = (0, 40, 73, 120, 121, 200, 333, 350, 1000, 1040, 1077, 2500)
"""The times of the variable-rate video, in milliseconds."""

_EVEN = {".avi", ".dv", ".h264", ".hevc", ".m2ts", ".m2v", ".m4v", ".mpg", ".mxf", ".wmv"}
"""Where all pictures last equally long."""

TURNED_90 = (0, 1, -1, 0)
"""(a, b, c, d) of the display matrix of a phone held upright: a quarter turn clockwise."""
MIRRORED = (-1, 0, 0, 1)


def coded_picture(index: int, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Red top left, texture top right, and below eight stripes: the bits of the index."""
    height, width = size_hw
    rgb = np.zeros((height, width, 3), np.uint8)
    noise = np.random.default_rng(index).integers(60, 120, (height // 2, width - width // 2, 1))
    rgb[: height // 2, width // 2 :] = noise
    rgb[: height // 2, : width // 2] = (220, 20, 20)
    edges = np.linspace(0, width, 9).astype(int)
    for bit in range(8):
        if index >> bit & 1:
            rgb[height // 2 :, edges[bit] : edges[bit + 1]] = 235
    return rgb


def read_index(rgb: np.ndarray) -> int:
    """The index of a coded picture seen upright and unmirrored, of any size."""
    assert is_upright(rgb)
    height, width = rgb.shape[:2]
    edges = np.linspace(0, width, 9).astype(int)
    rows = slice(height * 5 // 8, height * 7 // 8)
    bits = [
        rgb[rows, left + 1 : max(left + 2, right - 1)].mean() > 120
        for left, right in pairwise(edges)
    ]
    return sum(1 << bit for bit, on in enumerate(bits) if on)


def is_upright(rgb: np.ndarray) -> bool:
    """Whether the red corner is top left."""
    height, width = rgb.shape[:2]
    red, _, blue = rgb[height // 8 : height * 3 // 8, width // 8 : width * 3 // 8].mean((0, 1))
    return bool(red > 150 and blue < 90)


def write_video(
    path: Path,
    *,
    num_frames: int = NUM_FRAMES,
    size_hw: tuple[int, int] = SIZE_HW,
    times_ms: Sequence[int] | None = None,
    rate_hz: Fraction | int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    aspect: Fraction | None = None,
    store: Callable[[np.ndarray], np.ndarray] = np.asarray,
    audio: str | None = None,
    faststart: bool = True,
) -> Path:
    """A video of coded pictures at a rate, or at the given times; with B-frames where it can.

    `size_hw` is the size as shown; `store` turns a picture as shown into the stored one.
    """
    flags = {"movflags": "+faststart"} if faststart and path.suffix == ".mp4" else {}
    if times_ms is None:
        times_ms = [round(1000 * i / rate_hz) for i in range(num_frames)]
    with av.open(f"file:{path.absolute()}", "w", container_options=flags) as out:
        stream = out.add_stream(codec, rate=rate_hz)
        context = stream.codec_context
        # Of several threads libvpx's first waits in a loop, which may keep the others from their core.
        context.thread_count = 1
        context.height, context.width = store(coded_picture(0, size_hw)).shape[:2]
        context.pix_fmt = pix_fmt
        context.time_base = 1 / Fraction(rate_hz if path.suffix in _EVEN else 1000)
        if aspect:
            context.sample_aspect_ratio = aspect
        if codec == "libx264":
            # With "crf" x264 looks ahead in memory that nobody set: some files of a hundred differ.
            stream.options = {"preset": "veryfast", "qp": "23", "threads": "1"}
        sound = out.add_stream(audio, rate=44100) if audio else None
        for index, time_ms in enumerate(times_ms):
            stored = np.ascontiguousarray(store(coded_picture(index, size_hw)))
            picture = av.VideoFrame.from_ndarray(stored, format="rgb24")
            picture.pts = round(Fraction(time_ms, 1000) / context.time_base)
            picture.time_base = context.time_base
            out.mux(stream.encode(picture.reformat(format=pix_fmt)))
        out.mux(stream.encode(None))
        if sound:
            _add_tone(out, sound, times_ms[-1] / 1000 + 0.04)
    return path


def _add_tone(out: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    wave = np.sin(np.arange(int(44100 * seconds)) * 0.06).astype(np.float32) * 0.1
    for start in range(0, len(wave), 1024):
        part = np.ascontiguousarray(np.tile(wave[start : start + 1024], (2, 1)))
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, start
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def by_browser(path: Path, times_ms: list[int]) -> Path:
    """A WebM as by recorders of browsers, which do not say how long frames last."""
    write_video(path, codec="libvpx", times_ms=times_ms, size_hw=(96, 128))
    data = path.read_bytes()
    assert data.count(b"\x23\xe3\x83") == 1  # DefaultDuration, becomes Void
    at = data.index(b"\x23\xe3\x83")
    num = 4 + (data[at + 3] & 0x7F)
    path.write_bytes(
        data[:at] + bytes([0xEC, 0x80 | (num - 2)]) + bytes(num - 2) + data[at + num :]
    )
    return path


def set_display_matrix(path: Path, abcd: tuple[int, int, int, int]) -> Path:
    """Write the 2x2 part of the display matrix into the track header of an MP4."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd")
    start += 44 if data[start + 4] == 0 else 56  # 64 bit times in version 1
    a, b, c, d = (value << 16 for value in abcd)
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4")
    data[start : start + 36] = matrix.tobytes()
    path.write_bytes(data)
    return path


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("This is a shopping list.\n" * 50)
    return path


def random_bytes(folder: Path) -> Path:
    path = folder / "random.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(50_000))
    return path


def truncated_with_index(folder: Path) -> Path:
    """The index is in front, the file ends at 60 %."""
    return _cut(write_video(folder / "truncated_with_index.mp4"))


def truncated_without_index(folder: Path) -> Path:
    """The index was at the end and is gone."""
    return _cut(write_video(folder / "truncated_without_index.mp4", faststart=False))


def _cut(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


def flipped_bytes(folder: Path) -> Path:
    """60 bytes in the middle, over the border of two frames, are inverted: both are lost."""
    path = write_video(folder / "flipped_bytes.mp4")
    with av.open(str(path)) as video:
        starts = [packet.pos for packet in video.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    start = starts[NUM_FRAMES // 2] - 30
    data[start : start + 60] = bytes(255 - byte for byte in data[start : start + 60])
    path.write_bytes(data)
    return path


def audio_only(folder: Path) -> Path:
    path = folder / "audio_only.mp4"
    with av.open(str(path), "w") as out:
        _add_tone(out, out.add_stream("aac", rate=44100), 1.0)
    return path


def cover_art(folder: Path) -> Path:
    """Sound with a picture attached, which is not a video."""
    path = folder / "cover_art.mkv"
    _, data = cv2.imencode(".png", coded_picture(1))
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=44100)
        out.add_attachment("cover.png", "image/png", data.tobytes())
        _add_tone(out, sound, 1.0)
    return path


def no_frames(folder: Path) -> Path:
    """A well-formed file with a video track and nothing in it."""
    path = folder / "no_frames.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        out.start_encoding()
    return path


def hls_playlist(folder: Path) -> Path:
    """A playlist under a video's name that points to another local file."""
    target = write_video(folder / "secret.ts", num_frames=5)
    path = folder / "hls_playlist.mp4"
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:1.0,\n"
        f"file://{target.absolute()}\n#EXT-X-ENDLIST\n"
    )
    return path


def concat_list(folder: Path) -> Path:
    """A list for the concat demuxer that points to another local file."""
    target = write_video(folder / "listed.mp4", num_frames=5)
    path = folder / "concat_list.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{target.absolute()}'\n")
    return path


def one_frame(folder: Path) -> Path:
    return write_video(folder / "one_frame.mp4", num_frames=1)


def odd_size(folder: Path) -> Path:
    return write_video(folder / "odd_size.mp4", num_frames=8, size_hw=(181, 241), pix_fmt="yuv444p")


def turned_90(folder: Path) -> Path:
    """Stored 320x240, to be shown as 240x320 after a quarter turn clockwise."""
    path = write_video(
        folder / "turned_90.mp4", num_frames=8, size_hw=SIZE_HW[::-1], store=np.rot90
    )
    return set_display_matrix(path, TURNED_90)


def mirrored(folder: Path) -> Path:
    """Stored with left and right exchanged, as by a selfie camera."""
    path = write_video(folder / "mirrored.mp4", num_frames=8, store=np.fliplr)
    return set_display_matrix(path, MIRRORED)


def variable_rate(folder: Path) -> Path:
    return write_video(folder / "variable_rate.mp4", times_ms=VFR_MS)


def wide_pixels(folder: Path) -> Path:
    """Stored 320x240 with pixels twice as wide as high, to be shown as 640x240."""
    return write_video(folder / "wide_pixels.mp4", num_frames=8, aspect=Fraction(2))


def with_audio(folder: Path) -> Path:
    return write_video(folder / "with_audio.mp4", audio="aac")


def spaced_name(folder: Path) -> Path:
    return write_video(folder / "a walk, 100%d in the park.mp4", num_frames=8)


def unicode_name(folder: Path) -> Path:
    return write_video(folder / "Läufer-日本-🏃.mp4", num_frames=8)


def dashed_name(folder: Path) -> Path:
    return write_video(folder / "-o.mp4", num_frames=8)


def image_folder(folder: Path) -> Path:
    """Twelve pictures whose natural order is not the alphabetic one, and a file that is none."""
    path = folder / "pictures"
    path.mkdir()
    for index in range(12):
        cv2.imwrite(str(path / f"frame-{index}.png"), coded_picture(index)[..., ::-1])
    (path / "notes.txt").write_text("taken on a walk")
    return path


CASES: dict[str, Callable[[Path], Path]] = {
    maker.__name__: maker
    for maker in (
        missing, empty, text, random_bytes, truncated_with_index, truncated_without_index,
        flipped_bytes, audio_only, cover_art, no_frames, hls_playlist, concat_list, one_frame,
        odd_size, turned_90, mirrored, variable_rate, wide_pixels, with_audio, spaced_name,
        unicode_name, dashed_name, image_folder,
    )
}  # fmt: skip

UNUSABLE = (
    "missing", "empty", "text", "random_bytes", "truncated_without_index", "audio_only",
    "cover_art", "no_frames", "hls_playlist", "concat_list",
)  # fmt: skip
"""The cases that cannot be opened; the others can."""
