"""Pictures that look like another one: held-out ones of which a network may have seen a copy.

Sets of pictures from the net hold copies of each other: mirrored, a little turned, in other colours, or the next
frame of a fixed camera. By `alike` their outlines are compared, so that two meadows under a sky are not.
"""

from collections.abc import Iterable

import numpy as np
from figures import Subject
from jaxtyping import Float32, UInt8

from glpose.formats.coco.boxes import BoxedPicture
from glpose.formats.sets import DATASETS
from glpose.imaging import blur, resize

SAME = 0.45
"""From here on about seven in eight pairs of the two sets of boxes show one scene, by eye; below hardly any do."""

_SIDE = 24
_SETS = ("person_boxes", "person_boxes_2", "coco")


def outlines(rgb: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, "24 24"]:
    """What is lighter and darker than what is around it, of norm 1; of a plain picture nothing."""
    small = resize(rgb, (_SIDE, _SIDE))
    edges = (small.astype(np.float32) - blur(small, 2.0)).mean(-1)
    edges = np.clip(edges, -2 * edges.std(), 2 * edges.std())
    return edges / max(float(np.linalg.norm(edges)), 1.0)


def alike(
    some: Float32[np.ndarray, "some 24 24"], others: Float32[np.ndarray, "others 24 24"]
) -> Float32[np.ndarray, " some"]:
    """How alike each is to that of all others, or of their mirror images, which is most so; at most 1."""
    plain, mirrored = (way.reshape(len(others), -1).T for way in (others, others[:, :, ::-1]))
    flat = some.reshape(len(some), -1)
    return np.maximum(flat @ plain, flat @ mirrored).max(1)


def trained_on(subject: Subject) -> Float32[np.ndarray, "pictures 24 24"]:
    """The outlines of the pictures of many people that detectors are trained on, of the sets that are there."""
    found: list[BoxedPicture] = []
    for name in _SETS:
        boxes = DATASETS[name].boxes
        if boxes is not None and (subject.data / name).is_dir():
            found += boxes(subject.data / name, "train")
    return of_all(found)


def of_all(pictures: Iterable[BoxedPicture]) -> Float32[np.ndarray, "pictures 24 24"]:
    """The outlines of pictures."""
    return np.stack([outlines(picture.read()) for picture in pictures])
