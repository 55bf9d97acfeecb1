"""From a network's heatmaps to joints in the pictures that its crops were cut from."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.codecs.gaussian import GaussianCodec  # noqa: E402
from glpose.crop import crop_from_image  # noqa: E402
from glpose.train.joints import image_joints  # noqa: E402
from glpose.types import Affine, CropSpec, HeatmapSpec  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("stride", [4, 8])
def test_joints_come_back_to_where_they_are_in_the_picture(stride: int) -> None:
    crop = CropSpec((192, 144))
    codec = GaussianCodec(HeatmapSpec((192 // stride, 144 // stride), 1.5))
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 100, (5, 2))
    xyxy = np.concatenate([low, low + rng.uniform(30, 60, (5, 2))], 1).astype(np.float32)
    truth = low[:, None] + (xyxy[:, None, 2:] - low[:, None]) * rng.uniform(0.3, 0.7, (5, 15, 2))
    maps: list[Affine] = []

    def batches():
        for rows in ([0, 1, 2], [3, 4]):
            made = []
            for row in rows:
                maps.append(crop_from_image(xyxy[row], crop))
                map_xy = (codec.crop_from_map(crop).inverse() @ maps[-1]).apply(truth[row])
                made.append(codec.encode(map_xy, np.ones(15, bool))["heatmaps"])
            yield {"maps": torch.from_numpy(np.stack(made))}

    found = image_joints(
        lambda batch: {"heatmaps": batch["maps"]},
        batches(),
        maps,
        crop,
        codec,
        device=torch.device("cpu"),
        precision="fp32",
    )
    assert found.shape == (5, 15, 2)
    # A small part of a heatmap's pixel, which is up to half as large in the picture as in the crop.
    assert np.abs(found - truth).max() < 0.05 * stride
