"""The sets that lifting is measured on, in their public layouts, with people made of noise."""

import json
from pathlib import Path

import numpy as np

from glpose.skeleton import H36M17, HUMANEVA15, MPI17

ACTIONS = {
    "h36m": ("Walking", "Walking 1", "Eating"),
    "humaneva15": ("Walking 1 chunk0", "Jog 1", "Gestures 1"),
}
SUBJECTS = {
    "h36m": ("S1", "S5", "S6", "S7", "S8", "S9", "S11"),
    "humaneva15": tuple(f"{p}/S{n}" for p in ("Train", "Validate") for n in (1, 2, 3)),
}
SIZE = {"h36m": (1000, 1002), "humaneva15": (640, 480)}
CAMERAS = 2


def room_from_camera(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A camera three metres from the middle of the room that looks at it: quaternion, matrix, place.

    It stands at an angle about the upright (z); x is to the right, y down, z ahead.
    """
    angle = 0.3 + 2.0 * number
    ahead = np.array([np.cos(angle), np.sin(angle), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    right = np.cross(down, ahead)
    matrix = np.stack([right, down, ahead], 1)
    w = np.sqrt(max(0.0, 1 + np.trace(matrix))) / 2
    x = matrix[2, 1] - matrix[1, 2]
    y = matrix[0, 2] - matrix[2, 0]
    z = matrix[1, 0] - matrix[0, 1]
    quaternion = np.array([w, x / (4 * w), y / (4 * w), z / (4 * w)])
    return quaternion, matrix, np.array([0.0, 0.0, 1.0]) - 3 * ahead


def picture(xyz: np.ndarray, number: int, size_wh: tuple[int, int]) -> np.ndarray:
    """Pixels of points of the room, focal length as wide as the picture."""
    _, matrix, place = room_from_camera(number)
    seen = (xyz - place) @ matrix
    return size_wh[0] * seen[..., :2] / seen[..., 2:] + np.array(size_wh) / 2


def people(rng: np.random.Generator, frames: int, joints: int) -> np.ndarray:
    """A cloud of joints of the size of a person that drifts and shakes: metres in the room, z up."""
    cloud = rng.normal(0, 0.3, (1, joints, 3)) + np.array([0, 0, 1.0])
    drift = np.cumsum(rng.normal(0, 0.01, (frames, 1, 3)), 0)
    return (cloud + drift + rng.normal(0, 0.01, (frames, joints, 3))).astype(np.float32)


def write_videopose(root: Path, layout: str, *, frames: int = 12, joints: int = 17) -> None:
    """Human3.6M ("h36m") or HumanEva-I ("humaneva15") as the scripts of VideoPose3D write them."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    space: dict = {}
    flat: dict = {}
    for subject in SUBJECTS[layout]:
        space[subject], flat[subject] = {}, {}
        for action in ACTIONS[layout]:
            xyz = people(rng, frames, joints)
            space[subject][action] = xyz
            seen = [picture(xyz, n, SIZE[layout]).astype(np.float32) for n in range(CAMERAS)]
            if joints == 32:
                of_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
                seen = [xy[:, of_32] for xy in seen]
            flat[subject][action] = seen
    skeleton = H36M17 if layout == "h36m" else HUMANEVA15
    metadata = {"num_joints": len(skeleton.joints), "keypoints_symmetry": [[4], [1]]}
    np.savez_compressed(root / f"data_3d_{layout}.npz", positions_3d=space)
    np.savez_compressed(root / f"data_2d_{layout}_gt.npz", positions_2d=flat, metadata=metadata)
    noisy = {
        s: {a: [xy + rng.normal(0, 3, xy.shape) for xy in v] for a, v in t.items()}
        for s, t in flat.items()
    }
    detector = {"h36m": "cpn_ft_h36m_dbb", "humaneva15": "detectron_pt_coco"}[layout]
    if layout == "humaneva15":
        noisy = {
            s: {a: [np.repeat(xy[:, :1], 17, 1) for xy in v] for a, v in t.items()}
            for s, t in noisy.items()
        }
    np.savez_compressed(root / f"data_2d_{layout}_{detector}.npz", positions_2d=noisy)
    inner = [{"id": str(n), "res_w": SIZE[layout][0], "res_h": SIZE[layout][1]} for n in range(2)]
    outer = [
        {"orientation": q.tolist(), "translation": (1000 * place).tolist()}
        for q, _, place in map(room_from_camera, range(CAMERAS))
    ]
    names = {subject.rpartition("/")[2] for subject in SUBJECTS[layout]}
    cameras = {"intrinsic": inner, "extrinsic": {**dict.fromkeys(names, outer), "S2x": [{}, {}]}}
    (root / "cameras.json").write_text(json.dumps(cameras))


def write_3dhp(root: Path, *, frames: int = 12) -> None:
    """MPI-INF-3DHP as P-STMO's scripts write it: the frame of the camera, millimetres."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    joints = len(MPI17.joints)

    def view(size_wh: tuple[int, int]) -> dict:
        xyz = people(rng, frames, joints)
        _, matrix, place = room_from_camera(0)
        seen = (xyz - place) @ matrix
        xy = picture(xyz, 0, size_wh)
        return {"data_3d": 1000 * seen.astype(np.float32), "data_2d": xy.astype(np.float32)}

    train = {
        f"S{s} Seq{q}": [{str(n): view((2048, 2048)) for n in (0, 1)}] for s in (1, 2) for q in (1,)
    }
    test = {}
    for number in (1, 5):
        test[f"TS{number}"] = view((1920, 1080) if number == 5 else (2048, 2048))
        test[f"TS{number}"]["valid"] = (np.arange(frames) % 4 > 0).astype(np.float32)
    np.savez_compressed(root / "data_train_3dhp.npz", data=train)
    np.savez_compressed(root / "data_test_3dhp.npz", data=test)
