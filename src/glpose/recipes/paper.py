"""GLPose as in the paper (Jiao et al., ACM TOMM 2022), for its tables 1 to 4.

Numbers name their source: the paper's section, the public code of its authors' group
(Pose-Group/DCPose and Pose-Group/FAMI-Pose), or "ours". The networks have the defaults of
`GLPoseConfig`: HRNet-W48 to stage 3, frozen, 384x288, k = 4, n = 6 (4.1).
"""

from dataclasses import replace

from glpose.nets.spec import HeadType
from glpose.systems.glpose.spec import (
    ClipConfig,
    EnhanceConfig,
    GLPoseConfig,
    HeadInput,
    Settings,
    with_sources,
)
from glpose.train.data.augment import Augmentation
from glpose.train.recipe import Optimizer, Recipe


def posetrack17(
    *,
    k: int = 4,
    n: int = 6,
    enhanced: bool = True,
    head: HeadType = "conv3x3",
    head_input: HeadInput = "enhanced",
) -> Settings:
    """PoseTrack 2017, from a single-frame run on COCO and PoseTrack (3.3); also the ablations."""
    model = GLPoseConfig(head=head, head_input=head_input, enhance=EnhanceConfig(enabled=enhanced))
    model = with_sources(model, k=k, n=n)
    return _trained("posetrack17", "posetrack17-val", model)


def posetrack18() -> Settings:
    """PoseTrack 2018, trained in the same way."""
    return _trained("posetrack18", "posetrack18-val", GLPoseConfig())


def subjhmdb(*, split: int) -> Settings:
    """One split of Sub-JHMDB, with boxes from the masks.

    The paper does not give pre-training or schedule: here training starts from the PoseTrack model
    and uses its schedule. All 15 joints of JHMDB are estimated (4.1). Boxes are those of the masks,
    unchanged, in evaluation too.
    """
    name = f"subjhmdb{split}"
    recipe = _trained(name, f"{name}-test", GLPoseConfig(skeleton="jhmdb15"))
    data = replace(recipe.data, clip_boxes=False)
    return replace(recipe, data=data, pretrained_on=("coco", "posetrack17"))


def _trained(source: str, validation: str, model: GLPoseConfig) -> Settings:
    return Recipe(
        name=source,
        system="glpose",
        model=model,
        data=ClipConfig(
            sources=(source,),
            features="online",
            order="epochs",
            # 4.1 names the augmentations; their distributions are from the group's code.
            augmentation=Augmentation(),
            clip_boxes=True,
            validation=validation,
        ),
        # 4.1: Adam, 1e-3, divided by 10 after epochs 6, 12 and 18, 20 epochs. Neither paper nor
        # code clips gradients or averages weights.
        optimizer=Optimizer(
            kind="adam",
            lr=1e-3,
            weight_decay=0.0,
            warmup_steps=0,
            decay="steps",
            epoch_milestones=(6, 12, 18),
            gamma=0.1,
            max_norm=0.0,
        ),
        num_epochs=20,
        # The paper states four GPUs and no batch size; the group's code has 32 for each of two.
        batch_size=64,
        ema_decay=0.0,
        precision="fp32",
        pretrained_on=("coco", source),
    )
