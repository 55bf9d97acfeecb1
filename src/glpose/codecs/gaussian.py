"""Heatmaps: a Gaussian with peak 1 for each joint. Plain arrays (n, joints, h, w).

`GaussianCodec` is the codec; the functions below it do its arithmetic.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from glpose.codecs.codec import Maps
from glpose.errors import BadInput
from glpose.imaging import blur_maps, warp_maps
from glpose.types import Affine, CropSpec, Decoding, HeatmapSpec

# The published DARK code blurs with an 11 pixel kernel. Here it grows with sigma, since a kernel
# wider than the peak would flatten it: odd, above 11/3 sigma: 7 at sigma 1.5, 9 at 2, 13 at 3.
_DARK_KERNEL_PX_PER_SIGMA = 11 / 3

HEATMAPS = "heatmaps"
"""The name of this codec's only map."""


# Lower peaks are ripples between the others.
_LEAST_PEAK = 0.01


@dataclass(frozen=True, slots=True)
class GaussianCodec:
    """A `Codec` with one heatmap per joint; `heatmap` has its settings."""

    heatmap: HeatmapSpec
    kind: Literal["gaussian"] = "gaussian"

    @property
    def size_hw(self) -> tuple[int, int]:
        """See `Codec.size_hw`."""
        return self.heatmap.size_hw

    def channels(self, num_joints: int) -> dict[str, int]:
        """See `Codec.channels`."""
        return {HEATMAPS: num_joints}

    def crop_from_map(self, crop: CropSpec) -> Affine:
        """See `Codec.crop_from_map`."""
        return crop_from_heatmap(crop, self.heatmap)

    def inside(self, map_xy: Float[np.ndarray, "*n joints 2"]) -> Bool[np.ndarray, "*n joints"]:
        """See `Codec.inside`."""
        return inside_heatmap(map_xy, self.heatmap)

    def encode(
        self, map_xy: Float[np.ndarray, "*n joints 2"], valid: Bool[np.ndarray, "*n joints"]
    ) -> Maps:
        """See `Codec.encode`."""
        return {HEATMAPS: encode(map_xy, valid, self.heatmap)}

    def decode(
        self, maps: Maps
    ) -> tuple[Float32[np.ndarray, "n joints 2"], Float32[np.ndarray, "n joints"]]:
        """See `Codec.decode`."""
        return decode(maps[HEATMAPS], self.heatmap)

    def mirror(self, maps: Maps, partners: tuple[int, ...], *, shift: bool | None = None) -> Maps:
        """See `Codec.mirror`.

        With the mapping "origin" (heatmap pixels are multiples of the stride), mirroring a crop moves
        them by three quarters of a pixel at stride 4; the shift moves the maps back by one pixel.

        Source: flip test with `SHIFT_HEATMAP` as in the HRNet family.
        """
        back = maps[HEATMAPS][:, list(partners), :, ::-1]
        if self.heatmap.mapping == "origin" if shift is None else shift:
            back = np.concatenate([back[..., :1], back[..., :-1]], -1)
        return {HEATMAPS: back}

    def turn(self, maps: Maps, map_from_turned: Affine) -> Maps:
        """See `Codec.turn`."""
        return {HEATMAPS: warp_maps(maps[HEATMAPS], map_from_turned)}

    def side_evidence(
        self,
        maps: Maps,
        map_xy: Float32[np.ndarray, "n joints 2"],
        partners: tuple[int, ...],
    ) -> Float32[np.ndarray, "n joints"]:
        """See `Codec.side_evidence`: 0 to 2."""
        return side_evidence(maps[HEATMAPS], map_xy, partners)

    def peaks(
        self, maps: Maps, num: int
    ) -> tuple[Float32[np.ndarray, "n joints num 2"], Float32[np.ndarray, "n joints num"]]:
        """See `Codec.peaks`."""
        return peaks(maps[HEATMAPS], num)

    def with_decoding(self, kind: Decoding) -> "GaussianCodec":
        """See `Codec.with_decoding`."""
        return replace(self, heatmap=replace(self.heatmap, decode=kind))


def side_evidence(
    heatmaps: Float32[np.ndarray, "n joints h w"],
    map_xy: Float32[np.ndarray, "n joints 2"],
    partners: tuple[int, ...],
) -> Float32[np.ndarray, "n joints"]:
    """How clearly heatmaps tell each joint at its place from its mirror partner: 0 to 2.

    A joint's map is high at its own place and low at its partner's if the network can tell the
    two apart; the differences of both maps are added.
    """
    n, joints, height, width = heatmaps.shape
    xy = np.nan_to_num(map_xy).round().astype(np.int64)
    x, y = xy[..., 0].clip(0, width - 1), xy[..., 1].clip(0, height - 1)
    rows, columns = np.arange(n)[:, None], np.arange(joints)[None]
    own = heatmaps[rows, columns, y, x]
    other = heatmaps[rows, columns, y[:, list(partners)], x[:, list(partners)]]
    clear = own - other
    return clear + clear[:, list(partners)]


def peaks(
    heatmaps: Float32[np.ndarray, "n joints h w"], num: int
) -> tuple[Float32[np.ndarray, "n joints num 2"], Float32[np.ndarray, "n joints num"]]:
    """The `num` highest peaks of each map, best first: places in map pixels, and heights, at most 1.

    A peak is a pixel that none around it exceeds. Its place between pixels is that of a parabola
    through the logarithms of its neighbours, which is exact for a Gaussian.
    """
    n, joints = heatmaps.shape[:2]
    padded = np.pad(heatmaps, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    high = np.maximum(np.maximum(padded[..., :-2], padded[..., 1:-1]), padded[..., 2:])
    high = np.maximum(np.maximum(high[..., :-2, :], high[..., 1:-1, :]), high[..., 2:, :])
    i, j, y, x = np.nonzero((heatmaps >= high) & (heatmaps > _LEAST_PEAK))
    height, of_map = heatmaps[i, j, y, x], i * joints + j
    order = np.lexsort((-height, of_map))
    i, j, y, x, height, of_map = (a[order] for a in (i, j, y, x, height, of_map))
    rank = np.arange(len(i)) - np.searchsorted(of_map, of_map)
    i, j, y, x, height, rank = (a[rank < num] for a in (i, j, y, x, height, rank))

    def log(down: int, right: int) -> Float64[np.ndarray, " peaks"]:
        around = padded[i, j, y + 1 + down, x + 1 + right].astype(np.float64)
        return np.log(np.maximum(around, 1e-3 * height))

    xy = np.full((n, joints, num, 2), np.nan, np.float32)
    for axis, at, (down, right) in ((0, x, (0, 1)), (1, y, (1, 0))):
        low, here, high = log(-down, -right), log(0, 0), log(down, right)
        bend = np.maximum(2 * here - low - high, 1e-9)
        xy[i, j, rank, axis] = at + np.clip((high - low) / (2 * bend), -0.5, 0.5)
    score = np.zeros((n, joints, num), np.float32)
    score[i, j, rank] = np.minimum(height, 1)
    return xy, score


def crop_from_heatmap(crop: CropSpec, heatmap: HeatmapSpec) -> Affine:
    """The transform from heatmap pixels to crop pixels, by the heatmap's `mapping`."""
    (crop_h, crop_w), (h, w) = crop.size_hw, heatmap.size_hw
    if heatmap.mapping == "corners":
        zoom_xy = np.array([(crop_w - 1) / (w - 1), (crop_h - 1) / (h - 1)])
        shift_xy = np.zeros(2)
    else:
        zoom_xy = np.array([crop_w / w, crop_h / h])
        shift_xy = zoom_xy / 2 - 0.5 if heatmap.mapping == "centre" else np.zeros(2)
    return Affine(np.column_stack([np.diag(zoom_xy), shift_xy]).astype(np.float64))


def inside_heatmap(
    heatmap_xy: Float[np.ndarray, "*n 2"], spec: HeatmapSpec
) -> Bool[np.ndarray, "*n"]:
    """Which points lie inside the crop of a heatmap, borders included.

    With the mapping "origin" the crop extends from 0 to its width, as in the HRNet family, with
    "corners" from the middle of its first pixel to that of its last, which are those of the map.
    """
    (h, w), x, y = spec.size_hw, heatmap_xy[..., 0], heatmap_xy[..., 1]
    low, last = {"centre": (-0.5, -0.5), "origin": (0.0, 0.0), "corners": (0.0, -1.0)}[spec.mapping]
    return (x >= low) & (x <= w + last) & (y >= low) & (y <= h + last)


def encode(
    heatmap_xy: Float[np.ndarray, "*n 2"], valid: Bool[np.ndarray, "*n"], spec: HeatmapSpec
) -> Float32[np.ndarray, "*n h w"]:
    """Target heatmaps: a Gaussian with peak 1 for each valid joint, zeros for the others.

    Rounded targets are centred on the nearest pixel and cut off at 3 sigma, as in the HRNet family;
    exact ones are not.
    """
    h, w = spec.size_hw
    centre = np.where(valid[..., None], heatmap_xy, 0.0)
    if spec.rounded:
        centre = np.floor(centre + 0.5)
    dx = np.arange(w) - centre[..., 0, None]
    dy = np.arange(h) - centre[..., 1, None]
    gx = np.exp(-(dx**2) / (2 * spec.sigma_px**2))
    gy = np.exp(-(dy**2) / (2 * spec.sigma_px**2))
    if spec.rounded:
        gx = gx * (np.abs(dx) <= 3 * spec.sigma_px)
        gy = gy * (np.abs(dy) <= 3 * spec.sigma_px)
    gy = gy * valid[..., None]
    return (gy[..., :, None] * gx[..., None, :]).astype(np.float32)


def decode(
    heatmaps: Float32[np.ndarray, "n joints h w"], spec: HeatmapSpec
) -> tuple[Float32[np.ndarray, "n joints 2"], Float32[np.ndarray, "n joints"]]:
    """Find the joint in each heatmap.

    A map without a positive value yields NaN with score 0, not an error: missing joints are common
    in crowds.

    Returns: positions in heatmap pixels, and the peak values, 0 if none is above.
    Raises: BadInput if the maps are not of `spec.size_hw`.
    Source: quarter step as in the HRNet family; "dark" is Zhang et al., Distribution-Aware
    Coordinate Representation, CVPR 2020.
    """
    n, joints, h, w = heatmaps.shape
    if (h, w) != spec.size_hw:
        raise BadInput(
            f"heatmaps are {h}x{w}, expected {spec.size_hw}; use the card they belong to"
        )
    maps = np.ascontiguousarray(heatmaps).reshape(n * joints, h, w)
    flat = maps.reshape(n * joints, h * w)
    best = flat.argmax(1) if len(flat) else np.zeros(0, np.int64)
    peak = flat[np.arange(len(flat)), best]
    y, x = np.divmod(best, w)
    xy = np.stack([x, y], -1).astype(np.float32)
    if spec.decode == "quarter":
        xy += _quarter_step(maps, x, y)
    elif spec.decode == "dark":
        xy += _newton_step(maps, x, y, spec.sigma_px)
    found = peak > 0
    xy[~found] = np.nan
    score = np.where(found, peak, 0).astype(np.float32)
    return xy.reshape(n, joints, 2), score.reshape(n, joints)


def _quarter_step(maps: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A quarter pixel towards the higher neighbour; zero at the border."""
    _, h, w = maps.shape
    i = np.flatnonzero((x > 1) & (x < w - 1) & (y > 1) & (y < h - 1))
    xi, yi = x[i], y[i]
    step = np.zeros((len(maps), 2), np.float32)
    step[i, 0] = 0.25 * np.sign(maps[i, yi, xi + 1] - maps[i, yi, xi - 1])
    step[i, 1] = 0.25 * np.sign(maps[i, yi + 1, xi] - maps[i, yi - 1, xi])
    return step


def _newton_step(maps: np.ndarray, x: np.ndarray, y: np.ndarray, sigma_px: float) -> np.ndarray:
    """One Newton step on the logarithm of the blurred map, 0 where it is not a clear maximum."""
    n, h, w = maps.shape
    inside = (x > 1) & (x < w - 2) & (y > 1) & (y < h - 2)
    step = np.zeros((n, 2), np.float32)
    if not inside.any():
        return step
    kernel_px = 2 * round(_DARK_KERNEL_PX_PER_SIGMA * sigma_px / 2) + 1
    i, x, y = np.flatnonzero(inside), x[inside], y[inside]
    # The overall factor of the blurred map cancels in the derivatives of its logarithm.
    log = np.log(np.maximum(blur_maps(maps[inside], kernel_px), 1e-10)).astype(np.float64)
    k = np.arange(len(i))

    def at(dx: int, dy: int) -> np.ndarray:
        return log[k, y + dy, x + dx]

    gx = 0.5 * (at(1, 0) - at(-1, 0))
    gy = 0.5 * (at(0, 1) - at(0, -1))
    gxx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    gyy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    gxy = 0.25 * (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1))
    det = gxx * gyy - gxy**2
    good = np.abs(det) > 1e-12
    safe = np.where(good, det, 1.0)
    delta = -np.stack([gyy * gx - gxy * gy, gxx * gy - gxy * gx], -1) / safe[:, None]
    # A step of more than one pixel means that the blurred map peaks elsewhere: keep the argmax.
    good &= (np.abs(delta) <= 1).all(-1)
    step[i] = np.where(good[:, None], delta, 0).astype(np.float32)
    return step
