"""COCO-like box files: people in still pictures, with regions to ignore."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from glpose.formats.dataset import of_labelled_size
from glpose.formats.text.tree import Node, by_id, read_tree, size_of
from glpose.imaging import read_image


@dataclass(frozen=True, slots=True, eq=False)
class BoxedPicture:
    """A picture file and its boxes in pixels; `ignore` marks crowds and people hard to see.

    `size_hw` is the size of the picture that was labelled, where the file has it.
    """

    path: Path
    picture_id: int
    xyxy: Float32[np.ndarray, "n 4"]
    ignore: Bool[np.ndarray, " n"]
    size_hw: tuple[int, int] | None = None

    def read(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture. Raises: VideoError; BadInput if it is not of the size that was labelled."""
        return of_labelled_size(read_image(self.path), self.path, self.size_hw)


def open_person_boxes(root: Path, part: str, held_out_every: int) -> list[BoxedPicture]:
    """Our sets of person boxes: `instances_person.json` and `images/`.

    The part "val" has the pictures whose id is a multiple of `held_out_every`, "train" all others.

    Raises: BadInput as `read_boxes` does.
    """
    pictures = read_boxes(root / "instances_person.json", root / "images")
    return [p for p in pictures if (p.picture_id % held_out_every == 0) == (part == "val")]


def read_boxes(
    annotations: Path, images: Path, is_wanted: Callable[[Node], bool] = lambda _: True
) -> list[BoxedPicture]:
    """Read the pictures of a COCO instance or keypoint file, including those without people.

    `is_wanted` chooses among the pictures by their entries in the file.
    Boxes without area are left out; `ignore` and `iscrowd` are read where they exist.

    Raises: BadInput naming the key, if the file is not COCO-like.
    """
    root = read_tree(annotations)
    people: dict[int, list[Node]] = {}
    for person in root.entries("annotations"):
        people.setdefault(person.at("image_id").whole(), []).append(person)
    pictures = by_id(root.entries("images"))
    return [
        _picture(images, image, people.get(number, []))
        for number, image in pictures.items()
        if is_wanted(image)
    ]


def _picture(images: Path, image: Node, people: list[Node]) -> BoxedPicture:
    boxes = [(p.at("bbox").numbers(4), _is_hard(p)) for p in people]
    boxes = [(box, hard) for box, hard in boxes if box[2] > 0 and box[3] > 0]
    xyxy = np.array([box for box, _ in boxes], np.float32).reshape(-1, 4)
    xyxy[:, 2:] += xyxy[:, :2]
    return BoxedPicture(
        images / image.at("file_name").text(),
        image.at("id").whole(),
        xyxy,
        np.array([hard for _, hard in boxes], bool),
        size_of(image),
    )


def _is_hard(person: Node) -> bool:
    marks = (person.get("ignore"), person.get("iscrowd"))
    return any(mark is not None and mark.number() != 0 for mark in marks)
