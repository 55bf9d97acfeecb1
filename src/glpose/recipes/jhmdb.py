"""What the other frames are worth on JHMDB, 14 actions, our split: short runs that compare.

All share one frozen encoder (that of `pose_small`, given with --init) and its cached features, so
that a run is a few minutes of fusion; heads start from nothing in all of them. Numbers without
source: ours.
"""

from dataclasses import replace

from glpose.recipes.fuse import glpose_small
from glpose.systems.glpose.spec import EnhanceConfig, LocalConfig, with_sources
from glpose.train.recipe import Optimizer, Recipe


def jhmdb_complete() -> Recipe:
    """k = 4 local and n = 6 global frames, enhancement, 3x3 head."""
    recipe = glpose_small()
    return replace(
        recipe,
        name="jhmdb_complete",
        # JHMDB alone, augmented twice.
        data=replace(recipe.data, sources=("jhmdb",), num_variants=2),
        optimizer=Optimizer(lr=1e-3, weight_decay=0.05, warmup_steps=50),
        num_steps=600,
        ema_decay=0.995,
        validate_every=600,
    )


def jhmdb_k0() -> Recipe:
    """Without local frames."""
    recipe = jhmdb_complete()
    return replace(recipe, name="jhmdb_k0", model=with_sources(recipe.model, k=0))


def jhmdb_n0() -> Recipe:
    """Without global frames."""
    recipe = jhmdb_complete()
    return replace(recipe, name="jhmdb_n0", model=with_sources(recipe.model, n=0))


def jhmdb_one() -> Recipe:
    """Neither: the same network on the key frame alone."""
    recipe = jhmdb_complete()
    return replace(recipe, name="jhmdb_one", model=with_sources(recipe.model, k=0, n=0))


def jhmdb_no_enhancement() -> Recipe:
    """Without the enhancement module: aggregated features go to the head."""
    recipe = jhmdb_complete()
    model = replace(recipe.model, enhance=EnhanceConfig(enabled=False))
    return replace(recipe, name="jhmdb_no_enhancement", model=model)


def jhmdb_mlp() -> Recipe:
    """A perceptron for each pixel as head."""
    recipe = jhmdb_complete()
    return replace(recipe, name="jhmdb_mlp", model=replace(recipe.model, head="mlp"))


def jhmdb_conv5x5() -> Recipe:
    """A 5x5 convolution as head."""
    recipe = jhmdb_complete()
    return replace(recipe, name="jhmdb_conv5x5", model=replace(recipe.model, head="conv5x5"))


def jhmdb_paper_start() -> Recipe:
    """Weights drawn as in the paper, without our path around the fusion."""
    recipe = jhmdb_complete()
    return replace(recipe, name="jhmdb_paper_start", model=replace(recipe.model, start="paper"))


def jhmdb_undamaged() -> Recipe:
    """Trained on whole pictures only."""
    recipe = jhmdb_complete()
    data = replace(recipe.data, damage_share=0.0, neighbour_damage_share=0.0)
    return replace(recipe, name="jhmdb_undamaged", data=data)


def jhmdb_stride3() -> Recipe:
    """Every third frame as local frames: a window of one second instead of a third."""
    recipe = jhmdb_complete()
    model = replace(recipe.model, local=LocalConfig(k=4, stride=3, box="own"))
    return replace(recipe, name="jhmdb_stride3", model=model)
