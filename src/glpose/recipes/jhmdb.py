"""What other frames contribute on JHMDB, 14 actions, our split: short ablation runs.

All share one frozen encoder (given with --init: pose_small, or a run) and its cached features, so
that a run trains only the fusion, in a few minutes. Heads start as the single-frame one, other
kinds of heads and `start` "paper" from scratch. Numbers: ours.
"""

from dataclasses import replace
from typing import Literal

from glpose.clip import Similarity
from glpose.nets.spec import HeadType
from glpose.recipes.fuse import glpose_small, queries_small
from glpose.systems.glpose.spec import EnhanceConfig, GlobalConfig, Settings
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
    similarity: Similarity = "cosine",
    queries: bool = False,
) -> Settings:
    """The complete network, or one with a change.

    `stride` spreads the local frames over a longer time; with `damage_share` 0 no training picture
    is damaged. `similarity` "dot" has the paper's temperature of 1. `queries` replace the fusion.
    """
    recipe = queries_small() if queries else glpose_small()
    model = replace(
        recipe.model,
        local=replace(recipe.model.local, k=k, stride=stride),
        global_=_similar(recipe.model.global_, 0 if queries else n, similarity),
        enhance=EnhanceConfig(enabled=enhanced),
        head=head,
        start=start,
    )
    data = replace(
        recipe.data,
        damage_share=damage_share,
        neighbour_damage_share=recipe.data.neighbour_damage_share if damage_share else 0.0,
        damage_run=recipe.data.damage_run if damage_share else 1,
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


def _similar(how: GlobalConfig, n: int, similarity: Similarity) -> GlobalConfig:
    temperature = 1.0 if similarity == "dot" else how.temperature
    return replace(how, n=n, similarity=similarity, temperature=temperature)
