"""Files of person boxes from a detector, matched to the frames of a labelled set.

Two formats are read: PoseWarper and DCPose name each picture by its path (`image_name`), mmpose by
its number (`image_id`); both are JSON lists of `{bbox: [x, y, width, height], score, ...}`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.posetrack.labels import SequenceLabels
from glpose.formats.text.lines import FARTHEST_PX
from glpose.formats.text.tree import Node, brief, read_tree
from glpose.types import Detections


@dataclass(frozen=True, slots=True, eq=False)
class DetectionFile:
    """The boxes of people in a file, in file order, by picture: its name without `images/`, or its id.

    `num_others` boxes were left out because their category is not 1 (person), and `num_flat` because
    they have no area.
    """

    boxes: dict[str, Detections]
    num_others: int
    num_flat: int


def read_detections(path: Path) -> DetectionFile:
    """Read a file; low scores are kept, since the caller sets the threshold.

    Raises: BadInput, naming entry and key, for anything but finite boxes and scores from 0 to 1;
    also if no box of a person is left.
    """
    root = read_tree(path)
    if not isinstance(root.value, list) or not root.value:
        found = brief(list(root.value) if isinstance(root.value, dict) else root.value)
        raise BadInput(
            f"{path}: no detections, found {found}; expected a JSON list of objects with 'bbox', "
            "'score' and 'image_name' or 'image_id'"
        )
    rows: dict[str, list[list[float]]] = {}
    others: list[int] = []
    for i, value in enumerate(root.value):
        entry = Node(path, f"[{i}]", value)
        of_picture = rows.setdefault(_picture(entry), [])
        category, row = entry.get("category_id"), _box(entry)
        if category is None or category.whole() == 1:
            of_picture.append(row)
        else:
            others.append(category.whole())
    boxes = {key: _detections(row) for key, row in rows.items()}
    num_kept = sum(map(len, boxes.values()))
    if not num_kept:
        found = f", such as {others[0]}" if others else ""
        raise BadInput(
            f"{path}: no box of a person is left: of {len(root.value)} boxes {len(others)} have "
            f"another category_id{found}, the others no area; expected category_id 1 for people, "
            "or none at all"
        )
    return DetectionFile(boxes, len(others), len(root.value) - len(others) - num_kept)


def match_detections(
    found: Mapping[str, Detections], sequences: Sequence[LabelledSequence]
) -> list[tuple[Detections, ...]]:
    """The boxes of each picture of each sequence, empty where the file has none.

    A picture is found by its path (`<source>/<sequence>/<file>`), by its name in the renamed copies
    that are common for PoseTrack (`00000001.jpg` is the first), or by the id in its label file.

    Raises: BadInput if the file names pictures that a sequence does not have, or no picture of the
    sequences at all, or if names of the two kinds cannot be told apart.
    """
    by_folder: dict[str, set[str]] = {}
    for key in found:
        folder, _, name = key.rpartition("/")
        by_folder.setdefault(folder, set()).add(name)
    has_ids = "" in by_folder
    ways = [_keys(sequence, by_folder, has_ids=has_ids) for sequence in sequences]
    known = {way for of_sequence in ways if len(of_sequence) == 1 for way in of_sequence} - {""}
    matched = [_decided(of_sequence, known) for of_sequence in ways]
    if not any(len(found.get(key, ())) for keys in matched for key in keys):
        examples = [next(iter(found), "nothing"), *(key for keys in matched for key in keys[:1])]
        raise BadInput(
            f"the detections belong to other pictures: they are for '{examples[0]}' and the like, "
            f"the set has '{examples[1] if len(examples) > 1 else 'no pictures'}'; "
            "take the detections of this set"
        )
    nobody = Detections.empty()
    return [tuple(found.get(key, nobody) for key in keys) for keys in matched]


_Ways = dict[str, list[str]]
"""By way of naming ("on disk", "renamed", or "" if all are alike) the key of each picture's boxes."""


def _keys(sequence: LabelledSequence, by_folder: Mapping[str, set[str]], *, has_ids: bool) -> _Ways:
    if not sequence.images:
        return {"": []}
    parent = sequence.images[0].parent
    folder = f"{parent.parent.name}/{parent.name}"
    on_disk = [path.name for path in sequence.images]
    named = by_folder.get(folder)
    labels = sequence.truth
    if named is None and has_ids and isinstance(labels, SequenceLabels):
        ids = labels.image_ids()
        return {"": [str(ids.get(place, "")) for place in range(len(on_disk))]}
    renamed = [f"{place + 1:08d}.jpg" for place in range(len(on_disk))]
    ways: _Ways = {
        way: [f"{folder}/{name}" for name in names]
        for way, names in (("on disk", on_disk), ("renamed", renamed))
        if named is None or named <= set(names)
    }
    pairs = zip(on_disk, renamed, strict=True)
    if named is None or (len(ways) > 1 and all(a == b for a, b in pairs if b in named)):
        return {"": ways["on disk"]}
    if ways:
        return ways
    strange = min(named - set(on_disk))
    raise BadInput(
        f"{folder}: the detections name '{strange}', but there are {len(on_disk)} pictures from "
        f"'{on_disk[0]}' to '{on_disk[-1]}'; expected their names, or 00000001.jpg and so on"
    )


def _decided(ways: _Ways, known: Collection[str]) -> list[str]:
    """The keys of a sequence whose names fit in two ways go by the way of all other sequences."""
    fitting = [keys for way, keys in ways.items() if len(ways) == 1 or known == {way}]
    if fitting:
        return fitting[0]
    folder = PurePosixPath(ways["on disk"][0]).parent
    raise BadInput(
        f"{folder}: the detections name pictures that are there, but in a copy that was renamed from "
        "00000001.jpg on others have these names, and no other sequence tells which are meant; rename "
        "the pictures so if the boxes are of such a copy, else add boxes of the last picture"
    )


def _picture(entry: Node) -> str:
    name = entry.get("image_name")
    if name is None:
        number = entry.get("image_id")
        if number is None:
            raise entry.error(brief(entry.value), "an object with 'image_name' or 'image_id'")
        return str(number.whole())
    path = PurePosixPath(name.text().replace("\\", "/").lstrip("/"))
    return str(path.relative_to("images") if path.parts[:1] == ("images",) else path)


def _box(entry: Node) -> list[float]:
    node = entry.at("bbox")
    x, y, width, height = node.numbers(4).tolist()
    if max(map(abs, (x, y, width, height))) > FARTHEST_PX or min(width, height) < 0:
        raise node.error(brief(node.value), "[x, y, width, height] in pixels, not negative")
    score = entry.at("score").number()
    if not 0 <= score <= 1:
        raise entry.at("score").error(str(score), "a score from 0 to 1")
    return [x, y, x + width, y + height, score]


def _detections(rows: list[list[float]]) -> Detections:
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    boxes = boxes[(boxes[:, 2:4] > boxes[:, :2]).all(-1)]
    return Detections(boxes[:, :4].copy(), boxes[:, 4].copy())
