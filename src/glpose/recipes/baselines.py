"""Single-frame baselines of the paper's table 1, and their pre-training.

Numbers are from the configurations in leoxiaobin/deep-high-resolution-net.pytorch and the HRNet
paper (Sun et al., CVPR 2019), or "ours". Those configurations set a weight decay, but their Adam
does not use it. Published training starts from ImageNet classifiers:
`glpose weights import hrnet_w48-8ef0771d.pth --as hrnet_w48 --joints coco17`.
"""

from dataclasses import replace
from typing import Any

from glpose.nets.spec import (
    RESNET_BLOCKS,
    CoarseResNetConfig,
    EncoderConfig,
    HourglassConfig,
    HRNetConfig,
    ResNetConfig,
)
from glpose.systems.single_frame.spec import Settings, SingleFrameConfig, as_published
from glpose.train.data.augment import Augmentation
from glpose.train.data.people import PeopleConfig, Share
from glpose.train.recipe import Optimizer, Recipe
from glpose.types import CropSpec

_SIZE_HW = (384, 288)
_COCO: dict[str, Any] = {"num_joints": 17, "skeleton": "coco17"}

# w48_384x288_adam_lr1e-3: rotation 45, scale 0.35, half body 0.3 of people with more than 8 joints.
# The code clips rotation at twice its number, and scale at its number.
_OF_HRNET = Augmentation(rotation_limit_deg=90.0)
# res50_384x288_d256x3_adam_lr1e-3: rotation 40, scale 0.3, no half bodies.
_OF_SIMPLE_BASELINE = Augmentation(
    rotation_deg=40.0,
    scale=0.3,
    half_body_share=0.0,
    rotation_limit_deg=80.0,
    scale_limit=0.3,
)


def hrnet_coco(*, width: int) -> Settings:
    """HRNet on COCO, all 17 joints: w48 at 384x288 or w32 at 256x192, as usual."""
    size_hw = _SIZE_HW if width == 48 else (256, 192)
    model = _published(_hrnet(width), size_hw, **_COCO)
    # Four GPUs with 24 crops each, or 32 of the smaller ones.
    batch_size = 96 if width == 48 else 128
    return _on_coco(model, _OF_HRNET, (170, 200), 210, batch_size)


def hrnet_posetrack(*, year: int) -> Settings:
    """HRNet-W48 on PoseTrack, from a run of `hrnet_w48_coco`."""
    return _on_posetrack(_published(_hrnet(48), _SIZE_HW), _OF_HRNET, year)


def simple_baseline_coco(*, layers: int) -> Settings:
    """Simple Baselines on COCO at 384x288, all 17 joints."""
    model = _published(_resnet(layers), _SIZE_HW, **_COCO)
    # Four GPUs with 32 crops each.
    return _on_coco(model, _OF_SIMPLE_BASELINE, (90, 120), 140, 128)


def simple_baseline_posetrack17(*, layers: int) -> Settings:
    """Simple Baselines on PoseTrack 2017, trained like HRNet."""
    model = _published(_resnet(layers), _SIZE_HW)
    return _on_posetrack(model, _OF_SIMPLE_BASELINE, 2017)


def clnet_coco(*, lateral: bool) -> Settings:
    """CLNet's idea with ResNet-50 on COCO, trained as Simple Baselines are.

    Only the abstract was at hand, which says "about half of the GFLOPs": stride 16, bilinear
    enlargement in place of deconvolutions. Rotation, scale, rates and epochs are theirs.
    """
    return _clnet(CoarseResNetConfig(lateral=lateral), sigma_px=1.0)


def clnet_hourglass_coco(*, num_stacks: int) -> Settings:
    """CLNet's idea with stacked hourglasses on COCO; the rate is that of the hourglass paper."""
    made = _clnet(HourglassConfig(num_stacks, num_maps=3 * 17), sigma_px=1.5)
    # Hourglasses start from random weights.
    return replace(made, optimizer=_adam(2.5e-4, (90, 120)), pretrained_on=())


def _clnet(backbone: EncoderConfig, *, sigma_px: float) -> Settings:
    crop = CropSpec((256, 192))
    model = SingleFrameConfig(
        backbone=backbone, head="composite", crop=crop, sigma_px=sigma_px, **_COCO
    )
    return _on_coco(model, _OF_SIMPLE_BASELINE, (90, 120), 140, 128)


def _hrnet(width: int) -> HRNetConfig:
    return HRNetConfig(width=width, num_modules=(1, 4, 3))


def _resnet(layers: int) -> ResNetConfig:
    return ResNetConfig(RESNET_BLOCKS[layers])


def _published(
    backbone: EncoderConfig, size_hw: tuple[int, int], **joints: Any
) -> SingleFrameConfig:
    return SingleFrameConfig(backbone=backbone, **as_published(size_hw), **joints)


def _on_coco(
    model: SingleFrameConfig,
    augmentation: Augmentation,
    milestones: tuple[int, ...],
    num_epochs: int,
    batch_size: int,
) -> Settings:
    return Recipe(
        name="coco",
        system="single_frame",
        model=model,
        # The COCO reader has already clipped the boxes; a second time would remove another pixel.
        data=_people("coco", "coco-val", augmentation, clip_boxes=False),
        optimizer=_adam(1e-3, milestones),
        num_epochs=num_epochs,
        batch_size=batch_size,
        ema_decay=0.0,
        precision="fp32",
        pretrained_on=("imagenet",),
    )


def _on_posetrack(
    model: SingleFrameConfig,
    augmentation: Augmentation,
    year: int,
) -> Settings:
    """Fine-tuning as in the HRNet paper, 4.3: 1e-4, divided by 10 at epochs 10 and 15, 20 epochs.

    The rest is as on COCO in that paper. It takes boxes around the joints enlarged by 15 %; here
    they are the boxes of all our networks, enlarged by 25 %.
    """
    source = f"posetrack{year % 100}"
    return Recipe(
        name=source,
        system="single_frame",
        model=model,
        data=_people(source, f"{source}-val", augmentation, clip_boxes=True),
        optimizer=_adam(1e-4, (10, 15)),
        num_epochs=20,
        batch_size=96,
        ema_decay=0.0,
        precision="fp32",
        pretrained_on=("coco",),
    )


def _people(
    source: str,
    validation: str,
    augmentation: Augmentation,
    *,
    clip_boxes: bool,
) -> PeopleConfig:
    """All people with a labelled joint, once per epoch."""
    return PeopleConfig(
        shares=(Share(source, 1.0),),
        augmentation=augmentation,
        order="epochs",
        min_joints=1,
        min_side_px=0.0,
        clip_boxes=clip_boxes,
        validation=validation,
    )


def _adam(lr: float, epoch_milestones: tuple[int, ...]) -> Optimizer:
    return Optimizer(
        kind="adam",
        lr=lr,
        weight_decay=0.0,
        warmup_steps=0,
        decay="steps",
        epoch_milestones=epoch_milestones,
        gamma=0.1,
        max_norm=0.0,
    )
