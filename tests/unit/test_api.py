"""What the front door does unless it is told otherwise."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_onnx
from glpose.api import check_boxes, load_models, poses_of, usual_refiners
from glpose.errors import BadInput
from glpose.metrics.calibration import calibrated
from glpose.refine.phantoms import without_phantoms
from glpose.runtime.protocols import Detector
from glpose.skeleton import BODY19
from glpose.types import Detections, FramePoses, People
from glpose.video.arrays import ArraySource


def test_phantoms_are_left_out_unless_boxes_are_given() -> None:
    detected, given = (usual_refiners(b, BODY19, (480, 640)) for b in (None, {}))
    assert detected[0] is without_phantoms
    assert without_phantoms not in given
    assert len(detected) == len(given) + 1 == 2


class Counting:
    """A detector that counts how often it looks."""

    def __init__(self, detect: Detector) -> None:
        self.card, self._detect, self.looks = detect.card, detect, 0

    def __call__(self, rgb: np.ndarray) -> Detections:
        self.looks += 1
        return self._detect(rgb)


def look(weights: Path, detector: Path, every: int) -> tuple[list[FramePoses], int]:
    """The poses of a bright spot in twelve pictures, and how often the detector looked."""
    rgb = np.full((96, 128, 3), 40, np.uint8)
    rgb[40:60, 54:74] = 255
    source = ArraySource([rgb] * 12, rate_hz=25.0)
    models = load_models(weights, detector)
    assert models.detect is not None
    counting = Counting(models.detect)
    models = replace(models, detect=counting)
    pairs = poses_of(source.frames(), source.info, models, refiners=(), detect_every=every)
    return [poses for _, poses in pairs], counting.looks


def test_encoders_that_answer_spare_looks_and_scores_are_calibrated(tmp_path: Path) -> None:
    detector = tiny_onnx.write_detector(tmp_path / "d.onnx")
    deaf = tiny_onnx.write_pose(tmp_path, "deaf")
    plain = tiny_onnx.write_pose(tmp_path, "plain", answers=True)
    knots = ((0.3, 0.2), (0.9, 0.7))
    sure = tiny_onnx.write_pose(tmp_path, "sure", answers=True, calibration=knots)
    assert look(deaf, detector, 3)[1] == 12
    before, looks = look(plain, detector, 3)
    assert looks == 5  # frames 0, 1, 4, 7 and 10
    after, _ = look(sure, detector, 3)
    for one, two in zip(before, after, strict=True):
        assert one.people.track_id.tolist() == two.people.track_id.tolist() == [1]
        np.testing.assert_array_equal(one.xy, two.xy)
        np.testing.assert_allclose(two.score, calibrated(one.score, knots))
        assert (two.score < one.score).all()
        assert two.side_evidence is not None
        assert two.side_evidence.shape == two.score.shape


def test_an_id_twice_in_a_frame_is_refused() -> None:
    info = ArraySource([np.zeros((8, 8, 3), np.uint8)] * 3, rate_hz=25.0).info
    box = np.array([[0, 0, 4, 4]] * 2, np.float32)
    twice = People(box, np.ones(2, np.float32), np.array([7, 7]))
    with pytest.raises(BadInput, match="boxes of frame 2 have the track_id 7 twice"):
        check_boxes({2: twice}, info, "x")


@pytest.mark.slow
def test_bare_arrays_are_refused_with_the_way_to_give_them() -> None:
    code = (  # in a process without type checks, which would refuse them first
        "import glpose, numpy\n"
        "try:\n"
        "    glpose.run(numpy.zeros((2, 8, 8, 3), numpy.uint8))\n"
        "except glpose.BadInput as problem:\n"
        "    print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("found a ndarray as source; expected a path or a source")
