"""The networks of others on the people of `stills.py`: LSP's test half and COCO's val2017.

    python bench/taught.py DATA_FOLDER [--picture NAME_OR_FOLDER] [--limit N]
    python bench/taught.py DATA_FOLDER --lean

What MoveNet and BlazePose said is read from `DATA_FOLDER/taught` (`glpose.formats.taught`): each looked
once at a square around the box of the label file. Ours gets the boxes of `stills.py`, and looks as
`glpose run` does, or once. "Flip test" is the mean of a picture and its mirror image. A joint is at
the other side if it is wrong by PCK@0.2 of the box, but right for the other side (`sides.py`).
People whom nobody was shown count as wrong.

With `--lean`: how many limb joints the teachers are sure of, by how far trunks lean from upright,
and where these joints lie: within 0.1 of the box of the joint labelled by hand, or of that of the
other side, or of neither. In LSP (training half) and LSP Extended, whose labels by hand are
themselves in error at times.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from figures import LIMBS, Subject, columns, parser_of, percent, subject_of
from jaxtyping import Float
from scripts import run_script
from sides import right_for_the_pair
from stills import LIMBS_AND_NOSE, areas_of, oks_picture, pictures_of, poses_on, torso_right

from glpose.formats.dataset import LabelledPicture, LabelledPictures
from glpose.formats.sets import DATASETS
from glpose.formats.taught import lean_deg, read_taught, read_teachers
from glpose.metrics.oks import oks_scores
from glpose.runtime.presets import Effort
from glpose.skeleton import BODY19, COCO17

_LEANS = (0, 30, 60, 90, 120, 150, 181)
"""Limits in degrees."""
_OTHER_SIDE = [i ^ 1 for i in range(len(LIMBS))]  # partners follow each other
_AWAY = -1e4
"""Where a joint is that nobody looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a network says of the labelled people of a picture, as `LIMBS_AND_NOSE`."""

    picture: LabelledPicture
    xy: Float[np.ndarray, "people 13 2"]
    score: Float[np.ndarray, "people 13"]


def main() -> None:
    """Parse the command line and print a line for each network."""
    parser = parser_of(__doc__, "picture", "limit", "threads")
    parser.add_argument("--lean", action="store_true")
    given = parser.parse_args()
    subject = subject_of(given)
    if given.lean:
        leaning(subject)
        return
    lsp, coco = pictures_of(subject, "lsp", "test"), pictures_of(subject, "coco", "val")
    areas = areas_of(subject.path("coco") / "person_keypoints.json")
    on_lsp, on_coco = answers(subject, "lsp", lsp), answers(subject, "coco", coco)
    limbs = [LIMBS_AND_NOSE.index(name) for name in LIMBS]
    for name in on_lsp:
        torso, sides = _on_lsp(lsp, on_lsp[name], limbs)
        pictures = [oks_picture(coco, a.picture, areas, a.xy, a.score) for a in on_coco[name]]
        scores = oks_scores(
            pictures, coco.skeleton.oks_sigma[columns(coco.skeleton, LIMBS_AND_NOSE)]
        )
        ap = ", ".join(f"{100 * x:.1f}" for x in (scores.ap, scores.ap50, scores.ap75))
        print(f"{name:24} LSP {torso:.1f}, other side {sides:.1f} %   COCO AP, 50, 75: {ap}")


def answers(subject: Subject, name: str, some: LabelledPictures) -> dict[str, list[Answer]]:
    """What each network says of a set: ours, and the teachers."""
    ours, grow = subject.picture_models, DATASETS[name].grow
    once = Effort(thorough=False)
    efforts = {
        "glpose": Effort(),
        "glpose, flip test": replace(once, flip=True),
        "glpose, one look": once,
    }
    here = columns(ours.skeleton, LIMBS_AND_NOSE)
    own = {
        said: [
            Answer(picture, poses.xy[:, here], poses.score[:, here])
            for picture, poses in poses_on(some, ours, grow, effort)
        ]
        for said, effort in efforts.items()
    }
    return own | _teachers(subject, name, some)


def _teachers(subject: Subject, name: str, some: LabelledPictures) -> dict[str, list[Answer]]:
    said = read_teachers(subject.path("taught") / f"{name}.npz")
    where = columns(COCO17, LIMBS_AND_NOSE)
    # The last row, -1, is for people whom nobody was shown.
    xy = np.pad(said.xy[:, :, where], [(0, 1), (0, 0), (0, 0), (0, 0)], constant_values=_AWAY)
    score = np.pad(said.score[:, where], [(0, 1), (0, 0)])
    row_of = {int(number): row for row, number in enumerate(said.annotation_id)}
    rows = [[row_of.get(number, -1) for number in picture.ids] for picture in some.pictures]
    networks = {
        "MoveNet Thunder": xy[:, 0],
        "MoveNet Thunder, flip test": xy[:, :2].mean(1),
        "MoveNet Lightning": xy[:, 2],
        "BlazePose heavy": xy[:, 3],
    }
    return {
        network: [
            Answer(picture, found[row], score[row])
            for picture, row in zip(some.pictures, rows, strict=True)
        ]
        for network, found in networks.items()
    }


def leaning(subject: Subject) -> None:
    """Print a line for each set and range of leaning trunks."""
    for name in ("lsp", "lspet"):
        some = pictures_of(subject, name, "train")
        said = read_taught(subject.path("taught") / f"{name}.npz")
        row_of = {int(number): row for row, number in enumerate(said.annotation_id)}
        row = [row_of.get(number, -1) for picture in some.pictures for number in picture.ids]
        sure, xy = (part[row][:, columns(COCO17)] for part in (said.sure, said.xy))
        sure = sure & (np.array(row) >= 0)[:, None]
        truth = [picture.truth for picture in some.pictures]
        hand_xy = np.concatenate([t.xy for t in truth])[:, columns(some.skeleton)]
        seen = np.concatenate([t.visibility for t in truth])[:, columns(some.skeleton)] > 0
        boxes = np.concatenate([t.people.xyxy for t in truth])
        near_px = 0.1 * (boxes[:, 2:] - boxes[:, :2]).max(1)[:, None]
        own = np.linalg.norm(xy - hand_xy, axis=-1) < near_px
        other = ~own & (np.linalg.norm(xy - hand_xy[:, _OTHER_SIDE], axis=-1) < near_px)
        lean = lean_of_limbs(hand_xy)
        for low, high in pairwise(_LEANS):
            people = (lean >= low) & (lean < high) & seen.all(1)
            if not people.any():
                continue
            counted = sure & people[:, None]
            right, exchanged = percent(own, counted), percent(other, counted)
            print(
                f"{name:6} leaning by {low:3} to {high:3}: {people.sum():5} people, sure of "
                f"{percent(sure, np.broadcast_to(people[:, None], sure.shape)):.0f} %: right {right:.1f}, "
                f"other side {exchanged:.1f}, neither {100 - right - exchanged:.1f} %"
            )


def lean_of_limbs(xy: Float[np.ndarray, "people 12 2"]) -> Float[np.ndarray, " people"]:
    """How far trunks lean, in degrees, of people whose limb joints are all labelled."""
    body = np.zeros((len(xy), len(BODY19.joints), 2), np.float32)
    body[:, columns(BODY19)] = xy
    return lean_deg(body, np.ones(body.shape[:2], bool))


def _on_lsp(some: LabelledPictures, told: list[Answer], limbs: list[int]) -> tuple[float, float]:
    """PCK@0.2 of the torso, and the share of joints at the other side."""
    where = columns(some.skeleton)
    hip, shoulder = LIMBS.index("left_hip"), LIMBS.index("right_shoulder")
    guess = np.concatenate([answer.xy[:, limbs] for answer in told])
    truth = np.concatenate([answer.picture.truth.xy[:, where] for answer in told])
    seen = np.concatenate([answer.picture.truth.visibility[:, where] for answer in told]) > 0
    boxes = np.concatenate([answer.picture.truth.people.xyxy for answer in told])
    torso_px = np.linalg.norm(truth[:, hip] - truth[:, shoulder], axis=-1)
    counted = seen & seen[:, [hip]] & seen[:, [shoulder]]
    exchanged = right_for_the_pair(guess, truth, seen, (boxes[:, 2:] - boxes[:, :2]).max(1))
    return percent(torso_right(guess, truth, torso_px), counted), percent(exchanged, seen)


if __name__ == "__main__":
    run_script(main)
