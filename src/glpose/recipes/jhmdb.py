"""What other frames contribute on JHMDB, 14 actions, our split: short ablation runs.

All share one frozen encoder (that of `pose_small`, given with --init) and its cached features, so
that a run trains only the fusion, in a few minutes; all heads start from scratch. Numbers: ours.
"""

from dataclasses import replace
from typing import Literal

from glpose.nets.spec import HeadType
from glpose.recipes.fuse import glpose_small
from glpose.systems.glpose.spec import EnhanceConfig, Settings
from glpose.train.recipe import Optimizer


def short(
    *,
    k: int = 4,
    n: int = 6,
    stride: int = 1,
    enhanced: bool = True,
    head: HeadType = "conv3x3",
    start: Literal["paper", "single"] = "single",
    damage_share: float = 0.5,
) -> Settings:
    """The complete network, or one with a change.

    `stride` spreads the local frames over a longer time; with `damage_share` 0 no training picture
    is damaged.
    """
    recipe = glpose_small()
    model = replace(
        recipe.model,
        local=replace(recipe.model.local, k=k, stride=stride),
        global_=replace(recipe.model.global_, n=n),
        enhance=EnhanceConfig(enabled=enhanced),
        head=head,
        start=start,
    )
    data = replace(
        recipe.data,
        sources=("jhmdb",),
        num_variants=2,
        damage_share=damage_share,
        neighbour_damage_share=recipe.data.neighbour_damage_share if damage_share else 0.0,
    )
    return replace(
        recipe,
        name="jhmdb_complete",
        model=model,
        data=data,
        optimizer=Optimizer(lr=1e-3, weight_decay=0.05, warmup_steps=50),
        num_steps=600,
        ema_decay=0.995,
        validate_every=600,
    )
