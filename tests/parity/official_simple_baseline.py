"""The published network of Simple Baselines, stated anew: its checkpoint, and what it does.

Written from the paper (Xiao et al., ECCV 2018, section 2) and the names in
microsoft/human-pose-estimation.pytorch (MIT, read), with nothing of glpose. Two habits of that code
matter: the 3x3 convolution of a block carries the stride, and pictures are BGR, though they are
normalised with ImageNet's numbers in RGB order.
"""

import torch
from official_hrnet import Network, Shapes, bottleneck, conv, norm
from torch import Tensor
from torch.nn import functional

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

# In the order of the channels that the network is given, whatever their colour.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def resnet_shapes(layers: int) -> Shapes:
    shapes = {**conv("conv1", 3, 64, 7), **norm("bn1", 64)}
    num_in = 64
    for number, depth in enumerate(BLOCKS[layers]):
        width = 64 * 2**number
        for block in range(depth):
            name = f"layer{number + 1}.{block}"
            shapes |= bottleneck(name, num_in, width, shortcut=block == 0)
            num_in = 4 * width
    return shapes


def pose_shapes(layers: int, num_joints: int = 17) -> Shapes:
    """All names of a checkpoint for poses and their shapes."""
    shapes = resnet_shapes(layers)
    for i, num_in in enumerate((2048, 256, 256)):
        shapes |= {f"deconv_layers.{3 * i}.weight": (num_in, 256, 4, 4)}
        shapes |= norm(f"deconv_layers.{3 * i + 1}", 256)
    head = {"final_layer.weight": (num_joints, 256, 1, 1), "final_layer.bias": (num_joints,)}
    return shapes | head


def classifier_shapes(layers: int) -> Shapes:
    """A checkpoint trained on ImageNet."""
    return resnet_shapes(layers) | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


def heatmaps(weights: dict[str, Tensor], picture_rgb: Tensor) -> Tensor:
    """One map a joint, of RGB values 0..1 (n, 3, h, w)."""
    net = Network(weights)
    blue_first = picture_rgb.flip(1)
    x = (blue_first - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    x = functional.conv2d(x, weights["conv1.weight"], stride=2, padding=3)
    x = functional.max_pool2d(net.norm(x, "bn1").relu(), 3, stride=2, padding=1)
    for number in range(4):
        block = 0
        while f"layer{number + 1}.{block}.conv1.weight" in weights:
            stride = 2 if number > 0 and block == 0 else 1
            x = net.bottleneck(x, f"layer{number + 1}.{block}", stride)
            block += 1
    for i in (0, 3, 6):
        x = functional.conv_transpose2d(x, weights[f"deconv_layers.{i}.weight"], None, 2, 1)
        x = net.norm(x, f"deconv_layers.{i + 1}").relu()
    return net.conv(x, "final_layer")
