"""Times and frames as they are typed."""

import pytest

from glpose.cli.checks import read_frames, read_seconds
from glpose.errors import BadInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("80", 80), ("80.5", 80.5), ("1:20", 80), ("01:20.25", 80.25), ("1:00:01", 3601), ("0", 0)],
)
def test_times(text: str, seconds: float) -> None:
    assert read_seconds("--start", text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "-1", "1:", ":20", "nan", "1e3", "\uff11"])
def test_no_times(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"--start is '.*'; expected seconds, or a time such as 1:20"
    ):
        read_seconds("--start", text)


def test_frames() -> None:
    assert read_frames("--frames", "100:200") == (100, 200)
    assert read_frames("--frames", "100:") == (100, None)
    assert read_frames("--frames", ":200") == (0, 200)
    assert read_frames("--frames", None) is None


@pytest.mark.parametrize("text", ["", ":", "5", "-1:3", "1:2:3", "a:b", "1.5:2", "9" * 5000 + ":"])
def test_no_frames(text: str) -> None:
    with pytest.raises(BadInput, match=r"--frames is '.*'; expected FIRST:END"):
        read_frames("--frames", text)
