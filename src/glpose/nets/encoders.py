"""Encoders: the networks that turn crops into features, made from their settings.

To add one: its settings join `spec.EncoderConfig`, its module is an `Encoder`, and `make_encoder`
has a case for it. Single-frame estimators and GLPose then take it as their backbone.
"""

from typing import assert_never

from glpose.nets.blocks import Encoder
from glpose.nets.hrnet import HRNet
from glpose.nets.resnet import DeconvResNet
from glpose.nets.spec import EncoderConfig, HRNetConfig, ResNetConfig


def make_encoder(config: EncoderConfig) -> Encoder:
    """A fresh encoder of these settings."""
    match config:
        case HRNetConfig():
            return HRNet(config)
        case ResNetConfig():
            return DeconvResNet(config)
        case _:
            assert_never(config)
