"""Random PoseTrack videos from seeds: as arrays, and as files in both official layouts.

The stored official numbers belong to exactly these videos, so nothing here may change without
making them anew (`make_posetrack_expected.py`); `Case.digest` tells.
"""

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glpose.skeleton import POSETRACK15, POSETRACK17
from glpose.types import FramePoses, FrameTruth, People

NUM_CASES = 200
NO_SCORE = -9999.0
"""What the official tool takes for a joint without a score."""
_TO_17 = [
    POSETRACK15.joints.index(j) if j in POSETRACK15.joints else -1 for j in POSETRACK17.joints
]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Videos with truth and predictions; `heads` are the head boxes (x1, y1, x2, y2)."""

    names: tuple[str, ...]
    layout: int
    truth: list[list[FrameTruth]]
    heads: list[list[np.ndarray]]
    guess: list[list[FramePoses]]

    def digest(self) -> int:
        """A checksum of all that the official tool is given."""
        total = zlib.crc32(repr((self.names, self.layout)).encode())
        for truth, heads, guess in zip(self.truth, self.heads, self.guess, strict=True):
            for t, h, g in zip(truth, heads, guess, strict=True):
                arrays = (t.xy, t.people.track_id, h, *t.ignore, g.xy, g.score, g.people.track_id)
                for array in arrays:
                    total = zlib.crc32(np.ascontiguousarray(array).tobytes(), total)
        return total


def make_case(seed: int) -> Case:
    """The videos of one seed; every fourth seed has the layout of 2018, every second whole pixels.

    Each video has at least two frames with people, without which the official tool crashes. Scores
    are all different, for how ties fall is an accident of sorting.
    """
    # The old generator, because its stream is frozen for good.
    rng = np.random.RandomState(seed)
    layout = 2018 if seed % 4 == 3 else 2017
    whole = seed % 2 == 0
    names, truth, heads, guess = [], [], [], []
    for v in range(rng.randint(1, 4)):
        video = _Video(rng, whole=whole)
        names.append(f"{900 + v:06d}_mpii_test")
        truth.append([f for f, _, _ in video.frames])
        heads.append([h for _, h, _ in video.frames])
        guess.append([g for _, _, g in video.frames])
    _score_joints(rng, guess, one_missing=seed % 7 == 0)
    if layout == 2018:  # files of 2018 list the joints of everybody
        truth = [[replace(f, listed=_everybody(f)) for f in video] for video in truth]
        guess = [[replace(f, listed=_everybody(f)) for f in video] for video in guess]
    return Case(tuple(names), layout, truth, heads, guess)


def write_case(
    case: Case, folder: Path, layouts: tuple[int, int] | None = None
) -> tuple[Path, Path]:
    """Write the case's files; returns the folders of truth and predictions.

    `layouts` are those of the two, that of the case unless given.
    """
    folders = folder / "gt", folder / "pred"
    of_truth, of_guess = (
        _write_2018 if layout == 2018 else _write_2017 for layout in layouts or [case.layout] * 2
    )
    for into in folders:
        into.mkdir(parents=True)
    for v, name in enumerate(case.names):
        of_truth(folders[0] / f"{name}.json", name, case.truth[v], case.heads[v])
        of_guess(folders[1] / f"{name}.json", name, case.guess[v], None)
    return folders


def _everybody(frame: FrameTruth | FramePoses) -> np.ndarray:
    return np.ones(len(frame.people), bool)


class _Video:
    """People who wander, what is labelled of them, and what a tracker of some skill makes of it."""

    def __init__(self, rng: np.random.RandomState, *, whole: bool) -> None:
        self.rng, self.whole = rng, whole
        self.num_people = rng.randint(1, 7)
        centre = rng.uniform(100, 400, 2) + rng.uniform(-1, 1, (self.num_people, 2)) * rng.choice(
            [25.0, 150.0]
        )
        self.shape = centre[:, None] + rng.uniform(-1, 1, (self.num_people, 15, 2)) * [30, 80]
        self.head_hw = rng.uniform(20, 60, (self.num_people, 2))
        if whole:
            self.head_hw[:] = rng.permutation([30, 40])
        self.skill = rng.choice([0.02, 0.1, 0.3])
        self.hidden = rng.choice([0.0, 0.1, 0.4])
        self.never_labelled = rng.uniform(size=15) < rng.choice([0.0, 0.15])
        self.never_predicted = rng.uniform(size=15) < rng.choice([0.0, 0.15])
        self.ids = rng.permutation(20)[: self.num_people]
        num_frames = rng.randint(2, 8)
        sure = set(rng.permutation(num_frames)[:2].tolist())
        self.frames = [self._frame(i, labelled=i in sure) for i in range(num_frames)]

    def _frame(self, i: int, *, labelled: bool) -> tuple[FrameTruth, np.ndarray, FramePoses]:
        rng = self.rng
        self.shape = self.shape + rng.normal(0, 6, (self.num_people, 1, 2))
        if self.whole:
            self.shape = self.shape.round()
        there = rng.uniform(size=self.num_people) < 0.85
        seen = there.copy()
        if rng.uniform() < 0.15:
            seen[:] = False
        if labelled and not seen.any():
            there[0] = seen[0] = True
        truth, heads = self._truth(i, np.flatnonzero(seen))
        return truth, heads, self._guess(i, np.flatnonzero(there))

    def _truth(self, i: int, who: np.ndarray) -> tuple[FrameTruth, np.ndarray]:
        rng = self.rng
        xy = self.shape[who].copy()
        xy[rng.uniform(size=xy.shape[:2]) < self.hidden] = np.nan
        xy[:, self.never_labelled] = np.nan
        xy[rng.uniform(size=len(who)) < 0.06] = np.nan
        corner = xy[:, 14].copy()
        corner[np.isnan(corner)] = 50
        heads = np.concatenate([corner, corner + self.head_hw[who]], 1)
        ignore = []
        if rng.uniform() < 0.3:
            for _ in range(rng.randint(1, 3)):
                middle = rng.uniform(50, 450, 2)
                polygon = middle + rng.uniform(-120, 120, (rng.randint(3, 7), 2))
                ignore.append(polygon.round() if self.whole else polygon)
        truth = FrameTruth(
            i,
            i / 25,
            _people(who + 3),
            xy,
            np.where(np.isnan(xy[..., 0]), 0, 2).astype(np.int8),
            tuple(ignore),
            0.6 * np.hypot(*(heads[:, 2:] - heads[:, :2]).T),
        )
        return truth, heads

    def _guess(self, i: int, who: np.ndarray) -> FramePoses:
        rng = self.rng
        if rng.uniform() < 0.15 and self.num_people > 1:
            a, b = rng.permutation(self.num_people)[:2]
            self.ids[[a, b]] = self.ids[[b, a]]
        if rng.uniform() < 0.1:
            self.ids[rng.randint(self.num_people)] = 20 + i
        found = who[rng.uniform(size=len(who)) < 0.85]
        again = who[rng.uniform(size=len(who)) < 0.15]
        num_wrong = rng.poisson(0.5)
        xy = np.concatenate([self.shape[found], self.shape[again]])
        head = np.concatenate([self.head_hw[found], self.head_hw[again]]).mean(1)
        xy = xy + rng.normal(0, 1, xy.shape) * (self.skill * head)[:, None, None]
        xy = np.concatenate([xy, rng.uniform(50, 450, (num_wrong, 1, 2)) + np.zeros((1, 15, 2))])
        ids = np.concatenate([self.ids[found], 40 + again, 60 + np.arange(num_wrong)])
        if self.whole:
            xy = xy.round()
            # Some exactly as far as is allowed: half of 0.6 times 50.
            at_limit = rng.uniform(size=xy.shape[:2]) < 0.05
            at_limit[len(found) :] = False
            xy[: len(found)][at_limit[: len(found)]] = (self.shape[found] + [9, -12])[
                at_limit[: len(found)]
            ]
        xy[rng.uniform(size=xy.shape[:2]) < 0.1] = np.nan
        xy[:, self.never_predicted] = np.nan
        xy[rng.uniform(size=len(xy)) < 0.03] = np.nan
        order = rng.permutation(len(xy))
        if rng.uniform() < 0.12:
            order = order[:0]
        score = np.zeros((len(order), 15))
        return FramePoses(i, i / 25, _people(ids[order]), xy[order], score)


def _people(ids: np.ndarray) -> People:
    num = len(ids)
    return People(np.zeros((num, 4), np.float32), np.ones(num, np.float32), ids.astype(np.int64))


def _score_joints(
    rng: np.random.RandomState, guess: list[list[FramePoses]], *, one_missing: bool
) -> None:
    """Fill in scores that are all different; one at most is missing."""
    present = [(f.score, ~np.isnan(f.xy[..., 0])) for video in guess for f in video]
    num = sum(int(there.sum()) for _, there in present)
    scores = (rng.permutation(num) + 1) / (num + 1)
    if one_missing and num:
        scores[rng.randint(num)] = NO_SCORE
    for score, there in present:
        score[there], scores = np.split(scores, [int(there.sum())])


def _write_2017(
    path: Path,
    name: str,
    frames: list[FrameTruth] | list[FramePoses],
    heads: list[np.ndarray] | None,
) -> None:
    annolist = []
    for i, frame in enumerate(frames):
        entry: dict[str, object] = {
            "image": [{"name": f"images/test/{name}/{i + 1:08d}.jpg"}],
            "imgnum": [i + 1],
        }
        rects = []
        for n, xy in enumerate(frame.xy):
            points = []
            for j in np.flatnonzero(~np.isnan(xy[:, 0])):
                point = {"id": [int(j)], "x": [float(xy[j, 0])], "y": [float(xy[j, 1])]}
                if isinstance(frame, FramePoses) and frame.score[n, j] != NO_SCORE:
                    point["score"] = [float(frame.score[n, j])]
                points.append(point)
            rect = {
                "track_id": [int(frame.people.track_id[n])],
                "annopoints": [{"point": points}] if points or frame.listed is not None else [],
            }
            if heads is not None:
                corners = zip(("x1", "y1", "x2", "y2"), heads[i][n].tolist(), strict=True)
                rect |= {key: [value] for key, value in corners}
            rects.append(rect)
        entry["annorect"] = rects
        if isinstance(frame, FrameTruth):
            entry["is_labeled"] = [int(len(rects) > 0)]
            entry["ignore_regions"] = [
                {"point": [{"x": [x], "y": [y]} for x, y in polygon.tolist()]}
                for polygon in frame.ignore
            ]
        annolist.append(entry)
    path.write_text(json.dumps({"annolist": annolist}), "utf-8")


def _write_2018(
    path: Path,
    name: str,
    frames: list[FrameTruth] | list[FramePoses],
    heads: list[np.ndarray] | None,
) -> None:
    images, annotations = [], []
    for i, frame in enumerate(frames):
        frame_id = 10_000_000_000 + int(name[:6]) * 10_000 + i
        image = {
            "id": frame_id,
            "frame_id": frame_id,
            "file_name": f"images/test/{name}/{i:06d}.jpg",
        }
        if isinstance(frame, FrameTruth):
            image["is_labeled"] = len(frame.people) > 0
            image["ignore_regions_x"] = [p[:, 0].tolist() for p in frame.ignore]
            image["ignore_regions_y"] = [p[:, 1].tolist() for p in frame.ignore]
        images.append(image)
        for n, xy in enumerate(frame.xy):
            there = ~np.isnan(xy[:, 0])
            flagged = np.column_stack([np.where(there[:, None], xy, 0), there])
            keypoints = np.where(np.array(_TO_17)[:, None] >= 0, flagged[_TO_17], 0)
            person = {
                "image_id": frame_id,
                "id": frame_id * 100 + n,
                "track_id": int(frame.people.track_id[n]),
                "category_id": 1,
                "keypoints": keypoints.ravel().tolist(),
                "scores": [],
            }
            if isinstance(frame, FramePoses):
                scores = np.where(np.array(_TO_17) >= 0, frame.score[n][_TO_17], 0)
                person["scores"] = scores.tolist()
            if heads is not None:
                corner, far = np.split(heads[i][n], 2)
                person["bbox_head"] = [*corner.tolist(), *(far - corner).tolist()]
            annotations.append(person)
    categories = [{"id": 1, "name": "person", "keypoints": list(POSETRACK17.joints)}]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(whole), "utf-8")
