"""Check that COCO keypoints on disk are complete."""

from pathlib import Path

from glpose.errors import BadInput
from glpose.formats.check import Part, Problem, Report
from glpose.formats.coco.labels import PARTS, annotation_file, open_coco

_PICTURES = {"train": 118_287, "val": 5_000}  # of COCO 2017, according to its site


def check_coco(root: Path) -> Report:
    """Read the labels of both parts and look for their pictures, which are not opened.

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
    missing = [str(p.path) for p in pictures if not p.path.is_file()]
    people = [len(picture.truth.people) for picture in pictures]
    problems = []
    if missing:
        remedy = f"unpack {part}2017.zip in {root} again"
        problems.append(Problem("pictures missing", len(missing), tuple(missing), remedy))
    if not any(people):
        problems.append(Problem("no person with joints", 1, (str(annotation_file(root, part)),)))
    notes = []
    if len(pictures) != _PICTURES[part]:
        notes.append(f"COCO 2017 has {_PICTURES[part]} pictures in this part")
    return Part(
        part,
        usable=any(people),
        counts={
            "pictures": f"{len(pictures)} listed, {len(pictures) - len(missing)} there",
            "people": f"{sum(people)} to train on, in {sum(n > 0 for n in people)} pictures",
        },
        notes=tuple(notes),
        problems=tuple(problems),
    )
