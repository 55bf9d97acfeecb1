"""DG-Net: windows of joints in the picture to the pose of the middle sample.

Axes: B batch, T time, J joints, C channels. Source: Zhang et al., Learning Dynamical Human-Joint
Affinity for 3D Pose Estimation in Videos, IEEE TIP 2021; see `nets.joint_graphs` for what is known.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.joint_graphs import MotionGraph, SkeletonGraph, SpatialGraph, movement
from glpose.systems.dg_net.spec import DgNetConfig

CHANNELS = 3
"""What is given for a joint: x, y and the confidence."""


class Block(nn.Module):
    """[DSG + static] -> [DTG + static] -> convolution over time.

    The middle samples of what is given are added to what comes out.
    """

    def __init__(self, config: DgNetConfig, stride: int, *, moves_by_features: bool) -> None:
        super().__init__()
        width, num = config.width, config.num_neighbours
        bones, joints = config.joints.bones, len(config.joints.joints)

        def fixed() -> SkeletonGraph:
            return SkeletonGraph(width, width, bones, joints)

        self.moves_by_features = moves_by_features
        self.near = SpatialGraph(width, width, num) if config.dynamic else None
        self.static = fixed() if config.static else None
        self.alike = MotionGraph(width, width, num, config.likeness) if config.dynamic else None
        beside = config.static and (config.static_beside_motion or not config.dynamic)
        self.static_beside = fixed() if beside else None
        self.stride = stride
        self.over_time = nn.Linear(3 * width, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(config.dropout)

    def forward(
        self, given_BTJC: Tensor, places_BTJD: Tensor, movement_BJD: Tensor, known_BTJ: Tensor
    ) -> Tensor:
        """Features of T / stride samples."""
        parts = []
        if self.near is not None:
            parts.append(self.near(given_BTJC, places_BTJD, known_BTJ))
        if self.static is not None:
            parts.append(self.static(given_BTJC, known_BTJ))
        features_BTJC = sum(parts[1:], parts[0])
        parts = []
        if self.alike is not None:
            moves = movement_BJD
            if self.moves_by_features:
                moves = movement(features_BTJC, known_BTJ)
            parts.append(self.alike(features_BTJC, moves, known_BTJ))
        if self.static_beside is not None:
            parts.append(self.static_beside(features_BTJC, known_BTJ))
        features_BTJC = sum(parts[1:], parts[0])
        rows = self.over_time(triples(features_BTJC, self.stride))
        rows = functional.relu(self.norm(rows.flatten(0, 2)).view(rows.shape))
        return middles(given_BTJC, self.stride) + self.drop(rows)


def triples(values_BTJC: Tensor, stride: int) -> Tensor:
    """Each sample, or each third one, with its two neighbours: (B, T / stride, J, 3 C).

    With these as input a linear layer is a convolution over time of width 3.
    """
    if stride == 1:
        values_BTJC = functional.pad(values_BTJC, (0, 0, 0, 0, 1, 1))
        parts = [values_BTJC[:, :-2], values_BTJC[:, 1:-1], values_BTJC[:, 2:]]
    else:
        parts = [values_BTJC[:, tap::3] for tap in range(3)]
    return torch.cat(parts, -1)


def middles(values_BTx: Tensor, stride: int) -> Tensor:
    """The middle samples of each `stride` ones: where the outputs of a convolution without padding lie."""
    return values_BTx[:, stride // 2 :: stride]


class DgNet(nn.Module):
    """Joints (x, y, confidence) in the person's frame to a pose relative to its root.

    Joints that are not known may hold anything: they are taken for 0 and are nobody's neighbour.
    Without the static branch, exchanging joints exchanges what comes out, but for the root.
    """

    def __init__(self, config: DgNetConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Linear(CHANNELS, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        blocks, samples = [], config.window
        for stride in config.strides:
            # The first block has no features of movement yet, and a single sample does not move.
            by_features = config.moves == "features" and bool(blocks) and samples > 1
            blocks.append(Block(config, stride, moves_by_features=by_features))
            samples //= stride
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(width, 3)

    def forward(self, joints_BTJC: Tensor, known_BTJ: Tensor) -> Tensor:
        """The pose of the middle sample, (B, J, 3)."""
        given_BTJC = joints_BTJC * known_BTJ[..., None]
        embedded = self.embed(given_BTJC)
        features_BTJC = functional.relu(self.norm(embedded.flatten(0, 2)).view(embedded.shape))
        positions_BTJD = given_BTJC[..., :2]
        movement_BJD = movement(positions_BTJD, known_BTJ)
        by_positions = self.config.places == "positions"
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            places = positions_BTJD if by_positions or not number else features_BTJC
            features_BTJC = block(features_BTJC, places, movement_BJD, known_BTJ)
            positions_BTJD = middles(positions_BTJD, block.stride)
            known_BTJ = middles(known_BTJ, block.stride)
        pose_BJC = self.head(features_BTJC[:, 0])
        return pose_BJC - pose_BJC[:, list(self.config.roots)].mean(1, keepdim=True)
