"""Graphs of joints: whose neighbours are whose, and the layers against independent statements."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from glpose.nets.joint_graphs import (  # noqa: E402
    Edges,
    MotionGraph,
    SkeletonGraph,
    SpatialGraph,
    movement,
    nearest,
    squared_distances,
)

pytestmark = pytest.mark.torch

B, T, J, C, K = 3, 5, 7, 6, 2


def case(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Features, positions and known joints, of which some are missing."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(B, T, J, C, generator=generator)
    places = torch.randn(B, T, J, 2, generator=generator)
    known = torch.ones(B, T, J)
    known[0, :, 1] = 0
    known[1, 2, 3:] = 0
    return features, places, known


def warm(net: nn.Module) -> nn.Module:
    """A net with norms that do something, in evaluation mode."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
    return net.eval()


def brute_nearest(points: np.ndarray, known: np.ndarray, num: int) -> list[list[int]]:
    found = []
    for i, p in enumerate(points):
        others = [j for j in range(len(points)) if j != i and known[j]]
        others.sort(key=lambda j: float(np.linalg.norm(points[j] - p)))
        found.append((others + [len(points)] * num)[:num])
    return found


def message(edges: Edges, own: Tensor, other: Tensor) -> Tensor:
    """ReLU(W [f_i ; f_j - f_i]) with norms of both halves, one edge at a time."""
    first, second = edges.weight.weight.chunk(2, 1)
    mine = edges.own_norm((own @ (first - second).T)[None])[0]
    return (mine + edges.other_norm((other @ second.T)[None])[0]).relu()


def test_neighbours_are_the_nearest_known_ones_and_never_the_joint_itself():
    _, places, known = case()
    index = nearest(squared_distances(places[:, 0]), known[:, 0], K)
    for b in range(B):
        expected = brute_nearest(places[b, 0].numpy(), known[b, 0].numpy(), K)
        assert index[b].tolist() == expected
        assert all(i not in row for i, row in enumerate(expected))


def test_where_fewer_are_known_there_is_nobody():
    known = torch.zeros(1, J)
    known[0, 4] = 1
    index = nearest(squared_distances(torch.randn(1, J, 2)), known, K)
    assert index[0, 4].tolist() == [J, J]
    assert index[0, 0].tolist() == [4, J]


def test_the_spatial_graph_is_the_largest_message_of_the_nearest():
    features, places, known = case()
    net = warm(SpatialGraph(C, 4, K))
    found = net(features, places, known)
    for b, t in ((0, 0), (1, 2), (2, 4)):
        index = brute_nearest(places[b, t].numpy(), known[b, t].numpy(), K)
        for i in range(J):
            near = [
                message(net.edges, features[b, t, i], features[b, t, j]) for j in index[i] if j < J
            ]
            expected = torch.stack(near).amax(0) if near else torch.zeros(4)
            torch.testing.assert_close(found[b, t, i], expected, atol=1e-5, rtol=1e-4)


def test_the_motion_graph_sees_alike_joints_a_sample_before_and_after():
    features, places, known = case()
    net = warm(MotionGraph(C, 4, K))
    moves = movement(places, known)
    found = net(features, moves, known)
    for b in range(B):
        index = brute_nearest(moves[b].numpy(), known[b].amax(0).numpy(), K)
        for t in (0, 2, T - 1):
            for i in range(J):
                near = [
                    message(net.edges, features[b, t, i], features[b, s, j])
                    for j in index[i] if j < J
                    for s in (t - 1, t, t + 1) if 0 <= s < T and known[b, s, j]
                ]  # fmt: skip
                expected = torch.stack(near).amax(0) if near else torch.zeros(4)
                torch.testing.assert_close(found[b, t, i], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [SpatialGraph, MotionGraph])
def test_exchanging_joints_exchanges_what_comes_out(kind: type[nn.Module]):
    features, places, known = case()
    net, order = warm(kind(C, 4, K)), torch.randperm(J)
    of = movement if kind is MotionGraph else (lambda p, k: p)
    plain = net(features, of(places, known), known)
    turned = net(
        features[:, :, order], of(places[:, :, order], known[:, :, order]), known[:, :, order]
    )
    torch.testing.assert_close(turned, plain[:, :, order])


def test_moving_the_clip_changes_no_neighbour():
    _, places, known = case()
    shift = torch.tensor([3.0, -2.0])
    for points, moved in (
        (places[:, 0], places[:, 0] + shift),
        (movement(places, known), movement(places + shift, known)),
    ):
        before, after = (nearest(squared_distances(p), known[:, 0], K) for p in (points, moved))
        assert torch.equal(before, after)


def test_motion_does_not_ask_where_a_joint_is_but_distance_does():
    _, places, known = case()
    known = torch.ones_like(known)
    moved = places + torch.randn(B, 1, J, 2)
    before, after = (movement(p, known) for p in (places, moved))
    torch.testing.assert_close(before, after)
    near, far = (nearest(squared_distances(p[:, 0]), known[:, 0], K) for p in (places, moved))
    assert not torch.equal(near, far)


def test_with_all_other_joints_as_neighbours_it_is_a_maximum_over_all():
    features, places, known = case()
    net = warm(SpatialGraph(C, 4, J - 1))
    found = net(features, places, known)
    torch.testing.assert_close(found, net(features, torch.randn_like(places), known))
    few = warm(SpatialGraph(C, 4, K))
    assert not torch.equal(few(features, places, known), few(features, places.flip(2), known))


@pytest.mark.parametrize("kind", [SpatialGraph, MotionGraph, SkeletonGraph])
def test_what_unknown_joints_hold_reaches_no_other_joint(kind: type[nn.Module]):
    features, places, known = case()
    if kind is SkeletonGraph:
        net = warm(SkeletonGraph(C, 4, ((0, 1), (1, 2), (2, 3)), J))
        run = lambda f: net(f, known)  # noqa: E731
    else:
        net = warm(kind(C, 4, K))
        where = movement(places, known) if kind is MotionGraph else places
        run = lambda f: net(f, where, known)  # noqa: E731
    noisy = torch.where(known[..., None] > 0, features, torch.full_like(features, 50.0))
    there = known > 0
    torch.testing.assert_close(run(noisy)[there], run(features)[there])


def test_with_nobody_around_nothing_comes():
    features, places, _ = case()
    known = torch.zeros(B, T, J)
    known[..., 2] = 1
    for net, where in (
        (warm(SpatialGraph(C, 4, K)), places),
        (warm(MotionGraph(C, 4, K)), movement(places, known)),
    ):
        found = net(features, where, known)
        assert not found[:, :, 2].any()
        assert found[:, :, 3].any()


def test_directions_alone_count_for_the_cosine():
    moves = torch.randn(B, J, 8)
    faster = moves * torch.rand(B, J, 1).add(0.5)
    cosine, distance = MotionGraph(C, 4, K, "cosine"), MotionGraph(C, 4, K)
    torch.testing.assert_close(cosine.apart(moves), cosine.apart(faster))
    assert not torch.allclose(distance.apart(moves), distance.apart(faster))


def test_the_fixed_graph_mixes_along_bones_and_tells_joints_apart():
    features, _, known = case()
    bones = ((0, 1), (1, 2))
    net = warm(SkeletonGraph(C, 4, bones, J))
    known = torch.ones_like(known)
    row = features[0, 0]
    mixed = torch.stack([row[[0, 1]].mean(0), row[[0, 1, 2]].mean(0), row[[1, 2]].mean(0), row[3]])
    expected = net.norm(mixed @ net.weight.weight.T + net.bias_JC[:4]).relu()
    torch.testing.assert_close(net(features, known)[0, 0, :4], expected)


def test_every_weight_learns():
    features, places, known = case()
    for net, given in (
        (SpatialGraph(C, 4, K), (features, places, known)),
        (MotionGraph(C, 4, K), (features, movement(places, known), known)),
        (SkeletonGraph(C, 4, ((0, 1),), J), (features, known)),
    ):
        (net(*given) * torch.randn(B, T, J, 4)).sum().backward()
        assert all(p.grad.abs().max() > 0 for p in net.parameters())


def test_an_edge_convolution_of_another_project_agrees():
    """Norms that do nothing make ours the plain EdgeConv of Wang et al."""
    geometric = pytest.importorskip("torch_geometric.nn")
    features, places, _ = case()
    known = torch.ones(B, T, J)
    net = SpatialGraph(C, 4, K).eval()
    for norm in (net.edges.own_norm, net.edges.other_norm):
        norm.eps = 0.0
    whole = nn.Sequential(net.edges.weight, nn.ReLU())
    theirs = geometric.EdgeConv(whole, aggr="max")
    index = nearest(squared_distances(places[0, 0][None]), known[0, :1], K)[0]
    edges = torch.stack([index.flatten(), torch.arange(J).repeat_interleave(K)])
    torch.testing.assert_close(
        net(features, places, known)[0, 0], theirs(features[0, 0], edges), atol=1e-5, rtol=1e-4
    )
