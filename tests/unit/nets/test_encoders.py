"""Every encoder is what its settings say, and settings in plain data are told apart."""

import contextlib
from dataclasses import fields, replace
from typing import get_args

import pytest

from glpose.config import from_plain, to_plain, with_changes
from glpose.errors import BadConfig
from glpose.nets.spec import (
    CoarseResNetConfig,
    EfficientNetLiteConfig,
    EncoderConfig,
    HourglassConfig,
    HRNetConfig,
    ResNetConfig,
    check_crop,
)
from glpose.systems.flowing.spec import FlowingConfig
from glpose.systems.glpose.spec import GlobalConfig, GLPoseConfig
from glpose.systems.single_frame.spec import SingleFrameConfig
from glpose.types import CropSpec

HRNET = HRNetConfig(
    width=8,
    stem_width=8,
    first="basic",
    first_width=8,
    first_blocks=1,
    num_modules=(1, 1, 1),
    num_blocks=1,
)
RESNET = ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16)
COARSE = CoarseResNetConfig((1, 1, 1, 1), width=8, neck=16)
LITE = EfficientNetLiteConfig(pyramid=(24, 16, 16), channels=8)
ENCODERS = {
    "lite": (LITE, 4),
    "lite, coarse": (EfficientNetLiteConfig(pyramid=(24,), channels=8), 16),
    "hrnet": (HRNET, 4),
    "resnet": (RESNET, 4),
    "resnet of basic blocks": (replace(RESNET, block="basic"), 4),
    "resnet, one deconvolution less": (ResNetConfig((1, 1, 1, 1), 8, 2, 16), 8),
    "hourglass": (HourglassConfig(2, num_maps=6, width=32, depth=2), 4),
    "coarse resnet": (COARSE, 16),
    "coarse resnet, as it ends": (replace(COARSE, num_up=0), 32),
    "coarse resnet, with its finer maps": (replace(COARSE, num_up=2, lateral=True), 8),
}


@pytest.mark.torch
@pytest.mark.parametrize(("config", "stride"), ENCODERS.values(), ids=ENCODERS.keys())
def test_features_have_the_channels_and_the_stride_that_are_stated(
    config: EncoderConfig, stride: int
) -> None:
    torch = pytest.importorskip("torch")
    from glpose.nets.encoders import make_encoder

    encoder = make_encoder(config).eval()
    assert (encoder.channels, encoder.stride) == (config.channels, config.stride)
    assert encoder.stride == stride
    crops = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8)
    with torch.inference_mode():
        stages = encoder.stages(crops)
        assert torch.equal(encoder(crops), stages[-1])
    shape = (1, encoder.channels, 64 // stride, 96 // stride)
    assert {tuple(features.shape) for features in stages} == {shape}
    assert stages[-1].min() >= 0


@pytest.mark.torch
@pytest.mark.parametrize(("config", "stride"), ENCODERS.values(), ids=ENCODERS.keys())
def test_crops_of_the_stated_multiple_fit_and_others_of_the_stride_do_not(
    config: EncoderConfig, stride: int
) -> None:
    torch = pytest.importorskip("torch")
    from glpose.nets.encoders import make_encoder

    encoder, multiple = make_encoder(config).eval(), config.crop_multiple

    def shape_of(*size_hw: int) -> list[int]:
        return list(encoder(torch.zeros(1, *size_hw, 3, dtype=torch.uint8)).shape[-2:])

    with torch.inference_mode():
        assert shape_of(multiple, 3 * multiple) == [multiple // stride, 3 * multiple // stride]
        check_crop(CropSpec((multiple, 3 * multiple)), multiple)
        odd = stride, multiple + stride
        if multiple > stride:
            with contextlib.suppress(RuntimeError):  # maps of other sizes cannot be added
                assert shape_of(*odd) != [1, multiple // stride + 1]
            with pytest.raises(BadConfig, match=f"expected .* multiples of {multiple}, e.g. "):
                check_crop(CropSpec(odd), multiple)


@pytest.mark.parametrize("of", [SingleFrameConfig, GLPoseConfig, FlowingConfig])
def test_heatmaps_have_the_stride_of_the_encoder(of: type) -> None:
    coarse = ResNetConfig(num_deconv=2)
    config = of(backbone=coarse, crop=CropSpec((384, 288)))
    assert config.heatmap.size_hw == (48, 36)
    with pytest.raises(BadConfig, match=r"\[36, 64\].*multiples of 32, e\.g\. \[32, 64\]"):
        of(backbone=coarse, crop=CropSpec((36, 64)))
    assert of(crop=CropSpec((36, 64))).heatmap.size_hw == (9, 16)


def test_a_table_of_settings_says_by_its_keys_which_encoder_it_is() -> None:
    kinds = get_args(EncoderConfig)
    keys = [{field.name for field in fields(kind)} for kind in kinds]
    assert all(a - b for a in keys for b in keys if a is not b)
    for config in (HRNET, RESNET):
        whole = GLPoseConfig(backbone=config)
        assert from_plain(GLPoseConfig, to_plain(whole)) == whole
    assert from_plain(GLPoseConfig, {"backbone": {"deconv_width": 8}}).backbone == ResNetConfig(
        deconv_width=8
    )
    # What both have is the first kind's, unless the setting is of the other kind already.
    assert from_plain(GLPoseConfig, {"backbone": {"width": 8}}).backbone == HRNetConfig(width=8)
    resnet = GLPoseConfig(backbone=RESNET)
    wider = ResNetConfig((1, 1, 1, 1), width=9, deconv_width=16)
    assert with_changes(resnet, {"backbone": {"width": 9}}).backbone == wider
    assert with_changes(resnet, {"backbone.width": 9}).backbone == wider
    with pytest.raises(BadConfig, match=r"'num_deconf' in GLPoseConfig\.backbone; did you mean"):
        from_plain(GLPoseConfig, {"backbone": {"num_deconf": 1, "deconv_width": 8}})
    with pytest.raises(BadConfig, match="num_deconv is 0; expected 1 to 5"):
        ResNetConfig(num_deconv=0)


def test_only_an_hrnet_has_a_stage_2_to_rank_by() -> None:
    by_stage_2 = GlobalConfig(rank_stage=2)
    assert GLPoseConfig(global_=by_stage_2).global_.rank_stage == 2
    with pytest.raises(BadConfig, match=r"global_\.rank_stage is 2, a stage of an HRNet"):
        GLPoseConfig(backbone=RESNET, global_=by_stage_2)
