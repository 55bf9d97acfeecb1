"""PoseTrack 2017: one file per sequence, JSON of one-element lists or MATLAB; odd frame names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from glpose.imaging import write_image
from glpose.synth.layouts.order import Order, Written, with_joints, write_text
from glpose.synth.layouts.posetrack import MarkedFrame, MarkedPerson, has_joints, marked_frames

_FOLDERS = {
    "train": ("bonn_mpii_train_5sec", "mpii_5sec", "bonn", "bonn_mpii_train_v2_5sec"),
    "val": ("bonn_5sec", "mpii_5sec", "bonn_mpii_test_5sec"),
}
# As in the original, frame names do not always count from 1, and their format varies.
_FRAME_NAMES = (("{:08d}.jpg", 1), ("{:08d}.jpg", 37), ("{:04d}_crop.jpg", 12))


def write_posetrack17(folder: Path, order: Order) -> Written:
    """Write `annotations/{train,val}` and `images/<source>/<sequence>`."""
    order, written = with_joints(order, has_joints), Written()
    for number in range(order.num_videos):
        split = order.split_of(number)
        sequence = f"{1001 + 37 * number:06d}_{('mpii', 'bonn')[number % 2]}"
        place = f"images/{_FOLDERS[split][number % len(_FOLDERS[split])]}/{sequence}"
        (folder / place).mkdir(parents=True)
        form, first = _FRAME_NAMES[number % len(_FRAME_NAMES)]
        annolist = []
        for index, frame in enumerate(marked_frames(order, number)):
            name = f"{place}/{form.format(first + index)}"
            write_image(folder / name, frame.rgb)
            annolist.append(_entry(frame, name, index))
            written.num_pictures += 1
            written.num_people += frame.num_with_joints
        path = folder / "annotations" / split / sequence
        if order.mat:
            path.parent.mkdir(parents=True, exist_ok=True)
            savemat(f"{path}.mat", {"annolist": _matlab(annolist)}, do_compression=True)
        else:
            write_text(path.with_suffix(".json"), json.dumps({"annolist": annolist}))
        written.num_videos += 1
    return written


def _entry(frame: MarkedFrame, name: str, index: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "image": [{"name": name}],
        "imgnum": [index + 1],
        "is_labeled": [int(frame.is_labeled)],
        "annorect": [_rectangle(person) for person in frame.people],
    }
    if frame.is_labeled:
        entry["ignore_regions"] = [
            {"point": [{"x": [x], "y": [y]} for x, y in polygon]} for polygon in frame.ignore
        ]
    return entry


def _rectangle(person: MarkedPerson) -> dict[str, Any]:
    points = [
        {"id": [j.joint], "x": [j.xy[0]], "y": [j.xy[1]], "is_visible": [int(j.is_visible)]}
        for j in person.joints
    ]
    corners = dict(zip(("x1", "y1", "x2", "y2"), person.head_xyxy, strict=True))
    return {
        **{key: [value] for key, value in corners.items()},
        "track_id": [person.track_id],
        "annopoints": [{"point": points}] if points else [],
    }


def _matlab(value: Any) -> Any:
    """The same data for MATLAB: lists of objects become struct arrays, one-number lists numbers."""
    if not isinstance(value, list):
        return value
    if not value:
        return np.zeros((0, 0))
    if not isinstance(value[0], dict):
        return value[0]
    keys = list(dict.fromkeys(key for item in value for key in item))
    out = np.empty((1, len(value)), [(key, object) for key in keys])
    for place, item in enumerate(value):
        out[0, place] = tuple(_matlab(item.get(key, [])) for key in keys)
    return out
