"""Check that COCO keypoints on disk are complete."""

from collections.abc import Sequence
from itertools import compress
from pathlib import Path

from glpose.errors import BadInput, GLPoseError
from glpose.formats.check import Part, Problem, Report
from glpose.formats.coco.labels import PARTS, annotation_file, open_coco
from glpose.formats.coco.results import read_keypoint_truth
from glpose.formats.dataset import LabelledPicture

_PICTURES = {"train": 118_287, "val": 5_000}  # of COCO 2017, according to its site

OPENED = 100
"""Pictures of a part that are opened: a set that was scaled or converted is wrong in all of them."""


def check_coco(root: Path) -> Report:
    """Read the labels of both parts (to train on and to score), look for their pictures, and open `OPENED` of each part.

    A part that cannot be used is reported and does not end the check. Raises: BadInput if there are
    no labels at all.
    """
    if not any(annotation_file(root, part).is_file() for part in PARTS):
        raise BadInput(
            f"{annotation_file(root, PARTS[0])}: not found, nor that of {PARTS[1]}2017; "
            f"unpack annotations_trainval2017.zip, train2017.zip and val2017.zip in {root}"
        )
    return Report("coco", tuple(_part(root, part) for part in PARTS))


def _part(root: Path, part: str) -> Part:
    try:
        _, pictures = open_coco(root, part)
    except BadInput as problem:
        return Part(
            part, usable=False, problems=(Problem("part that cannot be used", 1, (str(problem),)),)
        )
    is_there = [picture.path.is_file() for picture in pictures]
    there = list(compress(pictures, is_there))
    missing = [str(p.path) for p, here in zip(pictures, is_there, strict=True) if not here]
    people = [len(picture.truth.people) for picture in pictures]
    problems = []
    if missing:
        remedy = f"unpack {part}2017.zip in {root} again"
        problems.append(Problem("pictures missing", len(missing), tuple(missing), remedy))
    num = min(OPENED, len(there))
    opened = [there[i * len(there) // num] for i in range(num)]
    if unfit := _unfit(opened):
        problems.append(
            Problem(f"pictures of {len(opened)} opened that do not fit", len(unfit), unfit)
        )
    try:
        read_keypoint_truth(annotation_file(root, part))
    except BadInput as problem:
        problems.append(
            Problem(
                "label file that cannot be scored",
                1,
                (str(problem),),
                "this part can be trained on all the same",
            )
        )
    if not any(people):
        problems.append(Problem("no person with joints", 1, (str(annotation_file(root, part)),)))
    notes = []
    if len(pictures) != _PICTURES[part]:
        notes.append(f"COCO 2017 has {_PICTURES[part]} pictures in this part")
    return Part(
        part,
        usable=any(people),
        counts={
            "pictures": f"{len(pictures)} listed, {len(there)} there",
            "people": f"{sum(people)} to train on, in {sum(n > 0 for n in people)} pictures",
        },
        notes=tuple(notes),
        problems=tuple(problems),
    )


def _unfit(pictures: Sequence[LabelledPicture]) -> tuple[str, ...]:
    """What is wrong with pictures that cannot be read, or are not of the size that is labelled."""
    said = []
    for picture in pictures:
        try:
            picture.read()
        except GLPoseError as problem:
            said.append(str(problem))
    return tuple(said)
