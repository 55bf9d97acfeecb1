"""GLPose. Axes: B batch, T local slots, G global slots, P proposals, J joints, C channels, H W.

Source: Jiao et al., GLPose, ACM TOMM 2022; equation numbers are the paper's. What it leaves
open is a setting in `spec`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glpose.clip import local_weights
from glpose.errors import BadInput
from glpose.nets.blocks import BasicBlock, chain, conv_bn
from glpose.nets.encoders import make_encoder
from glpose.nets.heads import init_head, make_head
from glpose.systems.glpose.queries import JointQueries
from glpose.systems.glpose.spec import EnhanceConfig, GLPoseConfig


class Enhancement(nn.Module):
    """F = A((1 - sigmoid(psi(V_t))) * S, V_t): what the key lacks is taken from all slots."""

    def __init__(self, config: EnhanceConfig, num_key: int, channels: int) -> None:
        super().__init__()
        num_mask = channels if config.mask == "channels" else 1
        self.psi: nn.Module
        if config.encoder == "block":
            # Directly after the block's ReLU the sigmoid could not go below 0.5.
            last = conv_bn(num_key, num_mask, 1, relu=False)
            self.psi = nn.Sequential(BasicBlock(num_key, num_key), last)
        else:
            size = 3 if config.encoder == "conv3x3" else 1
            self.psi = conv_bn(num_key, num_mask, size, relu=False)
        self.kind = config.aggregate
        both = channels + num_key
        if config.aggregate == "block":
            self.a: nn.Module = BasicBlock(both, channels)
        elif config.aggregate == "conv":
            self.a = conv_bn(both, channels)
        else:
            self.a = nn.Identity()

    def forward(self, aggregated_BCHW: Tensor, key_BCHW: Tensor) -> Tensor:
        masked = (1 - torch.sigmoid(self.psi(key_BCHW))) * aggregated_BCHW
        if self.kind == "add":
            return masked + key_BCHW
        return self.a(torch.cat([masked, key_BCHW], 1))


class Fusion(nn.Module):
    """Features of a key crop and its slots to heatmaps: aggregation, enhancement, head."""

    local_weight: Tensor

    def __init__(self, config: GLPoseConfig) -> None:
        super().__init__()
        width, channels = config.backbone.channels, config.channels
        self.num_local, self.num_global = len(config.offsets), config.global_.n
        weight = torch.tensor(local_weights(config.offsets, config.local.weight))
        # Kept flat: a 5D buffer cannot become `channels_last`, which training uses.
        self.register_buffer("local_weight", weight, persistent=False)
        slots = 1 + self.num_local + self.num_global
        self.aggregate = chain(BasicBlock, slots * width, channels, config.aggregate.num_blocks)
        self.enhance = (
            Enhancement(config.enhance, width, channels)
            if config.enhance.enabled and config.head_input == "enhanced"
            else None
        )
        self.residual = nn.Conv2d(channels, width, 1) if config.start == "single" else None
        self.head = make_head(config.head, channels, config.num_joints, hidden=channels)
        self.init_weights()

    def init_weights(self) -> None:
        """Normal(0, 0.001) for all convolutions (paper, 4.1), but see `init_head`.

        With `start` "single" the blocks get He initialisation, since tiny weights have no purpose
        there, and the residual convolution is zero.
        """
        # With "single" the head's are drawn, too, and again below: so a seed gives what it gave before
        # perceptrons were drawn otherwise, but for these.
        is_single, of_head = self.residual is not None, {*self.head.modules()}
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and (is_single or layer not in of_head):
                if is_single:
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                else:
                    nn.init.normal_(layer.weight, std=0.001)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if self.residual is not None:
            nn.init.zeros_(self.residual.weight)
        # Overwritten by the head of a single-frame run if training starts from one.
        init_head(self.head)

    def forward(
        self,
        key_BCHW: Tensor,
        local_BTCHW: Tensor | None = None,
        global_BGCHW: Tensor | None = None,
        global_weight_BGC: Tensor | None = None,
    ) -> Tensor:
        """Heatmaps (B, J, H, W). Pass None for slots that the network lacks.

        `global_weight_BGC` has one column, or one per channel (`clip.rank`).
        """
        slots = [key_BCHW]
        if self.num_local:
            assert local_BTCHW is not None
            slots.append((local_BTCHW * self.local_weight[:, None, None, None]).flatten(1, 2))
        if self.num_global:
            assert global_BGCHW is not None
            assert global_weight_BGC is not None
            slots.append((global_BGCHW * global_weight_BGC[..., None, None]).flatten(1, 2))
        fused = self.aggregate(torch.cat(slots, 1))
        if self.enhance is not None:
            fused = self.enhance(fused, key_BCHW)
        if self.residual is not None:
            fused = key_BCHW + self.residual(fused)
        return self.head(fused)


class GLPose(nn.Module):
    """Encoder and fusion, exported as graphs of their own so that features can be reused.

    The fusion is the paper's, or joint queries. `single_head`, if the settings keep it, is the
    single-frame network's frozen head: features (B, C, H, W) to heatmaps (B, J, H, W).
    """

    def __init__(self, config: GLPoseConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config.backbone)
        self.fusion = JointQueries(config) if config.queries else Fusion(config)
        self.single_head = None
        if config.single_head:
            channels, num = config.backbone.channels, config.num_joints
            self.single_head = make_head(config.single_head, channels, num, hidden=channels)
            self.single_head.requires_grad_(False)
        if config.freeze:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> GLPose:  # noqa: FBT001, FBT002 - as in nn.Module
        """As usual, but the batch norms of a frozen encoder stay in evaluation mode (`bn_eval`)."""
        super().train(mode)
        if self.config.freeze and self.config.bn_eval:
            self.encoder.eval()
        return self

    def encode(self, crops_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, C, H/stride, W/stride), and embeddings (B, C) that rank global candidates."""
        stages = self.encoder.stages(crops_BHWC)
        ranking = stages[0 if self.config.global_.rank_stage == 2 else -1]
        return stages[-1], ranking.mean((-2, -1))

    def fuse(
        self,
        key_BCHW: Tensor,
        local_BTCHW: Tensor | None = None,
        global_BGCHW: Tensor | None = None,
        global_weight_BGC: Tensor | None = None,
    ) -> Tensor:
        """Features of a key crop and its slots to heatmaps (B, J, H, W), see `Fusion.forward`."""
        if isinstance(self.fusion, Fusion):
            return self.fusion(key_BCHW, local_BTCHW, global_BGCHW, global_weight_BGC)
        assert local_BTCHW is not None
        local = self.summarise(local_BTCHW.flatten(0, 1)).unflatten(0, local_BTCHW.shape[:2])
        return self.fuse_summaries(key_BCHW, local)

    def summarise(self, features_BCHW: Tensor) -> Tensor:
        """What joint queries need of neighbours, see `JointQueries.summarise`."""
        assert isinstance(self.fusion, JointQueries)
        return self.fusion.summarise(features_BCHW, self._alone(features_BCHW))

    def fuse_summaries(self, key_BCHW: Tensor, local_BTKJ1: Tensor) -> Tensor:
        """Features of a key crop and summaries of its neighbours to heatmaps (B, J, H, W)."""
        assert isinstance(self.fusion, JointQueries)
        return self.fusion(key_BCHW, self._alone(key_BCHW), local_BTKJ1)

    def _alone(self, features_BCHW: Tensor) -> Tensor:
        """The single-frame heatmaps (B, J, H, W), which are not learned from."""
        assert self.single_head is not None
        with torch.no_grad():
            return self.single_head(features_BCHW)

    def forward(
        self,
        key_BHWC: Tensor,
        local_BTHWC: Tensor | None,
        proposal_BPHWC: Tensor | None,
        num_proposals_B: Tensor | None = None,
    ) -> Tensor:
        """`uint8` crops to heatmaps, with ranking of proposals: for training without a cache.

        Only the first `num_proposals_B` proposals of each sample are used, or all if it is None.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.freeze):
            key, key_embedding = self.encode(key_BHWC)
            local = None
            if self.config.offsets:
                assert local_BTHWC is not None
                local = self.encode(local_BTHWC.flatten(0, 1))[0].unflatten(
                    0, local_BTHWC.shape[:2]
                )
            chosen = weight = None
            if self.config.global_.n:
                assert proposal_BPHWC is not None
                shape = proposal_BPHWC.shape[:2]
                proposals, embeddings = self.encode(proposal_BPHWC.flatten(0, 1))
                index, weight = rank(
                    key_embedding, embeddings.unflatten(0, shape), self.config, num_proposals_B
                )
                chosen = proposals.unflatten(0, shape)[torch.arange(len(key))[:, None], index]
        return self.fuse(key, local, chosen, weight)


def rank(
    key_BC: Tensor,
    proposal_BPC: Tensor,
    config: GLPoseConfig,
    num_proposals_B: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`clip.global_slots` for a batch, in torch, so that gradients reach the encoder (eq. 3).

    If there are fewer proposals than slots, the best ones are repeated. Each sample has one or more.

    Raises: BadInput without proposals.
    """
    how, num = config.global_, proposal_BPC.shape[1]
    if not num:
        raise BadInput(f"there are no proposals for {how.n} slots; expected one or more")
    device = key_BC.device
    if num_proposals_B is None:
        num_proposals_B = torch.full((len(key_BC),), num, device=device)
    counts = torch.arange(num, device=device) < num_proposals_B[:, None]
    product = proposal_BPC * key_BC[:, None]
    score = product.sum(-1)
    if how.similarity == "cosine":
        score = nn.functional.cosine_similarity(proposal_BPC, key_BC[:, None], dim=-1, eps=1e-12)
    score = score.masked_fill(~counts, -torch.inf)
    order = score.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(how.n, device=device) % num_proposals_B.clamp(max=how.n)[:, None]
    index = order.gather(1, places)
    rows = torch.arange(len(key_BC), device=device)[:, None]
    if how.similarity == "over_channels":
        return index, (product[rows, index] / how.temperature).softmax(2)
    values = product if how.similarity == "channel" else score[..., None]
    if how.softmax_over == "kept":
        return index, (values[rows, index] / how.temperature).softmax(1)
    values = (values / how.temperature).masked_fill(~counts[..., None], -torch.inf)
    weight = values.softmax(1)[rows, index]
    is_short = (num_proposals_B < how.n)[:, None, None]
    return index, torch.where(is_short, weight / weight.sum(1, keepdim=True), weight)
