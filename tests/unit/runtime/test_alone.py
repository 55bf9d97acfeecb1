"""What an encoder answers alone, as an estimator."""

import numpy as np

import tiny_onnx
from fake_estimator import FakeEstimator, maps
from glpose.runtime.alone import Alone, alone, can_follow
from glpose.runtime.protocols import Encoded

RNG = np.random.default_rng(0)


def test_the_maps_are_what_the_encoder_answers() -> None:
    answer = RNG.random((2, 15, *tiny_onnx.MAP_HW), np.float32)
    estimate = FakeEstimator()
    estimate.card = tiny_onnx.pose_card(answers=True)
    features, embedding = np.zeros((2, 1, 2, 2), np.float32), np.zeros((2, 2), np.float32)
    estimate.encode = lambda crops: Encoded(features, embedding, {"heatmaps": answer})
    own = alone(estimate)
    assert isinstance(own, Alone)
    seen = own.encode(np.zeros((2, *tiny_onnx.CROP_HW, 3), np.uint8))
    found = own.solve({own.card.inputs[0]: seen.features})
    assert list(found) == ["heatmaps"]
    np.testing.assert_array_equal(found["heatmaps"], answer)


def test_an_estimator_of_single_frames_stays_as_it_is() -> None:
    estimate = FakeEstimator(tiny_onnx.slots())
    assert alone(estimate) is estimate


def test_an_estimator_of_single_frames_may_be_solved_as_it_encodes() -> None:
    estimate = FakeEstimator(tiny_onnx.slots())
    crops = RNG.integers(0, 256, (3, *tiny_onnx.CROP_HW, 3), np.uint8)
    own = Alone(estimate)
    assert own.encode(crops).features.shape == (3, 15, *tiny_onnx.MAP_HW)
    np.testing.assert_array_equal(maps(own, crops), maps(estimate, crops))


def test_people_can_be_followed_by_whoever_tells_poses_from_single_crops() -> None:
    assert can_follow(tiny_onnx.pose_card(slots=tiny_onnx.slots()))
    assert can_follow(tiny_onnx.pose_card(answers=True))
    assert not can_follow(tiny_onnx.pose_card())
