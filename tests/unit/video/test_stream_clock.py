"""The times of what comes once, with the time of this computer set by hand."""

from fractions import Fraction

import pytest
from av import Packet

from glpose.video import stream_clock
from glpose.video.stream_clock import Lasting, StreamClock


class Clock(StreamClock):
    """A clock whose computer's time is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now = 100.0
        monkeypatch.setattr(stream_clock.time, "monotonic", lambda: self.now)

    def see(self, pts: int | None, now: int) -> tuple[float, int] | None:
        self.now = float(now)
        found = self.timed(pts)
        return None if found is None else (round(found[0], 6), found[1])


def test_the_times_of_what_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.connect(Fraction(1, 1000), Fraction(25))
    assert [clock.see(pts, 100) for pts in (5000, 5040, None)] == [(0, 0), (0.04, 0), (0.08, 0)]
    assert clock.see(5040, 100) == (0.12, 0)  # its time went back
    clock.connect(None, None)
    assert clock.see(77000, 101) == (1.12, 0)  # away for a second
    assert clock.see(77040, 101) == (1.16, 0)
    clock.connect(None, None)
    assert clock.see(0, 104) == (4.16, 100)  # for three, which is a gap: at least 100 frames
    assert clock.see(40, 104) == (4.2, 100)
    assert clock.see(10040, 114) == (14.2, 350)  # ten without a new connection


def test_the_times_of_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.connect(Fraction(1, 1000), Fraction(25), 6.0, is_recording=True)
    assert [clock.see(pts, 100) for pts in (500, 540, 5000)] == [(0, 0), (0.04, 0), (4.5, 0)]
    clock.connect(Fraction(1, 1000), Fraction(25), 6.0, is_recording=True)
    assert [clock.see(pts, 200) for pts in (500, 5000)] == [None, None]
    assert clock.see(5040, 200) == (4.54, 0)
    assert clock.see(6000, 200) == (5.5, 0)
    assert clock.see(6000, 200) == (5.501, 0)  # a picture too many: a tick later, as in a file
    assert clock.see(None, 200) == (5.54, 0)


def test_a_recording_whose_pictures_have_no_times_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    clock.connect(Fraction(1, 1000), Fraction(25), is_recording=True)
    assert [clock.see(None, 100) for _ in range(3)] == [(0, 0), (0.04, 0), (0.08, 0)]
    clock.connect(Fraction(1, 1000), Fraction(25), is_recording=True)
    assert [clock.see(None, 100) for _ in range(4)] == [None, None, None, (0.12, 0)]


def test_a_live_clock_jumps_ahead_only_by_what_can_have_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    clock.connect(Fraction(1, 1000), Fraction(25))
    assert [clock.see(pts, 100) for pts in (0, 40)] == [(0, 0), (0.04, 0)]
    assert clock.see(9_040, 100) == (9.04, 225)  # what was in store, with a gap in it
    assert clock.warnings("camera") == []
    assert clock.see(18_000_000, 101) == (10.04, 225)  # five hours in a second
    assert clock.see(18_000_040, 101) == (10.08, 225)
    assert clock.see(19_000_000, 101) == (10.12, 225)
    (line,) = clock.warnings("camera")
    assert line.startswith("camera: its clock jumped ahead 2 times")
    clock.connect(None, None)
    assert clock.see(99_000_000, 102) == (11.12, 225)
    assert clock.warnings("camera") == [line]


def test_slow_pictures_are_no_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.connect(Fraction(1, 1000), Fraction(2, 5))
    seen = [clock.see(2500 * number, 100 + number) for number in range(4)]
    assert seen == [(0, 0), (2.5, 0), (5, 0), (7.5, 0)]
    assert clock.see(82_500, 180) == (82.5, 0)
    assert clock.see(160_000, 260) == (160, 100)  # more than 30 pictures


def test_what_is_live_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.connect(None, None)
    clock.connect(None, None, 6.0, is_recording=True)
    assert clock.is_recording  # nothing had come before
    clock = Clock(monkeypatch)
    clock.connect(None, None)
    clock.see(90_000, 100)
    clock.connect(None, None, 6.0, is_recording=True)
    assert (clock.is_recording, clock.duration_s, clock.is_new) == (False, None, True)
    clock.see(270_000, 102)
    assert (clock.is_new, clock.last_s, clock.place_s) == (False, 2, 3)


def packet_at(pts: int | None, dts: int | None, num_ms: int | None) -> Packet:
    packet = Packet(b"picture")
    packet.time_base = Fraction(1, 1000)
    packet.pts, packet.dts, packet.duration = pts, dts, num_ms
    return packet


def test_packets_last_from_the_first_to_the_end_of_any() -> None:
    lasting = Lasting()
    assert lasting.total_s == 0
    for packet in (packet_at(2000, 1900, 40), packet_at(None, 2500, 3000), Packet(0)):
        lasting.add(packet, 0.04)
    assert lasting.total_s == pytest.approx(3.5)
    lasting.add(packet_at(5000, 5000, None), 2.0)  # as in Matroska
    assert lasting.total_s == lasting.covered_s == pytest.approx(5)
    for pts in (8000, 10_040):  # holes of one second, which is none, and of two
        lasting.add(packet_at(pts, pts, 40), 0.04)
    assert lasting.total_s == pytest.approx(8.08)
    assert lasting.covered_s == pytest.approx(6.08)
