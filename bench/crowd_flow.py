"""Crowd-flow's acceptance experiments, on synthetic crowds: what flow fusion gains, and why.

    python bench/crowd_flow.py [--clips N] [--seeds N] [--rows joints missed rendered]

`joints`: poses of a simulated estimator in a crowd of stick figures, per frame and refined along the
exact motion, with controls that must fail: zero flow, negated flow, and a plain mean along the
exact flow. "Unchecked" is the fusion without the forward-backward error and without leaving out
outliers; the checks find out most of a wrong flow, so that only there its sign shows fully. `missed`: a person without a box in three frames. `rendered`: the same estimator on
rendered clips, with the flow that is found in the pictures. AP is OKS AP with an area of 3200 square
pixels and the sigmas of the skeleton; every seed is judged, so the worst one is.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from glpose.flow import Motion, Motions
from glpose.metrics.oks import OksPicture, oks_scores
from glpose.refine.flow_fusion import FlowFusionSpec, backward, forward, own, with_flow_fusion
from glpose.skeleton import HIEVE14, POSETRACK15, Skeleton
from glpose.synth import SceneSpec, render_scene
from glpose.types import Frame, FrameAndPoses, FramePoses, People

SIZE_HW, NUM_FRAMES, NUM_FIGURES = (240, 320), 24, 4
AREA_PX2 = 3200.0
LIMB_PX = 5.0
"""Pixels this near to a limb move with it."""

NEAR_PX = 12.0
"""A joint this near to one of a person in front is taken for it."""

LIMBS = tuple(
    (HIEVE14.index(a), HIEVE14.index(b))
    for a, b in (
        ("chest", "nose"),
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        *(
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (
                ("shoulder", "hip"),
                ("shoulder", "elbow"),
                ("elbow", "wrist"),
                ("hip", "knee"),
                ("knee", "ankle"),
            )
        ),
    )
)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A crowd over time: the truth, the first person in front, and what an estimator says of it."""

    truth_xy: Float64[np.ndarray, "frames people joints 2"]
    guess_xy: Float64[np.ndarray, "frames people joints 2"]
    score: Float64[np.ndarray, "frames people joints"]


def walkers(rng: np.random.Generator) -> Float64[np.ndarray, "frames people joints 2"]:
    """Figures of 80 pixels who cross the picture with swinging limbs, 3 to 6 pixels a frame."""
    time = np.arange(NUM_FRAMES)
    xy = np.zeros((NUM_FRAMES, NUM_FIGURES, len(HIEVE14.joints), 2))
    unit = 80 / 46  # the figure of the specification is 46 pixels from nose to ankles
    for person in range(NUM_FIGURES):
        speed = rng.uniform(3, 6) * rng.choice([-1, 1])
        middle = np.array([rng.uniform(80, 240), rng.uniform(45, 185)])
        centre = middle + (time - NUM_FRAMES / 2)[:, None] * [speed, rng.uniform(-0.5, 0.5)]
        out = xy[:, person]

        def put(joint: str, at: np.ndarray, out: np.ndarray = out) -> None:
            out[:, HIEVE14.index(joint)] = at

        put("nose", centre + unit * np.array([0, -20]))
        put("chest", centre + unit * np.array([0, -13]))
        pace = rng.uniform(0.35, 0.6)
        for sign, side in ((1, "left"), (-1, "right")):
            phase = rng.uniform(0, 2 * np.pi)
            for root, at, parts, length, reach in (
                ("shoulder", (6 * sign, -13), ("elbow", "wrist"), 9, 0.8),
                ("hip", (4 * sign, 4), ("knee", "ankle"), 11, 0.5),
            ):
                joint = centre + unit * np.array(at)
                put(f"{side}_{root}", joint)
                for number, part in enumerate(parts):
                    angle = reach * np.sin(pace * time + phase + 0.7 * number) + 0.1 * sign
                    joint = joint + unit * length * np.stack([np.sin(angle), np.cos(angle)], -1)
                    put(f"{side}_{part}", joint)
    return xy


def estimated(
    rng: np.random.Generator,
    truth_xy: Float64[np.ndarray, "frames people joints 2"],
    scale: float = 1,
) -> Clip:
    """What a simulated estimator says, frame by frame; `scale` enlarges its errors.

    Noise of 1.5 pixels with score 0.9; a joint near one of somebody in front is put there, and a
    tenth have noise of 15 pixels, both with score 0.2. NaN joints stay so, with score 0.
    """
    guess = truth_xy + rng.normal(0, 1.5 * scale, truth_xy.shape)
    score = np.full(truth_xy.shape[:-1], 0.9)
    for person in range(1, truth_xy.shape[1]):
        front = truth_xy[:, :person].reshape(len(truth_xy), 1, -1, 2)
        away = np.linalg.norm(truth_xy[:, person, :, None] - front, axis=-1)
        away = np.where(np.isnan(away), np.inf, away)
        nearest = np.take_along_axis(front[:, 0], away.argmin(-1)[..., None], 1)
        taken = away.min(-1) < NEAR_PX * scale
        guess[:, person] = np.where(taken[..., None], nearest, guess[:, person])
        score[:, person][taken] = 0.2
    lost = rng.random(score.shape) < 0.1
    guess[lost] = truth_xy[lost] + rng.normal(0, 15 * scale, (int(lost.sum()), 2))
    score[lost] = 0.2
    score[np.isnan(guess).any(-1)] = 0
    return Clip(truth_xy, guess, score)


def crowd(seed: int) -> Clip:
    """A clip of walkers."""
    rng = np.random.default_rng([31, seed])
    return estimated(rng, walkers(rng))


def exact_flow(
    a_xy: Float64[np.ndarray, "people joints 2"], b_xy: Float64[np.ndarray, "people joints 2"]
) -> np.ndarray:
    """The flow of a crowd: each pixel near a limb moves with the nearest one of who is in front."""
    flow = np.zeros((*SIZE_HW, 2), np.float32)
    for person in range(len(a_xy) - 1, -1, -1):
        low = np.floor(a_xy[person].min(0) - LIMB_PX).astype(int)
        high = np.ceil(a_xy[person].max(0) + LIMB_PX).astype(int) + 1
        (left, top), (right, bottom) = low.clip(0), high.clip(0)
        window = flow[top:bottom, left:right]
        rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
        pixel = np.stack([columns, rows], -1).astype(np.float64)
        nearest = np.full(pixel.shape[:2], LIMB_PX)
        for first, last in LIMBS:
            distance, moved = _with_limb(
                pixel, a_xy[person, [first, last]], b_xy[person, [first, last]]
            )
            is_nearest = distance < nearest
            nearest[is_nearest] = distance[is_nearest]
            window[is_nearest] = (moved - pixel)[is_nearest]
    return flow


def _with_limb(
    pixel: np.ndarray, a: Float64[np.ndarray, "2 2"], b: Float64[np.ndarray, "2 2"]
) -> tuple[np.ndarray, np.ndarray]:
    """How far pixels are from a limb, and where they are once it has moved."""
    along, later = a[1] - a[0], b[1] - b[0]
    length = np.linalg.norm(along)
    share = np.clip((pixel - a[0]) @ along / length**2, 0, 1)
    distance = np.linalg.norm(pixel - a[0] - share[..., None] * along, axis=-1)
    turn = complex(*later) / complex(*along)
    turn /= abs(turn)
    turned = (pixel - a[0]) @ np.array([[turn.real, turn.imag], [-turn.imag, turn.real]])
    return distance, b[0] + turned


def pairs_of(clip: Clip, rgb: Callable[[int], np.ndarray] | None = None) -> list[FrameAndPoses]:
    """The frames of a clip with the estimates; without `rgb`, pictures that hold only their number."""
    out = []
    for frame, (truth, xy, score) in enumerate(
        zip(clip.truth_xy, clip.guess_xy, clip.score, strict=True)
    ):
        there = np.flatnonzero(np.isfinite(truth).all(-1).any(-1))
        low, high = np.nanmin(truth[there], 1), np.nanmax(truth[there], 1)
        boxes = np.concatenate([low - 5, high + 5], -1).astype(np.float32)
        people = People(boxes, np.full(len(there), 0.9, np.float32), there + 1)
        picture = np.full((*SIZE_HW, 3), frame, np.uint8) if rgb is None else rgb(frame)
        poses = FramePoses(
            frame, frame / 25, people, xy[there].astype(np.float32), score[there].astype(np.float32)
        )
        out.append((Frame(frame, frame / 25, picture), poses))
    return out


def motions_of(clip: Clip, sign: float = 1.0) -> Motions:
    """The exact motion of a clip whose pictures hold only their number, times `sign`."""

    def flow(a_rgb: np.ndarray, b_rgb: np.ndarray, /) -> np.ndarray:
        a, b = int(a_rgb[0, 0, 0]), int(b_rgb[0, 0, 0])
        if sign == 0:
            return np.zeros((*SIZE_HW, 2), np.float32)
        return np.float32(sign) * exact_flow(clip.truth_xy[a], clip.truth_xy[b])

    return Motions(flow, keep=2 * NUM_FRAMES)


def plain_mean(pairs: Sequence[FrameAndPoses], motions: Motions, window: int) -> list[FramePoses]:
    """The mean along the flow, all frames with equal weight and nothing left out."""
    links: list[Motion | None] = [motions.between(a, b) for (a, _), (b, _) in pairwise(pairs)]
    total: list[list[np.ndarray]] = [[] for _ in pairs]
    for here, (_, poses) in enumerate(pairs):
        start = own(poses)
        later = forward(start, links[here : here + window])
        earlier = backward(start, links[max(0, here - window) : here][::-1])
        for carried in (start, *later, *earlier):
            total[here + carried.steps].append(carried.xy)
    return [
        replace(poses, xy=np.nanmean(xy, 0).astype(np.float32))
        for (_, poses), xy in zip(pairs, total, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    ap: float
    error_px: float
    jitter_px: float

    @property
    def text(self) -> str:
        """The line, after its name."""
        return f"{self.ap:.1f}, {self.error_px:.2f}, {self.jitter_px:.1f}"


def judged(
    clips: Sequence[Clip], poses: Sequence[Sequence[FramePoses]], joints: Skeleton = HIEVE14,
    area_px2: float = AREA_PX2,
) -> Row:  # fmt: skip
    """AP in percent, mean error, and mean length of the second difference of the error."""
    pictures, errors, shakes = [], [], []
    for clip, own_poses in zip(clips, poses, strict=True):
        error = np.full(clip.truth_xy.shape, np.nan)
        for frame, found in enumerate(own_poses):
            truth = clip.truth_xy[frame]
            labelled = np.isfinite(truth).all(-1)
            truth, labels = truth[labelled.any(-1)], labelled[labelled.any(-1)]
            num = len(truth)
            pictures.append(
                OksPicture(
                    truth_xy=np.nan_to_num(truth),
                    labelled=labels,
                    area_px2=np.full(num, area_px2),
                    truth_xyxy=np.concatenate([np.nanmin(truth, 1), np.nanmax(truth, 1)], -1),
                    ignore=np.zeros(num, bool),
                    crowd=np.zeros(num, bool),
                    guess_xy=found.xy.astype(np.float64),
                    guess_score=found.score.mean(-1).astype(np.float64),
                )
            )
            rows = found.people.track_id - 1
            error[frame, rows] = found.xy - clip.truth_xy[frame, rows]
        errors.append(np.linalg.norm(error, axis=-1).ravel())
        shakes.append(np.linalg.norm(np.diff(error, 2, axis=0), axis=-1).ravel())
    return Row(
        100 * oks_scores(pictures, joints.oks_sigma).ap,
        float(np.nanmean(np.concatenate(errors))),
        float(np.nanmean(np.concatenate(shakes))),
    )


def refined(
    pairs: Sequence[FrameAndPoses],
    motions: Motions | None,
    how: FlowFusionSpec = FlowFusionSpec(),
    joints: Skeleton = HIEVE14,
) -> list[FramePoses]:
    """The poses of a clip after flow fusion."""
    return [poses for _, poses in with_flow_fusion(pairs, joints, how, motions)]


UNCHECKED = FlowFusionSpec(error_px=1e9, reach=1e9, switch_oks=0.0)


def joints(num_clips: int, seed: int, windows: Sequence[int] = (1, 2, 4)) -> dict[str, Row]:
    """The table of the first experiment for one seed."""
    clips = [crowd(1000 * seed + number) for number in range(num_clips)]
    found: dict[str, list[list[FramePoses]]] = {}
    for clip in clips:
        pairs = pairs_of(clip)
        flows = {
            "exact": motions_of(clip),
            "zero": motions_of(clip, 0),
            "negated": motions_of(clip, -1),
        }
        found.setdefault(PER_FRAME, []).append([poses for _, poses in pairs])
        asked = {f"fused w = {w}, exact flow": ("exact", FlowFusionSpec(window=w)) for w in windows}
        for name, how in (("fused", FlowFusionSpec()), ("unchecked", UNCHECKED)):
            asked |= {f"{name} w = 4, {what} flow": (what, how) for what in flows}
        for name, (what, how) in asked.items():
            found.setdefault(name, []).append(refined(pairs, flows[what], how))
        found.setdefault(PLAIN, []).append(plain_mean(pairs, flows["exact"], 4))
    return {name: judged(clips, poses) for name, poses in found.items()}


PER_FRAME, PLAIN = "per frame", "plain mean w = 4, exact flow"


def shortfalls(table: dict[str, Row]) -> list[str]:
    """Which demands of the first experiment a table does not meet."""
    alone = table[PER_FRAME]
    demands = {}
    for name in ("fused", "unchecked"):
        exact, zero, negated = (
            table[f"{name} w = 4, {what} flow"] for what in ("exact", "zero", "negated")
        )
        demands |= {
            f"{name}: AP of that per frame and 15": exact.ap >= alone.ap + 15,
            f"{name}: AP of zero flow and 6": exact.ap >= zero.ap + 6,
            f"{name}: negated flow worse than zero flow": negated.ap < zero.ap,
            f"{name}: jitter cut by three quarters": exact.jitter_px <= alone.jitter_px / 4,
            f"{name}: better than the plain mean": exact.ap > table[PLAIN].ap,
        }
    negated = table["unchecked w = 4, negated flow"]
    demands["unchecked: negated flow worse than no fusion"] = negated.ap < alone.ap
    return [what for what, is_met in demands.items() if not is_met]


def missed(clip: Clip, person: int, first: int) -> list[float]:
    """The OKS of a person in three frames without a box; 0 where nobody is put there and marked."""
    pairs = []
    for frame, poses in pairs_of(clip):
        kept = poses
        if first <= poses.frame < first + 3:
            rows = poses.people.track_id != person
            kept = replace(
                poses, people=poses.people[rows], xy=poses.xy[rows], score=poses.score[rows]
            )
        pairs.append((frame, kept))
    found = refined(pairs, motions_of(clip))
    out = []
    for frame in range(first, first + 3):
        poses = found[frame]
        rows = np.flatnonzero(poses.people.track_id == person)
        if not len(rows) or poses.propagated is None or not poses.propagated[rows[0]]:
            out.append(0.0)
            continue
        square = ((poses.xy[rows[0]] - clip.truth_xy[frame, person - 1]) ** 2).sum(-1)
        near = np.exp(-square / (2 * AREA_PX2 * (2 * HIEVE14.oks_sigma) ** 2))
        out.append(float(np.nan_to_num(near).mean()))
    return out


def rendered(num_clips: int, seed: int) -> dict[str, Row]:
    """The third experiment for one seed: rendered people, flow from the pictures.

    People are 120 to 200 pixels tall, the camera turns slowly; errors grow with them.
    """
    spec = SceneSpec(
        (240, 320), NUM_FRAMES, num_people=(3, 4), height_share=(0.5, 0.8), num_obstacles=(0, 0),
        damage=0.2, motion_blur_share=0.0,
    )  # fmt: skip
    clips, before, after, unchecked = [], [], [], []
    for number in range(num_clips):
        scene = render_scene(spec, 1000 * seed + number)
        frames = list(scene.frames())
        truth = np.full((NUM_FRAMES, len(scene.actors), 15, 2), np.nan)
        for index, (_, label) in enumerate(frames):
            truth[index, label.people.track_id - 1] = label.xy
        nearest_first = scene.joints_in_camera(NUM_FRAMES // 2)[..., 2].mean(1).argsort()
        clip = estimated(np.random.default_rng([7, seed, number]), truth[:, nearest_first])
        pictures = [frame.rgb for frame, _ in frames if frame.rgb is not None]
        pairs = pairs_of(clip, lambda i, p=pictures: p[i])
        clips.append(clip)
        before.append([poses for _, poses in pairs])
        motions = Motions(keep=2 * NUM_FRAMES)
        after.append(refined(pairs, motions, joints=POSETRACK15))
        unchecked.append(refined(pairs, motions, UNCHECKED, POSETRACK15))
    return {
        "rendered, per frame": judged(clips, before, POSETRACK15),
        "rendered, fused w = 4, flow of the pictures": judged(clips, after, POSETRACK15),
        "rendered, unchecked w = 4, flow of the pictures": judged(clips, unchecked, POSETRACK15),
    }


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    rows = ("joints", "missed", "rendered")
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows)
    asked = parser.parse_args()
    seeds = range(asked.seeds)
    if "joints" in asked.rows:
        show([joints(asked.clips, seed) for seed in seeds])
    if "missed" in asked.rows:
        for seed in seeds:
            least = min(
                min(missed(crowd(1000 * seed + number), 1 + number % NUM_FIGURES, 8))
                for number in range(asked.clips)
            )
            print(f"seed {seed}: least OKS of people without a box for three frames: {least:.2f}")
    if "rendered" in asked.rows:
        show([rendered(asked.clips, seed) for seed in seeds])


def show(tables: Sequence[dict[str, Row]]) -> None:
    """Print AP, mean error and jitter of each seed, and what the first experiment demands in vain."""
    print(
        "estimate",
        *(f"seed {seed}: AP, error px, jitter px" for seed in range(len(tables))),
        sep=" | ",
    )
    for name in tables[0]:
        print(name, *(table[name].text for table in tables), sep=" | ", flush=True)
    if PLAIN in tables[0]:
        for seed, table in enumerate(tables):
            print(f"seed {seed}: not met: {'; '.join(shortfalls(table)) or 'nothing'}")


if __name__ == "__main__":
    main()
