"""Draw skeletons on a picture: colour shows identity, shade the side, line weight the score.

Start at `draw`. Colours are those of Okabe and Ito, which colour-blind people can distinguish; a
dark edge keeps them readable on light backgrounds.
"""

from functools import cache

import numpy as np

from glpose import imaging
from glpose.imaging import Colour, Rgb
from glpose.skeleton import Skeleton
from glpose.types import FramePoses

# Okabe and Ito, "Color Universal Design", 2008, without black, the blue
# lightened so that it shows on dark backgrounds; neighbours differ most.
_PALETTE: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (60, 110, 240),
)
_EDGE: Colour = (16, 16, 16)
_SURE = 0.6  # scores from here up are drawn at full weight (our own, set by eye)
_DOUBTFUL = 0.2  # below, a joint is drawn as a ring without limbs
_HIDDEN = 0.05  # below, a joint is not drawn


def draw(rgb: Rgb, poses: FramePoses, skeleton: Skeleton, *, numbered: bool = True) -> Rgb:
    """A copy of the picture with the joints, bones and track id of every person.

    A person's colour depends only on `track_id`. Left limbs are lighter, right ones darker. Limbs
    get thinner and fainter with the lower score of their two joints; joints without a position are
    not drawn.
    """
    out = rgb.copy()
    size = poses.people.xyxy[:, 2:] - poses.people.xyxy[:, :2]
    height = rgb.shape[0]
    for i in np.argsort(size.prod(1), kind="stable"):  # larger (nearer) people on top
        width_px = float(np.clip(size[i].max() / 100, max(2.0, height / 300), height / 80))
        colour = track_colour(int(poses.people.track_id[i]))
        _draw_person(out, poses.xy[i], poses.score[i], skeleton, colour, width_px)
    for i in range(len(poses.people) if numbered else 0):
        _draw_number(out, poses, i, skeleton)
    return out


def track_colour(track_id: int) -> Colour:
    """The colour of a person, the same in every frame and every view."""
    return _PALETTE[(track_id - 1) % len(_PALETTE)]


def _draw_person(
    rgb: Rgb,
    xy: np.ndarray,
    score: np.ndarray,
    skeleton: Skeleton,
    colour: Colour,
    width_px: float,
) -> None:
    found = np.isfinite(xy).all(1) & (score >= _HIDDEN)
    sure = found & (score >= _DOUBTFUL)
    weight = np.clip((score - _DOUBTFUL) / (_SURE - _DOUBTFUL), 0, 1).tolist()
    point = xy.tolist()
    sides = _sides(skeleton)
    bones = [(a, b) for a, b in skeleton.bones if sure[a] and sure[b]]
    for is_edge in (True, False):  # all edges first, so that none cuts a limb
        for a, b in bones:
            strength = min(weight[a], weight[b])
            width = width_px * (0.55 + 0.45 * strength)
            shade = _EDGE if is_edge else _shade(colour, sides[a] + sides[b])
            opacity = 0.3 + 0.7 * strength
            extra = max(2.0, 0.6 * width_px) if is_edge else 0
            imaging.draw_line(rgb, point[a], point[b], shade, width + extra, opacity)
    radius = 0.95 * width_px
    for j in np.flatnonzero(found):
        shade = _shade(colour, sides[j])
        if sure[j]:
            imaging.draw_dot(rgb, point[j], radius + max(1.0, 0.3 * width_px), _EDGE)
            imaging.draw_dot(rgb, point[j], radius, shade)
        else:
            wide = 1.4 * width_px
            imaging.draw_dot(rgb, point[j], wide, _EDGE, ring_px=0.7 * width_px, opacity=0.6)
            imaging.draw_dot(rgb, point[j], wide, colour, ring_px=0.3 * width_px, opacity=0.9)


def _draw_number(rgb: Rgb, poses: FramePoses, i: int, skeleton: Skeleton) -> None:
    x1, y1, x2, y2 = poses.people.xyxy[i].astype(np.float64)
    head = [skeleton.joints.index(j) for j in ("head_top", "nose") if j in skeleton.joints][:1]
    seen = [j for j in head if poses.score[i, j] >= _DOUBTFUL and np.isfinite(poses.xy[i, j]).all()]
    height_px = float(np.clip((y2 - y1) / 22, max(10, rgb.shape[0] / 60), rgb.shape[0] / 24))
    top = poses.xy[i, seen[0]].astype(np.float64) if seen else np.array([(x1 + x2) / 2, y1])
    if np.isfinite(top).all():
        track_id = int(poses.people.track_id[i])
        place = (top - [0, 0.9 * height_px]).tolist()
        imaging.draw_label(rgb, str(track_id), place, height_px, track_colour(track_id))


@cache
def _sides(skeleton: Skeleton) -> tuple[int, ...]:
    """1 for left joints, -1 for right joints, 0 for the others."""
    return tuple(
        1 if j.startswith("left_") else -1 if j.startswith("right_") else 0 for j in skeleton.joints
    )


def _shade(colour: Colour, side: int) -> Colour:
    """Lighter for the left (side > 0), darker for the right (side < 0)."""
    towards, share = (255, 0.55) if side > 0 else (0, 0.32 if side < 0 else 0)
    red, green, blue = (round(c + (towards - c) * share) for c in colour)
    return red, green, blue
