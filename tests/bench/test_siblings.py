"""What the table of all systems counts and chooses: multiplications and calls."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from costs import Counting, Macs, macs, pose_macs
from figures import parser_of, with_weights
from onnx import TensorProto, helper, numpy_helper

import tiny_onnx
from fake_estimator import FakeEstimator, run, video

# Node, its inputs and weights by shape, and its multiplications counted by hand.
NODES = {
    "Conv": ({"kernel_shape": [3, 3]}, (1, 4, 6, 5), [(8, 4, 3, 3)], 8 * 4 * 3 * 4 * 9),
    "Conv of groups": (
        {"kernel_shape": [3, 3], "group": 4, "strides": [2, 2], "pads": [1, 1, 1, 1]},
        (1, 4, 6, 4),
        [(8, 1, 3, 3)],
        8 * 3 * 2 * 9,
    ),
    "ConvTranspose": (
        {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        (1, 4, 6, 5),
        [(4, 3, 4, 4)],
        4 * 6 * 5 * 3 * 16,
    ),
    "MatMul": ({}, (1, 7, 6), [(6, 5)], 7 * 6 * 5),
    "Gemm": ({"transB": 1}, (1, 6), [(5, 6)], 6 * 5),
    "Einsum": ({"equation": "nthw, nt -> nhw"}, (1, 3, 4, 5), [(1, 3)], 3 * 4 * 5),
    "Relu": ({}, (1, 7), [], 0),
}


@pytest.mark.parametrize("name", NODES)
def test_multiplications_are_those_counted_by_hand(name: str, tmp_path: Path) -> None:
    attributes, shape, weights, expected = NODES[name]
    arrays = [
        numpy_helper.from_array(np.ones(s, np.float32), f"w{i}") for i, s in enumerate(weights)
    ]
    kind = name.partition(" ")[0]
    inputs = ["scaled", *(array.name for array in arrays)]
    # What is counted lies between other nodes and has no declared shape.
    nodes = [
        helper.make_node("Abs", ["x"], ["scaled"]),
        helper.make_node(kind, inputs, ["found"], **attributes),
        helper.make_node("Neg", ["found"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        arrays,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(tmp_path / "one.onnx"))
    assert macs(tmp_path / "one.onnx") == expected


def test_pose_weights_are_counted_by_name_or_path(tiny_weights: Path) -> None:
    assert pose_macs(tiny_weights / "tiny.encoder.onnx") == (0, 0, 0, 0)


def test_what_is_encoded_and_solved_is_counted() -> None:
    estimate = FakeEstimator(tiny_onnx.slots((-1, 1), box="exact"))
    counting = Counting(estimate)
    found = run(video(5), counting)
    assert [len(poses.people) for poses in found] == [1] * 5
    assert counting.num_solved == 5
    assert counting.num_encoded == sum(estimate.encoded) > 5
    assert counting.macs(Macs(100, 1)) == 100 * counting.num_encoded + 5


def test_first_frames_are_counted() -> None:
    estimate = FakeEstimator(tiny_onnx.slots())
    estimate.start = lambda crops: {"heatmaps": np.zeros((len(crops), 15, 4, 3), np.float32)}
    counting = Counting(estimate)
    maps = counting.start(np.zeros((3, 8, 6, 3), np.uint8))
    assert len(maps["heatmaps"]) == counting.num_started == 3
    assert counting.macs(Macs(100, 10, 1)) == 3


def test_weights_are_given_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    parser = with_weights(parser_of("What."))
    assert parser.parse_args(["data", "--weights", "a=b=c", "d=e"]).weights == [
        ("a", "b=c"),
        ("d", "e"),
    ]
    with pytest.raises(SystemExit):
        parser.parse_args(["data", "--weights", "flowing"])
    assert "flowing: expected NAME=WEIGHTS" in capsys.readouterr().err
