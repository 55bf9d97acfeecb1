"""Draw skeletons on a picture: colour shows identity, shade the side, line weight the score.

Start at `draw`. Colours are those of Okabe and Ito, which colour-blind people can distinguish; a
dark edge keeps them readable on light backgrounds.
"""

import numpy as np
from jaxtyping import Float64

from glpose import imaging
from glpose.imaging import Colour, Rgb
from glpose.skeleton import Skeleton, find_joints
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
SURE = 0.6
"""Scores from here up are drawn at full weight (our own, set by eye)."""

DOUBTFUL = 0.2
"""Below, a joint is drawn as a ring without limbs."""

HIDDEN = 0.05
"""Below, a joint is not drawn."""

_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top", "head")
_FACES_HIGH = 10  # how many faces high a person is at most (a standing adult: 8 heads)
_FACE_ROOM = 1.3

Boxes = list[Float64[np.ndarray, "4"] | None]


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
    faces = face_boxes(poses, skeleton)
    for i in range(len(poses.people) if numbered else 0):
        _draw_number(out, poses, i, faces)
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
    found = np.isfinite(xy).all(1) & (score >= HIDDEN)
    sure = found & (score >= DOUBTFUL)
    weight = np.clip((score - DOUBTFUL) / (SURE - DOUBTFUL), 0, 1).tolist()
    point = xy.tolist()
    sides = sides_of(skeleton)
    bones = [(a, b) for a, b in skeleton.bones if sure[a] and sure[b]]
    for is_edge in (True, False):  # all edges first, so that none cuts a limb
        for a, b in bones:
            strength = min(weight[a], weight[b])
            width = width_px * (0.55 + 0.45 * strength)
            shade = _EDGE if is_edge else shade_of(colour, sides[a] + sides[b])
            opacity = 0.3 + 0.7 * strength
            extra = max(2.0, 0.6 * width_px) if is_edge else 0
            imaging.draw_line(rgb, point[a], point[b], shade, width + extra, opacity)
    radius = 0.95 * width_px
    for j in np.flatnonzero(found):
        shade = shade_of(colour, sides[j])
        if sure[j]:
            imaging.draw_dot(rgb, point[j], radius + max(1.0, 0.3 * width_px), _EDGE)
            imaging.draw_dot(rgb, point[j], radius, shade)
        else:
            wide = 1.4 * width_px
            imaging.draw_dot(rgb, point[j], wide, _EDGE, ring_px=0.7 * width_px, opacity=0.6)
            imaging.draw_dot(rgb, point[j], wide, colour, ring_px=0.3 * width_px, opacity=0.9)


def _draw_number(rgb: Rgb, poses: FramePoses, i: int, faces: Boxes) -> None:
    """The number over the head, or where else it covers nobody's face; nowhere if all do."""
    x1, y1, x2, y2 = poses.people.xyxy[i].astype(np.float64).tolist()
    track_id = int(poses.people.track_id[i])
    height_px = float(np.clip((y2 - y1) / 22, max(10, rgb.shape[0] / 60), rgb.shape[0] / 24))
    middle = (x1 + x2) / 2
    places = [(middle, y1 - 0.9 * height_px), (middle, (y1 + y2) / 2), (middle, y2)]
    if (face := faces[i]) is not None:
        left, top, right, bottom = face.tolist()
        beside = (top + bottom + 2 * height_px) / 2
        places[:1] = [
            ((left + right) / 2, top - 0.5 * height_px),
            (right + 2 * height_px, beside),
            (left - 2 * height_px, beside),
        ]
    hidden = [box for box in faces if box is not None]
    for place in places:
        if not np.isfinite(place).all():
            continue
        box = imaging.label_box(str(track_id), place, height_px, rgb.shape[:2])
        if not any(_overlap(np.array(box), face) for face in hidden):
            imaging.draw_label(rgb, str(track_id), place, height_px, track_colour(track_id))
            return


def face_boxes(poses: FramePoses, skeleton: Skeleton) -> Boxes:
    """The face of each person as x1, y1, x2, y2 with some room around; None where none is found."""
    joints = find_joints(skeleton, _FACE)
    boxes: Boxes = []
    for box, xy, score in zip(poses.people.xyxy, poses.xy, poses.score, strict=True):
        seen = xy[joints][(score[joints] >= HIDDEN) & np.isfinite(xy[joints]).all(1)]
        if not len(seen):
            boxes.append(None)
            continue
        low, high = seen.min(0).astype(np.float64), seen.max(0).astype(np.float64)
        # At least a face as it is on a body of this size, however few of its joints are seen.
        least = (box[3] - box[1]) / _FACES_HIGH
        half = max(float((high - low).max()), least) * _FACE_ROOM / 2
        boxes.append(np.concatenate([(low + high) / 2 - half, (low + high) / 2 + half]))
    return boxes


def _overlap(a_xyxy: Float64[np.ndarray, "4"], b_xyxy: Float64[np.ndarray, "4"]) -> bool:
    return bool((a_xyxy[:2] < b_xyxy[2:]).all() and (b_xyxy[:2] < a_xyxy[2:]).all())


def sides_of(skeleton: Skeleton) -> tuple[int, ...]:
    """1 for left joints, -1 for right joints, 0 for the others."""
    return tuple(
        1 if j.startswith("left_") else -1 if j.startswith("right_") else 0 for j in skeleton.joints
    )


def shade_of(colour: Colour, side: int) -> Colour:
    """Lighter for the left (side > 0), darker for the right (side < 0)."""
    towards, share = (255, 0.55) if side > 0 else (0, 0.32 if side < 0 else 0)
    red, green, blue = (round(c + (towards - c) * share) for c in colour)
    return red, green, blue
