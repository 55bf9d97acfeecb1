"""Where pixels lie, the half pixels that other modules leave to `imaging`; pictures on disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import VideoError
from glpose.imaging import (
    cell_at,
    cell_centre,
    inside_picture,
    read_image,
    resize,
    resized_boxes,
    write_image,
)


def test_boxes_follow_a_resized_picture() -> None:
    rgb = np.zeros((20, 30, 3), np.uint8)
    rgb[4:8, 6:12] = 255  # columns 6 to 11, rows 4 to 7
    small = resize(rgb, (10, 15))
    rows, columns = np.nonzero(small[..., 0] == 255)
    # From edge to edge of the pixels, not from centre to centre.
    edges = np.array([[6 - 0.5, 4 - 0.5, 11 + 0.5, 7 + 0.5]])
    found = [columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]
    assert resized_boxes(edges, 0.5).tolist() == [found]
    assert resized_boxes(edges, (0.5, 0.5)).tolist() == [found]
    assert resized_boxes(edges, (0.5, 1.0))[0].tolist() == [found[0], 3.5, found[2], 7.5]


def test_pixels_reach_half_a_pixel_around_their_centres() -> None:
    xy = np.array([[-0.5, 0], [-0.51, 0], [9.49, 4.49], [9.5, 0], [0, 4.5], [np.nan, 0]])
    assert inside_picture(xy, (5, 10)).tolist() == [True, False, True, False, False, False]


def test_cells_have_their_centres_in_their_middle() -> None:
    # The first cell of 8 pixels covers those from 0 to 7.
    assert cell_centre(np.arange(3), 8).tolist() == [3.5, 11.5, 19.5]
    assert cell_at(np.array([-0.5, 3.5, 7.5]), 8).tolist() == [0, 0.5, 1]


def test_opencv_before_413_is_silenced_too() -> None:
    """Its `setLogLevel` has another place, and none of the constants."""
    old = "import cv2; cv2.setLogLevel = print; vars(cv2.utils).pop('logging', None); "
    done = subprocess.run(
        [sys.executable, "-c", old + "import glpose.imaging"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("0", "")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_a_damaged_picture_is_not_taken_for_another_kind_of_file(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, np.zeros((64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:24])
    with pytest.raises(VideoError, match=rf"a\{suffix}: its picture cannot be decoded, .* copy it"):
        read_image(path)
    path.write_text("no picture")
    with pytest.raises(VideoError, match=r"not a picture that can be read; expected .* HEIC"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.gif", "a.pbm", "a.xyz", "a"])
def test_what_a_format_does_not_take_is_said_and_not_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        VideoError, match=rf"{name}: no writer for .* of 70000x1 pixels .* use \.png"
    ):
        write_image(tmp_path / name, np.zeros((1, 70000, 3), np.uint8))
    assert not list(tmp_path.iterdir())
    write_image(tmp_path / "a.png", np.zeros((1, 70000, 3), np.uint8))


@pytest.mark.parametrize("size_hw", [(0, 5), (5, 0), (0, 0)])
def test_an_empty_picture_is_said_and_not_written(size_hw: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=rf"a\.png: a picture of {size_hw[1]}x{size_hw[0]} pixels"):
        write_image(tmp_path / "a.png", np.zeros((*size_hw, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "a.png").symlink_to("/dev/full")
    with pytest.raises(VideoError, match=r"a\.png: cannot be written \(No space left on device\)"):
        write_image(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
