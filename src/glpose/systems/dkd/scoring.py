"""DKD walked over whole clips in torch: the joints of all frames, not of one stretch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from glpose.codecs.gaussian import HEATMAPS
from glpose.crop import crop_from_image
from glpose.systems.dkd.net import DKD
from glpose.train.data.tracks import Tracks

MATCHED, STATIC, INITIALIZER = "matched", "static", "initializer"
_CLIPS_AT_ONCE = 16

Joints = dict[str, Float[np.ndarray, "rows joints 2"]]


def walk(
    model: DKD,
    tracks: Tracks,
    clips: Sequence[Int64[np.ndarray, " frames"]],
    precision: str = "fp32",
    *,
    rolled: bool = False,
    initializer: bool = False,
) -> Joints:
    """Joints in image pixels, for the rows of the clips one after the other.

    By `MATCHED` kernels (frame 0 by the initializer, and each frame after one with a score below
    the card's), and by the `STATIC` head of the frame encoder. `rolled` takes the kernels of another
    clip, and starts nobody anew. `initializer` adds its joints in every frame.
    """
    found: list[Joints] = []
    for begin in range(0, len(clips), _CLIPS_AT_ONCE):
        some = clips[begin : begin + _CLIPS_AT_ONCE]
        found += _together(model, tracks, some, precision, rolled=rolled, initializer=initializer)
    return {name: np.concatenate([joints[name] for joints in found]) for name in found[0]}


@torch.inference_mode()
def _together(
    model: DKD,
    tracks: Tracks,
    clips: Sequence[Int64[np.ndarray, " frames"]],
    precision: str,
    *,
    rolled: bool,
    initializer: bool,
) -> list[Joints]:
    """Some clips, frame by frame; those that have ended keep their last kernels."""
    config, device = model.config, next(model.parameters()).device
    found: list[dict[str, list[np.ndarray]]] = [{} for _ in clips]
    kernels = torch.zeros(len(clips), config.small.channels, 7, 7, device=device)
    starts = torch.ones(len(clips), dtype=torch.bool, device=device)
    since = np.zeros(len(clips), np.int64)
    for t in range(max(map(len, clips))):
        here = [n for n, clip in enumerate(clips) if t < len(clip)]
        rows = [int(clips[n][t]) for n in here]
        to_crops = [crop_from_image(tracks.xyxy[row], config.crop) for row in rows]
        crops = torch.from_numpy(
            np.stack(
                [tracks.cut(row, m, config.crop) for row, m in zip(rows, to_crops, strict=True)]
            )
        ).to(device)
        given = (kernels.roll(1, 0) if rolled else kernels)[here]
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            features = model.small(crops)
            maps, after = (x.float() for x in model.step(features, given))
            made = {MATCHED: maps, STATIC: model.static(features)}
            fresh = starts[here]
            if fresh.any():
                maps[fresh], after[fresh] = (x.float() for x in model.start(crops[fresh]))
            if initializer:
                made[INITIALIZER] = model.initializer(crops)
        kernels[here] = after
        decoded = {name: _decoded(config.codec, m) for name, m in made.items()}
        since[here] = np.where(fresh.cpu().numpy(), 0, since[here] + 1)
        low = decoded[MATCHED][1].mean(1) < config.min_score
        due = (since[here] + 1) % config.every == 0 if config.every else np.zeros_like(low)
        starts[here] = torch.from_numpy((low | due) & (not rolled)).to(device)
        for name, (map_xy, _) in decoded.items():
            for n, to_crop, xy in zip(here, to_crops, map_xy, strict=True):
                to_image = to_crop.inverse() @ config.codec.crop_from_map(config.crop)
                found[n].setdefault(name, []).append(to_image.apply(xy))
    return [{name: np.stack(xy) for name, xy in joints.items()} for joints in found]


def _decoded(codec, maps: Tensor) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN001
    return codec.decode({HEATMAPS: np.ascontiguousarray(maps.float().cpu().numpy())})
