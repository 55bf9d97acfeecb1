"""The fusion that is shipped, and joint queries in its place. Numbers without a source are ours."""

from dataclasses import replace
from typing import Literal

from glpose.recipes.pretrain import PRETRAINED_ON, SMALL_BACKBONE, SMALL_CROP
from glpose.systems.flowing.spec import AlignedConfig, FlowingConfig
from glpose.systems.flowing.spec import Settings as FlowingSettings
from glpose.systems.glpose.spec import (
    ClipConfig,
    GlobalConfig,
    GLPoseConfig,
    LocalConfig,
    QueriesConfig,
    Settings,
)
from glpose.train.data.augment import Augmentation
from glpose.train.recipe import Optimizer, Recipe


def glpose_small() -> Settings:
    """GLPose on crowded_small's encoder: 224x168, k = 4, n = 6, own boxes, cached features."""
    return Recipe(
        name="glpose_small",
        system="glpose",
        model=GLPoseConfig(
            backbone=SMALL_BACKBONE,
            crop=SMALL_CROP,
            sigma_px=1.5,
            rounded=False,
            mapping="centre",
            decode="dark",
            skeleton="body19",
            local=LocalConfig(box="own"),
            # person_small's scores estimate overlap and are lower than those 0.6 is meant for.
            # Crops of one video are alike: their cosines differ by hundredths only.
            global_=GlobalConfig(min_score=0.4, similarity="cosine", temperature=0.003),
            start="single",
            single_head="conv3x3",
        ),
        data=ClipConfig(
            sources=("jhmdb",),
            features="cached",
            num_variants=2,
            damaged_stride=1,
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
            damage_run=3,
            box_noise=0.02,
            box_drift=0.05,
            # The clips' labels have no eyes, ears, nose and head top.
            unlabelled_weight=1.0,
        ),
        optimizer=Optimizer(lr=1e-3, weight_decay=0.05, warmup_steps=100),
        batch_size=32,
        num_steps=1500,
        ema_decay=0.998,
        validate_every=300,
        pretrained_on=PRETRAINED_ON,
    )


def queries_small() -> Settings:
    """Joint queries on the same features of the same neighbours, without global crops."""
    recipe = glpose_small()
    model = replace(
        recipe.model, global_=replace(recipe.model.global_, n=0), queries=QueriesConfig()
    )
    return replace(recipe, name="queries_small", model=model)


def flowing_small(*, align: Literal["flow", "none"] = "flow") -> FlowingSettings:
    """Heatmaps of crowded_small's network merged along the flow: two frames on each side."""
    return Recipe(
        name="flowing_small",
        system="flowing",
        model=FlowingConfig(
            num_joints=19,
            skeleton="body19",
            backbone=SMALL_BACKBONE,
            crop=SMALL_CROP,
            sigma_px=1.5,
            align=align,
        ),
        data=AlignedConfig(),
        optimizer=Optimizer(kind="adam", lr=5e-3, weight_decay=0.0, warmup_steps=0),
        batch_size=32,
        num_steps=300,
        validate_every=150,
        pretrained_on=PRETRAINED_ON,
    )
