"""Dynamic kernel distillation: the published form, and a small one. Numbers without a source are ours."""

from dataclasses import replace

from glpose.recipes.pretrain import PRETRAINED_ON, SMALL_BACKBONE, SMALL_CROP
from glpose.systems.dkd.spec import DKDConfig, Settings, StretchConfig
from glpose.train.data.augment import Augmentation
from glpose.train.recipe import Optimizer, Recipe


def dkd_small() -> Settings:
    """leaning_small's network for first frames, and its first stages at half the size for all others.

    The initializer is frozen, and teaches. A quarter of the pixels is what makes the frame encoder
    cheap: it can start from the same weights. The last stages, two thirds of the weights, are left
    out: they would see four cells by three.
    """
    return Recipe(
        name="dkd_small",
        system="dkd",
        model=DKDConfig(
            num_joints=19,
            skeleton="body19",
            head="conv3x3",
            crop=SMALL_CROP,
            sigma_px=1.5,
            backbone=SMALL_BACKBONE,
            small=replace(SMALL_BACKBONE, pyramid=SMALL_BACKBONE.pyramid[1:], body_stride=16),
            shrink=2,
        ),
        data=StretchConfig(
            augmentation=Augmentation(
                rotation_deg=15.0,
                rotation_share=0.5,
                scale=0.12,
                shift=0.06,
                half_body_share=0.0,
                flip_share=0.5,
                colour=0.15,
            ),
            num_frames=3,
            curriculum=((1480, 2),),
            # The clips' labels have no eyes, ears, nose and head top.
            unlabelled_weight=1.0,
            taught_share=0.5,
            beside_share=0.25,
        ),
        optimizer=Optimizer(
            lr=1.5e-3,
            warmup_steps=50,
            rates=(
                ("initializer", 0.0),
                ("distil", 2.0),
                ("match", 2.0),
                ("small.encoder.body", 0.5),
            ),
        ),
        batch_size=8,
        num_steps=1850,
        ema_decay=0.99,
        validate_every=925,
        checkpoint_every=100,
        pretrained_on=PRETRAINED_ON,
    )


def dkd_r50_subjhmdb(*, split: int) -> Settings:
    """ResNet-50 and, with narrower deconvolutions, ResNet-18 at 256x256 on a split of Sub-JHMDB.

    Batch, rate and the length of stretches are those of the follow-up's code (read:
    YHDang/pose-estimation), an epoch there being one stretch of each of the 220 to 230 clips. The
    steps of the rate are what that code seems to mean: it names the factor 0.333 and never reads
    it; as run, each milestone lasts one epoch, at 0.1, 0.01 and so on of the rate. Its
    networks start from Simple Baselines on MPII; here from simple_baseline_r50_coco (--init) and a
    run of the same with the smaller network (--set model.small_from=RUN/best.pt).
    """
    name = f"subjhmdb{split}"
    return Recipe(
        name=f"dkd_r50_{name}",
        system="dkd",
        model=DKDConfig(),
        data=StretchConfig(
            sources=(name,),
            validation=f"{name}-test",
            # There: rotation uniform within 40 degrees, scale within 0.8 and 1.4.
            augmentation=Augmentation(
                rotation_deg=20.0,
                rotation_share=1.0,
                rotation_limit_deg=40.0,
                scale=0.15,
                scale_limit=0.3,
                half_body_share=0.0,
            ),
            num_frames=5,
            curriculum=((700, 2), (1400, 3)),
        ),
        optimizer=Optimizer(
            kind="adam",
            lr=5e-4,
            weight_decay=0.0,
            warmup_steps=0,
            decay="steps",
            # Epochs 8, 15, 25, 40 and 80 of 28 batches.
            milestones=(224, 420, 700, 1120, 2240),
            gamma=0.333,
        ),
        batch_size=8,
        num_steps=2800,
        ema_decay=0.0,
        precision="fp32",
        validate_every=280,
        pretrained_on=("coco",),
    )
