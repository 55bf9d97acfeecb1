"""Losses of frames by how far apart they are: what they reward, ignore, and leave alone."""

import math

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.contrast import (  # noqa: E402
    constant_loss,
    contrast_loss,
    decay_loss,
    ordered_loss,
    picture_loss,
    similarities,
)

pytestmark = pytest.mark.torch


def at(*cosines: float) -> torch.Tensor:
    """One clip (1, T, 3): an anchor, and frames with these cosines to it, of various lengths."""
    vectors = [[2.0, 0.0, 0.0]]
    for number, cosine in enumerate(cosines, 1):
        vectors.append([number * cosine, number * math.sqrt(1 - cosine**2), 0.0])
    return torch.tensor([vectors])


def test_similarities_are_cosines_with_the_anchor() -> None:
    assert similarities(at(0.8, 0.3, -0.5))[0].tolist() == pytest.approx([0.8, 0.3, -0.5], abs=1e-6)


def test_contrast_is_the_cross_entropy_of_the_near_frame_among_those_away() -> None:
    found = contrast_loss(at(0.5, 0.9, 0.2, -0.1), temperature=0.5)
    logits = [0.5 / 0.5, 0.2 / 0.5, -0.1 / 0.5]
    expected = -logits[0] + math.log(sum(map(math.exp, logits)))
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_contrast_does_not_see_the_frame_between_nor_the_order_of_those_away() -> None:
    one = contrast_loss(at(0.5, 0.9, 0.2, -0.1), 0.1)
    assert torch.allclose(one, contrast_loss(at(0.5, -0.9, 0.2, -0.1), 0.1))
    assert torch.allclose(one, contrast_loss(at(0.5, 0.9, -0.1, 0.2), 0.1))
    assert contrast_loss(at(0.2, 0.9, 0.5), 0.1) > contrast_loss(at(0.5, 0.9, 0.2), 0.1)


def test_order_is_asked_for_on_both_sides_of_the_frame_between() -> None:
    assert float(ordered_loss(at(0.9, 0.5, 0.1), 0.1)) == 0.0
    assert float(ordered_loss(at(0.5, 0.7, 0.1), 0.1)) == pytest.approx(0.3, abs=1e-6)
    assert float(ordered_loss(at(0.9, 0.1, 0.3), 0.1)) == pytest.approx(0.3, abs=1e-6)
    # Each frame away counts, averaged.
    assert float(ordered_loss(at(0.9, 0.1, 0.3, -0.5), 0.1)) == pytest.approx(0.15, abs=1e-6)


def test_decay_follows_time_in_both_directions_and_ends_at_zero() -> None:
    seconds = torch.tensor([[1.0, 1.1, 0.5, 9.0]])
    assert float(decay_loss(at(0.9, 0.5, 0.0), seconds, fade_s=1.0)) == pytest.approx(0, abs=1e-9)
    assert float(decay_loss(at(0.9, 0.5, 0.3), seconds, fade_s=1.0)) == pytest.approx(
        0.03, abs=1e-6
    )


def test_constant_compares_the_anchor_with_the_first_frame_away() -> None:
    vectors = torch.zeros(2, 5, 4)
    vectors[:, [1, 2, 4]] = 7.0
    assert float(constant_loss(vectors)) == 0.0
    vectors[0, 3] = 2.0
    assert float(constant_loss(vectors)) == pytest.approx(2.0)


def test_pictures_are_compared_by_values_and_by_gradients() -> None:
    target = torch.zeros(1, 3, 4, 4)
    lighter = target + 0.5
    assert float(picture_loss(lighter, target, 9.0, square=True)) == pytest.approx(0.25)
    assert float(picture_loss(lighter, target, 9.0, square=False)) == pytest.approx(0.5)
    stripes = target.clone()
    stripes[..., ::2] = 1.0
    # Half of the pixels, all of the steps to the right, none downwards.
    assert float(picture_loss(stripes, target, 2.0, square=True)) == pytest.approx(0.5 + 2.0)
    assert float(picture_loss(stripes.mT, target, 2.0, square=True)) == pytest.approx(0.5 + 2.0)
