"""Averages of two networks: weights between, everything else as it was, strangers refused."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from average import averaged  # noqa: E402


def network(weight: float, size: int = 3):
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    values = onnx.TensorProto.FLOAT
    return helper.make_model(
        helper.make_graph(
            [helper.make_node("Mul", ["x", "w"], ["y"])],
            "one",
            [helper.make_tensor_value_info("x", values, [size])],
            [helper.make_tensor_value_info("y", values, [size])],
            [
                numpy_helper.from_array(np.full(size, weight, np.float32), "w"),
                numpy_helper.from_array(np.array([7], np.int64), "shape"),
            ],
        )
    )


def test_weights_lie_between_and_whole_numbers_stay() -> None:
    first, second = network(1.0), network(3.0)
    for share, expected in ((0.0, 1.0), (0.75, 2.5), (1.0, 3.0)):
        weight, shape = averaged(first, second, share).graph.initializer
        np.testing.assert_allclose(onnx.numpy_helper.to_array(weight), expected)
        assert onnx.numpy_helper.to_array(shape).tolist() == [7]
    assert onnx.numpy_helper.to_array(second.graph.initializer[0])[0] == 3.0


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="different networks"):
        averaged(network(1.0, 3), network(1.0, 4), 0.5)
