"""Single-frame pre-training. Numbers without a source are ours."""

from glpose.nets.spec import HRNetConfig
from glpose.systems.single_frame.spec import Settings, SingleFrameConfig
from glpose.train.data.augment import Augmentation
from glpose.train.data.people import PeopleConfig, Share
from glpose.train.recipe import Optimizer, Recipe
from glpose.types import CropSpec

SMALL_BACKBONE = HRNetConfig(
    width=32,
    stem_width=32,
    first="basic",
    first_width=64,
    first_blocks=2,
    num_modules=(1, 4),
    num_blocks=2,
)
"""HRNet-W32 to stage 3 with half the blocks and a cheap first layer: 4.05 million parameters."""


_AUGMENTATION = Augmentation(
    rotation_deg=25.0,
    rotation_share=0.6,
    scale=0.18,
    shift=0.05,
    half_body_share=0.15,
    flip_share=0.5,
    colour=0.25,
    damage_share=0.2,
)


def warmup_small() -> Settings:
    """Small HRNet on small crops, to start pretrain_small from: twice as many crops a second."""
    return Recipe(
        name="warmup_small",
        system="single_frame",
        model=SingleFrameConfig(backbone=SMALL_BACKBONE, crop=CropSpec((128, 96)), sigma_px=1.5),
        data=PeopleConfig(
            shares=(Share("lspet", 0.4), Share("coco", 0.25), Share("jhmdb", 0.35, stride=2)),
            augmentation=_AUGMENTATION,
        ),
        # No decay: pretrain_small continues from the averaged weights, with decay.
        optimizer=Optimizer(lr=1.2e-3, warmup_steps=300, decay="steps"),
        batch_size=32,
        num_steps=4500,
        validate_every=500,
    )


def pretrain_small() -> Settings:
    """Small HRNet, single frame: LSP Extended, COCO, JHMDB frames and synth; ours."""
    return Recipe(
        name="pretrain_small",
        system="single_frame",
        model=SingleFrameConfig(backbone=SMALL_BACKBONE, crop=CropSpec((192, 144)), sigma_px=1.5),
        data=PeopleConfig(
            shares=(
                Share("lspet", 0.32),
                Share("coco", 0.22),
                Share("jhmdb", 0.34, stride=2),
                Share("synth", 0.12),
            ),
            augmentation=_AUGMENTATION,
        ),
        optimizer=Optimizer(lr=1e-3, warmup_steps=100),
        batch_size=32,
        num_steps=3800,
        validate_every=950,
    )
