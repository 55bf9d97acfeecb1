"""Dynamic kernels: their size, their matching against a loop, gradients through time, the judge."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.kernels import (  # noqa: E402
    Balance,
    ChangeJudge,
    Distillator,
    KernelMatcher,
    adaptive_max_pool,
    match_by_rows,
    match_kernels,
)

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("size", [64, 48, 20])
@pytest.mark.parametrize("gate", [True, False])
def test_kernels_are_of_seven_pixels_whatever_the_maps_are(size: int, *, gate: bool) -> None:
    distil = Distillator(8, 3, (size, size), gate=gate).eval()
    kernels = distil(torch.rand(2, 8, size, size), torch.rand(2, 3, size, size))
    assert kernels.shape == (2, 8, 7, 7)


def test_each_sample_and_channel_is_matched_with_its_own_kernel() -> None:
    features, kernels = torch.randn(2, 3, 9, 8), torch.randn(2, 3, 7, 7)
    found = match_kernels(features, kernels)
    # What is exported in its place is the same.
    assert torch.allclose(found, match_by_rows(features, kernels), atol=1e-5)
    padded = torch.nn.functional.pad(features, (3, 3, 3, 3))
    for b in range(2):
        for c in range(3):
            for y in range(9):
                for x in range(8):
                    expected = (padded[b, c, y : y + 7, x : x + 7] * kernels[b, c]).sum()
                    assert float(found[b, c, y, x]) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("size_hw", [(13, 10), (3, 3), (7, 20), (15, 9)])
def test_pooling_to_a_size_is_that_of_torch(size_hw: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size_hw)
    expected = torch.nn.functional.adaptive_max_pool2d(x, 7)
    assert torch.equal(adaptive_max_pool(x, size_hw, 7), expected)


def test_maps_of_64_pixels_are_pooled_as_published() -> None:
    """15 pixels to 7 by a stride of 2, which leaves out the last one; adaptive pooling would not."""
    distil = Distillator(1, 1, (64, 64)).eval()
    distil.third = torch.nn.Identity()
    distil.last = torch.nn.Identity()
    seen = []
    distil.second.register_forward_hook(lambda _, __, made: seen.append(made))
    found = distil(torch.rand(1, 1, 64, 64), torch.rand(1, 1, 64, 64))
    before = torch.nn.functional.max_pool2d(seen[0], 2)
    assert before.shape[-2:] == (15, 15)
    assert torch.equal(found, torch.nn.functional.max_pool2d(before, 2))


def test_what_is_seen_now_teaches_the_frame_before() -> None:
    distil, match = Distillator(8, 3, (20, 20)), KernelMatcher(8, 3)
    before = torch.randn(4, 8, 20, 20, requires_grad=True)
    maps = torch.rand(4, 3, 20, 20, requires_grad=True)
    found, seen = match(torch.randn(4, 8, 20, 20), distil(before, maps))
    assert found.shape == (4, 3, 20, 20)
    assert seen.shape == (4, 8, 20, 20)
    (found * torch.randn_like(found)).sum().backward()
    for given in (before, maps):
        assert given.grad is not None
        assert given.grad.abs().max() > 0


def test_without_joints_the_gate_shows_nothing() -> None:
    """The third input is the features where some joint is, whatever the joint."""
    gated = Distillator(2, 3, (20, 20)).eval()
    features, maps = torch.randn(1, 2, 20, 20), torch.zeros(1, 3, 20, 20)
    seen = []
    gated.squeeze.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    gated(features, maps)
    maps[0, 1, 4, 5], maps[0, 2, 4, 5], maps[0, 0, 7, 7] = 0.5, 3.0, -1.0
    gated(features, maps)
    assert not seen[0][:, 5:].any()
    assert torch.equal(seen[1][0, 5:, 4, 5], features[0, :, 4, 5])
    assert (seen[1][0, 5:] != 0).any(0).sum() == 1


def test_the_judge_reconstructs_changes_and_its_balance_stays_in_bounds() -> None:
    judge = ChangeJudge(3, width=8)
    change, picture = torch.randn(2, 3, 20, 20), torch.rand(2, 3, 20, 20)
    assert float(judge.error(change, picture, picture).detach()) > 0
    balance = Balance(share=0.5, pace=0.1)
    true, predicted = torch.tensor(4.0), torch.tensor(1.0)
    loss, of_estimator = balance.losses(true, predicted, predicted)
    assert (float(loss), float(of_estimator)) == (4.0, 1.0)
    assert float(balance.weight) == pytest.approx(0.1 * (0.5 * 4 - 1))
    for _ in range(50):
        balance.losses(true, predicted, predicted)
    assert balance.weight == 1.0
    loss, _ = balance.losses(true, predicted, predicted)
    assert float(loss) == 3.0
    for _ in range(50):
        balance.losses(predicted, true, true)
    assert balance.weight == 0.0


def test_the_error_of_the_judge_is_absolute() -> None:
    """Reconstructions that are 1, -2 and 0 everywhere, of no change at all."""
    judge = ChangeJudge(3, width=8)
    last = judge.layers[-1][1]
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([1.0, -2.0, 0.0])
    picture = torch.rand(2, 3, 20, 20)
    assert float(judge.error(torch.zeros(2, 3, 20, 20), picture, picture).detach()) == 1.0
