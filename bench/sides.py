"""Left and right: joints on the other side, pairs on one limb, and crossings of a walker's legs.

    python bench/sides.py DATA_FOLDER [--pose NAME_OR_FOLDER] [--detector NAME_OR_FILE] [--limit N]

Prints the rows `sides` and `walk` of `eyes.py`. All lengths are shares of the longer side of the
person's box.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import walk
from clips import AGAINST, Limbs, against_their_view, given, text
from figures import LIMBS, Figure, Outcome, Subject, columns, parser_of, percent, subject_of
from jaxtyping import Bool, Float, Float64, Int64
from scripts import run_script

from glpose.skeleton import Skeleton
from glpose.types import FramePoses

NEAR = 0.1
"""A joint lies on the other side if it is this near to the label there, and nearer than to its own;
labels of a pair that are nearer to each other than this tell no side."""

WRONG = 0.2
"""A joint is wholly on the other side if it is wrong at this limit, but right for its pair."""

SAME, APART = 0.05, 0.15
"""Two joints of a pair lie on one limb if they are this near, with labels this far apart."""

SWING = 0.1
"""One leg is in front of the other if it leads by this; less may be noise."""

WITHIN = 4
"""A crossing is found if it is this near, in frames, to the true one."""

MIRROR = np.arange(12).reshape(-1, 2)[:, ::-1].reshape(-1)


def other_side(seen: Limbs) -> Bool[np.ndarray, "rows 12"]:
    """Which joints lie on the person's other side; both joints of the pair are labelled."""
    own = np.linalg.norm(seen.guess_xy - seen.truth_xy, axis=-1)
    other = np.linalg.norm(seen.guess_xy - seen.truth_xy[:, MIRROR], axis=-1)
    apart = np.linalg.norm(seen.truth_xy - seen.truth_xy[:, MIRROR], axis=-1)
    limit = NEAR * seen.side_px[:, None]
    both = seen.labelled & seen.labelled[:, MIRROR]
    return both & (other < own) & (other <= limit) & (apart >= limit)


def wholly_on_other_side(seen: Limbs) -> Bool[np.ndarray, "rows 12"]:
    """`right_for_the_pair` of the joints seen; fewer than `other_side`, which also counts near limbs."""
    return right_for_the_pair(seen.guess_xy, seen.truth_xy, seen.labelled, seen.side_px)


def right_for_the_pair(
    guess_xy: Float[np.ndarray, "rows 12 2"],
    truth_xy: Float[np.ndarray, "rows 12 2"],
    labelled: Bool[np.ndarray, "rows 12"],
    side_px: Float[np.ndarray, " rows"],
) -> Bool[np.ndarray, "rows 12"]:
    """Which joints are wrong by PCK@0.2 where the other joint of the pair would be right."""
    own = np.linalg.norm(guess_xy - truth_xy, axis=-1)
    other = np.linalg.norm(guess_xy - truth_xy[:, MIRROR], axis=-1)
    limit = WRONG * side_px[:, None]
    return labelled & labelled[:, MIRROR] & (own > limit) & (other <= limit)


def on_one_limb(seen: Limbs) -> Bool[np.ndarray, "rows 6"]:
    """Which pairs of joints lie on one limb, though their labels are apart."""
    guess, truth = (
        np.linalg.norm(xy[:, ::2] - xy[:, 1::2], axis=-1) for xy in (seen.guess_xy, seen.truth_xy)
    )
    both = seen.labelled[:, ::2] & seen.labelled[:, 1::2]
    side = seen.side_px[:, None]
    return both & (guess <= SAME * side) & (truth >= APART * side)


def crossings(
    frame: Int64[np.ndarray, " times"], lead: Float[np.ndarray, " times"], swing: float = SWING
) -> list[tuple[int, int]]:
    """When a signal changes its sign: the first frame behind it, and the new sign.

    Only where it reaches `swing` on both sides; of several changes between, the last one counts.
    """
    found: list[tuple[int, int]] = []
    strong = np.flatnonzero(np.abs(lead) >= swing)
    for a, b in pairwise(strong):
        sign = int(np.sign(lead[b]))
        if sign != np.sign(lead[a]):
            before = np.flatnonzero(~(lead[a:b] * sign > 0))
            found.append((int(frame[a + before[-1] + 1]), sign))
    return found


def num_found(found: Sequence[tuple[int, int]], true: Sequence[tuple[int, int]]) -> int:
    """How many true crossings are found: near in time, and with the same foot in front."""
    free = list(found)
    num = 0
    for frame, sign in true:
        fits = [f for f in free if f[1] == sign and abs(f[0] - frame) <= WITHIN]
        if fits:
            free.remove(min(fits, key=lambda f: abs(f[0] - frame)))
            num += 1
    return num


def left_leads(
    poses: Sequence[FramePoses], joints: Skeleton, track_id: int, part: str
) -> tuple[Int64[np.ndarray, " times"], Float64[np.ndarray, " times"]]:
    """Frames of a track, and by how much the left joint of a pair is ahead there, a median of 3.

    Ahead is where the hips go, by their median velocity.
    """
    mine = [
        (p.frame, p.xy[row].astype(np.float64), p.people.xyxy[row])
        for p in poses
        for row in np.flatnonzero(p.people.track_id == track_id)
    ]
    if len(mine) < 3:
        return np.zeros(0, np.int64), np.zeros(0)
    frame = np.array([f for f, _, _ in mine], np.int64)
    xy = np.stack([p for _, p, _ in mine])
    box = np.stack([b for _, _, b in mine])
    hips = xy[:, columns(joints, ("left_hip", "right_hip"))].mean(1)
    velocity = np.median(np.diff(hips, axis=0) / np.diff(frame)[:, None], axis=0)
    left, right = columns(joints, (f"left_{part}", f"right_{part}"))
    lead = (xy[:, left] - xy[:, right]) @ (velocity / np.linalg.norm(velocity))
    lead /= (box[:, 2:] - box[:, :2]).max(-1)
    padded = np.pad(lead, 1, mode="edge")
    return frame, np.median([padded[:-2], lead, padded[2:]], axis=0)


def shares(subject: Subject) -> Outcome:
    """Joints on the other side and pairs on one limb, JHMDB's validation clips, boxes given."""
    seen = given(subject)
    wrong, limbs = other_side(seen), on_one_limb(seen)
    share = percent(wrong, seen.labelled)
    wholly = percent(wholly_on_other_side(seen), seen.labelled)
    frames = float(100 * limbs.any(1).mean())
    joints = {name: percent(wrong[:, i], seen.labelled[:, i]) for i, name in enumerate(LIMBS)}
    per_clip = np.bincount(seen.clip, weights=wrong.sum(1), minlength=len(seen.names)).astype(int)
    worst = {seen.names[i]: int(per_clip[i]) for i in np.argsort(-per_clip)[:8] if per_clip[i]}
    against = against_their_view(seen)
    kept = ~against[seen.clip]
    sound = seen.both(kept) | {
        "other_side": percent(wrong[kept], seen.labelled[kept]),
        "wholly": percent(wholly_on_other_side(seen)[kept], seen.labelled[kept]),
    }
    said = (
        f"without {against.sum()} {AGAINST}: "
        f"{sound['other_side']:.1f} %, {sound['wholly']:.1f} %, PCK@0.2 / @0.1 {text(sound)}"
    )
    pairs = {name[5:]: int(num) for name, num in zip(LIMBS[::2], limbs.sum(0), strict=True)}
    return Outcome(
        [
            Figure("JHMDB val, boxes given: joints on the other side", f"{share:.1f} %", "1.5 %"),
            Figure(
                "the same: wrong at 0.2, but right for the other side", f"{wholly:.1f} %", "1.5 %"
            ),
            Figure("the same: frames with a pair on one limb", f"{frames:.1f} %", ""),
        ],
        [
            "other side: " + ", ".join(f"{name} {x:.1f} %" for name, x in joints.items()),
            f"most of {wrong.sum()}: " + ", ".join(f"{n} of {name}" for name, n in worst.items()),
            said,
            "frames on one limb: " + ", ".join(f"{name} {n}" for name, n in pairs.items()),
        ],
        {
            "other_side": share,
            "wholly": wholly,
            "one_limb": frames,
            "joints": joints,
            "clips": worst,
            "labels_fit_the_view": sound,
        },
    )


def legs(subject: Subject) -> Outcome:
    """Crossings of the walking woman's ankles and knees."""
    poses = walk.poses(subject)
    track_id = walk.woman(poses)
    parts, details, values = [], [], {}
    for part, true in (("ankle", walk.ANKLES_CROSS), ("knee", walk.KNEES_CROSS)):
        signal = left_leads(poses, subject.models.skeleton, track_id, part)
        found = crossings(*signal)
        num = num_found(found, true)
        parts.append(f"{part}s {num} of {len(true)}")
        values[part] = {"found": num, "of": len(true), "crossings": found}
        said = ", ".join(f"{frame} {'left' if sign > 0 else 'right'}" for frame, sign in found)
        details.append(f"{part}s: leading from frame {said or '- no crossing'}")
    what = "walk: crossings of the woman's ankles and knees, none false"
    extra = sum(len(v["crossings"]) - v["found"] for v in values.values())
    return Outcome([Figure(what, f"{', '.join(parts)}; {extra} false", "all")], details, values)


def main() -> None:
    """Parse the command line and print both rows."""
    parser = parser_of(__doc__, "pose", "detector", "limit", "threads")
    subject = subject_of(parser.parse_args())
    for measure in (shares, legs):
        outcome = measure(subject)
        for figure in outcome.figures:
            print(f"{figure.what}: {figure.measured}")
        print("\n".join(f"  {line}" for line in outcome.details))


if __name__ == "__main__":
    run_script(main)
