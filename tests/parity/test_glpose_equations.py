"""Equations 1 to 6 of GLPose (Jiao et al., ACM TOMM 2022), said a second time and compared.

The statement below uses loops, NumPy and `torch.nn.functional` only: nothing of the network's code,
just its weights, by their names. Where the paper is silent, the settings of `spec` say what is done,
and the statement says it again. V are features of crops, t is the key frame.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from glpose import clip  # noqa: E402
from glpose.nets.losses import heatmap_loss  # noqa: E402
from glpose.nets.spec import LossConfig  # noqa: E402
from glpose.systems.glpose.net import GLPose, rank  # noqa: E402
from glpose.systems.glpose.spec import (  # noqa: E402
    AggregateConfig,
    EnhanceConfig,
    GlobalConfig,
    GLPoseConfig,
    LocalConfig,
)
from glpose.types import CropSpec  # noqa: E402
from tiny_hrnet import tiny_hrnet  # noqa: E402

pytestmark = pytest.mark.torch

Weights = dict[str, Tensor]

# --- the statement ---


def convolution(p: Weights, name: str, x: Tensor) -> Tensor:
    """Same padding, stride 1, with a bias where the layer has one."""
    weight = p[f"{name}.weight"]
    return functional.conv2d(x, weight, p.get(f"{name}.bias"), padding=weight.shape[-1] // 2)


def norm(p: Weights, name: str, x: Tensor) -> Tensor:
    """Batch norm with its stored statistics."""
    mean, variance, scale, shift = (
        p[f"{name}.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift


def basic_block(p: Weights, name: str, x: Tensor) -> Tensor:
    """He et al., CVPR 2016."""
    out = functional.relu(norm(p, f"{name}.bn1", convolution(p, f"{name}.conv1", x)))
    out = norm(p, f"{name}.bn2", convolution(p, f"{name}.conv2", out))
    if f"{name}.downsample.0.weight" in p:
        x = norm(p, f"{name}.downsample.1", convolution(p, f"{name}.downsample.0", x))
    return functional.relu(out + x)


def temporal_weights(k: int, kind: str) -> list[float]:
    """Equation 2: W_l = T(distance) for t-k .. t-1, t+1 .. t+k; nearer frames weigh more."""
    of_distance = {
        "linear": lambda d: k + 1 - d,
        "inverse": lambda d: 1 / d,
        "exp": lambda d: 1 / 2**d,
        "softmax": lambda d: math.exp(-d),
    }
    distances = [*range(k, 0, -1), *range(1, k + 1)]
    if kind == "ones":
        return [1.0 for _ in distances]
    values = [of_distance[kind](d) for d in distances]
    return [v / sum(values) for v in values]


def softmax(values: list[float]) -> list[float]:
    """Without care for large numbers."""
    exponentials = [math.exp(v) for v in values]
    return [e / sum(exponentials) for e in exponentials]


def ranked(
    key: np.ndarray, proposals: np.ndarray, how: GlobalConfig
) -> tuple[list[int], np.ndarray]:
    """Equation 3 for one person, from averages over the pixels of V_t (C) and of each V_g (P, C).

    Which `how.n` proposals are kept, the most similar one first, and W_g: a row for each of them,
    with one weight, or one for each channel.
    """
    num, channels = proposals.shape
    products = [[float(key[c] * proposals[j, c]) for c in range(channels)] for j in range(num)]
    similarity = [sum(row) for row in products]
    if how.similarity == "cosine":
        lengths = [math.sqrt(sum(float(v) ** 2 for v in row)) for row in (key, *proposals)]
        similarity = [s / (lengths[0] * length) for s, length in zip(similarity, lengths[1:])]  # noqa: B905
    by_similarity = sorted(range(num), key=lambda j: -similarity[j])
    kept = by_similarity[: how.n]
    if how.similarity == "over_channels":
        rows = [softmax([v / how.temperature for v in products[j]]) for j in kept]
        return kept, np.array(rows)
    counted = kept if how.softmax_over == "kept" else by_similarity
    if how.similarity == "channel":
        columns = [
            softmax([products[j][c] / how.temperature for j in counted]) for c in range(channels)
        ]
    else:
        columns = [softmax([similarity[j] / how.temperature for j in counted])]
    return kept, np.array(columns).T[: how.n]


def aggregated(
    p: Weights,
    config: GLPoseConfig,
    key: Tensor,
    local: Tensor | None,
    kept: Tensor | None,
    weight: Tensor | None,
) -> Tensor:
    """Equation 4: S = basic blocks of [V_t, W_l V_l, W_g V_g]; local slots in order of time."""
    slots = [key]
    if local is not None:
        temporal = temporal_weights(config.local.k, config.local.weight)
        slots.extend(w * local[:, i] for i, w in enumerate(temporal))
    if kept is not None and weight is not None:
        slots.extend(weight[:, j, :, None, None] * kept[:, j] for j in range(config.global_.n))
    x = torch.cat(slots, 1)
    for i in range(config.aggregate.num_blocks):
        x = basic_block(p, f"aggregate.{i}", x)
    return x


def enhanced(p: Weights, how: EnhanceConfig, s: Tensor, key: Tensor) -> Tensor:
    """Equation 5: F = A((1 - sigmoid(psi(V_t))) * S, V_t)."""
    if how.encoder == "block":
        inner = basic_block(p, "enhance.psi.0", key)
        psi = norm(p, "enhance.psi.1.1", convolution(p, "enhance.psi.1.0", inner))
    else:
        size = {"conv3x3": 3, "conv1x1": 1}[how.encoder]
        assert p["enhance.psi.0.weight"].shape[2:] == (size, size)
        psi = norm(p, "enhance.psi.1", convolution(p, "enhance.psi.0", key))
    masked = (1 - 1 / (1 + torch.exp(-psi))) * s
    if how.aggregate == "add":
        return masked + key
    both = torch.cat([masked, key], 1)
    if how.aggregate == "block":
        return basic_block(p, "enhance.a", both)
    return functional.relu(norm(p, "enhance.a.1", convolution(p, "enhance.a.0", both)))


def heatmaps_of(
    p: Weights,
    config: GLPoseConfig,
    key: Tensor,
    local: Tensor | None,
    kept: Tensor | None,
    weight: Tensor | None,
) -> Tensor:
    """Equations 2, 4 and 5, then the detection head."""
    x = aggregated(p, config, key, local, kept, weight)
    if config.enhance.enabled and config.head_input == "enhanced":
        x = enhanced(p, config.enhance, x, key)
    if config.start == "single":
        x = key + convolution(p, "residual", x)
    if config.head == "mlp":
        return convolution(p, "head.2", functional.relu(convolution(p, "head.0", x)))
    return convolution(p, "head", x)


def loss_of(h: np.ndarray, g: np.ndarray, v: np.ndarray, how: LossConfig) -> float:
    """Equation 6: L = 1/M sum over m of v_m |G_m - H_m|^2, averaged over the samples.

    The squared distance may be a mean over pixels, then in thousandths.
    """
    total = 0.0
    num, num_joints = v.shape
    for b in range(num):
        for m in range(num_joints):
            distance = float(((g[b, m] - h[b, m]) ** 2).sum())
            if how.pixels == "mean":
                distance *= 1000 / h[b, m].size
            total += float(v[b, m]) * distance
    return how.factor * total / num / (num_joints if how.divide_by_joints else 1)


# --- the comparison ---

BACKBONE = tiny_hrnet()
BASE = GLPoseConfig(
    backbone=BACKBONE,
    crop=CropSpec((64, 48)),
    sigma_px=1.5,
    local=LocalConfig(k=2),
    global_=GlobalConfig(n=3, num_candidates=7),
)
CONFIGS = {
    "paper": BASE,
    "k=4, n=6": replace(BASE, local=LocalConfig(k=4), global_=GlobalConfig(n=6, num_candidates=8)),
    "k=0": replace(BASE, local=LocalConfig(k=0)),
    "n=0": replace(BASE, global_=replace(BASE.global_, n=0)),
    "k=n=0": replace(BASE, local=LocalConfig(k=0), global_=replace(BASE.global_, n=0)),
    "stride 2": replace(BASE, local=LocalConfig(k=2, stride=2)),
    **{
        f"T {kind}": replace(BASE, local=LocalConfig(k=2, weight=kind))
        for kind in ("inverse", "exp", "softmax", "ones")
    },
    **{
        f"psi {encoder}, mask {mask}, A {aggregate}": replace(
            BASE, enhance=EnhanceConfig(encoder=encoder, mask=mask, aggregate=aggregate)
        )
        for encoder in ("conv3x3", "conv1x1", "block")
        for mask in ("channels", "one")
        for aggregate in ("block", "conv", "add")
    },
    **{
        f"{similarity} over {over}": replace(
            BASE,
            global_=replace(
                BASE.global_, similarity=similarity, softmax_over=over, temperature=0.5
            ),
        )
        for similarity in ("dot", "cosine", "channel", "over_channels")
        for over in ("kept", "all")
    },
    "no enhancement": replace(BASE, enhance=EnhanceConfig(enabled=False)),
    "head of S": replace(BASE, head_input="aggregated"),
    "wider S": replace(BASE, aggregate=AggregateConfig(channels=12, num_blocks=2)),
    "mlp": replace(BASE, head="mlp"),
    "5x5": replace(BASE, head="conv5x5"),
    "17 joints": replace(BASE, skeleton="posetrack17"),
    "residual": replace(BASE, start="single"),
}


def random_model(config: GLPoseConfig) -> GLPose:
    """Weights, statistics and biases at random, of a size that every term of an equation shows."""
    torch.manual_seed(0)
    model = GLPose(config).eval()
    with torch.no_grad():
        for value in model.fusion.parameters():
            fan_in = max(value[0].numel(), 1)
            value.copy_(torch.randn_like(value) * (2 / fan_in) ** 0.5)
        for name, value in model.fusion.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(torch.randn_like(value) / 2)
            elif name.endswith("running_var"):
                value.copy_(torch.rand_like(value) + 0.5)
    return model


def close(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_fusion_is_equations_2_4_and_5(config: GLPoseConfig) -> None:
    model = random_model(config)
    rng = torch.Generator().manual_seed(1)
    k, n, columns = 2 * config.local.k, config.global_.n, 1
    if config.global_.similarity in ("channel", "over_channels"):
        columns = 8
    key = torch.rand(2, 8, 16, 12, generator=rng)
    local = torch.rand(2, k, 8, 16, 12, generator=rng) if k else None
    kept = torch.rand(2, n, 8, 16, 12, generator=rng) if n else None
    weight = torch.rand(2, n, columns, generator=rng) if n else None
    with torch.inference_mode():
        found = model.fusion(key, local, kept, weight)
        expected = heatmaps_of(model.fusion.state_dict(), config, key, local, kept, weight)
    assert float(expected.std()) > 0.1
    assert close(found, expected)


def crops(seed: int, *shape: int) -> Tensor:
    """Crops of a random colour and contrast, whose features differ more than those of noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(*shape, 64, 48, 3)) * rng.uniform(0, 60, (*shape, 1, 1, 1))
    return torch.from_numpy(
        np.clip(noise + rng.uniform(0, 255, (*shape, 1, 1, 3)), 0, 255).astype(np.uint8)
    )


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_network_is_equations_1_to_5(config: GLPoseConfig) -> None:
    model = random_model(config)
    k, num, n = 2 * config.local.k, config.global_.num_candidates, config.global_.n
    key, locals_, proposals = crops(0, 2), crops(1, 2, k), crops(2, 2, num)
    with torch.inference_mode():
        found = model(key, locals_ if k else None, proposals if n else None)
        # Equation 1: V of each crop, by the encoder that all of them share.
        v_key = model.encoder(key)
        v_local = torch.stack([model.encoder(c) for c in locals_]) if k else None
        v_kept = weight = None
        if n:
            v = torch.stack([model.encoder(c) for c in proposals])
            rows, weights = zip(
                *(
                    ranked(a.mean((1, 2)).numpy(), b.mean((2, 3)).numpy(), config.global_)
                    for a, b in zip(v_key, v, strict=True)
                ),
                strict=True,
            )
            assert rows[0] != rows[1]
            v_kept = torch.stack([v[b, list(row)] for b, row in enumerate(rows)])
            weight = torch.from_numpy(np.stack(weights)).float()
        expected = heatmaps_of(model.fusion.state_dict(), config, v_key, v_local, v_kept, weight)
    assert close(found, expected)


@pytest.mark.parametrize("kind", ["linear", "inverse", "exp", "softmax", "ones"])
@pytest.mark.parametrize("k", [0, 1, 4])
def test_equation_2(k: int, kind: clip.LocalWeight) -> None:
    offsets = clip.local_offsets(k)
    assert offsets == tuple(o for o in range(-k, k + 1) if o)
    assert clip.local_weights(offsets, kind) == pytest.approx(temporal_weights(k, kind))
    if kind == "linear" and k == 4:
        half = [0.05, 0.1, 0.15, 0.2]
        assert clip.local_weights(offsets, kind) == pytest.approx([*half, *half[::-1]])


@pytest.mark.parametrize("similarity", ["dot", "cosine", "channel", "over_channels"])
@pytest.mark.parametrize("over", ["kept", "all"])
@pytest.mark.parametrize("n", [1, 6])
def test_equation_3(n: int, over: clip.SoftmaxOver, similarity: clip.Similarity) -> None:
    how = GlobalConfig(
        n=n, num_candidates=20, similarity=similarity, softmax_over=over, temperature=0.8
    )
    rng = np.random.default_rng(3)
    key = rng.random((3, 8)).astype(np.float32)
    proposals = (rng.random((3, 20, 8)) * rng.random((3, 20, 1))).astype(np.float32)
    index, weight = rank(
        torch.from_numpy(key), torch.from_numpy(proposals), replace(BASE, global_=how)
    )
    for b in range(3):
        kept, expected = ranked(key[b], proposals[b], how)
        assert index[b].tolist() == kept
        assert weight[b].numpy() == pytest.approx(expected, abs=1e-6)
        rows, weights = clip.rank(key[b], proposals[b], n, similarity, 0.8, over)
        assert rows.tolist() == kept
        assert weights == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pixels", ["mean", "sum"])
@pytest.mark.parametrize("divide", [True, False])
def test_equation_6(divide: bool, pixels: str) -> None:
    how = LossConfig(pixels=pixels, factor=0.5, divide_by_joints=divide)  # type: ignore[arg-type]
    rng = np.random.default_rng(4)
    h, g = rng.random((2, 3, 15, 16, 12)).astype(np.float32)
    v = rng.choice([0.0, 0.3, 1.0], (3, 15)).astype(np.float32)
    found = heatmap_loss(torch.from_numpy(h), torch.from_numpy(g), torch.from_numpy(v), how)
    assert float(found) == pytest.approx(loss_of(h, g, v, how), rel=1e-5)
