"""Crowd-flow's acceptance experiments, on synthetic crowds: what flow fusion gains, and why.

    python bench/crowd_flow.py [--clips N] [--seeds N] [--rows joints identities missed rendered]

`joints`: poses of a simulated estimator in a crowd of stick figures, per frame and refined along the
exact motion, with controls that must fail: zero flow, negated flow, and a plain mean along the
exact flow. "Unchecked" is the fusion without the forward-backward error and without leaving out
outliers; the checks find out most of a wrong flow, so that only there its sign shows fully. `identities`:
who is who, by boxes with noise of 3 pixels of which a tenth are missing, with and without the OKS of poses
carried along the flow, where all frames have poses and where every third has. `missed`: a person without a box in three frames. `rendered`: the same estimator on
rendered clips, with the flow that is found in the pictures. AP is OKS AP with an area of 3200 square
pixels and the sigmas of the skeleton; every seed is judged, so the worst one is.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from crossings import judge
from jaxtyping import Float64
from scripts import at_least, run_script

from glpose.flow import Motion, Motions
from glpose.metrics.oks import OksPicture, oks_scores
from glpose.refine.flow_fusion import FlowFusionSpec, backward, forward, own, with_flow_fusion
from glpose.skeleton import HIEVE14, POSETRACK15, Skeleton
from glpose.synth import SceneSpec, render_scene
from glpose.track.by_flow import LinkSpec, with_links
from glpose.track.link import link
from glpose.types import Detections, Frame, FrameAndPoses, FramePoses, People

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


def motions_of(clip: Clip) -> dict[str, Motions]:
    """The motion of a clip whose pictures hold only their number: exact, zero and negated."""

    @cache
    def exact(a: int, b: int) -> np.ndarray:
        return exact_flow(clip.truth_xy[a], clip.truth_xy[b])

    def times(sign: float) -> Motions:
        def flow(a_rgb: np.ndarray, b_rgb: np.ndarray, /) -> np.ndarray:
            return np.float32(sign) * exact(int(a_rgb[0, 0, 0]), int(b_rgb[0, 0, 0]))

        return Motions(flow, keep=2 * NUM_FRAMES)

    return {"exact": times(1), "zero": times(0), "negated": times(-1)}


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
        flows = motions_of(clip)
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
            f"{name}: AP of negated flow and 6": exact.ap >= negated.ap + 6,
            f"{name}: jitter cut by three quarters": exact.jitter_px <= alone.jitter_px / 4,
            f"{name}: better than the plain mean": exact.ap > table[PLAIN].ap,
        }
    zero, negated = (table[f"unchecked w = 4, {what} flow"] for what in ("zero", "negated"))
    demands |= {
        "unchecked: negated flow worse than no fusion": negated.ap < alone.ap,
        "unchecked: negated flow worse than zero flow": negated.ap < zero.ap,
    }
    return [what for what, is_met in demands.items() if not is_met]


@dataclass(frozen=True, slots=True)
class Identities:
    """One line of the second table; MOTA and IDF1 in percent, identity switches a clip."""

    mota: float
    idf1: float
    switches: float

    @property
    def text(self) -> str:
        """The line, after its name."""
        return f"{self.mota:.1f}, {self.idf1:.1f}, {self.switches:.1f}"


def detected(clip: Clip, seed: int, every: int = 1) -> list[FrameAndPoses]:
    """What a detector finds in every n-th frame: a tenth is missing, boxes have noise, no numbers."""
    rng = np.random.default_rng([37, seed])
    out = []
    for frame, poses in pairs_of(clip):
        there = rng.random(len(poses.people)) >= 0.1
        kept = rng.permutation(np.flatnonzero(there)) if frame.index % every == 0 else []
        rows = np.array(kept, np.int64)
        boxes = poses.people.xyxy[rows]
        boxes = (boxes + rng.normal(0, 3, boxes.shape)).astype(np.float32)
        people = People(boxes, poses.people.score[rows], np.full(len(rows), -1))
        out.append(
            (frame, replace(poses, people=people, xy=poses.xy[rows], score=poses.score[rows]))
        )
    return out


LAST_BOX, WITHOUT = "IoU with the last box", "IoU with the expected box"
ZERO, NEGATED, WITH = (f"and OKS, {what} flow" for what in ("zero", "negated", "exact"))


def identities(num_clips: int, seed: int, every: int = 1) -> dict[str, Identities]:
    """The second table for one seed; `judge` matches people by their boxes."""
    count: dict[str, np.ndarray] = {}
    for number in range(1000 * seed, 1000 * seed + num_clips):
        clip = crowd(number)
        truth = [(p.people.xyxy, p.people.track_id) for _, p in pairs_of(clip)][::every]
        seen, flows = detected(clip, number, every), motions_of(clip)
        by_box = link({p.frame: Detections(p.people.xyxy, p.people.score) for _, p in seen})
        rows = {LAST_BOX: [by_box.get(frame, People.empty()) for frame in range(NUM_FRAMES)]}
        for name, flow, how in (
            (WITHOUT, "exact", LinkSpec(oks_weight=0.0)),
            (ZERO, "zero", LinkSpec()),
            (NEGATED, "negated", LinkSpec()),
            (WITH, "exact", LinkSpec()),
        ):
            linked = with_links(seen, HIEVE14, flows[flow], how)
            rows[name] = [poses.people for _, poses in linked]
        for name, people in rows.items():
            found = [(p.xyxy, p.track_id) for p in people[::every]]
            count[name] = count.get(name, np.zeros(6)) + judge(truth, found)
    return {name: _shares(counted, num_clips) for name, counted in count.items()}


def confusions(dense: dict[str, Identities], sparse: dict[str, Identities]) -> list[str]:
    """Which demands of the second experiment are not met, with poses in all frames or in a third."""
    demands = {
        "at most 2 switches a clip": dense[WITH].switches <= 2,
        "IDF1 not below that of boxes alone": dense[WITH].idf1 >= dense[WITHOUT].idf1,
    }
    for what, other in (("boxes alone", WITHOUT), ("zero flow", ZERO), ("negated flow", NEGATED)):
        with_flow, control = sparse[WITH], sparse[other]
        demands |= {
            f"every third frame: IDF1 not below that of {what}": with_flow.idf1 >= control.idf1,
            f"every third frame: fewer switches than {what}": with_flow.switches < control.switches,
        }
    return [what for what, is_met in demands.items() if not is_met]


def _shares(counted: np.ndarray, num_clips: int) -> Identities:
    visible, matched, switches, _, found, best = counted
    wrong = (visible - matched) + (found - matched) + switches
    return Identities(
        100 * (1 - wrong / visible), 200 * best / (visible + found), switches / num_clips
    )


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
    found = refined(pairs, motions_of(clip)["exact"])
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
    parser.add_argument("--clips", type=at_least(1), default=20)
    parser.add_argument("--seeds", type=at_least(1), default=3)
    rows = ("joints", "identities", "missed", "rendered")
    parser.add_argument("--rows", nargs="+", choices=rows, default=rows)
    asked = parser.parse_args()
    seeds = range(asked.seeds)
    if "joints" in asked.rows:
        tables = [joints(asked.clips, seed) for seed in seeds]
        show(tables)
        for seed, table in enumerate(tables):
            print(f"seed {seed}: not met: {'; '.join(shortfalls(table)) or 'nothing'}")
    if "identities" in asked.rows:
        dense, sparse = ([identities(asked.clips, s, every) for s in seeds] for every in (1, 3))
        show(dense, "MOTA, IDF1, switches a clip")
        show(sparse, "the same, poses in every third frame")
        for seed, tables in enumerate(zip(dense, sparse, strict=True)):
            print(f"seed {seed}: not met: {'; '.join(confusions(*tables)) or 'nothing'}")
    if "missed" in asked.rows:
        for seed in seeds:
            least = min(
                min(missed(crowd(1000 * seed + number), 1 + number % NUM_FIGURES, 8))
                for number in range(asked.clips)
            )
            print(f"seed {seed}: least OKS of people without a box for three frames: {least:.2f}")
    if "rendered" in asked.rows:
        show([rendered(asked.clips, seed) for seed in seeds])


def show(
    tables: Sequence[Mapping[str, Row | Identities]], what: str = "AP, error px, jitter px"
) -> None:
    """Print a table with a column for each seed."""
    print("", *(f"seed {seed}: {what}" for seed in range(len(tables))), sep=" | ")
    for name in tables[0]:
        print(name, *(table[name].text for table in tables), sep=" | ", flush=True)


if __name__ == "__main__":
    run_script(main)
