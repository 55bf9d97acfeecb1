"""An encoder and a head: crops of one frame to maps. Axes: B batch, J joints, C channels, H W."""

from torch import Tensor, nn

from glpose.codecs.gaussian import HEATMAPS
from glpose.export.pose import Part, PoseParts, with_mean
from glpose.nets.encoders import make_encoder
from glpose.nets.heads import CompositeHead, init_head, make_head
from glpose.nets.hourglass import StackedHourglass
from glpose.systems.single_frame.spec import SingleFrameConfig


class SingleFrameNet(nn.Module):
    """Crops of one frame to the codec's maps; `encoder` and `head` are exported as two graphs."""

    def __init__(self, config: SingleFrameConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config.backbone)
        channels = self.encoder.channels
        num = config.num_joints
        self.head = (
            CompositeHead(channels, num)
            if config.head == "composite"
            else make_head(config.head, channels, num, hidden=channels)
        )
        init_weights(self)

    def forward(self, crops_BHWC: Tensor) -> dict[str, Tensor]:
        """`uint8` RGB crops to maps (B, J, H/stride, W/stride) by name."""
        return maps_of(self.head(self.encoder(crops_BHWC)))

    def guesses(self, crops_BHWC: Tensor) -> list[dict[str, Tensor]]:
        """What is supervised: the guesses of an encoder that makes some, then the answer."""
        if not isinstance(self.encoder, StackedHourglass):
            return [self(crops_BHWC)]
        features, early = self.encoder.with_guesses(crops_BHWC)
        answer = maps_of(self.head(features[-1]))
        return [
            *(dict(zip(answer, guess.chunk(len(answer), 1), strict=True)) for guess in early),
            answer,
        ]


def maps_of(found: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    """What a head gives by the names of the codec's maps: heads with one map do not name it."""
    return found if isinstance(found, dict) else {HEATMAPS: found}


def init_weights(net: SingleFrameNet) -> None:
    """He initialisation for training from scratch; what gives maps starts near zero, see `init_head`.

    The papers' normal(0, 0.001) assumes a pre-trained backbone and learns slowly from scratch.
    Deconvolutions keep it, since the batch norms after them undo the scale.
    """
    for layer in net.encoder.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.001)
        elif isinstance(layer, nn.Conv2d):
            if layer.bias is None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            else:
                init_head(layer)  # an early guess of the maps
    init_head(net.head)


def two_graphs(net: SingleFrameNet) -> PoseParts:
    """The encoder, and the head as a solver with the key as its only slot."""
    net.eval()
    return PoseParts(
        Part(lambda crops: with_mean(net.encoder(crops)), encoder=net.encoder),
        Part(lambda inputs: maps_of(net.head(inputs["key"])), head=net.head),
    )
