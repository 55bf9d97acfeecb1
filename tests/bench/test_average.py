"""Averages of two trainings of a network: weights between, norms measured anew, strangers refused."""

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from average import measure_norms, mixed  # noqa: E402


def weights(value: float, size: int = 3) -> dict[str, Any]:
    return {"weight": torch.full((size,), value), "count": torch.tensor(int(value))}


def test_weights_lie_between_and_whole_numbers_are_those_of_the_second() -> None:
    for share, expected in ((0.0, 1.0), (0.75, 2.5), (1.0, 3.0)):
        found = mixed(weights(1.0), weights(3.0), share)
        assert found["weight"].tolist() == [expected] * 3
        assert found["count"] == 3


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="different networks"):
        mixed(weights(1.0, 3), weights(1.0, 4), 0.5)


def test_norms_have_the_statistics_of_all_batches_and_weights_stay() -> None:
    net = torch.nn.Sequential(torch.nn.BatchNorm2d(1))
    net[0].running_mean.fill_(77.0)
    task: Any = SimpleNamespace(losses=lambda model, batch: model(batch["images"]))
    batches = [{"images": torch.full((2, 1, 4, 4), value)} for value in (1.0, 2.0, 6.0)]
    measure_norms(task, net, batches)
    assert net[0].running_mean.item() == pytest.approx(3.0)
    assert net[0].running_var.item() == pytest.approx(0.0, abs=1e-6)
    assert net[0].weight.item() == 1.0
    assert not net.training
