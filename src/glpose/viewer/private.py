"""Pictures in which nobody can be recognised: faces blurred, or nothing but the skeletons."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float64

from glpose import imaging
from glpose.imaging import Rgb
from glpose.skeleton import Skeleton
from glpose.types import FrameAndPoses, FramePoses
from glpose.viewer.overlay import face_boxes

Private = Literal["blur", "skeleton"]
"""Faces of everybody who was found are blurred; or pictures are black, for skeletons alone."""

_CELLS = 6  # what is left of a face: so many colours across and down
_MORE = 0.25  # a face is extended by this share on each side: hair and chin
_HEADS_HIGH = 5  # of somebody without a face, the upper fifth is blurred


def without_faces(
    pairs: Iterable[FrameAndPoses], skeleton: Skeleton, how: Private
) -> Iterator[FrameAndPoses]:
    """The frames with pictures that `how` allows.

    In frames where somebody was not found, that face stays as it is; "skeleton" is safe.
    """
    for frame, poses in pairs:
        if frame.rgb is None:
            yield frame, poses
        elif how == "skeleton":
            yield replace(frame, rgb=np.zeros_like(frame.rgb)), poses
        else:
            yield replace(frame, rgb=blur_faces(frame.rgb, poses, skeleton)), poses


def blur_faces(rgb: Rgb, poses: FramePoses, skeleton: Skeleton) -> Rgb:
    """A copy of a picture with six by six smooth cells in place of each head."""
    out = rgb.copy()
    for face, box in zip(face_boxes(poses, skeleton), poses.people.xyxy, strict=True):
        x1, y1, x2, y2 = _head(face, box.astype(np.float64)).tolist()
        height, width = rgb.shape[:2]
        rows = slice(int(np.clip(y1, 0, height)), int(np.clip(y2 + 1, 0, height)))
        columns = slice(int(np.clip(x1, 0, width)), int(np.clip(x2 + 1, 0, width)))
        part = out[rows, columns]
        if part.size:
            small = imaging.resize(part, (min(_CELLS, part.shape[0]), min(_CELLS, part.shape[1])))
            out[rows, columns] = imaging.resize(small, part.shape[:2])
    return out


def _head(face: Float64[np.ndarray, "4"] | None, box: Float64[np.ndarray, "4"]) -> np.ndarray:
    if face is None:
        return np.array([*box[:3], box[1] + (box[3] - box[1]) / _HEADS_HIGH])
    more = _MORE * (face[2:] - face[:2])
    return np.concatenate([face[:2] - more, face[2:] + more])
