"""COCO keypoint files for scoring: truth with crowds and areas, and results as submitted.

Poses of videos are written as such results, too. Unlike `labels`, which gives people to train on, this leaves nobody out: crowds and people without
labelled joints matter in COCO's evaluation. Everything is float64, as in the files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from glpose.errors import BadInput
from glpose.formats.text.lines import dump, write_text
from glpose.formats.text.tree import Node, by_id, read_tree
from glpose.skeleton import COCO17, SKELETONS, Skeleton, joint_map
from glpose.types import FramePoses


@dataclass(frozen=True, slots=True, eq=False)
class PictureTruth:
    """All labelled people of a picture; `ignore` marks crowds and people with `num_keypoints` 0."""

    xy: Float64[np.ndarray, "people joints 2"]
    labelled: Bool[np.ndarray, "people joints"]
    area_px2: Float64[np.ndarray, " people"]
    xyxy: Float64[np.ndarray, "people 4"]
    ignore: Bool[np.ndarray, " people"]
    crowd: Bool[np.ndarray, " people"]


@dataclass(frozen=True, slots=True, eq=False)
class PictureGuess:
    """The poses found in a picture, in the order of the file."""

    xy: Float64[np.ndarray, "guesses joints 2"]
    score: Float64[np.ndarray, " guesses"]


def read_keypoint_truth(path: Path) -> tuple[Skeleton, int, dict[int, PictureTruth]]:
    """The joint set, the category id, and the people by picture id, in ascending order.

    Raises: BadInput naming the file and the key.
    """
    root = read_tree(path)
    category, skeleton = _category(root)
    people: dict[int, list[Node]] = {number: [] for number in by_id(root.items("images"))}
    if not people:
        raise root.at("images").error("empty", "the pictures")
    for person in by_id(root.items("annotations")).values():
        image_id = person.at("image_id").whole()
        if image_id not in people:
            raise person.at("image_id").error(str(image_id), "the id of one of the 'images'")
        if person.at("category_id").whole() == category:
            people[image_id].append(person)
    num_joints = len(skeleton.joints)
    return skeleton, category, {key: _truth(people[key], num_joints) for key in sorted(people)}


def read_keypoint_results(
    path: Path, skeleton: Skeleton, category: int | None, truth: Mapping[int, object]
) -> dict[int, PictureGuess]:
    """The poses of each picture of `truth`, including pictures without poses.

    Without a `category` entries need not name one.

    Raises: BadInput naming the entry and its key, for a picture or category that the truth lacks,
    a wrong number of joints, or coordinates or scores that are not finite.
    """
    root = read_tree(path)
    if not isinstance(root.value, list):
        raise root.error(
            f"a {type(root.value).__name__}",
            "COCO results, a list of objects with image_id, category_id, keypoints and score",
        )
    xy: dict[int, list[np.ndarray]] = {key: [] for key in truth}
    score: dict[int, list[float]] = {key: [] for key in truth}
    num_joints = len(skeleton.joints)
    for i, value in enumerate(root.value):
        entry = Node(path, f"[{i}]", value)
        image_id = entry.at("image_id").whole()
        if image_id not in truth:
            raise entry.at("image_id").error(str(image_id), "a picture that the truth has")
        if category is not None and (found := entry.at("category_id").whole()) != category:
            raise entry.at("category_id").error(str(found), f"{category}, the truth's only class")
        joints = entry.at("keypoints").numbers(3 * num_joints)
        xy[image_id].append(joints.reshape(num_joints, 3)[:, :2])
        score[image_id].append(entry.at("score").number())
    return {
        key: PictureGuess(np.array(xy[key]).reshape(-1, num_joints, 2), np.array(score[key]))
        for key in truth
    }


def write_keypoint_results(
    path: Path,
    poses: Mapping[
        int, tuple[Float[np.ndarray, "n joints 2"], Float[np.ndarray, "n joints"], list[float]]
    ],
    category: int = 1,
) -> None:
    """Write COCO results: joints, joint scores and person scores by picture id.

    A missing joint (NaN) is written as 0, 0, 0. Raises: BadInput if the file cannot be written.
    """
    lines = []
    for image_id, (xy, joint_score, score) in poses.items():
        joints = np.concatenate([xy, joint_score[..., None]], -1).astype(np.float64)
        joints[~np.isfinite(joints).all(-1)] = 0
        lines += [
            dump(
                {
                    "image_id": image_id,
                    "category_id": category,
                    "keypoints": np.round(person, 4).ravel(),
                    "score": whole,
                }
            )
            for person, whole in zip(joints, score, strict=True)
        ]
    write_text(path, "[" + ",\n".join(lines) + "]\n")


def write_video_results(
    path: Path, skeleton: Skeleton, frames: Iterable[tuple[FramePoses, Float32[np.ndarray, " _"]]]
) -> int:
    """Write the poses of a video as COCO results of 17 joints; returns how many people there are.

    `frames` come with the scores of their people. `image_id` is the number of the frame, as
    `formats.poses.read_poses` has it; `bbox` and `track_id` are written, too. Raises: BadInput if the
    skeleton lacks joints of COCO, or the file cannot be written.
    """
    where = joint_map(skeleton, COCO17)
    if where.min() < 0:
        raise BadInput(
            f"{path}: COCO results have the joints of COCO, these poses no "
            f"{COCO17.joints[where.argmin()]}; write a .csv"
        )
    lines = []
    for poses, scores in frames:
        joints = np.concatenate([poses.xy, poses.score[..., None]], -1)[:, where].astype(np.float64)
        joints[~np.isfinite(joints).all(-1)] = 0
        boxes = poses.people.xyxy.astype(np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        lines += [
            dump(
                {
                    "image_id": poses.frame,
                    "category_id": 1,
                    "keypoints": np.round(person, 4).ravel(),
                    "score": score,
                    "bbox": np.round(box, 2),
                    "track_id": number,
                }
            )
            for person, score, box, number in zip(
                joints, scores.tolist(), boxes, poses.people.track_id.tolist(), strict=True
            )
        ]
    write_text(path, "[" + ",\n".join(lines) + "]\n")
    return len(lines)


def _category(root: Node) -> tuple[int, Skeleton]:
    categories = list(root.items("categories"))
    if len(categories) != 1:
        raise root.at("categories").error(f"a list of {len(categories)}", "one class of people")
    keypoints = categories[0].get("keypoints")
    names = COCO17.joints if keypoints is None else tuple(keypoints.texts())
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return categories[0].at("id").whole(), skeleton
    known = ", ".join(f"{s.name} ({len(s.joints)})" for s in SKELETONS.values())
    raise categories[0].at("keypoints").error(f"an unknown set of {len(names)} joints", known)


def _truth(people: list[Node], num_joints: int) -> PictureTruth:
    joints = np.zeros((len(people), num_joints, 3))
    boxes, area = np.zeros((len(people), 4)), np.zeros(len(people))
    crowd, ignore = np.zeros(len(people), bool), np.zeros(len(people), bool)
    for i, person in enumerate(people):
        joints[i] = person.at("keypoints").numbers(3 * num_joints).reshape(-1, 3)
        boxes[i] = person.at("bbox").numbers(4)
        area[i] = person.at("area").number()
        flag, count = person.get("iscrowd"), person.get("num_keypoints")
        crowd[i] = flag is not None and flag.number() != 0
        num_labelled = (joints[i, :, 2] > 0).sum() if count is None else count.whole()
        ignore[i] = crowd[i] or num_labelled == 0
    boxes[:, 2:] += boxes[:, :2]
    return PictureTruth(joints[..., :2], joints[..., 2] > 0, area, boxes, ignore, crowd)
