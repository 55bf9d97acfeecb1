"""Pictures of labelled sets."""

from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.coco.boxes import BoxedPicture
from glpose.formats.dataset import LabelledPicture
from glpose.imaging import write_image
from glpose.types import FrameTruth, People


def picture(path: Path, size_hw: tuple[int, int] | None) -> LabelledPicture:
    nobody = np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.int8)
    return LabelledPicture(path, FrameTruth(1, 0.0, People.empty(), *nobody), (), size_hw)


def boxed(path: Path, size_hw: tuple[int, int] | None) -> BoxedPicture:
    return BoxedPicture(path, 1, np.zeros((0, 4), np.float32), np.zeros(0, bool), size_hw)


@pytest.mark.parametrize("kind", [picture, boxed])
def test_a_picture_of_another_size_than_was_labelled_is_refused(tmp_path: Path, kind) -> None:  # noqa: ANN001
    path, rgb = tmp_path / "a.png", np.zeros((30, 40, 3), np.uint8)
    write_image(path, rgb)
    for size_hw in (None, (30, 40)):
        assert (kind(path, size_hw).read() == rgb).all()
    for size_hw in ((60, 80), (40, 30)):
        with pytest.raises(
            BadInput, match=f"a.png: has 40 x 30 .* for {size_hw[1]} x {size_hw[0]}"
        ):
            kind(path, size_hw).read()
