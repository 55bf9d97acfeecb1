"""The published HRNet for poses, stated anew: names and shapes of its checkpoint, and what it does.

Written from the table of the paper (Sun et al., CVPR 2019, section 3 and table 1) and the names in
leoxiaobin/deep-high-resolution-net.pytorch (MIT, read), with nothing of glpose. A checkpoint is a
dictionary of tensors; the network is plain functions of it.
"""

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]

MODULES = (1, 4, 3)
BLOCKS = 4


def conv(name: str, num_in: int, num_out: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (num_out, num_in, kernel, kernel)}


def norm(name: str, width: int) -> Shapes:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def basic_block(name: str, width: int) -> Shapes:
    return {
        **conv(f"{name}.conv1", width, width, 3),
        **norm(f"{name}.bn1", width),
        **conv(f"{name}.conv2", width, width, 3),
        **norm(f"{name}.bn2", width),
    }


def bottleneck(name: str, num_in: int, width: int, *, shortcut: bool) -> Shapes:
    shapes = {
        **conv(f"{name}.conv1", num_in, width, 1),
        **norm(f"{name}.bn1", width),
        **conv(f"{name}.conv2", width, width, 3),
        **norm(f"{name}.bn2", width),
        **conv(f"{name}.conv3", width, 4 * width, 1),
        **norm(f"{name}.bn3", 4 * width),
    }
    if shortcut:
        shapes |= conv(f"{name}.downsample.0", num_in, 4 * width, 1)
        shapes |= norm(f"{name}.downsample.1", 4 * width)
    return shapes


def exchange(name: str, widths: list[int], outputs: int) -> Shapes:
    shapes: Shapes = {}
    for b, width in enumerate(widths):
        for block in range(BLOCKS):
            shapes |= basic_block(f"{name}.branches.{b}.{block}", width)
    for i in range(outputs):
        for j in range(len(widths)):
            part = f"{name}.fuse_layers.{i}.{j}"
            if j > i:
                shapes |= conv(f"{part}.0", widths[j], widths[i], 1)
                shapes |= norm(f"{part}.1", widths[i])
            for step in range(i - j):
                width = widths[i] if step == i - j - 1 else widths[j]
                shapes |= conv(f"{part}.{step}.0", widths[j], width, 3)
                shapes |= norm(f"{part}.{step}.1", width)
    return shapes


def backbone_shapes(width: int, stage4_outputs: int = 1) -> Shapes:
    shapes = {**conv("conv1", 3, 64, 3), **norm("bn1", 64)}
    shapes |= {**conv("conv2", 64, 64, 3), **norm("bn2", 64)}
    for block in range(4):
        first = block == 0
        shapes |= bottleneck(f"layer1.{block}", 64 if first else 256, 64, shortcut=first)
    shapes |= {**conv("transition1.0.0", 256, width, 3), **norm("transition1.0.1", width)}
    coarse = "transition1.1.0"
    shapes |= {**conv(f"{coarse}.0", 256, 2 * width, 3), **norm(f"{coarse}.1", 2 * width)}
    for stage, count in zip((2, 3, 4), MODULES, strict=True):
        widths = [width * 2**b for b in range(stage)]
        if stage > 2:
            new = f"transition{stage - 1}.{stage - 1}.0"
            shapes |= conv(f"{new}.0", widths[-2], widths[-1], 3)
            shapes |= norm(f"{new}.1", widths[-1])
        for m in range(count):
            last = stage == 4 and m == count - 1
            outputs = stage4_outputs if last else stage
            shapes |= exchange(f"stage{stage}.{m}", widths, outputs)
    return shapes


def pose_shapes(width: int, num_joints: int = 17) -> Shapes:
    """All names of a checkpoint for poses and their shapes."""
    head = {"final_layer.weight": (num_joints, width, 1, 1), "final_layer.bias": (num_joints,)}
    return backbone_shapes(width) | head


def classifier_shapes(width: int) -> Shapes:
    """A checkpoint trained on ImageNet: all branches are read, by a head of its own."""
    shapes = backbone_shapes(width, stage4_outputs=4)
    for b, inner in enumerate((32, 64, 128, 256)):
        shapes |= bottleneck(f"incre_modules.{b}.0", width * 2**b, inner, shortcut=True)
    for b, inner in enumerate((128, 256, 512)):
        shapes |= conv(f"downsamp_modules.{b}.0", inner, 2 * inner, 3)
        shapes |= {f"downsamp_modules.{b}.0.bias": (2 * inner,)}
        shapes |= norm(f"downsamp_modules.{b}.1", 2 * inner)
    shapes |= conv("final_layer.0", 1024, 2048, 1) | {"final_layer.0.bias": (2048,)}
    shapes |= norm("final_layer.1", 2048)
    return shapes | {"classifier.weight": (1000, 2048), "classifier.bias": (1000,)}


def random_weights(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Weights and statistics that leave no part without effect and keep values near one."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(7)
            continue
        noise = torch.rand(shape, generator=generator)
        if len(shape) > 1:
            weights[name] = (noise - 0.5) * (12 / noise[0].numel()) ** 0.5
        elif name.endswith("weight"):
            # Gains below one: else the sums of a hundred blocks grow beyond what rounding bears.
            weights[name] = 0.2 + 0.6 * noise
        else:
            weights[name] = noise + 0.5 if name.endswith("var") else noise - 0.5
    return weights


class Network:
    """What the published network computes, by the names of its checkpoint."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.w = weights

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = self.w[f"{name}.weight"]
        bias = self.w.get(f"{name}.bias")
        return functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, var, gain, shift = (
            self.w[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * gain + shift

    def shortcut(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        if f"{name}.downsample.0.weight" not in self.w:
            return x
        return self.norm(self.conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")

    def bottleneck(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        out = self.norm(self.conv(x, f"{name}.conv1"), f"{name}.bn1").relu()
        out = self.norm(self.conv(out, f"{name}.conv2", stride), f"{name}.bn2").relu()
        out = self.norm(self.conv(out, f"{name}.conv3"), f"{name}.bn3")
        return (out + self.shortcut(x, name, stride)).relu()

    def basic(self, x: Tensor, name: str) -> Tensor:
        out = self.norm(self.conv(x, f"{name}.conv1"), f"{name}.bn1").relu()
        out = self.norm(self.conv(out, f"{name}.conv2"), f"{name}.bn2")
        return (out + x).relu()

    def exchange(self, branches: list[Tensor], name: str, outputs: int) -> list[Tensor]:
        done = []
        for b, branch in enumerate(branches):
            x = branch
            for block in range(BLOCKS):
                x = self.basic(x, f"{name}.branches.{b}.{block}")
            done.append(x)
        fused = []
        for i in range(outputs):
            total = torch.zeros(())
            for j, x in enumerate(done):
                part, y = f"{name}.fuse_layers.{i}.{j}", x
                if j > i:
                    y = self.norm(self.conv(y, f"{part}.0"), f"{part}.1")
                    y = y.repeat_interleave(2 ** (j - i), 2).repeat_interleave(2 ** (j - i), 3)
                for step in range(i - j):
                    y = self.norm(self.conv(y, f"{part}.{step}.0", 2), f"{part}.{step}.1")
                    y = y.relu() if step < i - j - 1 else y
                total = total + y
            fused.append(total.relu())
        return fused

    def stages(self, picture: Tensor) -> list[Tensor]:
        """The finest branch after stages 2, 3 and 4, of a normalised picture (n, 3, h, w)."""
        x = self.norm(self.conv(picture, "conv1", 2), "bn1").relu()
        x = self.norm(self.conv(x, "conv2", 2), "bn2").relu()
        for block in range(4):
            x = self.bottleneck(x, f"layer1.{block}")
        fine = self.norm(self.conv(x, "transition1.0.0"), "transition1.0.1").relu()
        coarse = self.norm(self.conv(x, "transition1.1.0.0", 2), "transition1.1.0.1").relu()
        branches, finest = [fine, coarse], []
        for stage, count in zip((2, 3, 4), MODULES, strict=True):
            if stage > 2:
                new = f"transition{stage - 1}.{stage - 1}.0"
                x = self.norm(self.conv(branches[-1], f"{new}.0", 2), f"{new}.1").relu()
                branches = [*branches, x]
            for m in range(count):
                outputs = 1 if stage == 4 and m == count - 1 else stage
                branches = self.exchange(branches, f"stage{stage}.{m}", outputs)
            finest.append(branches[0])
        return finest

    def heatmaps(self, picture: Tensor) -> Tensor:
        """One map a joint, a quarter of the picture's size."""
        return self.conv(self.stages(picture)[-1], "final_layer")
