"""Scripts of the bench run to their end on the smallest of sets, mostly with the shipped weights."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from glpose.formats.jhmdb import short
from glpose.skeleton import JHMDB15, LIMB13, POSETRACK15, convert
from glpose.synth import SceneSpec, render_scene
from glpose.systems.dg_net.data import FILE
from glpose.systems.dg_net.spec import RATE_HZ
from glpose.video.writer import VideoWriter

pytestmark = pytest.mark.slow

Called = Callable[..., tuple[int, str, str]]

CLIPS = {
    "train": ("jump/c_np1_fr_3", "walk/d_np1_ba_4"),
    "val": ("jump/a_np1_fr_1", "walk/b_np1_ba_2"),
}
SIZE_HW, NUM_FRAMES = (240, 320), 6


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sets `jhmdb` and `mocap`, rendered or of noise."""
    folder = tmp_path_factory.mktemp("sets")
    boxes = {}
    for split, clips in CLIPS.items():
        for name in clips:
            boxes[name] = {"xyxy": write_clip(folder / "jhmdb", name, seed=len(boxes))}
        lines = [f"{name} {NUM_FRAMES} x {Path(name).name}\n" for name in clips]
        (folder / "jhmdb" / f"{split}.txt").write_text("".join(lines))
    (folder / "jhmdb" / "person_boxes.json").write_text(json.dumps(boxes))
    (folder / "mocap").mkdir()
    write_motions(folder / "mocap" / FILE)
    return folder


def write_motions(path: Path, length: int = 40) -> None:
    """Two motions to train on and two held-out ones, of bodies that shake."""
    rng = np.random.default_rng(0)
    names = ["a_walk_usual_001", "a_run_usual_001", "a_kick_usual_001", "a_bow_usual_001"]
    upright = np.linspace(1.7, 0.1, len(LIMB13.joints))[:, None] * [0, 1, 0]
    body = upright + rng.uniform(-0.3, 0.3, (len(LIMB13.joints), 3))
    xyz = body + rng.normal(0, 0.02, (len(names) * length, *body.shape)).cumsum(0) / 9
    np.savez(
        path,
        xyz_m=xyz.astype(np.float32),
        clip_name=names,
        clip_frames=[length] * len(names),
        joints=LIMB13.joints,
        rate_hz=RATE_HZ,
    )


def write_clip(root: Path, name: str, seed: int) -> list[list[float]]:
    """A rendered clip in the layout of JHMDB; the boxes of its person."""
    scene = render_scene(SceneSpec(SIZE_HW, NUM_FRAMES, num_people=(1, 1)), seed=seed)
    video, labels = root / "videos" / f"{name}.mp4", root / "joint_positions" / name
    video.parent.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True)
    xy, boxes = [], []
    with VideoWriter(video, SIZE_HW, 25.0) as writer:
        for frame, truth in scene.frames():
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
            shown = truth.visibility.astype(np.float32)
            xy.append(convert(truth.xy, shown, POSETRACK15, JHMDB15)[0][0])
            boxes.append(truth.people.xyxy[0].tolist())
    positions = np.stack(xy).transpose(2, 1, 0).astype(np.float64) + 1
    savemat(labels / "joint_positions.mat", {"pos_img": positions})
    return boxes


CALLS = {
    "pck_jhmdb": "SETS/jhmdb flowing_small --ablate --per-joint --json found.json",
    "calibration": "SETS/jhmdb picture_small --pictures --diagram found.png",
    "lift_noise": "SETS/jhmdb --limit 2",
    "rolled": "SETS --limit 1 --threads 1 --json found.json",
    "sunlit": "SETS --limit 1 --threads 1 --json found.json",
    "refined": "SETS --limit 1 --states clean --threads 1",
    "siblings": "SETS --weights dkd=dkd_small --limit 1 --threads 1 --json found.json",
    "eyes": "SETS --rows boxes,run,filter,coco --limit 1 --threads 1 --json found.json",
    "lift_bones": "SETS/mocap --clips 2",
    "draw_angles": "found.png",
    "score": "--videos 1 --frames 5 --people 2 --json found.json",
    "run_videos": "SETS/jhmdb/videos/walk/b_np1_ba_2.mp4 --json found.json -- --threads 1",
    "reid": "--synth 5",
    "crowd_flow": "--clips 1 --seeds 1 --rows missed",
}


@pytest.mark.parametrize("name", CALLS)
def test_a_small_run_comes_to_its_end(
    name: str, called: Called, sets: Path, tmp_path: Path
) -> None:
    arguments = CALLS[name].replace("SETS", str(sets)).split()
    status, out, err = called(name, *arguments)
    assert (status, err) == (0, "")
    assert out or list(tmp_path.iterdir())
    for path in tmp_path.glob("found.json"):
        assert json.loads(path.read_text())


def test_seeds_are_a_count(called: Called, sets: Path, tmp_path: Path) -> None:
    how = "--windows 9 --nets mlp --steps 20 --seeds 2 --json found.json"
    assert called("lift_mocap", sets / "mocap", *how.split())[0] == 0
    assert [row["seed"] for row in json.loads((tmp_path / "found.json").read_text())] == [0, 1]


def test_a_limit_takes_so_many_clips(
    called: Called, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alike = [short.read_clips(sets / "jhmdb", "val")[0]] * 3
    monkeypatch.setattr(short, "read_clips", lambda *_: alike)
    told = [called("lift_noise", sets, "--limit", num)[1] for num in (1, 2, 3)]
    joints = [int(line.split()[1]) for line in told]
    assert joints == [joints[0], 2 * joints[0], 3 * joints[0]]
