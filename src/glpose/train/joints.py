"""Joints predicted by a network in training, mapped from crops back to their pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glpose.codecs.codec import Codec
from glpose.types import Affine, CropSpec

Batch = dict[str, Tensor]


def image_joints(
    run: Callable[[Batch], dict[str, Tensor]],
    batches: Iterable[Batch],
    crop_from_image: Sequence[Affine],
    crop: CropSpec,
    codec: Codec,
    *,
    device: torch.device,
    precision: str,
) -> Float[np.ndarray, "people joints 2"]:
    """Joints in image pixels, NaN where none is found.

    `run` predicts the codec's maps (B, channels, H, W) for a batch on `device`, in bfloat16 if
    `precision` is "bf16". `crop_from_image` has one map per row of all batches, in order; it is
    read after the last batch, so it may be filled while the batches are made.
    """
    found: list[np.ndarray] = []
    for batch in batches:
        moved = {name: value.to(device) for name, value in batch.items()}
        bf16 = precision == "bf16"
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            maps = run(moved)
        arrays = {name: m.float().contiguous().cpu().numpy() for name, m in maps.items()}
        found += list(codec.decode(arrays)[0])
    crop_from_map = codec.crop_from_map(crop)
    return np.stack(
        [
            (m.inverse() @ crop_from_map).apply(xy)
            for m, xy in zip(crop_from_image, found, strict=True)
        ]
    )
