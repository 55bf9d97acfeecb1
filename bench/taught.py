"""The networks of others on the people of `stills.py`: LSP's test half and COCO's val2017.

    python bench/taught.py DATA_FOLDER [--pose NAME_OR_FOLDER] [--limit N]

What MoveNet and BlazePose said is read from `DATA_FOLDER/taught` (`glpose.formats.taught`): each looked
once at a square around the box of the label file. Ours gets the boxes of `stills.py`, and looks as
`glpose run` does, or once. "Flip test" is the mean of a picture and its mirror image. A joint is at
the other side if it is wrong by PCK@0.2 of the box, but right for the other side (`sides.py`).
People whom nobody was shown count as wrong.
"""

from dataclasses import dataclass, replace

import numpy as np
from figures import LIMBS, Subject, columns, parser_of, percent, subject_of
from jaxtyping import Float
from sides import right_for_the_pair
from stills import LIMBS_AND_NOSE, areas_of, oks_picture, pictures_of, poses_on, torso_right

from glpose.formats.dataset import LabelledPicture, LabelledPictures
from glpose.formats.sets import DATASETS
from glpose.formats.taught import read_teachers
from glpose.metrics.oks import oks_scores
from glpose.runtime.presets import Effort
from glpose.skeleton import COCO17

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
    subject = subject_of(parser_of(__doc__).parse_args())
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
    ours, grow = subject.models, DATASETS[name].grow
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
    main()
