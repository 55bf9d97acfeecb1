"""The times of pictures that come but once: from the network, or from a camera.

They never go back, whatever the clock of the sender does, and go on across connections.
"""

import math
import time
from fractions import Fraction

from av import Packet

GAP_S = 2.0
"""After so many seconds without a picture nobody is taken for somebody before."""

_GAP_FRAMES = 30  # so many at least, as pictures of a time-lapse are always far apart
_LOST_FRAMES = 100  # at least so many count as lost in such a gap: more than tracks outlive
_HOLE_S = 1.0
_BACKLOG_S = 10.0  # what a sender has in store may come at once, with such a gap in it


class StreamClock:
    """The times of pictures, which go on across connections.

    A recording begins anew when it is connected again: what was seen already has no time. Of a live
    stream nobody knows where it goes on, but how long it was away; so it is where its clock jumps
    ahead by more than can have passed.
    """

    def __init__(self) -> None:
        self.rate_hz = 25.0
        self.duration_s: float | None = None
        self.is_recording = False
        self.last_s = -1.0
        self._number = self._lost = self._num_jumps = 0
        self._unit = Fraction(1, 90000)
        self._origin = self._last = Fraction(0)  # on the sender's clock, and since then
        self._place: Fraction | None = None  # of the last picture, on the clock of this connection
        self._seen_at = 0.0  # by the clock of this computer
        self.is_new = True  # nothing new has come since the last connection

    def connect(
        self,
        unit: Fraction | None,
        rate: Fraction | None,
        duration_s: float | None = None,
        *,
        is_recording: bool = False,
    ) -> None:
        """A connection is there."""
        self._unit = unit or self._unit
        self.rate_hz = float(rate) if rate else self.rate_hz
        if self._number == 0:
            self.duration_s, self.is_recording = duration_s, is_recording
        self.is_new, self._place = True, None

    @property
    def step_s(self) -> float:
        """How long a picture usually lasts."""
        return 1 / self.rate_hz

    @property
    def place_s(self) -> float:
        """Where the last picture of a live stream is on the sender's clock."""
        return float(self._origin + self._last)

    def timed(self, pts: int | None) -> tuple[float, int] | None:
        """The time of a picture, and the frames that were lost before it; None if it was seen."""
        now, step = time.monotonic(), Fraction(self.step_s)
        expected = Fraction(0) if self._place is None else self._place + step
        self._place = place = expected if pts is None else pts * self._unit
        if self._number == 0:
            self._origin = place
        elif self.is_recording:
            found = place - self._origin
            if self.is_new and found <= self._last:
                return None
            self._last = max(found, self._last + self._unit)
        else:
            self._go_on(place, step, Fraction(max(0.0, now - self._seen_at)))
        self._number += 1
        self.last_s, self._seen_at, self.is_new = float(self._last), now, False
        return self.last_s, self._lost

    def _go_on(self, place: Fraction, step: Fraction, away: Fraction) -> None:
        """With a picture of a live stream, `away` after the last one."""
        passed, most = place - self._origin - self._last, max(_GAP_FRAMES * step, Fraction(GAP_S))
        is_ahead = passed > away + max(_GAP_FRAMES * step, Fraction(_BACKLOG_S))
        self._num_jumps += is_ahead and not self.is_new
        if self.is_new or is_ahead:
            passed = max(step, away)
        elif passed <= 0:
            passed = step
        self._last += passed
        self._origin = place - self._last
        if passed > most:
            self._lost += max(_LOST_FRAMES, round(passed / step))

    def warnings(self, label: str) -> list[str]:
        """What is to be said at the end about the clock of the sender."""
        said = (
            f"{label}: its clock jumped ahead {self._num_jumps} times; times go on as if it had not"
        )
        return [said] if self._num_jumps else []


class Lasting:
    """How long packets of one or more streams last: from the first begin to the last end."""

    def __init__(self) -> None:
        self._begin_s, self._end_s, self._holes_s = math.inf, -math.inf, 0.0

    @property
    def total_s(self) -> float:
        """0 for none."""
        return max(0.0, self._end_s - self._begin_s)

    @property
    def covered_s(self) -> float:
        """Without the holes of more than a second, in which nothing was."""
        return self.total_s - self._holes_s

    def add(self, packet: Packet, step_s: float) -> None:
        """Count a packet, which lasts for `step_s` if it does not say how long."""
        pts = packet.dts if packet.pts is None else packet.pts
        if pts is not None and packet.size:
            begin_s = float(pts * packet.time_base)
            lasts_s = float(packet.duration * packet.time_base) if packet.duration else step_s
            hole_s = begin_s - self._end_s if self._end_s > -math.inf else 0.0
            self._holes_s += hole_s if hole_s > _HOLE_S else 0.0
            self._begin_s = min(self._begin_s, begin_s)
            self._end_s = max(self._end_s, begin_s + lasts_s)
