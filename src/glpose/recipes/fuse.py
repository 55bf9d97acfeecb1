"""The fusion that is shipped. Numbers without a source are ours."""

from glpose.recipes.pretrain import SMALL_BACKBONE
from glpose.systems.glpose.spec import ClipConfig, GlobalConfig, GLPoseConfig, LocalConfig, Settings
from glpose.train.data.augment import Augmentation
from glpose.train.recipe import Optimizer, Recipe
from glpose.types import CropSpec


def glpose_small() -> Settings:
    """The shipped network: small HRNet at 192x144, k = 4, n = 6, own boxes, cached features."""
    return Recipe(
        name="glpose_small",
        system="glpose",
        model=GLPoseConfig(
            backbone=SMALL_BACKBONE,
            crop=CropSpec((192, 144)),
            sigma_px=1.5,
            rounded=False,
            mapping="centre",
            decode="dark",
            local=LocalConfig(box="own"),
            # person_small's scores estimate overlap and are lower than those 0.6 is meant for.
            global_=GlobalConfig(min_score=0.4),
            start="single",
        ),
        data=ClipConfig(
            features="cached",
            num_variants=1,
            damaged_stride=2,
            augmentation=Augmentation(
                rotation_deg=15.0,
                rotation_share=0.5,
                scale=0.12,
                shift=0.04,
                half_body_share=0.0,
                flip_share=0.5,
                colour=0.15,
            ),
            damage_share=0.5,
            neighbour_damage_share=0.15,
            box_noise=0.015,
        ),
        optimizer=Optimizer(lr=1e-3, weight_decay=0.05, warmup_steps=100),
        batch_size=32,
        num_steps=1500,
        ema_decay=0.998,
        validate_every=300,
        pretrained_on=("lspet", "coco", "jhmdb", "synth"),
    )
