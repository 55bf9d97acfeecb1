"""HiEve's poses in COCO's layout: one JSON file of truth, one of results.

Truth is an object with `images` (each an `id`, and perhaps `unusual`, the number of kinds of unusual
actions in the frame) and `annotations` (each an `image_id`, `bbox` as x, y, width and height, and
`keypoints`: x, y and a flag for each of the 14 joints of `HIEVE14`; perhaps `area`, else that of the
box). The flag is HiEve's own: 0 visible, 1 hidden, -1 not labelled; COCO's is the other way round.
Results are a list of objects with `image_id`, `keypoints` (x, y, score) and `score`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glpose.formats.coco.results import PictureGuess, PictureTruth, read_keypoint_results
from glpose.formats.text.tree import Node, by_id, read_tree
from glpose.skeleton import HIEVE14

_NUM = len(HIEVE14.joints)


@dataclass(frozen=True, slots=True, eq=False)
class HieveFrame(PictureTruth):
    """The labelled people of a frame, and how many kinds of unusual actions there are."""

    num_unusual: int


def read_hieve_truth(path: Path) -> dict[int, HieveFrame]:
    """Frames by image id, in ascending order. Raises: BadInput naming the file and the key."""
    root = read_tree(path)
    unusual: dict[int, int] = {}
    for number, image in by_id(root.items("images")).items():
        given = image.get("unusual")
        unusual[number] = 0 if given is None else given.whole()
        if given is not None and unusual[number] < 0:
            raise given.error(str(unusual[number]), "the number of kinds of unusual actions")
    if not unusual:
        raise root.at("images").error("empty", "the frames")
    people: dict[int, list[Node]] = {number: [] for number in unusual}
    for person in root.items("annotations"):
        number = person.at("image_id").whole()
        if number not in people:
            raise person.at("image_id").error(str(number), "the id of one of the 'images'")
        people[number].append(person)
    return {number: _frame(people[number], unusual[number]) for number in sorted(people)}


def read_hieve_results(path: Path, truth: dict[int, HieveFrame]) -> dict[int, PictureGuess]:
    """The poses of each frame of the truth. Raises: BadInput naming the entry and its key."""
    return read_keypoint_results(path, HIEVE14, None, truth)


def _frame(people: list[Node], num_unusual: int) -> HieveFrame:
    joints = np.zeros((len(people), _NUM, 3))
    boxes, area = np.zeros((len(people), 4)), np.zeros(len(people))
    for i, person in enumerate(people):
        keypoints = person.at("keypoints")
        joints[i] = keypoints.numbers(3 * _NUM).reshape(_NUM, 3)
        if not np.isin(joints[i, :, 2], (-1, 0, 1)).all():
            raise keypoints.error(
                "with other flags", "0 visible, 1 hidden or -1 not labelled for each joint"
            )
        boxes[i] = person.at("bbox").numbers(4)
        given = person.get("area")
        area[i] = boxes[i, 2] * boxes[i, 3] if given is None else given.number()
    boxes[:, 2:] += boxes[:, :2]
    labelled = joints[..., 2] >= 0
    crowd = np.zeros(len(people), bool)
    return HieveFrame(
        joints[..., :2], labelled, area, boxes, np.asarray(~labelled.any(-1)), crowd, num_unusual
    )
