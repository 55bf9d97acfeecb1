"""The sets that lifting is measured on, in the public layouts that papers on lifting use.

Human3.6M and HumanEva-I are read as the scripts of VideoPose3D (Pavllo et al., CVPR 2019) write them:

    data_3d_h36m.npz, data_3d_humaneva15.npz
        positions_3d[subject][action]: (frames, 32 or 17 | 15, 3), metres, in the frame of the room
    data_2d_SET_NAME.npz, e.g. data_2d_h36m_gt.npz, data_2d_h36m_cpn_ft_h36m_dbb.npz
        positions_2d[subject][action]: a list with one (frames, joints, 2 or 3) for each camera, px
        metadata["layout_name"], perhaps: which joints these are, "coco" or those of the set
    cameras.json
        {"intrinsic": [...], "extrinsic": {subject: [...]}}, the tables of those scripts: of each
        camera res_w and res_h in px, orientation as a quaternion (w, x, y, z) from the camera to the
        room, translation in mm

and MPI-INF-3DHP as P-STMO's (Shan et al., ECCV 2022) write it:

    data_train_3dhp.npz   data["S1 Seq1"][0][camera]: "data_2d" px and "data_3d" mm of that camera
    data_test_3dhp.npz    data["TS1"]: the same, and "valid", 1 for frames that count

Checked on small files of our own in these layouts only: the sets themselves were not at hand.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from glpose.errors import BadInput, GLPoseError
from glpose.files import did_you_mean, open_regular
from glpose.formats.check import Part, Problem, Report
from glpose.formats.numpy_objects import read_objects
from glpose.formats.text.lines import cannot_read
from glpose.skeleton import COCO17, H36M17, HUMANEVA15, MPI17, Skeleton, joint_map

GROUND_TRUTH = "gt"

# Of the 32 joints of Human3.6M those that move on their own.
_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_H36M = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
_HUMANEVA = {part: tuple(f"{part}/S{n}" for n in (1, 2, 3)) for part in ("Train", "Validate")}
_HUMANEVA_ACTIONS = ("Walking", "Jog", "Box")
# Test videos 5 and 6 of MPI-INF-3DHP were taken outdoors by another camera.
_MPI_SIZE_WH, _MPI_OUTDOORS_WH = (2048, 2048), (1920, 1080)
# x right, y down, z away from the camera becomes x right, y up, z towards the camera.
_OURS = np.array([1, -1, -1], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TrackInSpace:
    """One person in one video: joints in the picture, and in the frame of its camera.

    `xy` in px, NaN where missing. `xyz` in metres: x to the right of the picture, y up, z towards
    the camera. `counts` says which frames are scored. `action` and `subject` are those of tables.
    """

    subject: str
    action: str
    xy: Float32[np.ndarray, "frames joints 2"]
    xyz: Float32[np.ndarray, "frames joints 3"]
    counts: Bool[np.ndarray, " frames"]
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class LiftSet:
    """A set: joints, frames in a second, and how its tracks are read.

    `parts` are the part to train on and the part to score on; `read(root, part, points)` reads one,
    with the joints in the picture of that name ("gt" or a detector's). `roots` are the joints whose
    mean is the origin. `by_subject`: each subject has a row of its own for each action.
    """

    skeleton: Skeleton
    rate_hz: float
    roots: tuple[str, ...]
    read: Callable[[Path, str, str], list[TrackInSpace]]
    by_subject: bool = False


_DAMAGED = (TypeError, ValueError, AttributeError, LookupError, RecursionError)
"""What comes of values that are not as the layout has them."""


@contextmanager
def _in_layout(path: Path) -> Iterator[None]:
    """Raises: BadInput for anything in a table that is not as the public layout has it."""
    try:
        yield
    except GLPoseError:
        raise
    except _DAMAGED as problem:
        raise BadInput(
            f"{path}: is not in the public layout ({type(problem).__name__}: {problem}); download it "
            "again"
        ) from problem


def read_h36m(root: Path, part: str, points: str = GROUND_TRUTH) -> list[TrackInSpace]:
    """Human3.6M: subjects 1, 5, 6, 7 and 8 to "train", 9 and 11 to "test". Raises: BadInput."""
    with _in_layout(root):
        return list(_of_videopose(root, "h36m", _H36M[part], points, H36M17))


def read_humaneva(root: Path, part: str, points: str = GROUND_TRUTH) -> list[TrackInSpace]:
    """HumanEva-I: walking, jogging and boxing of subjects 1 to 3. Raises: BadInput."""
    subjects = _HUMANEVA[{"train": "Train", "test": "Validate"}[part]]
    with _in_layout(root):
        tracks = _of_videopose(root, "humaneva15", subjects, points, HUMANEVA15)
        return [track for track in tracks if track.action in _HUMANEVA_ACTIONS]


def read_3dhp(root: Path, part: str, points: str = GROUND_TRUTH) -> list[TrackInSpace]:
    """MPI-INF-3DHP, with its own joints in the picture. Raises: BadInput."""
    if points != GROUND_TRUTH:
        raise BadInput(f"3dhp has no joints in the picture called '{points}'; expected 'gt'")
    path = root / f"data_{part}_3dhp.npz"
    with _in_layout(path):
        return _of_3dhp(path, _table(path, read_objects(path), "data"), part)


def _of_3dhp(path: Path, data: dict[str, Any], part: str) -> list[TrackInSpace]:
    tracks = []
    for name, held in data.items():
        subject = name.split()[0]
        views = held[0].values() if part == "train" else [held]
        if not views:
            raise BadInput(f"{path}: {name} has no cameras; expected one or more")
        outdoors = name in ("TS5", "TS6")
        for view in views:
            xyz = _numbers(path, name, view, "data_3d", len(MPI17.joints), 3) / 1000 * _OURS
            xy = _numbers(path, name, view, "data_2d", len(MPI17.joints), 2)
            counts = np.asarray(view.get("valid", np.ones(len(xyz)))).ravel() > 0
            if not len(xy) == len(xyz) == len(counts):
                raise BadInput(
                    f"{path}: {name} has {len(xy)} frames in the picture, {len(xyz)} in space and "
                    f"{len(counts)} marks; expected as many of each"
                )
            size_wh = _MPI_OUTDOORS_WH if outdoors else _MPI_SIZE_WH
            tracks.append(TrackInSpace(subject, name, xy, xyz, counts, size_wh))
    return tracks


LIFT_SETS = {
    "h36m": LiftSet(H36M17, 50.0, ("pelvis",), read_h36m),
    "humaneva": LiftSet(HUMANEVA15, 60.0, ("pelvis",), read_humaneva, by_subject=True),
    "3dhp": LiftSet(MPI17, 50.0, ("pelvis",), read_3dhp),
}


def check_lift_set(root: Path, name: str) -> Report:
    """What is there of a set: frames and actions of each part, for all joints in pictures found."""
    found = LIFT_SETS[name]
    prefix = "data_2d_" + {"h36m": "h36m_", "humaneva": "humaneva15_", "3dhp": ""}[name]
    names = [p.stem.removeprefix(prefix) for p in sorted(root.glob(f"{prefix}*.npz"))]
    points = names if name != "3dhp" else [GROUND_TRUTH]
    parts = [
        _part(part, source, found, root)
        for source in points or [GROUND_TRUTH]
        for part in ("train", "test")
    ]
    return Report(name, tuple(parts))


def _part(part: str, points: str, found: LiftSet, root: Path) -> Part:
    name = f"{part}, joints in the picture: {points}"
    try:
        tracks = found.read(root, part, points)
    except BadInput as problem:
        return Part(name, False, problems=(Problem(str(problem), 1),))
    counts: dict[str, str | int] = {
        "subjects": len({track.subject for track in tracks}),
        "actions": len({track.action for track in tracks}),
        "tracks": len(tracks),
        "frames": sum(len(track.xy) for track in tracks),
        "frames that count": sum(int(track.counts.sum()) for track in tracks),
    }
    return Part(name, bool(tracks), counts)


def _of_videopose(
    root: Path, layout: str, subjects: Iterable[str], points: str, joints: Skeleton
) -> Iterable[TrackInSpace]:
    """The tracks of some subjects, one for each action and camera."""
    space = root / f"data_3d_{layout}.npz"
    flat = root / f"data_2d_{layout}_{points}.npz"
    if not flat.is_file() and root.is_dir():
        known = [
            p.stem.removeprefix(f"data_2d_{layout}_") for p in root.glob(f"data_2d_{layout}_*")
        ]
        if known:
            raise BadInput(f"{flat}: no such file; {did_you_mean(points, known)}")
    positions = _table(space, read_objects(space), "positions_3d")
    held = read_objects(flat)
    pictures = _table(flat, held, "positions_2d")
    is_coco = _is_coco(flat, held, points, layout)
    cameras = _cameras(root / "cameras.json")
    for subject in subjects:
        if subject not in positions:
            raise BadInput(f"{space}: has no subject '{subject}'; expected {', '.join(subjects)}")
        views = cameras.get(subject.rpartition("/")[2], [])
        for action, room in positions[subject].items():
            seen = pictures.get(subject, {}).get(action)
            if seen is None:
                raise BadInput(f"{flat}: lacks '{action}' of {subject}, which {space.name} has")
            if len(seen) != len(views) or not views:
                raise BadInput(
                    f"{flat}: '{action}' of {subject} has {len(seen)} cameras, "
                    f"cameras.json has {len(views)}; expected as many, one or more"
                )
            xyz = _of_32(np.asarray(room, np.float32))
            _check_shape(space, f"'{action}' of {subject}", xyz, len(joints.joints), 3)
            for pixels, camera in zip(seen, views, strict=True):
                xy = np.asarray(pixels, np.float32)[..., :2]
                if is_coco:
                    _check_shape(flat, f"'{action}' of {subject}", xy, len(COCO17.joints), 2)
                    xy = _from_coco(xy)
                _check_shape(flat, f"'{action}' of {subject}", xy, len(joints.joints), 2)
                if len(xy) < len(xyz):
                    raise BadInput(
                        f"{flat}: '{action}' of {subject} has {len(xy)} frames, fewer than the "
                        f"{len(xyz)} in space"
                    )
                yield TrackInSpace(
                    subject.rpartition("/")[2],
                    action.split(" ")[0],
                    xy[: len(xyz)],  # some videos go on
                    camera.see(xyz),
                    np.ones(len(xyz), bool),
                    camera.size_wh,
                )


def _is_coco(path: Path, held: Mapping[str, Any], points: str, layout: str) -> bool:
    """Whether joints in the picture are COCO's, not the set's own: different ones can be as many.

    Where a file does not say it, a detector's name does, as in the scripts of VideoPose3D. Raises:
    BadInput for joints that cannot be had from the file's.
    """
    metadata = held.get("metadata")
    found = metadata.get("layout_name") if isinstance(metadata, dict) else None
    if found is None:
        found = "coco" if "coco" in points else layout
    if found == layout or (found == "coco" and layout == "humaneva15"):
        return found == "coco"
    raise BadInput(
        f"{path}: holds the joints of the layout {found!r:.40}; expected those of '{layout}', some of "
        "which it lacks; give another detector's file with --points"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Camera:
    room_from_camera: Float[np.ndarray, "3 3"]
    place_m: Float[np.ndarray, " 3"]
    size_wh: tuple[int, int]

    def see(self, xyz: Float32[np.ndarray, "n joints 3"]) -> Float32[np.ndarray, "n joints 3"]:
        """Points of the room in the frame of the camera, y up."""
        return ((xyz - self.place_m) @ self.room_from_camera).astype(np.float32) * _OURS


def _cameras(path: Path) -> dict[str, list[_Camera]]:
    """The cameras of each subject that has any."""
    try:
        with open_regular(path) as file:
            plain = json.load(file)
        return {
            subject: [
                _Camera(
                    _rotation(np.array(outer["orientation"], float)),
                    np.array(outer["translation"], float) / 1000,
                    (_side(inner["res_w"]), _side(inner["res_h"])),
                )
                for inner, outer in zip(plain["intrinsic"], places, strict=True)
            ]
            for subject, places in plain["extrinsic"].items()
            if any(places)
        }
    except OSError as problem:
        expected = (
            "the tables of cameras of VideoPose3D as JSON, see glpose.formats.tracks_in_space"
        )
        raise cannot_read(path, problem, expected) from problem
    except _DAMAGED as problem:
        raise BadInput(
            f"{path}: not a file of cameras ({problem}); expected 'intrinsic' and 'extrinsic'"
        ) from problem


def _side(pixels: object) -> int:
    if not isinstance(pixels, int | float) or not 1 <= pixels <= 2**16:
        raise ValueError(f"a side of the picture is {pixels!r:.20}")
    return int(pixels)


def _rotation(quaternion: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "3 3"]:
    """The rotation matrix of a quaternion (w, x, y, z), of any length."""
    length = np.linalg.norm(quaternion)
    if not 0 < length < np.inf:
        raise ValueError(f"the orientation {quaternion.tolist()} is none")
    w, x, y, z = quaternion / length
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _of_32(xyz: Float32[np.ndarray, "n joints 3"]) -> Float32[np.ndarray, "n kept 3"]:
    return xyz[:, list(_OF_32)] if xyz.ndim == 3 and xyz.shape[1] == 32 else xyz


def _from_coco(xy: Float32[np.ndarray, "n 17 2"]) -> Float32[np.ndarray, "n 15 2"]:
    """A detector's joints; the three that COCO lacks are put between those that it has (ours)."""
    at = COCO17.index
    out = xy[:, joint_map(COCO17, HUMANEVA15)]
    for joint, between in (
        ("pelvis", ("left_hip", "right_hip")),
        ("thorax", ("left_shoulder", "right_shoulder")),
        ("head", ("left_ear", "right_ear")),
    ):
        out[:, HUMANEVA15.index(joint)] = xy[:, list(map(at, between))].mean(1)
    return out


def _table(path: Path, held: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = held.get(name)
    if not isinstance(found, dict):
        raise BadInput(
            f"{path}: holds no table '{name}' (found: {', '.join(held)}); expected the public layout, "
            "see glpose.formats.tracks_in_space"
        )
    return found


def _numbers(
    path: Path, name: str, view: Mapping[str, Any], key: str, joints: int, axes: int
) -> Float32[np.ndarray, "n joints axes"]:
    if key not in view:
        raise BadInput(f"{path}: {name} has no '{key}'; expected data_2d and data_3d")
    found = np.asarray(view[key], np.float32)
    _check_shape(path, name, found, joints, axes)
    return found


def _check_shape(path: Path, what: str, found: np.ndarray, joints: int, axes: int) -> None:
    if found.ndim != 3 or found.shape[1:] != (joints, axes):
        raise BadInput(
            f"{path}: {what} has the shape {found.shape}; expected (frames, {joints}, {axes})"
        )
