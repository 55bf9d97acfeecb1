"""A source of pictures that are in memory or generated on demand."""

from collections.abc import Generator, Iterable, Sequence
from fractions import Fraction
from itertools import chain

import numpy as np
from jaxtyping import UInt8

from glpose.config import checked_truth, real_number
from glpose.errors import BadInput
from glpose.types import Frame, VideoInfo

RATE_HZ = 25.0
"""The rate of pictures of which none is known."""

LATEST_S = 1e12
"""Times, of clocks since 1970 too, are less; more cannot be counted in ticks of a video."""

RATES_HZ = 1e-9, 1e9
"""The lowest and the highest rate: a thousand pictures have times up to `LATEST_S`."""

_MICROSECOND = Fraction(1, 1_000_000)


class ArraySource:
    """Arrays of RGB pictures, uint8 of height x width x 3, as a `Source`.

    `pictures` is a list, an array, or anything else that gives pictures one by one, such as an
    iterator: that is read lazily and only once. Pictures of what is no list, tuple or array itself
    are copied, so that it may use their memory again. None stands for a lost picture. Times are `times_s`, one per picture and
    increasing, or else multiples of 1 / `rate_hz`, 25 frames a second if None. With times `rate_hz`
    is how often pictures usually come, found from the times if None. `name` names the results.
    `is_still`: it is one picture and no video.

    Raises: BadInput if a picture is invalid (the first one here, later ones when they are reached),
    if times are not numbers, do not increase or are fewer than the pictures, or if an iterator is
    read twice.
    """

    audio = None

    def __init__(
        self,
        pictures: Iterable[np.ndarray | None],
        *,
        rate_hz: float | None = None,
        times_s: Iterable[float] | None = None,
        name: str = "pictures",
        is_still: bool = False,
    ) -> None:
        if not isinstance(name, str):
            raise BadInput(f"name is a {type(name).__name__}; expected text")
        is_still = checked_truth(is_still, "is_still")
        self._name, self._times_s = name, None if times_s is None else _numbers(name, times_s)
        rate_hz = _usual_rate(self._times_s) if rate_hz is None else checked_rate(rate_hz)
        step_s = step_at(rate_hz)
        self.time_base = step_s if times_s is None else _MICROSECOND
        if not isinstance(pictures, Iterable):
            raise BadInput(
                f"{name}: found a {type(pictures).__name__}; expected a list, an array or an "
                "iterator of pictures"
            )
        # What makes its pictures when they are asked for may use the memory of those before.
        self._may_reuse = type(pictures) not in (list, tuple, np.ndarray)
        # What has an iterator need not give the same one twice, nor tell its length rightly.
        num = len(pictures) if isinstance(pictures, Sequence | np.ndarray) else None
        self.is_read_once, self._was_read = num is None, False
        # The size is that of the first picture that is not None.
        rest, before, size_hw = iter(pictures), [], None
        for index, picture in enumerate(rest):
            before.append(picture)
            if picture is not None:
                size_hw = checked_picture(picture, self._label(index)).shape[:2]
                break
        if size_hw is None:
            raise BadInput(f"{name}: found no picture; expected one at least")
        self._pictures = chain(before, rest) if self.is_read_once else pictures
        duration_s = None if num is None or times_s is not None else float(num * step_s)
        self.info = VideoInfo(
            name, size_hw, rate_hz, num_frames=num, duration_s=duration_s, is_still=is_still
        )
        self.warnings: list[str] = []

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        """See `Source.frames`; runs in the caller's thread."""
        if self.is_read_once and self._was_read:
            raise BadInput(f"{self._name}: an iterator is read once only; give a list of pictures")
        self._was_read = True
        last_s = -float("inf")
        for index, picture in enumerate(self._pictures):
            time_s = self._time_s(index)
            if not (last_s < time_s and abs(time_s) <= LATEST_S):
                raise BadInput(
                    f"{self._label(index)} is at {time_s} s, after one at {last_s} s; "
                    f"expected times that increase, up to {LATEST_S:g}"
                )
            last_s = time_s
            if end_s is not None and time_s >= end_s:
                return
            if start_s is None or time_s >= start_s:
                yield Frame(index, time_s, self._kept(picture, index))

    def _kept(self, picture: np.ndarray | None, index: int) -> np.ndarray | None:
        """A picture, checked; a copy if its memory may be used again."""
        if picture is None:
            return None
        rgb = checked_picture(picture, self._label(index))
        return rgb.copy() if self._may_reuse else rgb

    def _time_s(self, index: int) -> float:
        if self._times_s is None:
            return float(index * self.time_base)
        if index >= len(self._times_s):
            raise BadInput(
                f"{self._name}: found more pictures than the {len(self._times_s)} times; expected "
                "a time for each picture"
            )
        return self._times_s[index]

    def _label(self, index: int) -> str:
        return f"{self._name}: picture {index}"


def checked_picture(picture: object, label: str) -> UInt8[np.ndarray, "height width 3"]:
    """The picture, which `label` names. Raises BadInput if it is none."""
    if not isinstance(picture, np.ndarray):
        found = type(picture).__name__
    elif picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3:
        if picture.size:
            return picture
        found = f"an empty array of shape {picture.shape}"
    else:
        found = f"an array of {picture.dtype} and shape {picture.shape}"
    raise BadInput(f"{label} is {found}; expected RGB, uint8 of height x width x 3")


def checked_rate(rate_hz: object, name: str = "rate_hz") -> int | float:
    """The rate as a number of Python; `name` is for messages. Raises: BadInput for what is none."""
    rate, (least, most) = real_number(rate_hz), RATES_HZ
    if rate is None or not least <= rate <= most:
        raise BadInput(
            f"{name} is {rate_hz!r:.40}; expected frames a second, from {least:g} to {most:g}"
        )
    return rate


def step_at(rate_hz: float) -> Fraction:
    """Seconds from frame to frame: the exact ones of usual rates, such as 1001/30000."""
    rate = Fraction(rate_hz)
    if rate < 1:
        return (1 / rate).limit_denominator(1001)
    return 1 / rate.limit_denominator(1001)


def _usual_rate(times_s: tuple[float, ...] | None) -> float:
    """The rate at which pictures with these times come; that of pictures without times if unknown."""
    if times_s is None or len(times_s) < 2 or not np.abs(times_s).max() <= LATEST_S:
        return RATE_HZ  # such times are refused where they are reached, as those that go back
    step_s = float(np.median(np.diff(times_s)))
    if step_s <= 0:
        return RATE_HZ
    least_s, most_s = sorted(1 / rate_hz for rate_hz in RATES_HZ)
    if not least_s <= step_s <= most_s:
        raise BadInput(
            f"times_s: pictures come {step_s:g} s apart; expected from {least_s:g} to {most_s:g} s"
        )
    return float(1 / step_at(1 / step_s))  # times may be rounded


def _numbers(name: str, times_s: Iterable[float]) -> tuple[float, ...]:
    try:
        return tuple(float(time_s) for time_s in times_s)
    except (TypeError, ValueError, OverflowError) as problem:
        raise BadInput(f"{name}: times_s: {problem}; expected a number for each picture") from None
