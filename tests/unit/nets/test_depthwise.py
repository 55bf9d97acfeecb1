"""Depthwise convolutions against torch's own."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from glpose.nets.depthwise import depthwise  # noqa: E402


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("size_hw", [(12, 9), (11, 14)])
def test_values_and_gradients_are_those_of_torch(
    kernel: int, stride: int, padded: bool, size_hw: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    padding = kernel // 2 if padded else 0
    x = torch.randn(3, 4, *size_hw, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    expected = functional.conv2d(x, weight, None, stride, padding, 1, 4)
    found = depthwise(x, weight, stride, padding)
    grad = torch.randn_like(expected)
    torch.testing.assert_close(found, expected)
    for one, two in zip(
        torch.autograd.grad(found, [x, weight], grad),
        torch.autograd.grad(expected, [x, weight], grad),
        strict=True,
    ):
        torch.testing.assert_close(one, two)


def test_under_autocast_gradients_are_of_the_type_of_the_weights() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 16, 12).to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(8, 1, 5, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = depthwise(x, weight, 1, 2)
        expected = functional.conv2d(x, weight, None, 1, 2, 1, 8)
    assert found.dtype == expected.dtype == torch.bfloat16
    (one,), (two,) = (
        torch.autograd.grad(y.float().square().sum(), [weight]) for y in (found, expected)
    )
    assert one.dtype == torch.float32
    torch.testing.assert_close(one, two, rtol=0.05, atol=0.05 * float(two.abs().max()))
