"""Joint queries: another fusion of the same features.

Axes: B batch, F frames (the key first), T neighbours, J joints, N tokens, C channels of features,
K values of a joint's summary, D channels of tokens, H W.

The idea, after TAR-ViTPose (CVPR 2026): each joint gathers, in each frame, the features that its
heatmap points at; the tokens of all joints and frames exchange what they hold; what the key's
joints have learned is restored into the key's features. Own code, and ours: tokens know where the
peaks lie, and those of the neighbours write Gaussians into the key's maps where they expect the
joint, so that a joint that the key does not show can be found.

Of a neighbour only its summary counts: where each joint's peak lies, how high it is, and the features
there. It depends on that frame alone, so that each frame is summarised once, not for every key.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glpose.nets.blocks import conv_bn
from glpose.systems.glpose.spec import GLPoseConfig

# Score of the peak, its place, its way from the joint's mean place, and the frame's way to the key.
_NUM_PLACES = 7
# Far out Gaussians, and products of two of them, are below float32's normal numbers, and those are
# slow to multiply. Exponents end here, where a Gaussian is 6e-16.
_FAR_OUT = 35.0
# Of the attention over a frame's pixels at first: a peak of 1 outweighs a thousand empty pixels.
_SHARPNESS = 12.0


class JointQueries(nn.Module):
    """Features and single-frame heatmaps of a key, and summaries of its neighbours, to heatmaps.

    The last layers are zero at first, so that the first answer is the key's single-frame heatmap.
    """

    def __init__(self, config: GLPoseConfig) -> None:
        super().__init__()
        how = config.queries
        assert how is not None
        channels, num_joints, width = config.backbone.channels, config.num_joints, how.channels
        self.sigma_px, self.size_hw = config.sigma_px, config.heatmap.size_hw
        self.sharpness = nn.Parameter(torch.full((num_joints, 1), _SHARPNESS))
        self.read = nn.Linear(channels + _NUM_PLACES, width)
        self.time = nn.Parameter(0.1 * torch.randn(1 + len(config.offsets), 1, width))
        self.joint = nn.Parameter(0.1 * torch.randn(num_joints, width))
        self.blocks = nn.Sequential(
            *(TokenBlock(width, how.num_heads) for _ in range(how.num_blocks))
        )
        self.norm = nn.LayerNorm(width)
        self.restored = conv_bn(channels, channels)
        # For the key: a 1x1 kernel for its features, and a factor of its heatmap.
        self.kernel = nn.Linear(width, channels + 1)
        # For a neighbour: what it adds, what it multiplies, where (x, y), and how sharply.
        self.evidence = nn.Linear(width, 5)
        for layer in (self.kernel, self.evidence):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def summarise(self, features_BCHW: Tensor, maps_BJHW: Tensor) -> Tensor:
        """A summary (B, K, J, 1) of each crop: x, y and score of the peaks, and features there."""
        xy_BJ2, score_BJ1 = peaks(maps_BJHW, self.sigma_px)
        attention = (self.sharpness * maps_BJHW.flatten(-2)).softmax(-1)
        gathered_BJC = attention @ features_BCHW.flatten(-2).transpose(-1, -2)
        return torch.cat([xy_BJ2, score_BJ1, gathered_BJC], -1).transpose(-1, -2)[..., None]

    def forward(self, key_BCHW: Tensor, maps_BJHW: Tensor, local_BTKJ1: Tensor) -> Tensor:
        """Heatmaps (B, J, H, W) of the key; `maps_BJHW` are those of the key alone."""
        own_BKJ1 = self.summarise(key_BCHW, maps_BJHW)
        frames_BFJK = torch.cat([own_BKJ1[:, None], local_BTKJ1], 1)[..., 0].transpose(-1, -2)
        num_channels = key_BCHW.shape[1]
        xy_BFJ2, score_BFJ1, gathered_BFJC = frames_BFJK.split([2, 1, num_channels], -1)
        moved_BF12 = self._to_key(xy_BFJ2, score_BFJ1)
        tokens_BFJD = self._tokens(gathered_BFJC, xy_BFJ2, score_BFJ1, moved_BF12)
        expected_BTJ2 = xy_BFJ2[:, 1:] + moved_BF12[:, 1:]
        added, factor = self._written(tokens_BFJD[:, 1:], expected_BTJ2)
        kernel_BJC, gate_BJ1 = self.kernel(tokens_BFJD[:, 0]).split([num_channels, 1], -1)
        features_BCN = self.restored(key_BCHW).flatten(-2)
        seen = (kernel_BJC @ features_BCN).unflatten(-1, self.size_hw)
        return maps_BJHW * (1 + gate_BJ1[..., None] + factor) + added + seen

    def _to_key(self, xy_BFJ2: Tensor, score_BFJ1: Tensor) -> Tensor:
        """How far, in map pixels, each frame's joints lie from the key's: a mean by their scores.

        Boxes differ from frame to frame; this is what they have in common.
        """
        weight = score_BFJ1 * score_BFJ1[:, :1]
        total = (weight * (xy_BFJ2[:, :1] - xy_BFJ2)).sum(2, keepdim=True)
        return total / (weight.sum(2, keepdim=True) + 0.1)

    def _tokens(
        self, gathered_BFJC: Tensor, xy_BFJ2: Tensor, score_BFJ1: Tensor, moved_BF12: Tensor
    ) -> Tensor:
        """Tokens (B, F, J, D): what was gathered in each frame, then exchanged."""
        half = self.size_hw[0] / 2
        mean = (score_BFJ1 * xy_BFJ2).sum(1, keepdim=True) / (score_BFJ1.sum(1, keepdim=True) + 0.1)
        # Ways are small beside places: a quarter of the map's half height counts as 1.
        ways = torch.cat([xy_BFJ2 - mean, moved_BF12.expand_as(xy_BFJ2)], -1) / (half / 4)
        places = torch.cat([score_BFJ1, xy_BFJ2 / half - 1, ways], -1)
        tokens = self.read(torch.cat([gathered_BFJC, places], -1)) + self.time + self.joint
        mixed_BND = self.blocks(tokens.flatten(1, 2))
        return self.norm(mixed_BND).unflatten(1, tokens.shape[1:3])

    def _written(self, tokens_BTJD: Tensor, expected_BTJ2: Tensor) -> tuple[Tensor, Tensor]:
        """What the neighbours write: maps (B, J, H, W) to add, and factors of the key's maps."""
        amount, factor, way_xy, width = self.evidence(tokens_BTJD).float().split([1, 1, 2, 1], -1)
        xy = expected_BTJ2 + way_xy
        sigma = self.sigma_px * width.clamp(-1.5, 1.5).exp()
        added = _gaussians(amount, xy, sigma, self.size_hw)
        # What a neighbour makes believable may lie somewhat further off.
        return added, _gaussians(factor, xy, 2 * sigma, self.size_hw)


class TokenBlock(nn.Module):
    """Self-attention and a perceptron, each after a layer norm and beside a shortcut."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads, self.scale = num_heads, (width // num_heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(inplace=True), nn.Linear(2 * width, width)
        )

    def forward(self, x_BND: Tensor) -> Tensor:
        heads = self.project(self.norm1(x_BND)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        attention = (self.scale * query @ key.transpose(-1, -2)).softmax(-1)
        x_BND = x_BND + self.out((attention @ value).transpose(1, 2).flatten(2))
        return x_BND + self.mlp(self.norm2(x_BND))


@torch.no_grad()
def peaks(maps: Tensor, sigma_px: float) -> tuple[Tensor, Tensor]:
    """The highest places of maps (..., H, W): (x, y) in map pixels (..., 2), and scores (..., 1).

    Between pixels: the mean of the map under a Gaussian of `sigma_px` around the highest pixel. If
    the peak is such a Gaussian too, its centre is twice as far from that pixel as the mean.
    """
    maps = maps.float()
    height, width = maps.shape[-2:]
    score, index = maps.flatten(-2).max(-1)
    y = torch.div(index, width, rounding_mode="floor")
    whole_xy = torch.stack([index - y * width, y], -1).float()
    from_x = torch.arange(width, device=maps.device) - whole_xy[..., :1]
    from_y = torch.arange(height, device=maps.device) - whole_xy[..., 1:]
    near_x, near_y = (_gaussian(d, sigma_px) for d in (from_x, from_y))
    maps = maps.clamp(min=0)
    rows = (maps @ near_x[..., None])[..., 0] * near_y
    columns = (near_y[..., None, :] @ maps)[..., 0, :] * near_x
    total = rows.sum(-1).clamp(min=1e-6)
    mean = torch.stack([(columns * from_x).sum(-1) / total, (rows * from_y).sum(-1) / total], -1)
    # Close to the border a part of the peak is missing, and the mean lies too far inside.
    is_whole = torch.stack(
        [(d[..., 0] <= -2) & (d[..., -1] >= 2) for d in (from_x, from_y)], dim=-1
    )
    return whole_xy + (2 * mean).clamp(-1, 1) * is_whole, score.clamp(0, 1)[..., None]


def _gaussians(amount: Tensor, xy: Tensor, sigma: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Gaussians of T frames at (x, y), summed to maps (B, J, H, W); all inputs are (B, T, J, _)."""
    down, across = (
        _gaussian(torch.arange(size, device=xy.device) - place, sigma)
        for size, place in zip(size_hw, (xy[..., 1:], xy[..., :1]), strict=True)
    )
    return (amount * down).permute(0, 2, 3, 1) @ across.transpose(1, 2)


def _gaussian(distance: Tensor, sigma: Tensor | float) -> Tensor:
    """A Gaussian of height 1."""
    return torch.exp(-(distance.square() / (2 * sigma**2)).clamp(max=_FAR_OUT))
