"""COCO keypoint files: people in still pictures, as `FrameTruth` in the file's joint set.

`open_coco` reads the official layout for training; `read_keypoints` any file of the format.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledPicture
from glpose.formats.text.tree import Node, by_id, read_tree, size_of
from glpose.skeleton import COCO17, SKELETONS, Skeleton
from glpose.types import FrameTruth, People

PARTS = ("train", "val")

_Box = Float64[np.ndarray, "4"]
"""Left, top, width and height, as in the file."""


def open_coco(root: Path, part: str) -> tuple[Skeleton, list[LabelledPicture]]:
    """The people of COCO 2017 to train on: `annotations/person_keypoints_<part>2017.json`.

    Pictures are in `<part>2017/`; those without people to train on are included, none is opened.
    Crowds, people of area 0 and people without a labelled joint are left out. Boxes are clipped to
    the picture as in the HRNet family: x2 = min(width - 1, x + w - 1).

    Raises: BadInput for a part other than train and val, missing files, or a file that is not COCO
    keypoints, naming the key.
    """
    if part not in PARTS:
        raise BadInput(f"COCO has no part '{part}'; expected one of: {', '.join(PARTS)}")
    annotations, images = annotation_file(root, part), root / f"{part}2017"
    if not annotations.is_file():
        raise BadInput(
            f"{annotations}: not found; unpack annotations_trainval2017.zip in {root}, "
            "so that there is a folder annotations"
        )
    if not images.is_dir():
        raise BadInput(f"{images}: not found; unpack {part}2017.zip in {root}")
    return _read(annotations, images, _to_train_on)


def annotation_file(root: Path, part: str) -> Path:
    """Where the keypoint file of a part is expected."""
    return root / "annotations" / f"person_keypoints_{part}2017.json"


def read_keypoints(
    annotations: Path, images: Path, is_wanted: Callable[[Node], bool] = lambda _: True
) -> tuple[Skeleton, list[LabelledPicture]]:
    """Read a COCO keypoint file; pictures without people are included.

    `is_wanted` chooses among the pictures by their entries in the file. The joint set follows from
    the joint names (`categories[].keypoints`); COCO's if absent. Crowds and people without a box
    are left out. COCO joints are pixel indices, as in glpose.

    Raises: BadInput naming the key, if the file is not COCO keypoints.
    """
    return _read(annotations, images, _with_box, is_wanted)


def _with_box(person: Node, image: Node) -> _Box | None:
    del image
    given = person.get("bbox")
    box = None if given is None or _is_crowd(person) else given.numbers_or_none(4)
    return None if box is None or min(box[2:]) <= 0 else box


def _to_train_on(person: Node, image: Node) -> _Box | None:
    """The box, clipped to the picture, of a person whom HRNet's COCO loader keeps."""
    labelled = person.at("keypoints").numbers()[2::3].any()
    if person.at("iscrowd").number() or person.at("area").number() <= 0 or not labelled:
        return None
    x, y, width, height = person.at("bbox").numbers(4).tolist()
    x1, y1 = max(0.0, x), max(0.0, y)
    x2 = min(image.at("width").number() - 1.0, x1 + max(0.0, width - 1))
    y2 = min(image.at("height").number() - 1.0, y1 + max(0.0, height - 1))
    return np.array([x1, y1, x2 - x1, y2 - y1]) if x2 >= x1 and y2 >= y1 else None


def _is_crowd(person: Node) -> bool:
    crowd = person.get("iscrowd")
    return crowd is not None and bool(crowd.number())


def _read(
    annotations: Path,
    images: Path,
    box_of: Callable[[Node, Node], _Box | None],
    is_wanted: Callable[[Node], bool] = lambda _: True,
) -> tuple[Skeleton, list[LabelledPicture]]:
    """People for whom `box_of` gives no box are left out."""
    root = read_tree(annotations)
    skeleton = _skeleton(root)
    pictures = by_id(root.entries("images"))
    kept: dict[int, list[tuple[Node, _Box]]] = {}
    for person in root.entries("annotations"):
        number = person.at("image_id").whole()
        if number not in pictures:
            raise person.error(
                f"of the picture {number}, which is not among 'images'", "a picture of the file"
            )
        box = box_of(person, pictures[number])
        if box is not None:
            kept.setdefault(number, []).append((person, box))
    return skeleton, [
        LabelledPicture(
            images / image.at("file_name").text(),
            *_truth(kept.get(number, []), number, skeleton),
            size_of(image),
        )
        for number, image in pictures.items()
        if is_wanted(image)
    ]


def _skeleton(root: Node) -> Skeleton:
    categories = root.entries("categories")
    given = categories[0].get("keypoints") if categories else None
    names = COCO17.joints if given is None else tuple(given.texts())
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return skeleton
    raise root.error(
        f"of an unknown joint set, {len(names)} joints: {', '.join(names)}",
        f"the joints of {', '.join(SKELETONS)}",
    )


def _truth(
    people: list[tuple[Node, _Box]], number: int, skeleton: Skeleton
) -> tuple[FrameTruth, tuple[int, ...]]:
    """The truth of a picture, and the ids of its people; (0, 0, 0) are joints without a label."""
    joints = np.zeros((len(people), len(skeleton.joints), 3), np.float32)
    xyxy = np.zeros((len(people), 4), np.float32)
    ids = []
    for row, (person, box) in enumerate(people):
        xyxy[row] = box
        given = person.get("keypoints")
        if given is not None:
            joints[row] = given.numbers(joints[row].size).reshape(-1, 3)
            if not np.isin(joints[row, :, 2], (0, 1, 2)).all():
                raise given.error("one with other visibilities", "0, 1 or 2 as every third number")
        known = person.get("id")
        ids.append(0 if known is None else known.whole())
    xyxy[:, 2:] += xyxy[:, :2]
    visibility = joints[..., 2].astype(np.int8)
    xy = np.where(visibility[..., None] > 0, joints[..., :2], np.float32(np.nan))
    found = People(xyxy, np.ones(len(people), np.float32), np.arange(1, len(people) + 1))
    return FrameTruth(number, 0.0, found, xy, visibility), tuple(ids)
