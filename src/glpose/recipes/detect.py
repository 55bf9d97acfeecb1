"""Complete training runs of the person detectors."""

from dataclasses import replace

from glpose.recipes.pretrain import FROZEN
from glpose.systems.person_detector.spec import BoxDataConfig, PersonDetectorConfig, Settings
from glpose.train.recipe import Optimizer, Recipe


def person_small() -> Settings:
    """The small person detector, Lite0 from ImageNet, in about an hour on two CPU cores.

    AdamW, cosine decay and the loss weights are usual for such detectors; the numbers here
    (learning rates, steps, batch size, EMA decay) are ours, chosen for that time.
    """
    return Recipe(
        name="person_small",
        system="person_detector",
        model=PersonDetectorConfig(),
        data=BoxDataConfig(),
        optimizer=Optimizer(
            lr=1.5e-3,
            warmup_steps=200,
            max_norm=10.0,
            rates=(*((f"body.{part}", 0.0) for part in FROZEN), ("body", 0.5)),
        ),
        batch_size=16,
        num_steps=2400,
        ema_decay=0.998,
        validate_every=400,
        init_from="imagenet",
        pretrained_on=("imagenet",),
    )


def person_longer() -> Settings:
    """person_small carried on with nothing frozen, in large batches for minutes of a GPU.

    Start it from person_small or from what is shipped.
    """
    before = person_small()
    return replace(
        before,
        name="person_longer",
        optimizer=replace(before.optimizer, rates=(("body", 0.5),)),
        batch_size=48,
        num_steps=3000,
        validate_every=1500,
        checkpoint_every=500,
        data_workers=5,
        init_from="",
    )


def person_sunlit() -> Settings:
    """person_small carried on with lights that shine into the camera, for half an hour on two CPU cores.

    The first blocks are frozen as in person_small. Start it from what is shipped, or from person_longer.
    """
    before = person_small()
    shares = replace(
        before.data,
        person_boxes_share=0.25,
        person_boxes_2_share=0.36,
        synth_share=0.04,
        lspet_share=0.04,
        glare_share=0.4,
    )
    return replace(
        before,
        name="person_sunlit",
        data=shares,
        optimizer=replace(before.optimizer, lr=4e-4, warmup_steps=30),
        num_steps=1600,
        ema_decay=0.99,
        validate_every=1600,
        init_from="",
    )
