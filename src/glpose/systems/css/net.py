"""An encoder, the two halves of its vector, and the decoder that teaches it. See `nets.split`."""

from torch import Tensor, nn

from glpose.errors import BadConfig
from glpose.nets.blocks import Encoder
from glpose.nets.encoders import make_encoder
from glpose.nets.split import Halves, SplitLatent, SwapDecoder
from glpose.systems.css.spec import CSSConfig


class SplitNet(nn.Module):
    """Crops to halves, and halves to pictures; `encoder` is that of the settings unless given."""

    def __init__(self, config: CSSConfig, encoder: Encoder | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder or make_encoder(config.backbone)
        height, width = (side // self.encoder.stride for side in config.crop.size_hw)
        rows, columns = config.grid
        if height % rows or width % columns:
            raise BadConfig(
                f"grid is {list(config.grid)}, but the features have {height} x {width} pixels; "
                "expected divisors of these"
            )
        self.split = SplitLatent(
            self.encoder.channels,
            (height, width),
            (height // rows, width // columns),
            config.invariant,
            config.variant,
            config.dropout,
        )
        self.decoder = None
        if config.reconstruct != "none":
            self.decoder = SwapDecoder(
                config.invariant,
                config.variant,
                config.crop.size_hw,
                config.widths,
                background=config.background,
            )

    def forward(self, crops_BHWC: Tensor) -> Halves:
        """`uint8` RGB crops to the two halves."""
        return self.split(self.encoder(crops_BHWC))

    def paint(self, halves: Halves, background_BHWC: Tensor | None) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1]; the background is `uint8`."""
        assert self.decoder is not None, "this network does not reconstruct"
        shown = as_target(background_BHWC) if background_BHWC is not None else None
        return self.decoder(halves, shown)


def as_target(crops_BHWC: Tensor) -> Tensor:
    """`uint8` crops as pictures (B, 3, H, W) in [0, 1]."""
    return crops_BHWC.permute(0, 3, 1, 2).float() / 255
