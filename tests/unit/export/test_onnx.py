"""What is done to graphs that are exported: padding goes into convolutions."""

import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from glpose.errors import BadInput  # noqa: E402
from glpose.export.onnx import (  # noqa: E402
    check_no_weights,
    fold_padding,
    kept_if_right,
    record_digest,
)
from glpose.nets.efficientnet_lite import SameConv  # noqa: E402
from glpose.runtime.engine import EngineSpec  # noqa: E402
from glpose.runtime.engines.open import open_graph  # noqa: E402
from glpose.runtime.load import shipped  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore:Constant folding", "ignore:Converting a tensor"
)


def test_weights_are_in_the_way_of_those_of_their_name_only(tmp_path: Path) -> None:
    others = ("pose.v2.onnx", "pose.v2.encoder.onnx", "pose2.onnx", "pose.v2.safetensors")
    for other in others:
        (tmp_path / other).touch()
    check_no_weights(tmp_path, "pose", overwrite=False)
    for name, file in (
        ("pose", "pose.onnx"), ("pose", "pose.encoder.onnx"), ("pose", "pose.fusion.onnx"),
        ("pose", "pose.starter.onnx"), ("pose", "pose.summary.onnx"), ("pose", "pose.lift.onnx"),
        ("pose", "pose.embedding.onnx"), ("pose", "pose.safetensors"), ("pose", "pose.txt"),
        ("a[b]", "a[b].onnx"),
    ):  # fmt: skip
        (tmp_path / file).touch()
        with pytest.raises(BadInput, match=f"holds {re.escape(file)} already; use --overwrite"):
            check_no_weights(tmp_path, name, overwrite=False)
        check_no_weights(tmp_path, name, overwrite=True)
        (tmp_path / file).unlink()


def test_files_of_an_export_come_all_or_none(tmp_path: Path) -> None:
    """What fails leaves older weights as they were, and no folder that was not there."""

    def write(folder: Path, content: str) -> None:
        with kept_if_right(folder) as part:
            for name in ("a.onnx", "b.json"):
                (part / name).write_text(content)
            record_digest(part / "a.onnx", content)
            if content == "bad":
                raise BadInput("wrong")

    with pytest.raises(BadInput, match="wrong"):
        write(tmp_path / "new", "bad")
    assert not (tmp_path / "new").exists()
    sums = tmp_path / "SHA256SUMS"
    sums.write_text("1234 *other.onnx\n")
    write(tmp_path, "first")
    write(tmp_path, "second")
    with pytest.raises(BadInput, match="wrong"):
        write(tmp_path, "bad")
    assert sums.read_text() == "1234 *other.onnx\nsecond  a.onnx\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["SHA256SUMS", "a.onnx", "b.json"]
    assert {(tmp_path / name).read_text() for name in ("a.onnx", "b.json")} == {"second"}


def exported(path: Path) -> onnx.ModelProto:
    """Two strided convolutions, as an encoder has them; they keep to the parity of the example."""
    network = torch.nn.Sequential(SameConv(1, 2, 3, 2), torch.nn.ReLU(), SameConv(2, 2, 5, 2))
    axes = {"x": {0: "n", 2: "h", 3: "w"}}
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 1, 16, 8),),
        str(path),
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    return onnx.load(str(path))


def ran(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model)
    graph = open_graph(Path("made.onnx"), model.SerializeToString(), EngineSpec(threads=1))
    return graph.run({"x": x}, ["y"])[0]


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_padding_by_zeros_becomes_part_of_the_convolutions(tmp_path: Path) -> None:
    model = exported(tmp_path / "plain.onnx")
    assert "Pad" in kinds(model)
    x = np.random.default_rng(0).normal(size=(2, 1, 32, 24)).astype(np.float32)
    before = ran(model, x)
    fold_padding(model)
    assert kinds(model) == ["Conv", "Relu", "Conv"]
    pads = [list(a.ints) for n in model.graph.node for a in n.attribute if a.name == "pads"]
    assert pads == [[0, 0, 1, 1], [1, 1, 2, 2]]
    np.testing.assert_array_equal(ran(model, x), before)
    # Nothing is left of how the widths were made.
    assert sum(len(w.dims) for w in model.graph.initializer) == 8


def padded(
    width: list[int], *, value: float | None = None, mode: str = "constant", twice: bool = False
) -> onnx.ModelProto:
    """A padded convolution whose padding is there for something else, too, if `twice`."""
    given = {"width": np.array(width), "kernel": np.ones((1, 1, 3, 3), np.float32)}
    inputs = ["x", "width"]
    if value is not None:
        given["value"] = np.array(value, np.float32)
        inputs.append("value")
    nodes = [
        helper.make_node("Pad", inputs, ["padded"], mode=mode),
        helper.make_node("Conv", ["padded", "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMax", ["padded" if twice else "seen"], ["top"], keepdims=1),
        helper.make_node("Add", ["seen", "top"], ["y"]),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in ("x", "y")
    )
    weights = [numpy_helper.from_array(array, name) for name, array in given.items()]
    graph = helper.make_graph(nodes, "padded", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


AROUND = [0, 0, 0, 1, 0, 0, 2, 3]
MODELS = {
    "zeros": (padded(AROUND), True),
    "ones": (padded(AROUND, value=1.0), False),
    "reflected": (padded(AROUND, mode="reflect"), False),
    "used twice": (padded(AROUND, twice=True), False),
    "another picture": (padded([1, 0, 0, 0, 0, 0, 0, 0]), False),
    "cut off": (padded([0, 0, -1, 0, 0, 0, 0, 0]), False),
}


@pytest.mark.parametrize("name", MODELS)
def test_only_zeros_around_are_folded(name: str) -> None:
    model, is_folded = MODELS[name]
    x = np.random.default_rng(0).normal(size=(2, 1, 9, 7)).astype(np.float32)
    before = ran(model, x)
    fold_padding(model)
    assert ("Pad" not in kinds(model)) == is_folded
    np.testing.assert_array_equal(ran(model, x), before)


def test_shipped_graphs_pad_in_their_convolutions() -> None:
    paths = [path for weights in shipped() for path in weights.files]
    before = {
        path.name
        for path in paths
        for model in [onnx.load(str(path))]
        for node in model.graph.node
        if node.op_type == "Conv"
        and any(
            other.op_type == "Pad" and other.output[0] == node.input[0]
            for other in model.graph.node
        )
    }
    assert not before
    assert len(paths) > 5


def test_a_convolution_that_does_not_say_how_it_pads_stays() -> None:
    model = padded(AROUND)
    (conv,) = (node for node in model.graph.node if node.op_type == "Conv")
    del conv.attribute[:]
    fold_padding(model)
    assert "Pad" in kinds(model)


def test_padding_that_depends_on_the_input_stays() -> None:
    model = padded([0] * 8)
    model.graph.initializer.remove(next(w for w in model.graph.initializer if w.name == "width"))
    width = helper.make_tensor_value_info("width", TensorProto.INT64, [8])
    model.graph.input.append(width)
    fold_padding(model)
    assert "Pad" in kinds(model)
