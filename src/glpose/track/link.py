"""Link detections without track ids over frames, by overlap."""

from collections.abc import Mapping

import numpy as np

from glpose.geometry import box_iou
from glpose.track.assign import assign
from glpose.types import Detections, People

_MOST_FRAMES_APART = 5  # files may list every fourth frame only


def link(boxes: Mapping[int, Detections], iou_limit: float = 0.3) -> dict[int, People]:
    """Boxes by frame as people: a box gets the id of the earlier box that it overlaps most.

    Unlike in tracking, no box is dropped or moved. Only an IoU above `iou_limit` counts, and a
    frame is compared with the last one that has boxes, if that is recent. Ids count from 0.
    """
    people: dict[int, People] = {}
    before, next_number = -1, 0
    for frame in sorted(frame for frame, found in boxes.items() if len(found)):
        found = boxes[frame]
        number = np.full(len(found), -1, np.int64)
        if before in people and frame - before <= _MOST_FRAMES_APART:
            cost = 1 - box_iou(found.xyxy, people[before].xyxy)
            rows, columns = assign(cost, 1 - iou_limit)
            number[rows] = people[before].track_id[columns]
        new = number < 0
        number[new] = next_number + np.arange(new.sum())
        next_number += int(new.sum())
        people[frame] = People(found.xyxy, found.score, number)
        before = frame
    return people
