"""Composite localisation: a coarse heatmap says near which cell a joint is, two maps say where.

`heat` is a small Gaussian for each joint; `dx` and `dy` are the way from the centre of each cell to
the joint, in cells. The heatmap may be coarse, as the maps of a stride of 8 or 16 pixels are, so
no network needs to enlarge its features. Idea: CLNet, Composite Localization for Human Pose
Estimation, 2021, of which only the abstract was at hand; the details are ours.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from glpose.codecs.codec import Maps
from glpose.codecs.gaussian import (
    crop_from_heatmap,
    encode,
    inside_heatmap,
    peaks,
    side_evidence,
)
from glpose.config import check_range
from glpose.errors import BadConfig, BadInput
from glpose.imaging import warp_maps
from glpose.types import Affine, CropSpec, Decoding, HeatmapSpec

HEAT, DX, DY = "heat", "dx", "dy"
"""The names of this codec's maps; each has one channel for each joint."""


@dataclass(frozen=True, slots=True)
class CompositeCodec:
    """A `Codec` with a heatmap and two offset maps for each joint.

    Cells are the pixels of the maps, `size_hw` of them. `sigma_px` is that of the heatmap, in
    cells; offsets are trained where neither exceeds `reach` cells. Decoding takes the cell with the
    highest heat and its offsets; with `vote` the mean of where the cells around it point to,
    weighted by their heat, too.
    """

    size_hw: tuple[int, int]
    sigma_px: float
    reach: float = 1.5
    vote: bool = True
    kind: Literal["composite"] = "composite"

    def __post_init__(self) -> None:
        check_range("codec.reach", self.reach, 0.5, 100)
        _ = self._heatmap  # checks the rest

    @property
    def _heatmap(self) -> HeatmapSpec:
        return HeatmapSpec(self.size_hw, self.sigma_px)

    def channels(self, num_joints: int) -> dict[str, int]:
        """See `Codec.channels`."""
        return dict.fromkeys((HEAT, DX, DY), num_joints)

    def crop_from_map(self, crop: CropSpec) -> Affine:
        """See `Codec.crop_from_map`."""
        return crop_from_heatmap(crop, self._heatmap)

    def inside(self, map_xy: Float[np.ndarray, "*n joints 2"]) -> Bool[np.ndarray, "*n joints"]:
        """See `Codec.inside`."""
        return inside_heatmap(map_xy, self._heatmap)

    def encode(
        self, map_xy: Float[np.ndarray, "*n joints 2"], valid: Bool[np.ndarray, "*n joints"]
    ) -> Maps:
        """See `Codec.encode`; offsets are NaN where they are not defined."""
        height, width = self.size_hw
        at = np.where(valid[..., None], map_xy, np.nan)
        dx = at[..., 0, None] - np.arange(width)
        dy = at[..., 1, None] - np.arange(height)
        dx, dy = np.broadcast_arrays(dx[..., None, :], dy[..., :, None])
        near = (np.abs(dx) <= self.reach) & (np.abs(dy) <= self.reach)
        return {
            HEAT: encode(map_xy, valid, self._heatmap),
            DX: np.where(near, dx, np.nan).astype(np.float32),
            DY: np.where(near, dy, np.nan).astype(np.float32),
        }

    def decode(
        self, maps: Maps
    ) -> tuple[Float32[np.ndarray, "n joints 2"], Float32[np.ndarray, "n joints"]]:
        """See `Codec.decode`; the score is the highest heat."""
        heat = maps[HEAT]
        if any(m.shape != (*heat.shape[:2], *self.size_hw) for m in maps.values()):
            found = ", ".join(f"{name} {m.shape}" for name, m in maps.items())
            raise BadInput(
                f"the maps are {found}; expected {self.size_hw[0]}x{self.size_hw[1]}; "
                "use the card they belong to"
            )
        n, joints, height, width = heat.shape
        flat = heat.reshape(n, joints, height * width)
        best = flat.argmax(-1)
        peak = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        y, x = np.divmod(best, width)
        around = range(-1, 2) if self.vote else range(1)
        total, weight = np.zeros((n, joints, 2)), np.zeros((n, joints))
        rows, columns = np.arange(n)[:, None], np.arange(joints)[None]
        for down in around:
            for right in around:
                i, j = y + down, x + right
                is_cell = (i >= 0) & (i < height) & (j >= 0) & (j < width)
                place = (rows, columns, np.where(is_cell, i, y), np.where(is_cell, j, x))
                points_to = np.stack([j + maps[DX][place], i + maps[DY][place]], -1)
                known = is_cell & np.isfinite(points_to).all(-1)
                heat_here = np.where(known, np.maximum(heat[place], 0), 0)
                total += heat_here[..., None] * np.where(known[..., None], points_to, 0)
                weight += heat_here
        found = (peak > 0) & (weight > 0)
        xy = np.where(found[..., None], total / np.maximum(weight, 1e-12)[..., None], np.nan)
        return xy.astype(np.float32), np.where(found, peak, 0).astype(np.float32)

    def mirror(self, maps: Maps, partners: tuple[int, ...], *, shift: bool | None = None) -> Maps:
        """See `Codec.mirror`: what points to the right points to the left in a mirror."""
        back = {name: m[:, list(partners), :, ::-1] for name, m in maps.items()}
        back[DX] = -back[DX]
        if shift:
            back = {n: np.concatenate([m[..., :1], m[..., :-1]], -1) for n, m in back.items()}
        return back

    def turn(self, maps: Maps, map_from_turned: Affine) -> Maps:
        """See `Codec.turn`."""
        heat, dx, dy = (warp_maps(maps[name], map_from_turned) for name in (HEAT, DX, DY))
        (xx, xy), (yx, yy) = map_from_turned.matrix[:, :2].astype(np.float32)
        return {HEAT: heat, DX: xx * dx + xy * dy, DY: yx * dx + yy * dy}

    def side_evidence(
        self,
        maps: Maps,
        map_xy: Float32[np.ndarray, "n joints 2"],
        partners: tuple[int, ...],
    ) -> Float32[np.ndarray, "n joints"]:
        """See `Codec.side_evidence`: 0 to 2, of the heatmaps."""
        return side_evidence(maps[HEAT], map_xy, partners)

    def peaks(
        self, maps: Maps, num: int
    ) -> tuple[Float32[np.ndarray, "n joints num 2"], Float32[np.ndarray, "n joints num"]]:
        """See `Codec.peaks`: those of the heatmaps, without the offsets."""
        return peaks(maps[HEAT], num)

    def with_decoding(self, kind: Decoding) -> "CompositeCodec":
        """See `Codec.with_decoding`."""
        raise BadConfig(
            f"decode is '{kind}', but maps with offsets are decoded in one way; leave it out"
        )
