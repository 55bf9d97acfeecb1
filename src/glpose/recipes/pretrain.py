"""Single-frame pre-training. Numbers without a source are ours."""

from dataclasses import replace

from glpose.nets.spec import EfficientNetLiteConfig
from glpose.systems.single_frame.spec import Settings, SingleFrameConfig
from glpose.train.data.augment import Augmentation
from glpose.train.data.people import PeopleConfig, Share
from glpose.train.recipe import Optimizer, Recipe
from glpose.types import CropSpec

SMALL_BACKBONE = EfficientNetLiteConfig()
"""EfficientNet-Lite0 with a pyramid to 32 channels: 3.3 million parameters."""

SMALL_CROP = CropSpec((224, 168), padding=1.2)
"""The crops of the shipped network."""

FROZEN = ("stem", "stem_norm", *(f"blocks.{number}" for number in range(5)))
"""The first parts of the body, which learn least and cost most of the backward pass."""

_RATES = (*((f"encoder.body.{part}", 0.0) for part in FROZEN), ("encoder.body", 0.5))

_DATA = PeopleConfig(
    shares=(
        Share("lspet", 0.27),
        Share("coco", 0.24),
        Share("jhmdb", 0.26),
        Share("lsp", 0.05),
        Share("person_boxes", 0.02),
        Share("person_boxes_2", 0.10),
        Share("free_exercise", 0.04),
        Share("badminton", 0.01),
        Share("tud_side_walk", 0.01),
    ),
    augmentation=Augmentation(
        rotation_deg=30.0,
        rotation_share=0.6,
        scale=0.2,
        shift=0.06,
        half_body_share=0.15,
        flip_share=0.5,
        colour=0.25,
        damage_share=0.1,
    ),
    min_joints=5,
    taught=True,
)


PRETRAINED_ON = ("imagenet", *(share.source for share in _DATA.shares), "taught")
"""What pretrain_small's weights have seen, for cards of what starts from them."""


def warmup_small() -> Settings:
    """Lite0 from ImageNet on small crops, to start pretrain_small from: twice as many a second."""
    return Recipe(
        name="warmup_small",
        system="single_frame",
        model=SingleFrameConfig(
            num_joints=19,
            skeleton="body19",
            backbone=SMALL_BACKBONE,
            crop=CropSpec((128, 96)),
            sigma_px=1.5,
        ),
        data=_DATA,
        # No decay: pretrain_small continues from the averaged weights, with decay.
        optimizer=Optimizer(lr=1.5e-3, warmup_steps=300, decay="steps", rates=_RATES),
        batch_size=32,
        num_steps=6000,
        validate_every=1000,
        init_from="imagenet",
        pretrained_on=("imagenet",),
    )


def pretrain_small() -> Settings:
    """Lite0, single frame, 19 joints by hand and by teachers; start it from warmup_small (--init).

    More augmentation and fewer frames of JHMDB than there: frames of a video are much alike.
    """
    warm = warmup_small()
    return replace(
        warm,
        name="pretrain_small",
        model=replace(warm.model, crop=CropSpec((192, 144))),
        data=replace(
            _DATA,
            shares=(
                Share("lspet", 0.28),
                Share("coco", 0.28),
                Share("jhmdb", 0.14),
                Share("lsp", 0.07),
                Share("person_boxes", 0.02),
                Share("person_boxes_2", 0.13),
                Share("free_exercise", 0.05),
                Share("badminton", 0.01),
                Share("tud_side_walk", 0.02),
            ),
            augmentation=Augmentation(
                rotation_deg=35.0,
                rotation_share=0.6,
                scale=0.25,
                shift=0.08,
                half_body_share=0.2,
                flip_share=0.5,
                colour=0.3,
                damage_share=0.15,
                stretch=0.08,
            ),
        ),
        optimizer=replace(warm.optimizer, warmup_steps=100, decay="cosine"),
        num_steps=9000,
    )


def finetune_small() -> Settings:
    """The same with nothing frozen, since pretrain_small fits even its training data badly."""
    before = pretrain_small()
    return replace(
        before,
        name="finetune_small",
        optimizer=replace(before.optimizer, lr=1.2e-3, rates=(("encoder.body", 0.5),)),
        num_steps=6500,
        validate_every=500,
        pretrained_on=PRETRAINED_ON,
    )


def enlarge_small() -> Settings:
    """finetune_small's network on larger crops with less around the person.

    Distances within 0.1 of the box gain most: a cell of the heatmap covers less of the person.
    """
    before = finetune_small()
    shift_less = replace(before.data.augmentation, shift=0.06, scale=0.22)
    return replace(
        before,
        name="enlarge_small",
        model=replace(before.model, crop=SMALL_CROP),
        data=replace(before.data, augmentation=shift_less),
        optimizer=replace(before.optimizer, lr=1e-3),
        num_steps=6400,
    )


def longer_small() -> Settings:
    """enlarge_small once more, people turned further; start it from there or from what is shipped.

    Before, each person was seen some thirty times; every further round has paid so far.
    """
    before = enlarge_small()
    turned = replace(before.data.augmentation, rotation_deg=45.0)
    return replace(
        before,
        name="longer_small",
        data=replace(before.data, augmentation=turned),
        num_steps=7000,
        validate_every=700,
    )


def longest_small() -> Settings:
    """longer_small in large batches for minutes of a GPU, with more of LSP's unusual poses.

    Start it from longer_small or from what is shipped.
    """
    before = longer_small()
    shares = (
        Share("lspet", 0.28),
        Share("coco", 0.26),
        Share("jhmdb", 0.16),
        Share("lsp", 0.10),
        Share("person_boxes", 0.02),
        Share("person_boxes_2", 0.11),
        Share("free_exercise", 0.04),
        Share("badminton", 0.01),
        Share("tud_side_walk", 0.02),
    )
    return replace(
        before,
        name="longest_small",
        data=replace(before.data, shares=shares),
        optimizer=replace(before.optimizer, lr=2e-3, warmup_steps=300),
        batch_size=128,
        num_steps=3800,
        validate_every=1900,
        checkpoint_every=500,
        data_workers=9,
    )


def broader_small() -> Settings:
    """longest_small on a whole GPU, with less of JHMDB, more changes to pictures and more decay.

    JHMDB's few scenes were soon known by heart, LSP's and COCO's many people were not. Start it from
    longest_small or from what is shipped.
    """
    before = longest_small()
    shares = (
        Share("lspet", 0.28),
        Share("coco", 0.31),
        Share("jhmdb", 0.12),
        Share("lsp", 0.09),
        Share("person_boxes_2", 0.13),
        Share("free_exercise", 0.04),
        Share("badminton", 0.01),
        Share("tud_side_walk", 0.02),
    )
    changed = replace(
        before.data.augmentation,
        scale=0.25,
        colour=0.4,
        damage_share=0.2,
        turned_share=0.04,
    )
    return replace(
        before,
        name="broader_small",
        data=replace(before.data, shares=shares, augmentation=changed),
        optimizer=replace(before.optimizer, lr=2.5e-3, warmup_steps=500, weight_decay=0.1),
        batch_size=256,
        num_steps=7750,
        validate_every=3875,
        checkpoint_every=500,
        data_workers=14,
    )


def leaning_small() -> Settings:
    """broader_small's network once more, with more of the people of LSP Extended who lean, lie or hang.

    Their labels by hand count since then; before, teachers who know people upright had the last
    word. Start it from broader_small or from what is shipped.
    """
    before = broader_small()
    shares = (
        Share("lspet", 0.38),
        Share("coco", 0.25),
        Share("jhmdb", 0.10),
        Share("lsp", 0.08),
        Share("person_boxes_2", 0.12),
        Share("free_exercise", 0.04),
        Share("badminton", 0.01),
        Share("tud_side_walk", 0.02),
    )
    return replace(
        before,
        name="leaning_small",
        data=replace(before.data, shares=shares),
        num_steps=12900,
        validate_every=6450,
    )


def crowded_small() -> Settings:
    """leaning_small's network once more, half of the people with a neighbour beside or before them.

    For an hour on two CPU cores, to be averaged with what it started from (`bench/average.py`).
    """
    before = leaning_small()
    shares = (
        Share("lspet", 0.33),
        Share("coco", 0.33),
        Share("jhmdb", 0.09),
        Share("lsp", 0.08),
        Share("person_boxes_2", 0.11),
        Share("free_exercise", 0.03),
        Share("badminton", 0.01),
        Share("tud_side_walk", 0.02),
    )
    changed = replace(before.data.augmentation, neighbour_share=0.5, half_body_share=0.3)
    return replace(
        before,
        name="crowded_small",
        data=replace(before.data, shares=shares, augmentation=changed),
        optimizer=replace(before.optimizer, lr=5e-4, warmup_steps=100, rates=_RATES),
        batch_size=64,
        num_steps=2750,
        validate_every=2750,
        checkpoint_every=250,
        data_workers=0,
    )


def sunlit_small() -> Settings:
    """crowded_small's network once more, with lights that shine into the camera and more people turned.

    Half as many of them have a neighbour.
    For an hour and a half on two CPU cores, to be averaged with what it started from.
    """
    before = crowded_small()
    changed = replace(
        before.data.augmentation, neighbour_share=0.25, glare_share=0.35, turned_share=0.12
    )
    return replace(
        before,
        name="sunlit_small",
        data=replace(before.data, augmentation=changed),
        num_steps=6000,
        validate_every=3000,
    )


def sharper_small() -> Settings:
    """leaning_small's network on larger crops, for single pictures; an hour and a half on two CPU cores.

    Small people are seen worse for a while on crops that magnify them, so that COCO has a larger share.
    """
    before = leaning_small()
    shares = (
        Share("lspet", 0.31),
        Share("coco", 0.36),
        Share("jhmdb", 0.08),
        Share("lsp", 0.08),
        Share("person_boxes_2", 0.11),
        Share("free_exercise", 0.03),
        Share("badminton", 0.01),
        Share("tud_side_walk", 0.02),
    )
    return replace(
        before,
        name="sharper_small",
        model=replace(before.model, crop=CropSpec((288, 216), padding=1.2)),
        data=replace(before.data, shares=shares),
        optimizer=replace(before.optimizer, lr=3.5e-4, warmup_steps=30, rates=_RATES),
        batch_size=64,
        num_steps=5000,
        validate_every=2500,
        checkpoint_every=100,
        data_workers=0,
    )


def composite_small() -> Settings:
    """Lite0 to stride 16 with a composite head, on finetune_small's crops; start it from ImageNet.

    The pyramid ends two steps earlier, so that most of its cost is gone. A small form of CLNet.
    """
    before = finetune_small()
    model = replace(
        before.model,
        backbone=EfficientNetLiteConfig(pyramid=(128,), channels=96),
        head="composite",
        sigma_px=1.0,
    )
    return replace(
        before,
        name="composite_small",
        model=model,
        optimizer=replace(before.optimizer, lr=1.5e-3, warmup_steps=300),
        init_from="imagenet",
        pretrained_on=("imagenet",),
    )
