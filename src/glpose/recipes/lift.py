"""Complete training runs of networks that lift tracks of joints to poses in space."""

from glpose.systems.dg_net.spec import DgNetConfig, MotionConfig, Settings
from glpose.train.recipe import Optimizer, Recipe


def lift_small() -> Settings:
    """DG-Net at small size, on motion capture and procedural figures; all numbers are ours.

    Errors of joints are about half of those measured on JHMDB, whose people are small and often cut
    off.
    """
    return Recipe(
        name="lift_small",
        system="dg_net",
        model=DgNetConfig(strides=(3, 3, 3), width=32),
        data=MotionConfig(noise=0.022, gross_share=0.08),
        optimizer=Optimizer(lr=4e-3, weight_decay=1e-3, warmup_steps=100),
        batch_size=64,
        num_steps=1000,
        ema_decay=0.998,
        precision="fp32",
        validate_every=250,
    )
