"""A camera at a fixed position that turns and zooms: from the world to pixels and the backdrop.

World: metres, y up, floor at y = 0; the camera is above the origin and looks along -z. Camera axes:
x right, y down, z forward; depth is z.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The camera at one moment."""

    height_m: float
    rotation: Float64[np.ndarray, "3 3"]
    focal_px: float
    size_hw: tuple[int, int]

    def see(self, xyz: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 3"]:
        """Transform world points to camera axes."""
        lifted = xyz - np.array([0, self.height_m, 0], xyz.dtype)
        return lifted @ self.rotation.T.astype(xyz.dtype)

    def picture(self, seen: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 2"]:
        """Project points in camera axes to pixels; meaningless for points behind the camera."""
        depth = np.where(np.abs(seen[..., 2:]) < 1e-3, 1e-3, seen[..., 2:])
        h, w = self.size_hw
        centre = np.array([(w - 1) / 2, (h - 1) / 2], seen.dtype)
        return seen[..., :2] * (self.focal_px / depth) + centre

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The matrix from world directions to homogeneous pixels."""
        h, w = self.size_hw
        f = self.focal_px
        return np.array([[f, 0, (w - 1) / 2], [0, f, (h - 1) / 2], [0, 0, 1]]) @ self.rotation

    def picture_from(self, other: "View") -> Float64[np.ndarray, "3 3"]:
        """The homography from the picture of another view at the same position to this one."""
        return self.matrix @ np.linalg.inv(other.matrix)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """The camera over time; angles in radians: pan to the right, tilt downwards, roll."""

    height_m: float
    pan: Float64[np.ndarray, " time"]
    tilt: Float64[np.ndarray, " time"]
    roll: Float64[np.ndarray, " time"]
    focal_px: Float64[np.ndarray, " time"]
    size_hw: tuple[int, int]

    def at(self, time: float) -> View:
        """The view at a time in samples; fractions are interpolated."""
        grid = np.arange(len(self.pan))
        pan, tilt, roll, focal = (
            float(np.interp(time, grid, v)) for v in (self.pan, self.tilt, self.roll, self.focal_px)
        )
        return View(self.height_m, _rotation(pan, tilt, roll), focal, self.size_hw)

    def reference(self, margin: float) -> View:
        """A view without roll at the median pan and tilt, `margin` times as large as the picture."""
        size_hw = (round(self.size_hw[0] * margin), round(self.size_hw[1] * margin))
        rotation = _rotation(float(np.median(self.pan)), float(np.median(self.tilt)), 0.0)
        return View(self.height_m, rotation, float(self.focal_px.min()), size_hw)


def _rotation(pan: float, tilt: float, roll: float) -> Float64[np.ndarray, "3 3"]:
    c, s = np.cos(pan), np.sin(pan)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])  # looking along -z, pan > 0 turns to +x
    look = np.diag([1.0, -1.0, -1.0])
    c, s = np.cos(tilt), np.sin(tilt)
    nod = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    lean = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return lean @ nod @ look @ turn
