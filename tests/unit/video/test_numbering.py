"""Numbers that are missing in the names of pictures are told, and nothing else is."""

from pathlib import Path

import pytest

from glpose.video.numbering import note_on_gaps


def note(*names: object) -> str:
    return note_on_gaps([Path("/f2", str(name)) for name in names])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([f"img_{i}.jpg" for i in (1, 2, 3, 5, 9, 10, 11)], "4 of the numbers .* (4, 6 to 8)"),
        ([f"take2-{i:04}.png" for i in (8, 9, 10, 12)], "1 of the numbers .* (11)"),
        ([f"{i:03}.png" for i in (0, 5, 10, 20, 25)], "1 of the numbers .* (15)"),
        (["1.png", "2.PNG", "3.heic", "7.png", "8.png"], "3 of the numbers .* (4 to 6)"),
        ([f"{i}.png" for i in range(99) if i % 9], "10 of the numbers .* (9, 18, 27, 36, 45, ...)"),
    ],
)
def test_gaps_are_told(names: list[str], words: str) -> None:
    start, end = words.split(".*")
    said = note(*names)
    assert said.startswith(start)
    assert end.strip() in said


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["7.png"],
        ["IMG_2034.jpg", "IMG_2041.jpg"],
        [f"frame-{i}.png" for i in range(12)],
        [f"frame-{i}.png" for i in range(0, 300, 5)],
        ["139.jpg", "285.jpg", "632.jpg", "724.jpg", "776.jpg"],
        [f"{ms}.jpg" for ms in (1000, 1040, 1081, 1120, 1162)],
        ["2024-01-30_1.jpg", "2024-02-01_4.jpg", "2024-02-02_5.jpg", "2024-02-02_6.jpg"],
        ["a1.png", "b2.png", "b3.png", "b7.png"],
        ["3.png", "2.png", "1.png", "9.png"],
        ["1.png", "1.png", "2.png", "4.png"],
        ["left.png", "right.png", "a1b2.png"],
    ],
)
def test_nothing_is_told_where_nothing_can_be_missing(names: list[str]) -> None:
    assert note(*names) == ""
