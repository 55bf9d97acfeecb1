"""The two halves of a vector, and the decoder that paints from both."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.split import Halves, SplitLatent, SwapDecoder  # noqa: E402

pytestmark = pytest.mark.torch


def test_halves_have_their_sizes_and_only_the_variant_one_is_dropped() -> None:
    torch.manual_seed(0)
    split = SplitLatent(6, (8, 4), (4, 4), invariant=3, variant=40, dropout=0.5)
    features = torch.rand(5, 6, 8, 4)
    still = split.eval()(features)
    assert [tuple(half.shape) for half in still] == [(5, 3), (5, 40)]
    assert torch.equal(still.both, torch.cat([still.invariant, still.variant], 1))
    trained = split.train()(features)
    assert torch.equal(trained.invariant, still.invariant)
    assert 0.3 < float((trained.variant == 0).float().mean()) < 0.7


def test_a_grid_tells_where_things_are_and_global_pooling_does_not() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 2, 4, 4)
    for cell_hw, is_same in (((4, 4), True), ((2, 2), False)):
        split = SplitLatent(2, (4, 4), cell_hw, 3, 3, 0.0)
        turned = split(features.flip(-1)).variant
        assert torch.allclose(split(features).variant, turned, atol=1e-5) == is_same


def decoder(*, background: bool) -> SwapDecoder:
    torch.manual_seed(0)
    return SwapDecoder(4, 6, (16, 24), (12, 8, 5), background=background).eval()


def test_pictures_have_the_size_asked_for_and_depend_on_both_halves() -> None:
    paint = decoder(background=False)
    halves = Halves(torch.rand(2, 4, requires_grad=True), torch.rand(2, 6, requires_grad=True))
    found = paint(halves, None)
    assert found.shape == (2, 3, 16, 24)
    assert found.min() >= 0
    assert found.max() <= 1
    found.sum().backward()
    assert all(half.grad is not None and half.grad.abs().max() > 0 for half in halves)


def test_the_invariant_half_is_the_same_everywhere() -> None:
    """With nothing from the variant half, all places but the edges look alike."""
    paint = decoder(background=False)
    torch.nn.init.zeros_(paint.start.weight)
    torch.nn.init.zeros_(paint.start.bias)
    one, two = paint(Halves(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 5.0]]), torch.rand(2, 6)), None)
    middle = one[:, 7:9, 7:-7]
    assert torch.allclose(middle, middle[:, :1, :1].expand_as(middle), atol=1e-6)
    assert not torch.allclose(one, two, atol=1e-3)


def test_the_background_shows_where_nobody_covers_it() -> None:
    paint = decoder(background=True)
    halves, behind = Halves(torch.rand(2, 4), torch.rand(2, 6)), torch.rand(2, 3, 16, 24)
    with torch.no_grad():
        paint.paint.bias[3] = -100.0
        assert torch.allclose(paint(halves, behind), behind, atol=1e-6)
        paint.paint.bias[3] = 100.0
        assert torch.allclose(paint(halves, behind), paint(halves, 1 - behind), atol=1e-6)
