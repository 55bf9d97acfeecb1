"""Postprocessing of poses: scores and duplicate suppression."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from glpose.crop import covered_px
from glpose.geometry import oks
from glpose.runtime.options import PoseOptions, ScoreKind
from glpose.skeleton import Skeleton
from glpose.types import CropSpec, FramePoses, People

_VISIBLE_SCORE = 0.2
"""Joints with a higher score count in a person's score; HRNet's `IN_VIS_THRE`."""


def confident(people: People, min_score: float) -> People:
    """The people whose boxes have at least this score."""
    rows = people.score >= min_score
    return people if rows.all() else people[rows]


def finish(
    poses: FramePoses, options: PoseOptions, skeleton: Skeleton, crop: CropSpec
) -> FramePoses:
    """Remove duplicates and set the scores as `options` says."""
    if options.oks_nms is not None:
        poses = without_duplicates(
            poses,
            person_score(poses),
            covered_px(poses.people.xyxy, crop),
            skeleton.oks_sigma,
            options.oks_nms,
        )
    return with_scores(poses, options.score)


def with_scores(poses: FramePoses, kind: ScoreKind) -> FramePoses:
    """Set scores as `PoseOptions.score` says, from joint scores and box scores."""
    if kind == "product":
        factor, others = poses.people.score[:, None], poses.other_places
        if others is not None:
            others = replace(others, score=others.score * factor[..., None])
        return replace(poses, score=poses.score * factor, other_places=others)
    if kind == "rescored":
        return replace(poses, people=replace(poses.people, score=person_score(poses)))
    return poses


def person_score(poses: FramePoses) -> Float32[np.ndarray, " n"]:
    """Box score times the mean score of the joints above 0.2; 0 if there are none.

    Source: rescoring in HRNet and mmpose.
    """
    visible = poses.score > _VISIBLE_SCORE
    total = np.where(visible, poses.score, 0).sum(1)
    return (poses.people.score * total / np.maximum(visible.sum(1), 1)).astype(np.float32)


def without_duplicates(
    poses: FramePoses,
    order: Float32[np.ndarray, " n"],
    area_px: Float64[np.ndarray, " n"],
    sigma: Float64[np.ndarray, " joints"],
    limit: float,
) -> FramePoses:
    """Greedy non-maximum suppression by OKS; kept poses stay in order.

    A pose is dropped if its OKS with a kept pose of higher `order` is above `limit`. OKS is over
    the joints that both have, with the mean of both areas.

    Source: OKS-NMS of HRNet, where a person's area is that of the padded box.
    """
    alike = oks(poses.xy, poses.xy, area_px, area_px, sigma)
    kept: list[int] = []
    for i in np.argsort(-order, kind="stable"):
        if (alike[i, kept] <= limit).all():
            kept.append(int(i))
    return of_rows(poses, np.array(sorted(kept), np.int64))


def of_rows(
    poses: FramePoses, rows: Int64[np.ndarray, " kept"] | Bool[np.ndarray, " n"]
) -> FramePoses:
    """The selected people of a frame."""
    evidence, unsure, carried = poses.side_evidence, poses.unsure_sides, poses.propagated
    raw, others, lifted = poses.before, poses.other_places, poses.lifted
    return replace(
        poses,
        people=poses.people[rows],
        xy=poses.xy[rows],
        score=poses.score[rows],
        side_evidence=None if evidence is None else evidence[rows],
        unsure_sides=None if unsure is None else unsure[rows],
        propagated=None if carried is None else carried[rows],
        other_places=None if others is None else others[rows],
        lifted=None if lifted is None else lifted[rows],
        before=None if raw is None else raw[rows],
    )
