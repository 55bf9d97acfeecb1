"""Flow networks: their sign and scale, the sizes they get, and all refusals."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from glpose.errors import BadWeights
from glpose.files import digest
from glpose.flow import Flow, Motions
from glpose.imaging import dense_flow
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import open_flow
from glpose.types import Frame
from tiny_onnx import write_detector, write_flow

ONE = EngineSpec(threads=1)


def grey(level: int, size_hw: tuple[int, int] = (128, 192)) -> np.ndarray:
    return np.full((*size_hw, 3), level, np.uint8)


def test_the_flow_goes_from_the_first_picture_to_the_second(tmp_path: Path) -> None:
    opened = open_flow(write_flow(tmp_path / "net.onnx"), ONE)
    assert isinstance(opened.network, Flow)
    assert opened.network(grey(10), grey(17))[50, 60].tolist() == [7, -1]
    motion = Motions(opened.network).between(Frame(0, 0.0, grey(10)), Frame(1, 0.04, grey(17)))
    assert motion is not None
    assert motion.there[0, 0].tolist() == [7, -1]
    assert motion.back[0, 0].tolist() == [-7, -1]
    bytes_ = (tmp_path / "net.onnx").read_bytes()
    assert opened.record == {
        "name": "net",
        "sha256": {"net.onnx": digest(bytes_)},
        "provider": "CPUExecutionProvider",
    }


def test_without_a_file_it_is_dense_inverse_search() -> None:
    assert open_flow(None).network is dense_flow


@pytest.mark.parametrize(
    ("declared", "size_hw", "given_hw"),
    [
        (("h", "w"), (128, 192), (128, 192)),
        (("h", "w"), (240, 320), (256, 320)),
        (("h", "w"), (360, 640), (384, 640)),
        (("h", "w"), (640, 360), (640, 384)),
        (("h", "w"), (20, 30), (128, 128)),
        ((64, 96), (240, 320), (64, 96)),
        ((64, "w"), (240, 320), (64, 320)),
    ],
)
def test_pictures_are_resized_for_the_graph_and_its_flow_back(
    declared: tuple, size_hw: tuple[int, int], given_hw: tuple[int, int], tmp_path: Path
) -> None:
    network = open_flow(write_flow(tmp_path / "net.onnx", declared), ONE).network
    assert network.input_size(size_hw) == given_hw  # type: ignore[attr-defined]
    flow = network(grey(10, size_hw), grey(14, size_hw))
    assert flow.shape == (*size_hw, 2)
    assert flow.dtype == np.float32
    expected = [4 * size_hw[1] / given_hw[1], -size_hw[0] / given_hw[0]]
    np.testing.assert_allclose(
        flow.reshape(-1, 2), [expected] * (size_hw[0] * size_hw[1]), rtol=1e-5
    )


REFUSED = {
    "names of inputs": (
        {"names": ("image1", "image2", "flow")},
        r"no input 'a_rgb' .*image1, image2",
    ),
    "name of the output": (
        {"names": ("a_rgb", "b_rgb", "out")},
        r"no output 'flow' \(found: out\)",
    ),
    "floats": ({"kind": TensorProto.FLOAT}, r"'a_rgb' is tensor\(float\) 1x\?x\?x3, but a flow"),
    "one input more": ({"more": ("steps",)}, "has the inputs steps besides 'a_rgb' and 'b_rgb'"),
    "channels": ({"channels": 3}, r"'flow' is tensor\(float\) 1x\?x\?x3, but .* 1x\?x\?x2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_graphs_that_are_no_flow_networks_are_refused(what: str, tmp_path: Path) -> None:
    change, said = REFUSED[what]
    path = write_flow(tmp_path / "net.onnx", **change)
    with pytest.raises(BadWeights, match=said) as found:
        open_flow(path, ONE)
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("flow")
    for name, said in (
        ("text.onnx", "not a graph that can be opened"),
        ("none.onnx", "no such file"),
        (".", "no such file"),
        (write_detector(tmp_path / "finder.onnx").name, "no input 'a_rgb'"),
    ):
        with pytest.raises(BadWeights, match=said):
            open_flow(tmp_path / name, ONE)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  net.onnx\n")
    with pytest.raises(BadWeights, match="its SHA-256 is"):
        open_flow(write_flow(tmp_path / "net.onnx"), ONE)


def test_flow_that_is_no_number_or_of_another_size_is_refused(tmp_path: Path) -> None:
    for change, said in (
        ({"scale": float("nan")}, "'flow' is not finite"),
        ({"out": "small"}, "'flow' is 1x8x8x2 for pictures of 128x192; expected 1x128x192x2"),
    ):
        network = open_flow(write_flow(tmp_path / "net.onnx", **change), ONE).network
        with pytest.raises(BadWeights, match=said):
            network(grey(1), grey(2))
