"""The outdoor walk of the demo videos: who is in it and when legs cross, by eye; and what is found.

The reference was made by hand without any network: boxes (x1, y1, x2, y2) were read off pictures
with a grid of 50 pixels, so they are right to some ten pixels; crossings from single frames of the
legs, enlarged. Half hidden people have the box of what can be seen of them, and so have
found ones at the border of the picture.
"""

from functools import cache

import numpy as np
from figures import Figure, Outcome, Subject

from glpose.api import poses_of
from glpose.geometry import box_iou
from glpose.track.assign import assign
from glpose.types import FramePoses
from glpose.video.reader import open_video

VIDEO = "demo/walk_outdoor_1768x994.mp4"
SIZE_HW = (994, 1768)

ANKLES_CROSS = (
    (53, -1), (72, 1), (91, -1), (109, 1), (128, -1), (146, 1), (165, -1), (182, 1),
)  # fmt: skip
"""The first frame in which the other ankle leads, and 1 if it is the left one, else -1.

The woman walks to the left of the picture, so that her left leg is the near one and hides the
other. Behind the tree before frame 49 and outside the picture from 196 on nothing is counted."""

KNEES_CROSS = (
    (50, -1), (70, 1), (88, -1), (106, 1), (125, -1), (142, 1), (162, -1), (178, 1),
)  # fmt: skip
"""The same for the knees."""

Box = tuple[int, int, int, int]

MAN: dict[int, Box] = {
    5: (556, 102, 748, 452),
    16: (462, 46, 826, 438),
    27: (512, 27, 735, 456),
    38: (537, 65, 765, 453),
    49: (466, 37, 840, 444),
    60: (529, 46, 720, 457),
    71: (475, 47, 797, 448),
    82: (569, 96, 701, 456),
    93: (575, 62, 710, 453),
    104: (610, 79, 724, 456),
    115: (612, 87, 756, 460),
    126: (700, 87, 800, 460),
    137: (727, 87, 862, 462),
    148: (731, 52, 879, 462),
    159: (734, 152, 912, 462),
    170: (750, 160, 985, 350),  # in the air, before the sun
    181: (900, 262, 1182, 440),
    192: (1008, 605, 1228, 896),
    203: (1066, 700, 1306, 900),
    214: (1179, 600, 1448, 897),
}
"""The man in every 11th frame: on the roof, in the air, and landing."""

WOMAN: dict[int, Box] = {
    38: (1490, 545, 1565, 945),  # half behind the tree
    49: (1446, 545, 1548, 945),
    60: (1270, 548, 1500, 945),
    71: (1245, 525, 1372, 925),
    82: (1094, 530, 1322, 940),
    93: (1025, 522, 1161, 930),
    104: (908, 518, 1099, 928),
    115: (739, 520, 997, 926),
    126: (711, 518, 818, 930),
    137: (521, 512, 772, 932),
    148: (455, 510, 598, 936),
    159: (335, 512, 549, 948),
    170: (167, 515, 442, 948),
    181: (120, 512, 252, 942),
    192: (0, 518, 204, 940),
    203: (0, 560, 85, 770),  # an arm and the back: almost out of the picture
}
"""The woman in the same frames."""

BYSTANDER: Box = (1460, 590, 1500, 700)
"""Somebody far behind a fence, 35 pixels of whom can be seen in most frames: not counted at all."""

LEAST_IOU = 0.4


@cache
def poses(subject: Subject) -> tuple[FramePoses, ...]:
    """The poses of the video, as `glpose run` gives them."""
    video = open_video(subject.path(VIDEO))
    pairs = poses_of(video.frames(), video.info, subject.models, keep_pictures=False)
    return tuple(poses for _, poses in pairs)


def woman(found: tuple[FramePoses, ...]) -> int:
    """The track that is the woman in most of the counted frames; 0 if there is none."""
    ids = [
        int(p.people.track_id[row])
        for p in found
        if p.frame in WOMAN
        for row in np.flatnonzero(box_iou(_seen(p), _boxes([WOMAN[p.frame]]))[:, 0] >= LEAST_IOU)
    ]
    return max(set(ids), key=ids.count, default=0)


def people(subject: Subject) -> Outcome:
    """How many of the people in the counted frames are found, and what else is."""
    num, missed, false = 0, [], []
    for p in poses(subject):
        there = {
            name: at[p.frame] for name, at in (("man", MAN), ("woman", WOMAN)) if p.frame in at
        }
        if not there:
            continue
        iou = box_iou(_boxes(list(there.values())), _seen(p))
        rows, matched = assign(np.where(iou >= LEAST_IOU, 1 - iou, np.inf), 1.0)
        num += len(rows)
        missed += [f"{name} {p.frame}" for i, name in enumerate(there) if i not in rows]
        for row in set(range(len(p.people))) - set(matched):
            x, y = _seen(p)[row].reshape(2, 2).mean(0)
            if not (BYSTANDER[0] <= x <= BYSTANDER[2] and BYSTANDER[1] <= y <= BYSTANDER[3]):
                false.append((p.frame, np.rint(p.people.xyxy[row]).astype(int).tolist()))
    total = len(MAN) + len(WOMAN)
    what = f"walk: people in {len(MAN)} frames (every 11th)"
    return Outcome(
        [Figure(what, f"{num} of {total}, {len(false)} false", "35 of 36, none false")],
        [
            "missed: " + (", ".join(missed) or "nobody"),
            *(f"false in frame {frame}: {box}" for frame, box in false),
        ],
        {"found": num, "of": total, "missed": missed, "false": false},
    )


def _seen(poses: FramePoses) -> np.ndarray:
    """The boxes of people as far as the picture shows them, as they were read off by hand."""
    return np.clip(poses.people.xyxy, 0, np.tile(SIZE_HW[::-1], 2).astype(np.float32))


def _boxes(some: list[Box]) -> np.ndarray:
    return np.array(some, np.float32).reshape(-1, 4)
