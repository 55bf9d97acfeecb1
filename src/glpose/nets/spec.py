"""Sizes of reusable networks, without torch, so that recipes and cards can name them."""

from dataclasses import dataclass
from typing import Literal

from glpose.config import check_length, check_ranges
from glpose.errors import BadConfig
from glpose.types import CropSpec, HeatmapSpec

CHANNELS, BLOCKS = (1, 4096), (1, 64)
"""The least and the most that networks can have."""


@dataclass(frozen=True, slots=True)
class HRNetConfig:
    """Sizes of an HRNet; the defaults are W48 up to stage 3.

    `width` is the finest branch's channels; each coarser branch has twice as many. `num_modules`
    lists the modules of each stage from stage 2 on, with `num_blocks` blocks per branch. `first` is
    layer1's block: four bottlenecks in the paper, cheaper basic blocks in our small network.
    """

    width: int = 48
    stem_width: int = 64
    first: Literal["bottleneck", "basic"] = "bottleneck"
    first_width: int = 64
    first_blocks: int = 4
    num_modules: tuple[int, ...] = (1, 4)
    num_blocks: int = 4

    def __post_init__(self) -> None:
        check_ranges(self, "backbone.", width=CHANNELS, stem_width=CHANNELS, first_width=CHANNELS)
        check_ranges(self, "backbone.", first_blocks=BLOCKS, num_modules=BLOCKS, num_blocks=BLOCKS)
        check_length("backbone.num_modules", self.num_modules, 3)

    @property
    def channels(self) -> int:
        """Channels of the features: those of the finest branch."""
        return self.width

    @property
    def stride(self) -> int:
        """Crop pixels per feature pixel: two convolutions each halve the size."""
        return 4

    @property
    def crop_multiple(self) -> int:
        """What sides of crops are multiples of: coarser branches are enlarged to the finer's size."""
        return self.stride

    @property
    def source(self) -> str:
        """The network and its paper, for cards of single-frame estimators."""
        return f"HRNet up to stage {len(self.num_modules) + 1} (Sun et al., CVPR 2019)"

    @property
    def family(self) -> str:
        """The kind of network and its paper, for cards of networks built on it."""
        return "an HRNet (Sun et al., CVPR 2019)"


RESNET_BLOCKS: dict[int, tuple[int, int, int, int]] = {
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Bottlenecks of layer1 to layer4 by the number of layers (He et al., CVPR 2016, table 1)."""

BASIC_BLOCKS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Basic blocks of the smaller ResNets, from the same table."""


@dataclass(frozen=True, slots=True)
class ResNetConfig:
    """Sizes of a ResNet and the deconvolutions after it; the default is ResNet-50.

    `num_blocks` are the blocks of layer1 to layer4, each twice as wide as the one before; each of
    `num_deconv` deconvolutions doubles the size of the features.
    """

    num_blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64
    num_deconv: int = 3
    deconv_width: int = 256
    block: Literal["bottleneck", "basic"] = "bottleneck"

    def __post_init__(self) -> None:
        check_ranges(self, "backbone.", num_blocks=BLOCKS, num_deconv=(1, 5))
        check_ranges(self, "backbone.", width=CHANNELS, deconv_width=CHANNELS)

    @property
    def channels(self) -> int:
        """Channels of the features: those of the deconvolutions."""
        return self.deconv_width

    @property
    def stride(self) -> int:
        """Crop pixels per feature pixel.

        The ResNet reduces the size by 32, and each deconvolution doubles it.
        """
        return 32 // 2**self.num_deconv

    @property
    def crop_multiple(self) -> int:
        """What sides of crops are multiples of: the size is reduced by so much and doubled again."""
        return 32

    @property
    def source(self) -> str:
        """The network and its paper, for cards of single-frame estimators."""
        layers = (2 if self.block == "basic" else 3) * sum(self.num_blocks) + 2
        return f"Simple Baselines with a ResNet of {layers} layers (Xiao et al., ECCV 2018)"

    @property
    def family(self) -> str:
        """The kind of network and its paper, for cards of networks built on it."""
        return "a ResNet with deconvolutions (Xiao et al., ECCV 2018)"


@dataclass(frozen=True, slots=True)
class CoarseResNetConfig:
    """Sizes of a bottleneck ResNet with a light way back to a coarse map; the default is ResNet-50.

    The map at stride 32 is narrowed to `neck` channels by a 1x1 convolution (0: left as it is) and
    enlarged twofold `num_up` times, bilinearly; after each time the ResNet's map of that size is added if `lateral`,
    and a 3x3 convolution follows.
    """

    num_blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64
    neck: int = 256
    num_up: int = 1
    lateral: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, "backbone.", num_blocks=BLOCKS, num_up=(0, 3))
        check_ranges(self, "backbone.", width=CHANNELS, neck=(0, CHANNELS[1]))

    @property
    def channels(self) -> int:
        """Channels of the features."""
        return self.neck or 32 * self.width

    @property
    def stride(self) -> int:
        """Crop pixels per feature pixel."""
        return 32 // 2**self.num_up

    @property
    def crop_multiple(self) -> int:
        """What sides of crops are multiples of: the size is reduced by so much and doubled again."""
        return 32

    @property
    def source(self) -> str:
        """The network and its paper, for cards of single-frame estimators."""
        layers = 3 * sum(self.num_blocks) + 2
        return (
            f"a ResNet of {layers} layers (He et al., CVPR 2016) for composite localisation, after "
            "the idea of CLNet (2021), details ours"
        )

    @property
    def family(self) -> str:
        """The kind of network and its paper, for cards of networks built on it."""
        return "a ResNet with coarse features (He et al., CVPR 2016)"


@dataclass(frozen=True, slots=True)
class HourglassConfig:
    """Sizes of stacked hourglasses.

    Each hourglass halves the size `depth` times. All but the last also guess the codec's maps:
    `num_maps` is the number of their channels, three for each joint with a composite head.
    """

    num_stacks: int = 2
    num_maps: int = 51
    width: int = 256
    depth: int = 4

    def __post_init__(self) -> None:
        check_ranges(self, "backbone.", num_stacks=(1, 16), depth=(1, 6))
        check_ranges(self, "backbone.", num_maps=CHANNELS, width=CHANNELS)
        if self.width % 32:
            raise BadConfig(f"backbone.width is {self.width}; expected a multiple of 32")

    @property
    def channels(self) -> int:
        """Channels of the features."""
        return self.width

    @property
    def stride(self) -> int:
        """Crop pixels per feature pixel: the stem and a pooling each halve the size."""
        return 4

    @property
    def crop_multiple(self) -> int:
        """What sides of crops are multiples of: each hourglass halves and doubles the size."""
        return self.stride * 2**self.depth

    @property
    def source(self) -> str:
        """The network and its paper, for cards of single-frame estimators."""
        return f"{self.num_stacks} stacked hourglasses (Newell et al., ECCV 2016)"

    @property
    def family(self) -> str:
        """The kind of network and its paper, for cards of networks built on it."""
        return "stacked hourglasses (Newell et al., ECCV 2016)"


@dataclass(frozen=True, slots=True)
class LiteBodyConfig:
    """Sizes of the body of an EfficientNet-Lite; the default is Lite0.

    `width` and `depth` are the factors of the channels and of the blocks (Lite2: 1.1 and 1.2).
    """

    width: float = 1.0
    depth: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, "backbone.", width=(0.05, 16), depth=(0.05, 16))

    @property
    def variant(self) -> str:
        """The published variant with these factors, e.g. "lite0", or "lite" if there is none."""
        return EFFICIENTNET_LITE.get((self.width, self.depth), "lite")

    @property
    def source(self) -> str:
        """The network and its paper, for cards of single-frame estimators."""
        return f"EfficientNet-{self.variant.capitalize()} with a pyramid (Tan and Le, ICML 2019)"

    @property
    def family(self) -> str:
        """The kind of network and its paper, for cards of networks built on it."""
        return f"an {self.source}"


@dataclass(frozen=True, slots=True)
class EfficientNetLiteConfig(LiteBodyConfig):
    """Sizes of an EfficientNet-Lite with a top-down pyramid, usually to stride 4.

    The default is Lite0. The body can end at stride 16, without the last stages, which hold two
    thirds of its weights. `pyramid` are the channels at strides 32, 16 and 8, or the first of these
    that the body has, and `channels` those of the features at the next stride.
    """

    pyramid: tuple[int, ...] = (128, 96, 64)
    channels: int = 32
    body_stride: Literal[16, 32] = 32

    def __post_init__(self) -> None:
        LiteBodyConfig.__post_init__(self)  # super() does not know classes with slots
        check_ranges(self, "backbone.", pyramid=CHANNELS, channels=CHANNELS)
        most = 3 if self.body_stride == 32 else 2
        if not 1 <= len(self.pyramid) <= most:
            raise BadConfig(
                f"backbone.pyramid is {list(self.pyramid)}; expected 1 to {most} widths for a body "
                f"to stride {self.body_stride}"
            )

    @property
    def stride(self) -> int:
        """Crop pixels per feature pixel: each step of the pyramid doubles the size."""
        return self.body_stride // 2 ** len(self.pyramid)

    @property
    def crop_multiple(self) -> int:
        """What sides of crops are multiples of: coarser maps are enlarged to the finer's size."""
        return self.stride


EFFICIENTNET_LITE: dict[tuple[float, float], str] = {
    (1.0, 1.0): "lite0",
    (1.0, 1.1): "lite1",
    (1.1, 1.2): "lite2",
}
"""Published variants with ImageNet weights, by their factors of width and depth."""

EncoderConfig = (
    HRNetConfig | ResNetConfig | CoarseResNetConfig | HourglassConfig | EfficientNetLiteConfig
)
"""Settings of an encoder. Each kind has `channels`, `stride`, `crop_multiple`, `source` and `family`.

In plain data the settings have no type tag: their keys identify the kind. Add a new kind here and
in `encoders.make_encoder`.
"""

HeadType = Literal["conv1x1", "conv3x3", "conv5x5", "mlp"]
"""The three heads of the paper's ablation, and the 1x1 of published single-frame networks."""


@dataclass(frozen=True, slots=True)
class LossConfig:
    """How the squared error of heatmaps is normalised, see `losses.heatmap_loss`.

    Mean or sum over pixels, a factor (0.5 in HRNet), optional division by the number of joints.
    """

    pixels: Literal["mean", "sum"] = "mean"
    factor: float = 1.0
    divide_by_joints: bool = True

    def __post_init__(self) -> None:
        check_ranges(self, "loss.", factor=(1e-6, 1e6))


def check_crop(crop: CropSpec, multiple: int) -> None:
    """Raises: BadConfig if the crop's sides are not multiples of this, see `crop_multiple`."""
    fitting = [max(1, round(side / multiple)) * multiple for side in crop.size_hw]
    if fitting != list(crop.size_hw):
        raise BadConfig(
            f"crop.size_hw is {list(crop.size_hw)}; expected a height and a width that are "
            f"multiples of {multiple}, e.g. {fitting}"
        )


def heatmap_of(
    crop: CropSpec,
    stride: int,
    *,
    sigma_px: float,
    mapping: Literal["centre", "origin"] = "centre",
    decode: Literal["argmax", "quarter", "dark"] = "dark",
    rounded: bool = False,
) -> HeatmapSpec:
    """The heatmaps of a network: one pixel per `stride` crop pixels."""
    height, width = crop.size_hw
    return HeatmapSpec((height // stride, width // stride), sigma_px, mapping, decode, rounded)
