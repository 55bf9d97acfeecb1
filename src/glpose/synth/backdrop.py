"""Backgrounds: rooms, streets, fields and clutter, drawn once per scene."""

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.imaging import draw_dot, draw_line, enlarge_map, fill_dots, fill_polygon, resize
from glpose.synth.camera import View

Picture = UInt8[np.ndarray, "_h _w 3"]
_TILE = 256
_OCTAVES = 6


def noise(
    rng: np.random.Generator, size_hw: tuple[int, int], coarse: int
) -> Float32[np.ndarray, "h w"]:
    """Noise of up to six octaves with mean 0 and about unit standard deviation."""
    out = np.zeros(size_hw, np.float32)
    for octave in range(_OCTAVES):
        cells = coarse * 2**octave
        if cells >= min(size_hw):
            break
        grid = rng.normal(0, 0.72**octave, (cells, max(2, cells * size_hw[1] // size_hw[0])))
        out += enlarge_map(grid.astype(np.float32), size_hw)
    return out / max(float(out.std()), 1e-6)


def from_picture(rgb: Picture, size_hw: tuple[int, int]) -> Picture:
    """A given picture, cut and scaled to cover the backdrop."""
    scale = max(size_hw[0] / rgb.shape[0], size_hw[1] / rgb.shape[1])
    h, w = round(rgb.shape[0] * scale), round(rgb.shape[1] * scale)
    grown = resize(rgb, (max(h, size_hw[0]), max(w, size_hw[1])))
    top, left = (grown.shape[0] - size_hw[0]) // 2, (grown.shape[1] - size_hw[1]) // 2
    return grown[top : top + size_hw[0], left : left + size_hw[1]].copy()


def random_backdrop(rng: np.random.Generator, view: View) -> Picture:
    """A random room, outdoor scene or clutter, as seen in a view."""
    kind = rng.choice(["room", "outdoors", "clutter"], p=[0.38, 0.42, 0.2])
    if kind == "clutter":
        return _clutter(rng, view.size_hw)
    return _room(rng, view) if kind == "room" else _outdoors(rng, view)


def _colour(rng: np.random.Generator, low: float = 30, high: float = 230) -> np.ndarray:
    """A random colour, mostly muted: a tinted grey."""
    return np.clip(rng.uniform(low, high) + rng.normal(0, 22, 3), 0, 255)


def _rgb(colour: np.ndarray) -> tuple[int, int, int]:
    r, g, b = (int(c) for c in np.clip(colour, 0, 255))
    return r, g, b


def _ramp(size_hw: tuple[int, int], top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    share = np.linspace(0, 1, size_hw[0], dtype=np.float32)[:, None, None]
    rows = top.astype(np.float32) * (1 - share) + bottom.astype(np.float32) * share
    return np.broadcast_to(rows, (*size_hw, 3)).copy()


def _grain(rng: np.random.Generator, picture: np.ndarray, size: float, coarse: int = 3) -> Picture:
    textured = picture + size * noise(rng, picture.shape[:2], coarse)[..., None]
    return np.clip(textured, 0, 255).astype(np.uint8)


def from_layers(
    rng: np.random.Generator, size_hw: tuple[int, int], top: np.ndarray, bottom: np.ndarray,
    clouds: float,
) -> Picture:  # fmt: skip
    """A sky or wall: a vertical colour gradient with soft noise."""
    return _grain(rng, _ramp(size_hw, top, bottom), clouds, 2)


def _clutter(rng: np.random.Generator, size_hw: tuple[int, int]) -> Picture:
    """Overlapping polygons, bars and discs of all sizes on a textured background."""
    h, w = size_hw
    out = _grain(rng, _ramp(size_hw, _colour(rng), _colour(rng)), rng.uniform(5, 35))
    for _ in range(int(rng.integers(8, 45))):
        at, size = rng.uniform(0, 1, 2) * (w, h), h * rng.lognormal(-2.2, 0.8)
        colour = _rgb(_colour(rng, 10.0, 245.0))
        kind = rng.integers(3)
        if kind == 0:
            angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
            reach = size * rng.uniform(0.5, 1.2, len(angle))
            around = np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None]
            fill_polygon(out, at + around, colour)
        elif kind == 1:
            turn = rng.uniform(0, np.pi)
            end = at + 2.5 * size * np.array([np.cos(turn), np.sin(turn)])
            draw_line(out, at.tolist(), end.tolist(), colour, float(size * rng.uniform(0.1, 0.5)))
        else:
            draw_dot(out, at.tolist(), float(size * 0.5), colour)
    return _grain(rng, out, rng.uniform(2, 12), coarse=12)


def lay_floor(
    picture: Picture, view: View, tile: UInt8[np.ndarray, "t t 3"],
    top_row: float, metres: float,
) -> None:  # fmt: skip
    """Fill the picture below `top_row` with a floor of tiles `metres` wide, in perspective."""
    h, w = view.size_hw
    rows = np.arange(max(int(top_row), 0), h)
    x, y = np.meshgrid(np.arange(w, dtype=float), rows.astype(float))
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(view.matrix).T
    down = np.minimum(rays[..., 1], -1e-3)
    reach = -view.height_m / down
    ground = rays[..., [0, 2]] * np.minimum(reach, 60.0)[..., None]
    texel = (ground * (len(tile) / metres)).astype(np.int64) % len(tile)
    colour = tile[texel[..., 1], texel[..., 0]].astype(np.float32)
    # Far tiles are smaller than a pixel: fade to their mean, which also looks like haze.
    blend = np.clip(reach / 14, 0, 1)[..., None]
    picture[rows] = colour * (1 - blend) + tile.mean((0, 1)) * blend


def horizon_row(view: View) -> float:
    """The row of the horizon."""
    ray = view.matrix @ np.linalg.inv(view.rotation) @ np.array([0.0, 0, 1])
    level = view.rotation @ np.array([0.0, 0.0, -1.0])
    h = view.size_hw[0]
    return float(ray[1] / ray[2] if abs(level[2]) < 1e-6 else (h - 1) / 2) + (
        view.focal_px * float(level[1] / level[2])
    )


def floor_row(view: View, distance_m: float) -> float:
    """The image row of the floor at a distance."""
    return horizon_row(view) + view.focal_px * view.height_m / distance_m


def make_floor_tile(rng: np.random.Generator, base: np.ndarray, kinds: int) -> Picture:
    """A plain, chequered, tiled or boarded floor; only the first `kinds` of these are drawn."""
    tile = np.broadcast_to(base.astype(np.float32), (_TILE, _TILE, 3)).copy()
    # Mirrored, so that tiles repeat without a seam.
    grain = np.pad(noise(rng, (_TILE // 2, _TILE // 2), 4), (0, _TILE // 2), "symmetric")
    tile += rng.uniform(6, 16) * grain[..., None]
    kind = rng.integers(kinds)
    v, u = np.mgrid[:_TILE, :_TILE]
    cells = int(rng.choice([4, 8]))
    step = _TILE // cells
    if kind == 1:
        tile[((u // step + v // step) % 2) == 1] *= rng.uniform(0.6, 0.95)
    elif kind == 2:
        tile[(u % step < 2) | (v % step < 2)] *= 0.7
    elif kind == 3:
        tile *= rng.uniform(0.8, 1.1, (cells, 1)).repeat(step, 0)[:, :, None]
        tile[v % step < 2] *= 0.65
    return np.clip(tile, 0, 255).astype(np.uint8)


def _box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def _room(rng: np.random.Generator, view: View) -> Picture:
    h, w = view.size_hw
    wall = _colour(rng, 70.0, 235.0)
    out = _grain(rng, _ramp(view.size_hw, wall * rng.uniform(0.75, 1), wall), rng.uniform(1, 7))
    edge = floor_row(view, rng.uniform(5, 10))
    if rng.random() < 0.35:  # papered, panelled or boarded
        step = h * rng.uniform(0.04, 0.2)
        for x in np.arange(rng.uniform(0, step), w, step):
            draw_line(
                out,
                (x, 0.0),
                (x, float(h)),
                _rgb(wall * 0.82),
                max(1.0, step * rng.uniform(0.03, 0.4)),
            )
    corner = rng.uniform(0.05, 0.95) * w
    if rng.random() < 0.5:
        shaded = out[:, : int(corner)]
        shaded[:] = (shaded * rng.uniform(0.7, 0.95)).astype(np.uint8)
    for _ in range(int(rng.integers(0, 5))):
        _wall_piece(rng, out, edge)
    lay_floor(out, view, make_floor_tile(rng, _colour(rng, 40.0, 200.0), 4), edge, 2.0)
    if rng.random() < 0.7:
        draw_line(out, (0.0, edge), (float(w), edge), _rgb(wall * rng.uniform(0.4, 1.2)), h * 0.02)
    for _ in range(int(rng.integers(0, 4))):
        _furniture(rng, out, edge)
    return out


def _wall_piece(rng: np.random.Generator, out: Picture, edge: float) -> None:
    """A window, a picture or a door."""
    h, w = out.shape[:2]
    at, wide, tall = rng.uniform(0, w), h * rng.uniform(0.08, 0.3), h * rng.uniform(0.1, 0.35)
    top = rng.uniform(0.02, 0.4) * h
    frame, inside = _colour(rng), _colour(rng, 60.0, 255.0)
    if rng.random() < 0.3:  # a door reaches the floor
        top, tall = edge - h * rng.uniform(0.35, 0.6), float(h)
    bottom = min(top + tall, edge)
    fill_polygon(out, _box(at, top, at + wide, bottom), _rgb(frame))
    rim = 0.02 * h
    fill_polygon(out, _box(at + rim, top + rim, at + wide - rim, bottom - rim), _rgb(inside))
    for _ in range(int(rng.integers(0, 5))):
        x, y = (
            rng.uniform(at + rim, at + wide - rim),
            rng.uniform(top + rim, max(top + rim, bottom)),
        )
        size = rng.uniform(0.01, 0.05) * h
        fill_polygon(out, _box(x, y, min(x + size, at + wide - rim), min(y + size, bottom)),
                     _rgb(_colour(rng)))  # fmt: skip


def _furniture(rng: np.random.Generator, out: Picture, edge: float) -> None:
    """Boxes on the floor along the wall: cupboards, sofas, tables with legs."""
    h, w = out.shape[:2]
    at, wide = rng.uniform(-0.1, 1) * w, h * rng.uniform(0.12, 0.5)
    tall, colour = h * rng.uniform(0.08, 0.4), _colour(rng, 30.0, 200.0)
    foot = edge + h * rng.uniform(0.0, 0.06)
    if rng.random() < 0.4:
        for x in (at + 0.04 * h, at + wide - 0.04 * h):
            draw_line(out, (x, foot), (x, foot - tall), _rgb(colour * 0.7), 0.02 * h)
        fill_polygon(out, _box(at, foot - tall, at + wide, foot - 0.88 * tall), _rgb(colour))
        return
    fill_polygon(out, _box(at, foot - tall, at + wide, foot), _rgb(colour))
    fill_polygon(out, _box(at, foot - tall, at + wide, foot - 0.92 * tall), _rgb(colour * 1.2))
    for y in np.linspace(foot - 0.9 * tall, foot, int(rng.integers(1, 5))):
        draw_line(out, (at, y), (at + wide, y), _rgb(colour * 0.7), 0.006 * h)


def _outdoors(rng: np.random.Generator, view: View) -> Picture:
    h, w = view.size_hw
    edge = max(floor_row(view, rng.uniform(15, 45)), 4.0)
    sky = np.array([rng.uniform(90, 215), rng.uniform(130, 225), rng.uniform(170, 250)])
    if rng.random() < 0.3:
        sky = _colour(rng, 150.0, 235.0)
    out = from_layers(rng, view.size_hw, sky * 0.85, sky * 1.1, rng.uniform(0, 14))
    for _ in range(int(rng.integers(0, 5))):
        building(rng, out, edge)
    if rng.random() < 0.6:
        hedge(rng, out, edge, h * rng.uniform(0.03, 0.2))
    for _ in range(int(rng.integers(0, 6))):
        tree(
            rng, out, rng.uniform(0, w), edge + h * rng.uniform(0, 0.03), h * rng.uniform(0.2, 0.7)
        )
    greens = np.array([rng.uniform(60, 120), rng.uniform(90, 150), rng.uniform(30, 80)])
    ground = greens if rng.random() < 0.5 else _colour(rng, 70.0, 190.0)
    lay_floor(out, view, make_floor_tile(rng, ground, 1), edge, rng.uniform(1.5, 5))
    for _ in range(int(rng.integers(0, 4))):  # posts, lamps, signs
        x, tall = rng.uniform(0, w), h * rng.uniform(0.15, 0.8)
        foot = edge + h * rng.uniform(0, 0.15)
        colour = _rgb(_colour(rng, 20.0, 180.0))
        draw_line(out, (x, foot), (x, foot - tall), colour, h * rng.uniform(0.008, 0.04))
        if rng.random() < 0.5:
            fill_polygon(
                out, _box(x - 0.04 * h, foot - tall, x + 0.04 * h, foot - tall + 0.09 * h), colour
            )
    return out


def building(
    rng: np.random.Generator, out: Picture, edge: float, colour: np.ndarray | None = None
) -> None:
    """A house front with a grid of windows, its foot at row `edge`."""
    h, w = out.shape[:2]
    left, wide, tall = (
        rng.uniform(-0.2, 0.9) * w,
        h * rng.uniform(0.3, 0.9),
        h * rng.uniform(0.25, 0.9),
    )
    front = _colour(rng, 80.0, 220.0) if colour is None else colour
    glass = _colour(rng, 30.0, 150.0) if colour is None else 0.5 * colour
    fill_polygon(out, _box(left, edge - tall, left + wide, edge + 2), _rgb(front))
    step = h * rng.uniform(0.07, 0.16)
    size = step * rng.uniform(0.35, 0.7)
    for y in np.arange(edge - tall + step / 2, edge - step, step * 1.25):
        for x in np.arange(left + step / 2, left + wide - step / 2, step):
            fill_polygon(
                out, _box(x, y, x + size * 0.8, y + size), _rgb(glass * rng.uniform(0.8, 1.2))
            )


def hedge(rng: np.random.Generator, out: Picture, edge: float, tall: float) -> None:
    """A line of bushes whose foot is at row `edge`."""
    w = out.shape[1]
    green = np.array([rng.uniform(40, 90), rng.uniform(75, 120), rng.uniform(30, 60)])
    x = np.arange(-tall, w + tall, tall * 0.35)
    xy = np.stack(
        [x + rng.normal(0, 0.1 * tall, len(x)), edge - rng.uniform(0.1, 0.7, len(x)) * tall], 1
    )
    colour = np.clip(green * rng.uniform(0.75, 1.2, (len(x), 1)), 0, 255).astype(np.uint8)
    fill_dots(out, xy, tall * rng.uniform(0.25, 0.5, len(x)), colour)


def tree(rng: np.random.Generator, out: Picture, x: float, foot: float, tall: float) -> None:
    """A trunk and a crown of leaves, lit from above."""
    trunk = np.array([90, 70, 52]) * rng.uniform(0.6, 1.2)
    top = foot - 0.6 * tall
    draw_line(
        out, (x, foot), (x + rng.normal(0, 0.02) * tall, top), _rgb(trunk), float(0.07 * tall)
    )
    green = np.array([rng.uniform(45, 100), rng.uniform(85, 135), rng.uniform(35, 70)])
    turn, reach = rng.uniform(0, 2 * np.pi, 150), np.sqrt(rng.uniform(0, 1, 150))
    spots = np.stack([0.27 * np.cos(turn), 0.24 * np.sin(turn)], 1) * (reach * tall)[:, None]
    spots = spots[np.argsort(-spots[:, 1])]
    light = 1.0 - 0.9 * spots[:, 1:] / tall + rng.normal(0, 0.08, (len(spots), 1))
    colour = np.clip(green * light, 0, 255).astype(np.uint8)
    middle = np.array([x, foot - 0.7 * tall])
    fill_dots(out, middle + spots, tall * rng.uniform(0.025, 0.06, len(spots)), colour)
