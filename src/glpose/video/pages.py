"""Several pictures in one file: animated PNG and WebP with their times, the pages of a TIFF."""

from collections.abc import Generator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import Path

from glpose import imaging
from glpose.errors import VideoError
from glpose.types import Frame, VideoInfo
from glpose.video.animated import shown_ms
from glpose.video.arrays import step_at
from glpose.video.reader import VideoSource, in_span, open_video, read_ahead

_MS = Fraction(1, 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """A `Source` of the pictures of one file; `times_s` are when they are shown."""

    path: Path
    info: VideoInfo
    time_base: Fraction
    times_s: tuple[float, ...]
    audio: None = None
    warnings: list[str] = field(default_factory=list)

    def frames(
        self, start_s: float | None = None, end_s: float | None = None, *, ahead: int = 4
    ) -> Generator[Frame, None, None]:
        """See `Source.frames`; a picture that cannot be decoded is an undecodable frame."""
        pages = imaging.read_pages(self.path, len(self.times_s))
        pictures = (partial(self._fitted, page) for page in pages)
        return read_ahead(in_span(self.times_s, pictures, start_s, end_s), ahead)

    def _fitted(self, rgb: imaging.Rgb | None) -> imaging.Rgb | None:
        if rgb is None or rgb.shape[:2] == self.info.size_hw:
            return rgb
        return imaging.letterbox(rgb, self.info.size_hw, fill=0)[0]


def open_pages(path: Path, name: str, rate_hz: float) -> Pages | VideoSource:
    """The pictures of a file; `rate_hz` is for files that do not say when they are shown.

    Raises: VideoError if the first of them cannot be decoded.
    """
    if path.suffix.lower() == ".png":
        return open_video(path)
    lasts_ms = [shown_ms(ms) for ms in imaging.page_times_ms(path)]
    number = imaging.count_pages(path)
    first = next(imaging.read_pages(path, 1))
    if first is None:
        raise VideoError(f"{path}: the first of its {number} pictures cannot be decoded")
    if lasts_ms:
        base, total_s = _MS, float(sum(lasts_ms) * _MS)
        times_s = tuple(float(ms * _MS) for ms in accumulate(lasts_ms[:-1], initial=0))
        rate_hz = number / total_s
    else:
        base = step_at(rate_hz)
        times_s = tuple(float(i * base) for i in range(number))
        total_s = float(number * base)
    info = VideoInfo(name, first.shape[:2], rate_hz, num_frames=number, duration_s=total_s)
    return Pages(path, info, base, times_s)
