"""Exported encoders back in their networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from torch import nn  # noqa: E402

from glpose.errors import BadWeights  # noqa: E402
from glpose.export.pose import export_pose, pose_card  # noqa: E402
from glpose.export.unfold import load_exported, restore_norms  # noqa: E402
from glpose.nets.efficientnet_lite import EfficientNetLite  # noqa: E402
from glpose.nets.heads import make_head  # noqa: E402
from glpose.nets.spec import EfficientNetLiteConfig  # noqa: E402
from glpose.runtime.load import load_estimator  # noqa: E402
from glpose.systems.glpose.net import GLPose  # noqa: E402
from glpose.systems.glpose.spec import GLPoseConfig, LocalConfig, with_sources  # noqa: E402
from glpose.systems.glpose.system import graphs  # noqa: E402
from glpose.types import CropSpec  # noqa: E402

LITE = EfficientNetLiteConfig(width=0.25, pyramid=(16, 8, 8), channels=8)
CONFIG = replace(
    with_sources(
        GLPoseConfig(backbone=LITE, crop=CropSpec((64, 48)), local=LocalConfig(box="own")), k=1, n=0
    ),
    single_head="conv3x3",
    start="single",
)
NUM = CONFIG.num_joints
EXAMPLE = torch.zeros(1, 64, 48, 3, dtype=torch.uint8)
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx"),
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with batch norms of all kinds, as an encoder that also answers alone."""
    torch.manual_seed(0)
    model = GLPose(CONFIG).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.running_mean, layer.bias):
                nn.init.normal_(tensor, std=0.1)
            for tensor in (layer.running_var, layer.weight):
                nn.init.uniform_(tensor, 0.5, 1.5)
    parts = graphs(model)
    card = pose_card("tiny", (), "a test", CONFIG, slots=CONFIG.slots)
    return export_pose(parts, card, tmp_path_factory.mktemp("exported"))[0]


def test_an_encoder_and_its_head_give_what_their_graph_gives(exported: Path) -> None:
    network, head = EfficientNetLite(LITE).train(), make_head("conv3x3", 8, NUM, hidden=8)
    load_exported(network, exported, EXAMPLE, head)
    assert network.training
    crops = np.random.default_rng(0).integers(0, 255, (2, 64, 48, 3), np.uint8)
    with torch.inference_mode():
        features = network.eval()(torch.from_numpy(crops))
        heatmaps = head(features).numpy()
    expected = load_estimator(exported).encode(crops)
    assert expected.maps is not None
    assert np.abs(expected.features).max() > 0.05
    assert np.abs(expected.maps["heatmaps"]).max() > 0.05
    np.testing.assert_allclose(features.numpy(), expected.features, atol=1e-4)
    np.testing.assert_allclose(heatmaps, expected.maps["heatmaps"], atol=1e-4)


def test_norms_get_statistics_and_change_no_answer(exported: Path) -> None:
    network = EfficientNetLite(LITE)
    load_exported(network, exported, EXAMPLE)
    rng = np.random.default_rng(0)
    crops = torch.from_numpy(rng.integers(0, 255, (4, 256, 192, 3), np.uint8))
    others = torch.from_numpy(rng.integers(0, 255, (4, 256, 192, 3), np.uint8))
    with torch.no_grad():
        before = network.eval()(others)
    restore_norms(network.train(), crops)
    assert network.training
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # the statistics of one batch take the place of the former ones
    kept = [(norm.running_mean.clone(), norm.running_var.clone()) for norm in norms]
    with torch.no_grad():
        np.testing.assert_allclose(network.eval()(others), before, atol=1e-4)
        # Training on these crops starts where evaluation is: the norms expect what comes.
        as_trained, as_used = network.train()(crops), network.eval()(crops)
    np.testing.assert_allclose(as_trained, as_used, atol=5e-2)
    assert sum(int((var > 1e-3).sum()) for _, var in kept) > 100
    for norm, (mean, var) in zip(norms, kept, strict=True):
        assert (norm.running_mean - mean).abs().mean() < 0.02
        assert (norm.running_var - var).abs().mean() < 0.02
        alive = var > 1e-3
        np.testing.assert_allclose(var[alive], 1.0, rtol=1e-3)


def test_the_head_may_be_left_out(exported: Path) -> None:
    network, alone = EfficientNetLite(LITE), EfficientNetLite(LITE)
    load_exported(network, exported, EXAMPLE, make_head("conv3x3", 8, NUM, hidden=8))
    load_exported(alone, exported, EXAMPLE)
    for name, value in network.state_dict().items():
        assert torch.equal(value, alone.state_dict()[name]), name


def test_an_encoder_of_another_network_is_refused(exported: Path) -> None:
    other = EfficientNetLite(replace(LITE, width=0.5))
    with pytest.raises(BadWeights, match=r"encoder\.onnx: number \d+ of its \d+ convolutions"):
        load_exported(other, exported, EXAMPLE)
    with pytest.raises(BadWeights, match=r"convolutions differs from this recipe's"):
        load_exported(
            EfficientNetLite(LITE), exported, EXAMPLE, make_head("conv3x3", 8, 7, hidden=8)
        )


def test_a_network_with_transposed_convolutions_is_refused(exported: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ConvTranspose2d(8, 8, 2))
    with pytest.raises(BadWeights, match="transposed convolutions"):
        load_exported(network, exported, EXAMPLE)


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(BadWeights, match=r"x\.onnx: cannot be read as ONNX"):
        load_exported(EfficientNetLite(LITE), tmp_path / "x.onnx", EXAMPLE)
