"""The order of pictures in damaged files: one that comes late is shown, one that never comes is lost."""

import av

from glpose.video.reader import _Places


def shown(decoded: dict[int, list[int]], num: int) -> list[tuple[int, bool]]:
    """(time, whether there is a picture): packets 0, 1, ... and what the decoder gives after each."""
    places, out = _Places(may_hide=False), []
    for number in range(num + 1):
        if number < num:
            places.expect(10 * number, number)
        for pts in decoded.get(number, []):
            picture = av.VideoFrame(16, 16, "rgb24")
            picture.pts = pts
            places.show(picture)
        for pts, picture in places.ready(number, is_end=number == num):
            out.append((pts, picture is not None))
    return out


def test_a_late_picture_fills_its_place() -> None:
    assert shown({0: [0], 2: [20], 3: [10], 4: [30]}, 4) == [
        (0, True), (10, True), (20, True), (30, True),
    ]  # fmt: skip


def test_a_picture_that_never_comes_is_lost_once() -> None:
    assert shown({0: [0], 2: [20], 3: [30]}, 4) == [
        (0, True), (10, False), (20, True), (30, True),
    ]  # fmt: skip
