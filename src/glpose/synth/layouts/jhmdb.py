"""JHMDB in its official layout: joints and masks in MATLAB files, PNG frames, split lists."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from glpose.imaging import write_image
from glpose.skeleton import JHMDB15
from glpose.synth.labels import PersonLabels
from glpose.synth.layouts.order import Order, Written, shots, write_text
from glpose.synth.scene import SceneSpec

SIZE_HW = (240, 320)
_CLIPS_OF_ACTION = 4  # so that every list has three training clips and one test clip
_ACTIONS = (
    "catch",
    "climb_stairs",
    "golf",
    "jump",
    "kick_ball",
    "pick",
    "pullup",
    "push",
    "run",
    "shoot_ball",
    "swing_baseball",
    "walk",
)
# Features of the real names; one contains ".avi", which ends the names in the split lists.
_NAMES = (
    "April_09_{}_u_nm_np1_ba_goo_{}",
    "Hit_it!_{}_f_cm_np1_fr_med_{}",
    "Meisterschaft_2004(2)_{}_f_nm_np1_le_bad_{}",
    "C++.avi@home_{}_u_cm_np1_ri_med_{}",
)
_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def write_jhmdb(folder: Path, order: Order) -> Written:
    """Write the four folders; one person per clip, all frames labelled with all 15 joints."""
    written = Written()
    clips: dict[str, list[str]] = {}
    for number in range(order.num_videos):
        action = _ACTIONS[number // _CLIPS_OF_ACTION % len(_ACTIONS)]
        name = _NAMES[number % len(_NAMES)].format(action, number)
        clips.setdefault(action, []).append(name)
        num = _write_clip(folder, f"{action}/{name}", order, number)
        written.num_videos += 1
        written.num_pictures += num
        written.num_people += num
    for action, names in clips.items():
        _write_lists(folder / "sub_splits", action, names)
        _write_litter(folder, action, names[0])
    return written


def _write_lists(folder: Path, action: str, names: list[str]) -> None:
    """Each split tests on different clips; 1 marks training clips, 2 test clips."""
    period = min(_CLIPS_OF_ACTION, len(names))
    for split in (1, 2, 3):
        tested = (split - 1) % period
        lines = [f"{name}.avi {2 if i % period == tested else 1}\n" for i, name in enumerate(names)]
        write_text(folder / f"{action}_test_split_{split}.txt", "".join(lines))


def _write_clip(folder: Path, clip: str, order: Order, number: int) -> int:
    spec = SceneSpec(
        size_hw=order.size_hw or SIZE_HW,
        num_frames=order.frames_of(number),
        num_people=(1, 1),
        height_share=(0.5, 0.95),
        num_obstacles=(0, 0),  # puppet masks cover the whole person, hidden parts included
    )
    pictures = folder / "Rename_Images" / clip
    pictures.mkdir(parents=True)
    people: list[PersonLabels] = []
    for index, shot in enumerate(shots(order.scene(number, spec))):
        write_image(pictures / f"{index + 1:05d}.png", shot.rgb)
        people.append(shot.people[1])  # nobody comes so close as to be behind the camera
    pos_img = np.stack([labels.joints(JHMDB15)[0].T for labels in people], -1) + 1  # from 1
    scale = np.array([np.ptp(pos_img[1, :, i]) for i in range(pos_img.shape[-1])])[None] / 100
    _write_mat(
        folder / "joint_positions" / clip / "joint_positions.mat",
        {
            "pos_img": pos_img,
            "pos_world": _world(pos_img, scale, spec.size_hw),
            "scale": scale,
            "viewpoint": _viewpoint(people[len(people) // 2]),
        },
    )
    masks = np.stack([labels.mask for labels in people], -1).astype(np.uint8)
    _write_mat(folder / "puppet_mask" / clip / "puppet_mask.mat", {"part_mask": masks})
    return len(people)


def _world(pos_img: np.ndarray, scale: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Joints relative to the picture's centre, in picture heights, divided by the scale."""
    height, width = size_hw
    middle = np.array([width, height])[:, None, None] / 2
    return (pos_img - middle) / height / scale[0]


def _viewpoint(labels: PersonLabels) -> str:
    """The compass direction in which the person faces, with the camera in the south."""
    right, away = labels.faces
    return _COMPASS[round(np.arctan2(right, away) / (np.pi / 4)) % 8]


def _write_mat(path: Path, values: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, values, do_compression=True)


def _write_litter(folder: Path, action: str, name: str) -> None:
    """Write the stray file-server folders and files that the official archives contain."""
    for place in (
        f"joint_positions/{action}/.AppleDouble/joint_positions.mat",
        f"puppet_mask/{action}/{name}/.AppleDouble/puppet_mask.mat",
        f"Rename_Images/{action}/{name}/.AppleDouble/00001.png",
        f"Rename_Images/{action}/{name}/._00001.png",
        f"sub_splits/.AppleDouble/{action}_test_split_1.txt",
        f"sub_splits/._{action}_test_split_1.txt",
    ):
        write_text(folder / place, "Mac OS X\n")
