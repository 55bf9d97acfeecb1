"""Encoders, the networks that turn crops into features, built from their settings.

To add one: add its settings to `spec.EncoderConfig`, subclass `Encoder`, and add a case to
`make_encoder`. Single-frame estimators and GLPose then accept it as their backbone.
"""

from typing import assert_never

from glpose.nets.blocks import Encoder
from glpose.nets.efficientnet_lite import EfficientNetLite
from glpose.nets.hourglass import StackedHourglass
from glpose.nets.hrnet import HRNet
from glpose.nets.resnet import CoarseResNet, DeconvResNet
from glpose.nets.spec import (
    CoarseResNetConfig,
    EfficientNetLiteConfig,
    EncoderConfig,
    HourglassConfig,
    HRNetConfig,
    ResNetConfig,
)


def make_encoder(config: EncoderConfig) -> Encoder:
    """A new encoder with these settings."""
    match config:
        case HRNetConfig():
            return HRNet(config)
        case ResNetConfig():
            return DeconvResNet(config)
        case CoarseResNetConfig():
            return CoarseResNet(config)
        case HourglassConfig():
            return StackedHourglass(config)
        case EfficientNetLiteConfig():
            return EfficientNetLite(config)
        case _:
            assert_never(config)
