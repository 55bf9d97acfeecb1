"""Features learned from videos without labels (CSS). Numbers without a source are ours."""

from glpose.nets.spec import CoarseResNetConfig
from glpose.recipes.pretrain import FROZEN, SMALL_BACKBONE
from glpose.systems.css.spec import CSSConfig, LossWeights, MomentsConfig, Settings
from glpose.train.data.augment import Augmentation
from glpose.train.recipe import Optimizer, Recipe
from glpose.types import CropSpec

# Turned by up to 20 degrees, as in the specification of the source work; a clip is mirrored as a whole.
_LOOK = Augmentation(
    rotation_deg=20.0,
    rotation_share=0.6,
    rotation_limit_deg=20.0,
    scale=0.1,
    scale_limit=0.2,
    shift=0.04,
    half_body_share=0.0,
    flip_share=0.5,
    colour=0.2,
)


def css_r50() -> Settings:
    """The published sizes: ResNet-50, 128x128, 128 + 600 values; Adam, 500,000 steps.

    Sizes, absolute errors and the rate are those of the lab's earlier code (Rhodin et al., ECCV
    2018), which starts from ImageNet weights and has a perceptual loss; here gradients stand for
    that, and the weights are random unless --init gives others.
    """
    return Recipe(
        name="css_r50",
        system="css",
        model=CSSConfig(backbone=CoarseResNetConfig(num_up=0, neck=0)),
        data=MomentsConfig(
            augmentation=_LOOK, loss=LossWeights(pixels="absolute", reconstruct=2.0)
        ),
        optimizer=Optimizer(kind="adam", lr=1e-3, weight_decay=0.0, decay="steps"),
        batch_size=32,
        num_steps=500_000,
        validate_every=5000,
        checkpoint_every=1000,
    )


def css_small() -> Settings:
    """Our small encoder on crops of warmup_small's size, from ImageNet, its first parts frozen."""
    return Recipe(
        name="css_small",
        system="css",
        model=CSSConfig(
            backbone=SMALL_BACKBONE,
            crop=CropSpec((128, 96)),
            grid=(8, 6),
            invariant=32,
            variant=128,
            dropout=0.1,
            widths=(96, 64, 32, 16),
        ),
        data=MomentsConfig(augmentation=_LOOK),
        optimizer=Optimizer(
            lr=1e-3,
            weight_decay=0.01,
            warmup_steps=100,
            rates=(*((f"encoder.body.{part}", 0.0) for part in FROZEN), ("encoder.body", 0.5)),
        ),
        batch_size=16,
        num_steps=5000,
        validate_every=500,
        init_from="imagenet",
        pretrained_on=("imagenet",),
    )
