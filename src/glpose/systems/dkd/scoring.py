"""DKD walked over whole clips in torch: the joints of all frames, not of one stretch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64

from glpose.codecs.gaussian import HEATMAPS
from glpose.crop import crop_from_image
from glpose.errors import BadInput
from glpose.systems.dkd.net import DKD
from glpose.train.data.tracks import Tracks
from glpose.types import Affine

MATCHED, STATIC, INITIALIZER = "matched", "static", "initializer"
_CLIPS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Joints in image pixels by what found them, and which frames the initializer started."""

    joints: dict[str, Float[np.ndarray, "rows joints 2"]]
    started: Bool[np.ndarray, " rows"]


def walk(
    model: DKD,
    tracks: Tracks,
    clips: Sequence[Int64[np.ndarray, " _"]],
    precision: str = "fp32",
    *,
    rolled: bool = False,
    initializer: bool = False,
) -> Walk:
    """Walk over clips (rows of the tracks) frame by frame; the result has them one after the other.

    `MATCHED` are the joints by kernels; frame 0 of a clip and those that the card's starter asks for
    are the initializer's. `STATIC` are those of the frame encoder alone. `rolled` takes the kernels
    of another clip, and starts nobody anew. `initializer` adds its joints in every frame.

    Raises: BadInput if kernels of another clip are asked for and there is but one.
    """
    if rolled and len(clips) < 2:
        raise BadInput(f"{len(clips)} clip; kernels of another clip need at least 2 clips")
    # A single last clip joins those before: it would have no others to take kernels from.
    begins = range(0, max(1, len(clips) - 1), _CLIPS_AT_ONCE)
    parts = [
        _Together(model, tracks, clips[begin:end], precision)
        for begin, end in zip(begins, [*begins[1:], len(clips)], strict=True)
    ]
    found = [walked for part in parts for walked in part.walk(rolled=rolled, adds=initializer)]
    return Walk(
        {name: np.concatenate([w.joints[name] for w in found]) for name in found[0].joints},
        np.concatenate([w.started for w in found]),
    )


class _Together:
    """Some clips, frame by frame; those that have ended keep their last kernels."""

    def __init__(
        self,
        model: DKD,
        tracks: Tracks,
        clips: Sequence[Int64[np.ndarray, " _"]],
        precision: str,
    ) -> None:
        self._model, self._tracks, self._clips = model, tracks, clips
        self._device = next(model.parameters()).device
        self._bf16 = precision == "bf16"
        self._kernels = torch.zeros(len(clips), model.config.small.channels, 7, 7)
        self._kernels = self._kernels.to(self._device)
        # How many frames each clip has gone on since its start; 0: the next frame is a start.
        self._since = np.zeros(len(clips), np.int64)

    @torch.inference_mode()
    def walk(self, *, rolled: bool, adds: bool) -> list[Walk]:
        """All frames of each clip."""
        config = self._model.config
        crop_from_map = config.codec.crop_from_map(config.crop)
        joints: list[dict[str, list[np.ndarray]]] = [{} for _ in self._clips]
        started: list[list[bool]] = [[] for _ in self._clips]
        for t in range(max(map(len, self._clips))):
            here = [n for n, clip in enumerate(self._clips) if t < len(clip)]
            starts = self._since[here] == 0
            rows = [int(self._clips[n][t]) for n in here]
            to_crops = [crop_from_image(self._tracks.xyxy[row], config.crop) for row in rows]
            maps = self._maps(here, starts, rows, to_crops, rolled=rolled, adds=adds)
            for name, found in maps.items():
                xy, score = config.codec.decode({HEATMAPS: found})
                for n, to_crop, own in zip(here, to_crops, xy, strict=True):
                    to_image = to_crop.inverse() @ crop_from_map
                    joints[n].setdefault(name, []).append(to_image.apply(own))
                if name == MATCHED:
                    ends = np.minimum(score, 1).mean(1) < config.min_score  # as in use
                    ends |= self._since[here] + 1 == config.every
                    self._since[here] = np.where(ends & (not rolled), 0, self._since[here] + 1)
            for n, is_start in zip(here, starts, strict=True):
                started[n].append(bool(is_start))
        return [
            Walk({name: np.stack(xy) for name, xy in found.items()}, np.array(own))
            for found, own in zip(joints, started, strict=True)
        ]

    def _maps(
        self,
        here: list[int],
        starts: Bool[np.ndarray, " n"],
        rows: list[int],
        to_crops: list[Affine],
        *,
        rolled: bool,
        adds: bool,
    ) -> dict[str, Float32[np.ndarray, "n joints h w"]]:
        """Maps of the next frame of the clips that are still here; keeps their kernels."""
        model, crop = self._model, self._model.config.crop
        shown = [self._tracks.cut(row, m, crop) for row, m in zip(rows, to_crops, strict=True)]
        crops = torch.from_numpy(np.stack(shown)).to(self._device)
        given = self._kernels.roll(1, 0) if rolled else self._kernels
        fresh = torch.from_numpy(starts)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            features = model.small(crops)
            matched, after = (x.float() for x in model.step(features, given[here]))
            found = {MATCHED: matched, STATIC: model.static(features)}
            if fresh.any():
                matched[fresh], after[fresh] = (x.float() for x in model.start(crops[fresh]))
            if adds:
                found[INITIALIZER] = model.initializer(crops)
        self._kernels[here] = after
        return {n: np.ascontiguousarray(m.float().cpu().numpy()) for n, m in found.items()}
