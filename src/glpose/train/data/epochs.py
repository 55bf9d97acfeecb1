"""Epochs as functions of the step: the samples of a batch and the number of steps per epoch.

No torch here.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from glpose.errors import BadConfig, BadInput
from glpose.train.recipe import Recipe

# Default if the run has no epochs and the recipe sets no interval.
_VALIDATE_EVERY = 500


def num_steps_of_epoch(num_samples: int, batch_size: int) -> int:
    """Batches per epoch; the last one is filled up, see `sample_rows`."""
    return -(-num_samples // batch_size)


def epoch_order(seed: int, epoch: int, num_samples: int) -> Int64[np.ndarray, " samples"]:
    """A permutation of 0..num_samples-1 for this seed and epoch; read-only."""
    return _order(seed, epoch, num_samples)


# Prefetched steps may belong to the next epoch.
@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, num_samples: int) -> np.ndarray:
    order = np.random.default_rng([seed, epoch]).permutation(num_samples)
    order.flags.writeable = False
    return order


def sample_rows(
    step: int, batch_size: int, num_samples: int, seed: int
) -> Int64[np.ndarray, " batch"]:
    """Indices of the samples of a step: every sample once per epoch, in random order.

    The last batch of an epoch is filled up with the epoch's first samples: multiple processes and
    gradient accumulation need batches of full size.
    """
    epoch, place = divmod(step, num_steps_of_epoch(num_samples, batch_size))
    places = place * batch_size + np.arange(batch_size)
    return epoch_order(seed, epoch, num_samples)[places % num_samples]


def in_steps(recipe: Recipe, num_samples: int | None, *, has_epochs: bool) -> Recipe:
    """The recipe with all epoch counts converted to steps.

    `num_samples` is None if unknown; `has_epochs` tells whether each sample is drawn once per epoch.

    Raises: BadConfig if the recipe counts in epochs and the data has none, or if milestones are set
    that the decay ignores; BadInput if there are no samples.
    """
    if num_samples == 0:
        raise BadInput(
            f"the training data of {recipe.name} has no samples; "
            "check the folders given with --data and the labels in them"
        )
    optimizer = recipe.optimizer
    if optimizer.decay == "cosine" and (optimizer.milestones or optimizer.epoch_milestones):
        raise BadConfig(
            "optimizer.decay is 'cosine', which has no milestones; "
            "set optimizer.decay=steps, or take the milestones away"
        )
    if not recipe.num_epochs and not optimizer.epoch_milestones:
        return replace(recipe, validate_every=recipe.validate_every or _VALIDATE_EVERY)
    if num_samples is None or not has_epochs:
        raise BadConfig(
            f"{recipe.name} counts in epochs, but its samples are drawn at random, not once per epoch; "
            "set num_steps, and optimizer.milestones in place of optimizer.epoch_milestones (or "
            "data.order=epochs, where the recipe has it)"
        )
    epoch = num_steps_of_epoch(num_samples, recipe.batch_size)
    milestones = (*optimizer.milestones, *(m * epoch for m in optimizer.epoch_milestones))
    return replace(
        recipe,
        num_epochs=0,
        num_steps=recipe.num_epochs * epoch or recipe.num_steps,
        validate_every=recipe.validate_every or (epoch if recipe.num_epochs else _VALIDATE_EVERY),
        optimizer=replace(optimizer, milestones=tuple(sorted(milestones)), epoch_milestones=()),
    )
