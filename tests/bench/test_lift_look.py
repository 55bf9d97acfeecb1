"""What looks wrong in lifted skeletons is not what happened while a person was away."""

from collections.abc import Callable
from pathlib import Path

import lift_look
import numpy as np
import pytest

from glpose.formats.results import ResultWriter
from glpose.skeleton import COCO17, LIMB13
from glpose.types import VideoInfo

NUM = 40


def body() -> np.ndarray:
    """A trunk that faces the camera, and limbs somewhere."""
    xyz = np.random.default_rng(0).uniform(-1, 1, (len(LIMB13.joints), 3))
    for part, height in (("shoulder", 0.5), ("hip", 0.0)):
        for side, x in (("left", 0.2), ("right", -0.2)):
            xyz[LIMB13.index(f"{side}_{part}")] = (x, height, 0)
    xyz[LIMB13.index("neck")] = (0, 0.5, 0)
    return xyz


def walked(frame: np.ndarray) -> np.ndarray:
    """Who goes ahead at an even pace, and turns round in frame 20."""
    turned = np.where(frame < 20, 1, -1)[:, None, None] * [1, 0, 1] + [0, 1, 0]
    return body() * turned + frame[:, None, None] * [0.01, 0, 0]


def told(frame: np.ndarray, capsys: pytest.CaptureFixture[str]) -> list[str]:
    xyz = walked(frame)
    lift_look.tell("she", frame, xyz, 100 * xyz[..., :2], 25.0)
    return [line.strip() for line in capsys.readouterr().out.splitlines()[-2:]]


def test_frames_without_the_person_are_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    frame = np.arange(NUM)
    flips = told(frame, capsys)[0]
    assert flips == f"flips: {1 / (NUM - 1):.4f} over 90 degrees, {1 / (NUM - 1):.4f} towards and away"  # fmt: skip
    away = told(frame[(frame < 15) | (frame > 25)], capsys)
    assert away == [
        "flips: 0.0000 over 90 degrees, 0.0000 towards and away",
        "steady: 0.000 in space, 0.000 in the picture",
    ]


def test_gaps_do_not_shake(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fourth frame is missing, so that most of three frames in the file are none in a row."""
    frame = np.arange(NUM)
    assert told(frame[frame % 4 > 0], capsys)[1] == "steady: 0.000 in space, 0.000 in the picture"


def test_never_three_frames_in_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    frame = np.arange(0, NUM, 2)
    assert told(frame, capsys)[1].startswith("never in three frames in a row")


def test_joints_without_a_neck_are_refused(
    tmp_path: Path, called: Callable[..., tuple[int, str, str]]
) -> None:
    file = tmp_path / "poses.jsonl"
    with ResultWriter(file, VideoInfo("clip", (240, 320), 30.0), COCO17):
        pass
    status, _, err = called("lift_look", file)
    assert status == 2
    assert "skeleton coco17 has no joint 'neck'" in err
