"""Rasteriser: faces of many bodies to pixels, with light, texture, shadows and a face index map.

Faces are filled back to front into a map of face numbers at twice the resolution; colours come
from that map, so that the visibility labels match exactly what was drawn.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32, UInt8

from glpose.imaging import blur, draw_line, fill_faces, resize
from glpose.synth.camera import View
from glpose.synth.wardrobe import TEXELS_PER_METRE, TILE_PX

OVERSAMPLING = 2
_NEAR_M = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The direction towards the light (unit vector in the world) and its brightness."""

    towards: Float[np.ndarray, "3"]
    ambient: float
    direct: float
    shadow: float


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One object to draw, in world coordinates at one moment.

    `depth_m` is the sorting depth of all its faces (for boxes); None sorts each face by its own.
    """

    xyz: Float[np.ndarray, "vertices 3"]
    normal: Float[np.ndarray, "vertices 3"]
    faces: np.ndarray
    texture: np.ndarray
    material: np.ndarray
    bias: np.ndarray
    tiles: UInt8[np.ndarray, "materials tile tile 3"]
    depth_m: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What was drawn: face numbers (0: nothing) at twice the resolution, and the owner of each face."""

    face_map: Int32[np.ndarray, "height width"]
    owner: np.ndarray
    depth_m: Float[np.ndarray, " faces"]
    xy: tuple[Float[np.ndarray, "_vertices 2"], ...]
    seen: tuple[Float[np.ndarray, "_vertices 3"], ...]

    def covered_px(self, num_bodies: int) -> Float[np.ndarray, " bodies"]:
        """The number of pixels in which each body is visible."""
        counts = np.bincount(self.face_map.ravel(), minlength=len(self.owner))[1:]
        return np.bincount(self.owner[1:], counts, num_bodies) / OVERSAMPLING**2


def paint(rgb: UInt8[np.ndarray, "h w 3"], view: View, bodies: list[Body], light: Light) -> Painted:
    """Draw bodies into a picture."""
    h, w = rgb.shape[:2]
    seen = tuple(view.see(b.xyz) for b in bodies)
    xy = tuple(view.picture(s) for s in seen)
    face_map = np.zeros((h * OVERSAMPLING, w * OVERSAMPLING), np.int32)
    parts = [
        _visible_faces(b, s, p, view, light, number)
        for number, (b, s, p) in enumerate(zip(bodies, seen, xy, strict=True))
    ]
    none = np.zeros(1)
    if not parts:
        return Painted(face_map, none.astype(int) - 1, none, xy, seen)
    # The tiles of all bodies are concatenated.
    first = np.cumsum([0] + [len(b.tiles) for b in bodies])
    for part, start in zip(parts, first, strict=False):
        part["material"] = part["material"] + start
    faces = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    order = np.argsort(-faces["order"], kind="stable")
    faces = {key: value[order] for key, value in faces.items()}
    corners = faces["xy"] * OVERSAMPLING + (OVERSAMPLING - 1) / 2
    fill_faces(face_map, corners, np.arange(1, len(corners) + 1))
    _colour(rgb, face_map, corners, faces, np.concatenate([b.tiles for b in bodies]))
    return Painted(face_map, np.r_[-1, faces["owner"]], np.r_[np.inf, faces["depth"]], xy, seen)


def _visible_faces(
    body: Body, seen: np.ndarray, xy: np.ndarray, view: View, light: Light, number: int
) -> dict[str, np.ndarray]:
    corners, depth = xy[body.faces], seen[..., 2][body.faces]
    h, w = view.size_hw
    one, two = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    towards = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0
    low, high = corners.min(1), corners.max(1)
    inside = (high >= -1).all(1) & (low <= [w, h]).all(1)
    keep = towards & inside & (depth.min(1) > _NEAR_M)
    shade = _shade(body.normal, view, light)[body.faces[keep]]
    middle = depth[keep].mean(1)
    order = middle - body.bias[keep]
    if body.depth_m is not None:
        order = np.full_like(order, body.depth_m)
    return {
        "xy": corners[keep],
        "depth": middle,
        "order": order,
        "values": np.concatenate([shade[..., None], body.texture[keep]], -1),
        "material": body.material[keep],
        "owner": np.full(int(keep.sum()), number),
    }


def _shade(normal: np.ndarray, view: View, light: Light) -> np.ndarray:
    """Soft light with a darker rim, which separates limbs visually."""
    lit = 0.5 + 0.5 * (normal @ light.towards.astype(normal.dtype))
    sky = 0.85 + 0.15 * normal[:, 1]
    facing = np.abs(normal @ view.rotation[2].astype(normal.dtype))
    return (light.ambient * sky + light.direct * lit**1.6) * (0.72 + 0.28 * np.sqrt(facing))


def _colour(
    rgb: np.ndarray, face_map: np.ndarray, corners: np.ndarray, faces: dict, tiles: np.ndarray
) -> None:
    """Colour every drawn pixel; light and texture coordinates vary linearly over a face."""
    rows = np.flatnonzero(face_map.any(1))
    columns = np.flatnonzero(face_map.any(0))
    if len(rows) == 0:
        return
    top, left = int(rows[0]) // OVERSAMPLING, int(columns[0]) // OVERSAMPLING
    bottom, right = int(rows[-1]) // OVERSAMPLING + 1, int(columns[-1]) // OVERSAMPLING + 1
    part = face_map[
        top * OVERSAMPLING : bottom * OVERSAMPLING, left * OVERSAMPLING : right * OVERSAMPLING
    ]
    where = np.flatnonzero(part)
    face = part.ravel()[where] - 1
    y, x = np.divmod(where, part.shape[1])
    x = (x + left * OVERSAMPLING).astype(np.float32)
    y = (y + top * OVERSAMPLING).astype(np.float32)
    planes = np.ascontiguousarray(_linear(corners, faces["values"]).reshape(-1, 9).T)
    shade, u, v = (
        planes[k][face] + planes[k + 3][face] * x + planes[k + 6][face] * y for k in range(3)
    )
    texel = [(t * np.float32(TEXELS_PER_METRE)).astype(np.int32) & (TILE_PX - 1) for t in (u, v)]
    index = (faces["material"][face] * TILE_PX + texel[1]) * TILE_PX + texel[0]
    # Brightness in units of 1/128, so that its product with a colour fits 16 bits.
    level = np.clip(shade * 128, 6, 256).astype(np.uint16)
    colour = tiles.reshape(-1, 3).astype(np.uint16)[index] * level[:, None] >> 7
    layer = np.zeros((part.size, 4), np.uint8)
    layer[where, :3] = np.minimum(colour, 255)
    layer[where, 3] = 255
    layer = resize(layer.reshape(*part.shape, 4), (bottom - top, right - left))
    target = rgb[top:bottom, left:right]
    behind = target.astype(np.uint16) * (255 - layer[..., 3:].astype(np.uint16)) // 255
    target[:] = np.minimum(behind + layer[..., :3], 255)


def _linear(xy: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least-squares planes through the corner values: constant, slope in x, slope in y."""
    middle, mean = xy.mean(1, keepdims=True), values.mean(1, keepdims=True)
    d, v = xy - middle, values - mean
    a, b, c = (
        (d[..., 0] ** 2).sum(1) + 0.3,
        (d[..., 0] * d[..., 1]).sum(1),
        (d[..., 1] ** 2).sum(1) + 0.3,
    )
    right = np.einsum("fki,fkv->fiv", d, v)
    scale = (1 / (a * c - b * b))[:, None]
    along_x = (c[:, None] * right[:, 0] - b[:, None] * right[:, 1]) * scale
    along_y = (a[:, None] * right[:, 1] - b[:, None] * right[:, 0]) * scale
    constant = mean[:, 0] - along_x * middle[:, 0, :1] - along_y * middle[:, 0, 1:]
    return np.stack([constant, along_x, along_y], 1).astype(np.float32)


def cast_shadows(
    rgb: UInt8[np.ndarray, "h w 3"],
    view: View,
    segments: Float[np.ndarray, "segments 2 3"],
    width_m: Float[np.ndarray, " segments"],
    light: Light,
) -> None:
    """Darken the floor where limbs (segments in the world) block the light."""
    if len(segments) == 0 or light.shadow <= 0:
        return
    h, w = rgb.shape[:2]
    lower = 4
    fall = segments[..., 1:2] / max(light.towards[1], 0.35)
    ground = segments - fall * light.towards
    ground[..., 1] = 0
    seen = view.see(ground)
    ends = (view.picture(seen) - (lower - 1) / 2) / lower
    mask = np.zeros((-(-h // lower), -(-w // lower), 3), np.uint8)
    for (start, end), depth, width in zip(ends, seen[..., 2], width_m, strict=True):
        if depth.min() > _NEAR_M:
            thick = width * view.focal_px / depth.mean() / lower
            draw_line(mask, start.tolist(), end.tolist(), (255, 255, 255), float(thick))
    dark = resize(blur(mask, 1.2), (mask.shape[0] * lower, mask.shape[1] * lower))[:h, :w]
    rows = np.flatnonzero(dark[..., 0].any(1))
    if len(rows):
        band = slice(rows[0], rows[-1] + 1)
        keep = 256 - (dark[band].astype(np.uint32) * round(256 * light.shadow)) // 256
        rgb[band] = (rgb[band] * keep) // 256
