"""Exported encoders back in their networks."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from glpose import weights  # noqa: E402
from glpose.errors import BadWeights  # noqa: E402
from glpose.export.unfold import load_exported  # noqa: E402
from glpose.nets.hrnet import HRNet  # noqa: E402
from glpose.nets.spec import HRNetConfig  # noqa: E402
from glpose.runtime.load import load_estimator  # noqa: E402

SMALL = HRNetConfig(
    width=32,
    stem_width=32,
    first="basic",
    first_width=64,
    first_blocks=2,
    num_modules=(1, 4),
    num_blocks=2,
)
SHIPPED = Path(weights.__file__).parent / "pose_small.encoder.onnx"
EXAMPLE = torch.zeros(1, 192, 144, 3, dtype=torch.uint8)


@pytest.mark.slow
def test_the_shipped_encoder_gives_the_features_of_its_graph() -> None:
    network = HRNet(SMALL).train()
    load_exported(network, SHIPPED, EXAMPLE)
    assert network.training
    crops = np.random.default_rng(0).integers(0, 255, (2, 192, 144, 3), np.uint8)
    with torch.inference_mode():
        found = network.eval()(torch.from_numpy(crops)).numpy()
    expected = load_estimator("pose_small").encode(crops).features
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_an_encoder_of_another_network_is_refused() -> None:
    other = HRNet(HRNetConfig(width=16, first="basic", num_modules=(1, 1), num_blocks=1))
    with pytest.raises(BadWeights, match=r"encoder\.onnx: number 1 of its \d+ convolutions"):
        load_exported(other, SHIPPED, EXAMPLE)


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(BadWeights, match=r"x\.onnx: cannot be read as ONNX"):
        load_exported(HRNet(SMALL), tmp_path / "x.onnx", EXAMPLE)
