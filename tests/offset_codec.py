"""A second codec, for tests: where a joint is likely, and how far away it is.

It proves that nothing but the codec knows what maps mean: its offsets change their sign in a mirror.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glpose.errors import BadConfig
from glpose.types import Affine, CropSpec, Decoding

STRIDE = 4


@dataclass(frozen=True)
class OffsetCodec:
    """`scores` is 1 in the cell of a joint; `offsets` the way from a cell to it, x then y."""

    size_hw: tuple[int, int]
    kind: Literal["offset"] = "offset"

    def channels(self, num_joints: int) -> dict[str, int]:
        return {"scores": num_joints, "offsets": 2 * num_joints}

    def crop_from_map(self, crop: CropSpec) -> Affine:
        del crop
        return Affine(np.array([[STRIDE, 0, 1.5], [0, STRIDE, 1.5]], np.float64))

    def inside(self, map_xy: np.ndarray) -> np.ndarray:
        h, w = self.size_hw
        return ((map_xy >= -0.5) & (map_xy <= [w - 0.5, h - 0.5])).all(-1)

    def encode(self, map_xy: np.ndarray, valid: np.ndarray) -> dict[str, np.ndarray]:
        h, w = self.size_hw
        cells = np.stack(np.meshgrid(np.arange(w), np.arange(h)), 0)
        at = np.where(valid[..., None], map_xy, 0.0)
        offsets = at[..., None, None] - cells
        near = (np.abs(offsets) <= 0.5).all(-3) & valid[..., None, None]
        *n, joints = valid.shape
        return {
            "scores": near.astype(np.float32),
            "offsets": offsets.reshape(*n, 2 * joints, h, w).astype(np.float32),
        }

    def decode(self, maps: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        scores = maps["scores"]
        n, joints, h, w = scores.shape
        best = scores.reshape(n, joints, -1).argmax(-1)
        y, x = np.divmod(best, w)
        offsets = maps["offsets"].reshape(n, joints, 2, h * w)
        way = np.take_along_axis(offsets, best[..., None, None], -1)[..., 0]
        score = np.take_along_axis(scores.reshape(n, joints, -1), best[..., None], -1)[..., 0]
        xy = np.stack([x, y], -1) + way
        xy[score <= 0] = np.nan
        return xy.astype(np.float32), score.clip(0, 1).astype(np.float32)

    def mirror(
        self,
        maps: dict[str, np.ndarray],
        partners: tuple[int, ...],
        *,
        shift: bool | None = None,
    ) -> dict[str, np.ndarray]:
        del shift
        n, double, h, w = maps["offsets"].shape
        offsets = maps["offsets"].reshape(n, double // 2, 2, h, w)[:, list(partners), :, :, ::-1]
        signs = np.array([-1, 1], np.float32)[:, None, None]
        return {
            "scores": maps["scores"][:, list(partners), :, ::-1],
            "offsets": (offsets * signs).reshape(n, double, h, w),
        }

    def turn(self, maps: dict[str, np.ndarray], map_from_turned: Affine) -> dict[str, np.ndarray]:
        """By the nearest cell, so that offsets of different cells are never mixed."""
        h, w = self.size_hw
        cells = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float64)
        x, y = np.moveaxis(map_from_turned.inverse().apply(cells).round().astype(int), -1, 0)
        inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
        scores, offsets = (
            np.where(inside, maps[name][..., y.clip(0, h - 1), x.clip(0, w - 1)], 0)
            for name in ("scores", "offsets")
        )
        n, double = offsets.shape[:2]
        turned = np.einsum(
            "ab,njbhw->njahw", map_from_turned.matrix[:, :2], offsets.reshape(n, -1, 2, h, w)
        )
        return {
            "scores": scores.astype(np.float32),
            "offsets": turned.reshape(n, double, h, w).astype(np.float32),
        }

    def side_evidence(
        self, maps: dict[str, np.ndarray], map_xy: np.ndarray, partners: tuple[int, ...]
    ) -> None:
        del maps, map_xy, partners

    def peaks(self, maps: dict[str, np.ndarray], num: int) -> None:
        del maps, num

    def with_decoding(self, kind: Decoding) -> "OffsetCodec":
        raise BadConfig(f"decode is '{kind}'; expected none, offsets are decoded in one way")
