"""The numbers of a step: the learning rate, and the averaged weights."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from glpose.train.recipe import Optimizer  # noqa: E402
from glpose.train.run.workers import ALONE  # noqa: E402
from glpose.train.state import average, learning_rate, start  # noqa: E402
from tiny_training import TINY, TinyNet, TinyTask  # noqa: E402

pytestmark = pytest.mark.torch


def test_the_average_keeps_the_share_that_is_called_decay() -> None:
    kept, new = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    with torch.no_grad():
        kept.weight.fill_(1.0)
        new.weight.fill_(0.0)
        kept.running_mean.fill_(10.0)
        new.running_mean.fill_(20.0)
        new.num_batches_tracked.fill_(7)
    average(kept, new, 0.9)
    assert kept.weight.item() == pytest.approx(0.9)
    assert kept.running_mean.item() == pytest.approx(11.0)
    assert kept.num_batches_tracked.item() == 7
    assert new.weight.item() == 0.0


def test_the_warm_up_ends_with_the_whole_rate_and_the_cosine_with_none() -> None:
    how = Optimizer(lr=1.0, warmup_steps=4, decay="cosine")
    rates = [learning_rate(how, step, 104) for step in (0, 1, 3, 4, 54, 103)]
    assert rates == pytest.approx([0.25, 0.5, 1.0, 1.0, 0.5, 0.00025], abs=1e-5)


def test_a_milestone_is_the_first_step_with_the_lower_rate() -> None:
    how = Optimizer(lr=1.0, warmup_steps=0, decay="steps", milestones=(10, 20), gamma=0.1)
    rates = [learning_rate(how, step, 30) for step in (0, 9, 10, 19, 20, 29)]
    assert rates == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("fresh", [False, True])
def test_what_training_starts_from_is_read_once_and_not_for_weights_that_are_loaded_next(
    tmp_path: Path, fresh: bool
) -> None:
    built = []

    class Counted(TinyTask):
        def build(self, *, fresh: bool = False) -> TinyNet:
            built.append(fresh)
            return super().build(fresh=fresh)

    state = start(TINY, Counted(TINY, tmp_path), ALONE, fresh=fresh)
    assert built == [fresh, True]
    same = zip(state.model.state_dict().values(), state.ema.state_dict().values(), strict=True)
    assert all(torch.equal(mine, kept) for mine, kept in same)
