"""The losses of a part as a module, whose gradients torch averages where there are any."""

from pathlib import Path
from unittest.mock import Mock

import pytest

torch = pytest.importorskip("torch")

from glpose.train.run.parts import PartLosses, part_losses  # noqa: E402
from glpose.train.run.workers import Workers  # noqa: E402
from tiny_training import TINY, TinyNet, TinyTask  # noqa: E402

pytestmark = pytest.mark.torch


def test_a_network_of_which_nothing_is_trained_has_no_gradients_to_average() -> None:
    task, model = TinyTask(TINY, Path()), TinyNet(TINY.model).requires_grad_(False)
    workers = Mock(Workers, sharing="torch", device=torch.device("cpu"))
    assert type(part_losses(task, model, workers)) is PartLosses
