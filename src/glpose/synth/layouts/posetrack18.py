"""PoseTrack 2018: one COCO-like JSON file per sequence, 17 keypoints per person."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from glpose.imaging import write_image
from glpose.skeleton import POSETRACK15, POSETRACK17
from glpose.synth.layouts.order import Order, Written, category, rounded, with_joints, write_text
from glpose.synth.layouts.posetrack import MarkedFrame, MarkedPerson, has_joints, marked_frames

_SOURCES = {"mpii": 1, "bonn": 2, "mpiinew": 3}
_SLOT = [POSETRACK17.index(joint) for joint in POSETRACK15.joints]


def write_posetrack18(folder: Path, order: Order) -> Written:
    """Write `annotations/{train,val}` and `images/{train,val}/<sequence>`."""
    order, written = with_joints(order, has_joints), Written()
    for number in range(order.num_videos):
        split = order.split_of(number)
        source, video = list(_SOURCES)[number % 3], f"{1001 + 37 * number:06d}"
        # The official validation files end in _test, too.
        sequence = f"{video}_{source}_{'train' if split == 'train' else 'test'}"
        place = f"images/{split}/{sequence}"
        (folder / place).mkdir(parents=True)
        images, annotations = [], []
        for index, frame in enumerate(marked_frames(order, number)):
            name = f"{place}/{index:06d}.jpg"
            write_image(folder / name, frame.rgb)
            image_id = int(f"{_SOURCES[source]}{video}{index:04d}")
            images.append(_image(frame, name, image_id, video, order.frames_of(number)))
            annotations += [_annotation(p, image_id, i) for i, p in enumerate(frame.people)]
            written.num_pictures += 1
            written.num_people += frame.num_with_joints
        data = {"images": images, "annotations": annotations, "categories": [category(POSETRACK17)]}
        write_text(folder / "annotations" / split / f"{sequence}.json", json.dumps(data))
        written.num_videos += 1
    return written


def _image(
    frame: MarkedFrame, name: str, image_id: int, video: str, num_frames: int
) -> dict[str, Any]:
    image: dict[str, Any] = {
        "has_no_densepose": True,
        "is_labeled": frame.is_labeled,
        "file_name": name,
        "nframes": num_frames,
        "frame_id": image_id,
        "vid_id": video,
        "id": image_id,
    }
    if frame.ignore:
        image["ignore_regions_x"] = [[x for x, _ in polygon] for polygon in frame.ignore]
        image["ignore_regions_y"] = [[y for _, y in polygon] for polygon in frame.ignore]
    return image


def _annotation(person: MarkedPerson, image_id: int, index: int) -> dict[str, Any]:
    keypoints = np.zeros((len(POSETRACK17.joints), 3))
    for joint in person.joints:
        # A hidden joint that was annotated anyway has its position and v = 0.
        keypoints[_SLOT[joint.joint]] = (*joint.xy, joint.is_visible)
    x1, y1, x2, y2 = person.head_xyxy
    annotation: dict[str, Any] = {
        "bbox_head": rounded(np.array([x1, y1, x2 - x1, y2 - y1])),
        "keypoints": rounded(keypoints),
        "track_id": person.track_id,
        "image_id": image_id,
        "scores": [],
        "category_id": 1,
        "id": image_id * 100 + index,
    }
    if person.joints:
        annotation["bbox"] = _box(np.array([joint.xy for joint in person.joints]))
    return annotation


def _box(xy: np.ndarray) -> list[float]:
    """The joints' bounding box, enlarged 1.3 times about its centre, as x, y, width, height."""
    low, high = xy.min(0), xy.max(0)
    size = 1.3 * (high - low)
    return rounded(np.concatenate([(low + high - size) / 2, size]))
