"""Graph convolutions over the joints of a track, whose neighbours are found anew for each sample.

Axes: B batch, T time, J joints, K neighbours, C channels, D coordinates; N rows of any kind.
`known_BTJ` is 1 for joints that the input has; others are never a neighbour, whatever their features
are.

Source: Zhang et al., Learning Dynamical Human-Joint Affinity for 3D Pose Estimation in Videos, IEEE
TIP 2021, whose abstract says what each graph depends on (DSG: joints that are close; DTG: joints
that move alike). The layers are our reconstruction: an edge gives ReLU(W [f_i ; f_j - f_i]) with
batch norm, and the maximum over the edges counts, as in Wang et al., Dynamic Graph CNN, ACM TOG
2019.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

_FAR = 1e6
_NEVER = -1e4
"""What a message from nobody adds to a joint's own half: ReLU makes it 0."""


def squared_distances(points_NJD: Tensor) -> Tensor:
    """Squared Euclidean distances between the joints of each row: (N, J, J)."""
    square_NJ1 = points_NJD.square().sum(-1, keepdim=True)
    apart = square_NJ1 + square_NJ1.transpose(1, 2) - 2 * points_NJD @ points_NJD.transpose(1, 2)
    return apart.clamp(min=0)


@torch.no_grad()
def nearest(distance_NJJ: Tensor, known_NJ: Tensor, num: int) -> Tensor:
    """The `num` nearest known joints of each joint, itself excluded: (N, J, K), the nearest first.

    Where fewer are known the rest is J, the number of joints: nobody.
    """
    joints = distance_NJJ.shape[-1]
    itself = torch.eye(joints, device=distance_NJJ.device)
    far_NJJ = distance_NJJ + _FAR * (itself + (1 - known_NJ[:, None]))
    found, index_NJK = far_NJJ.topk(num, dim=-1, largest=False)
    return torch.where(found < _FAR / 2, index_NJK, joints)


def movement(points_BTJD: Tensor, known_BTJ: Tensor) -> Tensor:
    """How each joint moves, T - 1 steps in a row: (B, J, (T - 1) D).

    Steps from or to a sample where the joint is not known are 0.
    """
    both = (known_BTJ[:, 1:] * known_BTJ[:, :-1])[..., None]
    return ((points_BTJD[:, 1:] - points_BTJD[:, :-1]) * both).transpose(1, 2).flatten(2)


class Edges(nn.Module):
    """The largest of the messages ReLU(W [f_i ; f_j - f_i]) from a joint's neighbours.

    W [f_i ; f_j - f_i] = (W1 - W2) f_i + W2 f_j, so that both halves are computed for joints, not
    for edges. Each half has a batch norm of its own (ours; one of the sum would need the edges).
    """

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.weight = nn.Linear(2 * num_in, num_out, bias=False)
        self.own_norm, self.other_norm = nn.BatchNorm1d(num_out), nn.BatchNorm1d(num_out)

    def halves(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What a joint gives to its own messages, and to those of its neighbours."""
        first, second = self.weight.weight.chunk(2, 1)
        shape = (*features.shape[:-1], -1)
        own = functional.linear(features, first - second).flatten(0, -2)
        other = functional.linear(features, second).flatten(0, -2)
        return self.own_norm(own).view(shape), self.other_norm(other).view(shape)

    @staticmethod
    def largest(own_NJC: Tensor, other_NJC: Tensor, index_NJK: Tensor) -> Tensor:
        """The max over j of ReLU(own_i + other_j) = ReLU(own_i + max over j of other_j); 0 without any j."""
        n, joints, num = index_NJK.shape
        with_nobody = functional.pad(other_NJC, (0, 0, 0, 1), value=_NEVER)
        flat = index_NJK.reshape(n, joints * num, 1).expand(-1, -1, other_NJC.shape[-1])
        others_NJKC = with_nobody.gather(1, flat).view(n, joints, num, -1)
        return functional.relu(own_NJC + others_NJKC.max(2).values)


class SpatialGraph(nn.Module):
    """DSG: in each sample of its own, the `num_neighbours` joints that are nearest in `places`."""

    def __init__(self, num_in: int, num_out: int, num_neighbours: int) -> None:
        super().__init__()
        self.num_neighbours = num_neighbours
        self.edges = Edges(num_in, num_out)

    def forward(self, features_BTJC: Tensor, places_BTJD: Tensor, known_BTJ: Tensor) -> Tensor:
        """New features (B, T, J, C). Neighbours are near in `places`: positions, or the features."""
        apart_NJJ = squared_distances(places_BTJD.detach().flatten(0, 1))
        index_NJK = nearest(apart_NJJ, known_BTJ.flatten(0, 1), self.num_neighbours)
        own, other = (half.flatten(0, 1) for half in self.edges.halves(features_BTJC))
        found = self.edges.largest(own, other, index_NJK)
        return found.view(*features_BTJC.shape[:-1], -1)


class MotionGraph(nn.Module):
    """DTG: the `num_neighbours` joints that move most alike, the same in all samples of a row.

    A neighbour is seen at the sample itself and at those before and after it; beyond the ends of
    the window there is none. Where nothing moves all joints move alike by the distance, and their
    order decides: the neighbours of somebody who stands still are arbitrary, and change with the
    least noise.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        num_neighbours: int,
        likeness: Literal["distance", "cosine"] = "distance",
    ) -> None:
        super().__init__()
        self.num_neighbours, self.likeness = num_neighbours, likeness
        self.edges = Edges(num_in, num_out)

    def apart(self, movement_BJD: Tensor) -> Tensor:
        """How unlike the movements of two joints are: (B, J, J).

        What does not move has no direction: by the cosine it is like nobody.
        """
        if self.likeness == "cosine":
            unit = functional.normalize(movement_BJD, dim=-1)
            moves_BJ = (movement_BJD != 0).any(-1).float()
            both_BJJ = moves_BJ[:, :, None] * moves_BJ[:, None]
            return 1 - unit @ unit.transpose(1, 2) + _FAR * (1 - both_BJJ)
        return squared_distances(movement_BJD)

    def forward(self, features_BTJC: Tensor, movement_BJD: Tensor, known_BTJ: Tensor) -> Tensor:
        """New features (B, T, J, C); `movement` is that of the positions or of the features.

        A joint can be a neighbour if it is known at any time; its messages count where it is known.
        """
        b, t, j, _ = features_BTJC.shape
        index_BJK = nearest(
            self.apart(movement_BJD.detach()), known_BTJ.amax(1), self.num_neighbours
        )
        own_BTJC, other_BTJC = self.edges.halves(features_BTJC)
        other_BTJC = other_BTJC.masked_fill((known_BTJ == 0)[..., None], _NEVER)
        # The largest of three samples first, then of the neighbours: it is the largest of all.
        wide = functional.pad(other_BTJC, (0, 0, 0, 0, 1, 1), value=_NEVER)
        best = torch.stack([wide[:, :-2], wide[:, 1:-1], wide[:, 2:]]).max(0).values
        everywhere = index_BJK[:, None].expand(-1, t, -1, -1)
        found = self.edges.largest(
            own_BTJC.flatten(0, 1), best.flatten(0, 1), everywhere.flatten(0, 1)
        )
        return found.view(b, t, j, -1)


class SkeletonGraph(nn.Module):
    """The fixed graph: joints that a bone connects and themselves, with a learned correction.

    Weights of edges are the skeleton's adjacency with self loops, divided row by row by its sum,
    plus a learned matrix. Each joint has a bias of its own (ours), which tells the network which
    joint it is. Joints that are not known are left out of the sums.
    """

    def __init__(
        self, num_in: int, num_out: int, bones: tuple[tuple[int, int], ...], num_joints: int
    ) -> None:
        super().__init__()
        fixed = torch.eye(num_joints)
        for a, b in bones:
            fixed[a, b] = fixed[b, a] = 1
        self.register_buffer("fixed_JJ", fixed / fixed.sum(1, keepdim=True))
        self.learned_JJ = nn.Parameter(torch.zeros(num_joints, num_joints))
        self.weight = nn.Linear(num_in, num_out, bias=False)
        self.bias_JC = nn.Parameter(torch.zeros(num_joints, num_out))
        self.norm = nn.BatchNorm1d(num_out)
        nn.init.normal_(self.bias_JC, std=0.1)

    def forward(self, features_BTJC: Tensor, known_BTJ: Tensor) -> Tensor:
        """New features (B, T, J, C)."""
        assert isinstance(self.fixed_JJ, Tensor)
        mixed = (self.fixed_JJ + self.learned_JJ) @ (features_BTJC * known_BTJ[..., None])
        found = self.weight(mixed) + self.bias_JC
        return functional.relu(self.norm(found.flatten(0, 2)).view(found.shape))
