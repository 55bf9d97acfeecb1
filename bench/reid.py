"""Who has come back: colours of clothes against vectors of `glpose embed`, as cues of the tracker.

    python bench/reid.py --weights NAME=EMBEDDING [...] [--synth 40] [--jhmdb JHMDB]
        [--video VIDEO --poses RESULTS]

A visit is some frames of one person on end. A cue is a distance of two visits: of the mean colours
along trunk and legs, as `track.looks` compares them; of those along the four edges of the box, which
show the surroundings and are a control; 1 - cosine of the mean vectors, from which the
mean of all visits is subtracted, of the appearance and of the pose half; and the sum of colours and
appearance, each over its mean. Printed for each: how often the nearest visit is of the same person,
and how many pairs of visits of one person are nearer than all but 5 % of those of two.

`--synth`: rendered people in groups of five, each seen twice with another action, direction and
place before the same backdrop, with true joints. `--jhmdb`: clips of the validation part; those of
one source video count as one person, which they mostly are, in the same surroundings; true joints.
`--video`: the first and the last third of each long track of a result of `glpose run`. Nobody
returns in the demo `one_by_one`; that is what its columns are for.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from crossings import SIZE_HW
from figures import with_weights
from scripts import at_least, run_script

from glpose.crop import crop_from_image, cut
from glpose.formats.jhmdb.short import read_clips
from glpose.formats.poses import read_poses
from glpose.imaging import Rgb
from glpose.runtime.embedder import Embedder
from glpose.runtime.load import load_embedder
from glpose.skeleton import JHMDB15, POSETRACK15, Skeleton
from glpose.synth.backdrop import random_backdrop
from glpose.synth.camera import Camera
from glpose.synth.effects import Effects
from glpose.synth.figure import random_proportions
from glpose.synth.motion import random_action
from glpose.synth.scene import MARGIN, Scene, SceneSpec, make_actor, random_light
from glpose.synth.wardrobe import random_outfit
from glpose.track.looks import clothes, difference, to_lab
from glpose.types import CropSpec
from glpose.video.reader import open_video

NUM_FRAMES, GROUP, RATE_HZ = 8, 5, 12.5
EDGES = CropSpec((64, 64))
SURE, LONG = 0.3, 60
"""The least score of a joint, and the fewest frames of a track that is compared with itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """Who was seen: pictures, boxes, joints, and which joints are sure. People differ in a group."""

    who: str
    group: int
    pictures: list[Rgb]
    xyxy: np.ndarray
    xy: np.ndarray
    sure: np.ndarray
    joints: Skeleton


def rendered(num: int) -> Iterator[Visit]:
    """Two visits of each of so many people."""
    for person in range(num):
        group = person // GROUP
        looks = np.random.default_rng([person, 41])
        body, outfit = random_proportions(looks), random_outfit(looks)
        for visit in range(2):
            place = np.random.default_rng([group, 43])
            rng = np.random.default_rng([person, visit, 47])
            time_s = (np.arange(NUM_FRAMES + 2) - 1) / RATE_HZ
            still = np.zeros_like(time_s)
            camera = Camera(1.6, still, still + 0.1, still, still + 650.0, SIZE_HW)
            reference = camera.reference(MARGIN)
            backdrop, light = random_backdrop(place, reference), random_light(place)
            where = (float(rng.uniform(-1, 1)), -float(rng.uniform(4.5, 8)))
            turn = float(rng.uniform(-np.pi, np.pi))
            actor = make_actor(rng, random_action(rng), where, turn, time_s, body, outfit)
            scene = Scene(
                spec=SceneSpec(SIZE_HW, NUM_FRAMES, RATE_HZ, (1, 1), damage=0.0),
                seed=person,
                actors=(actor,),
                props=(),
                camera=camera,
                reference=reference,
                backdrop=backdrop,
                light=light,
                effects=Effects(noise=1.5),
            )
            shown = [(f.rgb, t) for f, t in scene.frames() if f.rgb is not None and len(t.people)]
            if shown:
                yield Visit(
                    f"person {person}",
                    group,
                    [rgb for rgb, _ in shown],
                    np.stack([truth.people.xyxy[0] for _, truth in shown]),
                    np.stack([truth.xy[0] for _, truth in shown]),
                    np.stack([truth.visibility[0] > 0 for _, truth in shown]),
                    POSETRACK15,
                )


def filmed(jhmdb: Path) -> Iterator[Visit]:
    """The validation clips whose source video has several."""
    lines = (jhmdb / "val.txt").read_text("utf-8").splitlines()
    video_of = {line.split()[0]: line.split()[3] for line in lines if not line.startswith("#")}
    videos = list(video_of.values())
    for clip in read_clips(jhmdb, "val"):
        if videos.count(video_of[clip.name]) == 1:
            continue
        truths = [t for t in clip.truth if len(t.people)][:: max(1, len(clip.truth) // NUM_FRAMES)]
        wanted = {truth.frame: truth for truth in truths}
        with closing(open_video(clip.video).frames()) as frames:
            shown = [(f.rgb, wanted[f.index]) for f in frames if f.index in wanted]
        known = [(rgb, truth) for rgb, truth in shown if rgb is not None]
        yield Visit(
            video_of[clip.name],
            0,
            [rgb for rgb, _ in known],
            np.stack([truth.people.xyxy[0] for _, truth in known]),
            np.stack([truth.xy[0] for _, truth in known]),
            np.stack([truth.visibility[0] > 0 for _, truth in known]),
            JHMDB15,
        )


def tracked(video: Path, results: Path) -> Iterator[Visit]:
    """The first and the last third of each long track."""
    given = read_poses(results / "poses.jsonl" if results.is_dir() else results)
    frames_of: dict[int, list[int]] = {}
    for found in given.frames:
        for who in found.people.track_id.tolist():
            frames_of.setdefault(who, []).append(found.frame)
    thirds: dict[int, list[tuple[int, int]]] = {}
    for who, frames in frames_of.items():
        if len(frames) >= LONG:
            third = len(frames) // 3
            for part, some in enumerate((frames[:third], frames[-third:])):
                for frame in some[:: max(1, third // NUM_FRAMES)]:
                    thirds.setdefault(frame, []).append((who, part))
    seen: dict[tuple[int, int], list] = {}
    poses = {found.frame: found for found in given.frames}
    with closing(open_video(video).frames()) as frames:
        for frame in frames:
            for who, part in thirds.get(frame.index, ()):
                found = poses[frame.index]
                row = found.people.track_id.tolist().index(who)
                if frame.rgb is not None:
                    sure = (found.score[row] >= SURE) & np.isfinite(found.xy[row]).all(-1)
                    item = (frame.rgb, found.people.xyxy[row], found.xy[row], sure)
                    seen.setdefault((who, part), []).append(item)
    for (who, _), rows in seen.items():
        pictures, xyxy, xy, sure = zip(*rows, strict=True)
        arrays = (np.stack(xyxy), np.stack(xy), np.stack(sure))
        yield Visit(str(who), 0, list(pictures), *arrays, given.skeleton)


def distances(visits: list[Visit], embedders: dict[str, Embedder]) -> dict[str, np.ndarray]:
    """The distance of each two visits, by cue."""
    looks = [_looks(visit) for visit in visits]
    colours = np.array([[difference(a, b) for b in looks] for a in looks])
    # Parts that are never seen in both tell nothing: as far as people are from each other.
    colours[np.isnan(colours)] = np.nanmean(colours)
    edges = np.stack([_edges(visit) for visit in visits])
    surroundings = np.linalg.norm(edges[:, None] - edges, axis=-1).mean(-1)
    found = {"colours": colours, "surroundings": surroundings}
    for name, embed in embedders.items():
        halves = zip(*(_vectors(visit, embed) for visit in visits), strict=True)
        appearance, pose = (_apart(np.stack(half)) for half in halves)
        found[f"{name}, appearance"], found[f"{name}, pose"] = appearance, pose
        both = colours / colours.mean() + appearance / appearance.mean()
        found[f"colours and {name}, appearance"] = both
    return found


def _looks(visit: Visit) -> np.ndarray:
    rows = [
        clothes(rgb, xy[None], sure[None], visit.joints)[0]
        for rgb, xy, sure in zip(visit.pictures, visit.xy, visit.sure, strict=True)
    ]
    seen = np.isfinite(rows).all(-1, keepdims=True)
    total = np.where(seen, rows, 0).sum(0)
    return np.where(seen.any(0), total / np.maximum(seen.sum(0), 1), np.nan)


def _edges(visit: Visit) -> np.ndarray:
    """The mean colours (4, 3) of the outer eighth of the boxes, L*a*b*."""
    rows = []
    for rgb, xyxy in zip(visit.pictures, visit.xyxy, strict=True):
        crop = cut(rgb, crop_from_image(xyxy, EDGES), EDGES)
        lab = to_lab(crop)
        n = EDGES.size_hw[0] // 8
        sides = (lab[:n], lab[-n:], lab[:, :n], lab[:, -n:])
        rows.append([side.reshape(-1, 3).mean(0) for side in sides])
    return np.mean(rows, 0)


def _vectors(visit: Visit, embed: Embedder) -> tuple[np.ndarray, np.ndarray]:
    spec = embed.card.crop
    pairs = zip(visit.pictures, visit.xyxy, strict=True)
    crops = np.stack([cut(rgb, crop_from_image(xyxy, spec), spec) for rgb, xyxy in pairs])
    appearance, pose = embed(crops)
    return appearance.mean(0), pose.mean(0)


def _apart(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return 1 - unit @ unit.T


def judge(apart: np.ndarray, visits: list[Visit]) -> tuple[float, float]:
    """Percent of visits whose nearest is of the same person; of pairs told at 5 % false ones."""
    who = np.array([visit.who for visit in visits])
    group = np.array([visit.group for visit in visits])
    together = (group[:, None] == group) & ~np.eye(len(visits), dtype=bool)
    same = together & (who[:, None] == who)
    rows = np.flatnonzero(same.any(1))
    nearest = np.where(together, apart, np.inf)[rows].argmin(1)
    threshold = np.quantile(apart[together & ~same], 0.05)
    return 100 * float(same[rows, nearest].mean()), 100 * float((apart[same] < threshold).mean())


def report(name: str, visits: list[Visit], embedders: dict[str, Embedder]) -> None:
    """Print the rows of some visits."""
    people = len({visit.who for visit in visits})
    print(f"\n{name}: {len(visits)} visits of {people} people")
    print("| cue | nearest is the same | told at 5 % false |\n|---|---|---|")
    for cue, apart in distances(visits, embedders).items():
        first, told = judge(apart, visits)
        print(f"| {cue} | {first:.0f} % | {told:.0f} % |", flush=True)


def main() -> None:
    """Print a table for each kind of visits that was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    with_weights(parser)
    parser.add_argument("--synth", type=at_least(0), default=0, help="so many rendered people")
    parser.add_argument("--jhmdb", type=Path)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--poses", type=Path)
    args = parser.parse_args()
    if not (args.synth or args.jhmdb or args.video):
        parser.error("nobody to compare; expected --synth, --jhmdb or --video")
    if args.video and not args.poses:
        parser.error("--video without --poses; expected the results of glpose run on the video")
    embedders = {name: load_embedder(path) for name, path in args.weights}
    kinds: list[tuple[str, Callable[[], Iterator[Visit]]]] = []
    if args.synth:
        kinds.append(("rendered", lambda: rendered(args.synth)))
    if args.jhmdb:
        kinds.append(("JHMDB", lambda: filmed(args.jhmdb)))
    if args.video:
        kinds.append((args.video.name, lambda: tracked(args.video, args.poses)))
    for name, visits in kinds:
        report(name, list(visits()), embedders)


if __name__ == "__main__":
    run_script(main)
