"""Joints that a network in training finds: from crops to the pictures they were cut from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glpose.heatmap import crop_from_heatmap, decode
from glpose.types import Affine, CropSpec, HeatmapSpec

Batch = dict[str, Tensor]


def image_joints(
    run: Callable[[Batch], Tensor],
    batches: Iterable[Batch],
    crop_from_image: Sequence[Affine],
    crop: CropSpec,
    heatmap: HeatmapSpec,
    *,
    device: torch.device,
    precision: str,
) -> Float[np.ndarray, "people joints 2"]:
    """Joints in image pixels, NaN where none is found.

    `run` makes heatmaps (B, J, H, W) of a batch on `device`, in bfloat16 where `precision` is
    "bf16". `crop_from_image` has a map for each row of all batches, in their order; it is read
    after the last batch, so that it may be filled while they are made.
    """
    found: list[np.ndarray] = []
    for batch in batches:
        moved = {name: value.to(device) for name, value in batch.items()}
        bf16 = precision == "bf16"
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            heatmaps = run(moved)
        found += list(decode(heatmaps.float().contiguous().cpu().numpy(), heatmap)[0])
    to_crop = crop_from_heatmap(crop, heatmap)
    return np.stack(
        [(m.inverse() @ to_crop).apply(xy) for m, xy in zip(crop_from_image, found, strict=True)]
    )
