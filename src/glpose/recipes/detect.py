"""Complete training runs of the person detectors."""

from glpose.systems.person_detector.spec import BoxDataConfig, PersonDetectorConfig, Settings
from glpose.train.recipe import Optimizer, Recipe


def person_small() -> Settings:
    """The small person detector, from scratch, in about 20 minutes on two CPU cores.

    AdamW, cosine decay and the loss weights are usual for such detectors; the numbers here
    (learning rate, steps, batch size, EMA decay) are ours, chosen for that time.
    """
    return Recipe(
        name="person_small",
        system="person_detector",
        model=PersonDetectorConfig(),
        data=BoxDataConfig(),
        optimizer=Optimizer(
            kind="adamw", lr=2e-3, weight_decay=0.05, warmup_steps=200, max_norm=10.0
        ),
        batch_size=16,
        num_steps=3200,
        ema_decay=0.998,
        precision="bf16",
        validate_every=500,
    )
