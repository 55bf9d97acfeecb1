"""The network: the body of an EfficientNet-Lite, a top-down pyramid and a head for each stride.

Axes: B batch, C channels, H W pixels, A points (all cells of all strides, finest first, row by
row). Sources: points and distances to the four sides from Tian et al., FCOS, ICCV 2019; those of
the body and the pyramid are in `nets.efficientnet_lite`.
"""

import math

import torch
from torch import Tensor, nn

from glpose.imaging import cell_centre
from glpose.nets.blocks import conv_bn
from glpose.nets.efficientnet_lite import EfficientNetLiteBody, Pyramid
from glpose.systems.person_detector.spec import PersonDetectorConfig

# Keeps exp() finite for any weights; e^6 strides exceed any picture.
_MAX_LOG_DISTANCE = 6.0
# Before training every point predicts a box of 4 x 8 strides, with a score of 1 %.
_FIRST_LOG_DISTANCE = (math.log(2), math.log(4), math.log(2), math.log(4))
_FIRST_LOGIT = math.log(0.01 / 0.99)


class Head(nn.Module):
    """Scores and distances of one stride, from two branches of one 3x3 convolution each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score_branch = conv_bn(width, width)
        self.box_branch = conv_bn(width, width)
        self.score = nn.Conv2d(width, 1, 1)
        self.distance = nn.Conv2d(width, 4, 1)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.normal_(self.distance.weight, std=0.01)
        nn.init.constant_(self.score.bias, _FIRST_LOGIT)  # type: ignore[arg-type]
        with torch.no_grad():
            self.distance.bias.copy_(torch.tensor(_FIRST_LOG_DISTANCE))  # type: ignore[union-attr]

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, HW) and logarithms of distances in strides (B, HW, 4)."""
        logit = self.score(self.score_branch(x_BCHW))
        distance = self.distance(self.box_branch(x_BCHW))
        return logit.flatten(1), distance.flatten(2).transpose(1, 2)


class PersonDetector(nn.Module):
    """Pictures to boxes and scores of all points; the caller applies NMS."""

    def __init__(self, config: PersonDetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.body = EfficientNetLiteBody(config.backbone.width, config.backbone.depth)
        # Without the body's finest map, of stride 4.
        num_in = self.body.channels[1:]
        self.pyramid = Pyramid(num_in, (config.neck_width,) * len(num_in))
        self.heads = nn.ModuleList(Head(config.neck_width) for _ in config.strides)

    def forward(self, images_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, A, 4) in input pixels and scores (B, A).

        `images` are `uint8` RGB (B, H, W, 3), H and W multiples of 32.
        """
        boxes_BA4, logits_BA = self.raw(images_BHWC)
        return boxes_BA4, logits_BA.sigmoid()

    def raw(self, images_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, A, 4) in input pixels and logits (B, A), for the losses."""
        levels = self.pyramid(self.body(images_BHWC)[1:])
        logits, boxes = [], []
        for head, level_BCHW, stride in zip(self.heads, levels, self.config.strides, strict=True):
            logit_BA, distance_BA4 = head(level_BCHW)
            points = cell_centres(level_BCHW.shape[-2], level_BCHW.shape[-1], stride)
            points = points.to(level_BCHW.device)
            logits.append(logit_BA.float())
            boxes.append(decode_boxes(points, distance_BA4.float(), stride))
        return torch.cat(boxes, 1), torch.cat(logits, 1)


def cell_centres(rows: int | Tensor, columns: int | Tensor, stride: int) -> Tensor:
    """Centres of the cells of a level as (x, y) in input pixels, row by row: (A, 2).

    Sizes are tensors while a graph is traced, which keeps them dynamic in the exported graph.
    """
    y, x = _middles(rows, stride), _middles(columns, stride)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)


def _middles(num: int | Tensor, stride: int) -> Tensor:
    # `arange` also takes a scalar tensor, though its type hints do not say so.
    return cell_centre(torch.arange(num, dtype=torch.float32), stride)  # type: ignore[arg-type]


def all_points(size_hw: tuple[int, int], strides: tuple[int, ...]) -> Tensor:
    """The points (A, 2) of an input of this size."""
    return torch.cat([cell_centres(size_hw[0] // s, size_hw[1] // s, s) for s in strides])


def decode_boxes(points_A2: Tensor, log_distance_BA4: Tensor, stride: int) -> Tensor:
    """Boxes from the distances to the left, top, right and bottom side."""
    distance = log_distance_BA4.clamp(max=_MAX_LOG_DISTANCE).exp() * stride
    return torch.cat([points_A2 - distance[..., :2], points_A2 + distance[..., 2:]], -1)
