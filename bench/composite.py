"""What coarse heatmaps with offsets are worth (CLNet's idea), on synthetic sticks; and what they cost.

    python bench/composite.py [--seeds 3] [--strides 8 16] [--steps 700] [--json FILE]

`cell` is the error of a decoder that names a cell of the heatmap: none can be better on average than
0.3826 cells, the mean distance of a point of a square from its centre. `offsets` adds the offsets;
`-dx` adds them with the wrong sign, and must be worse than no offset. `dark` is the usual sub-cell
step of heatmaps (DARK). One small network a row, trained for minutes; mean error in pixels over 13
joints of 300 clips that were not trained on. The worst of the seeds is judged. `noise` repeats the
comparison with exact maps of a crop of 256x192 and noise on them, without any network. `cost` counts
multiplications of CLNet's form of ResNet-50 beside that of Simple Baselines. Needs torch.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import torch
from decoders import ways_of
from scripts import at_least, run_script
from sticks import JOINTS, stick_clip
from torch import Tensor, nn

from glpose.codecs.composite import DX, DY, HEAT, CompositeCodec
from glpose.nets.blocks import conv_bn
from glpose.nets.encoders import make_encoder
from glpose.nets.heads import CompositeHead
from glpose.nets.losses import heatmap_loss, offset_loss
from glpose.nets.spec import RESNET_BLOCKS, CoarseResNetConfig, ResNetConfig
from glpose.types import CropSpec

SIZE, BATCH = 64, 32
FLOOR = 0.3826
SIGMA = {8: 1.5, 16: 1.0, 32: 1.0}
PUBLISHED_GMAC = 8.9
"""Simple Baselines with ResNet-50 at 256x192 as published, with deconvolutions counted freely."""


class Small(nn.Module):
    """Strided convolutions to a coarse map, 0.1 to 0.2 million parameters, and the head."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        widths = (24, 32, 48, 64)[: int(np.log2(stride))]
        layers = _layer(3, widths[0], 5, 2)
        for width, wider in itertools.pairwise(widths):
            layers += [*_layer(width, width, 3, 1), *_layer(width, wider, 3, 2)]
        for number in range(3):
            layers += _layer(widths[-1] if number == 0 else 64, 64, 3, 1)
        self.body = nn.Sequential(*layers)
        self.head = CompositeHead(64, len(JOINTS))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Pictures (n, 3, h, w) to the codec's maps."""
        return self.head(self.body(pictures))


def _layer(num_in: int, num_out: int, kernel: int, stride: int) -> list[nn.Module]:
    return list(conv_bn(num_in, num_out, kernel, stride))


def codec_of(stride: int) -> CompositeCodec:
    """The codec for pictures of `SIZE` pixels."""
    return CompositeCodec((SIZE // stride, SIZE // stride), SIGMA[stride])


def pictures(first: int, num: int) -> tuple[Tensor, np.ndarray]:
    """Pictures (n, 3, size, size), and joints in their pixels (n, joints, 2)."""
    clips = [stick_clip(seed, 1, SIZE) for seed in range(first, first + num)]
    rgb = torch.from_numpy(np.stack([clip.pictures[0] for clip in clips])).permute(0, 3, 1, 2)
    return rgb.contiguous(), np.stack([clip.xy[0] for clip in clips])


def train(stride: int, seed: int, *, steps: int, num: int, offset_weight: float) -> nn.Module:
    """A network trained on `num` pictures."""
    torch.manual_seed(seed)
    codec, model = codec_of(stride), Small(stride)
    to_map = codec.crop_from_map(CropSpec((SIZE, SIZE))).inverse()
    rgb, xy = pictures(100_000 * (seed + 1), num)
    map_xy = to_map.apply(xy)
    targets = {
        n: torch.from_numpy(m) for n, m in codec.encode(map_xy, codec.inside(map_xy)).items()
    }
    weight = torch.from_numpy(codec.inside(map_xy).astype(np.float32))
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(num, size=BATCH))
        maps = model(rgb[rows])
        target = {name: m[rows] for name, m in targets.items()}
        loss = heatmap_loss(maps[HEAT], target[HEAT], weight[rows])
        loss = loss + offset_weight * offset_loss(
            maps[DX], maps[DY], target[DX], target[DY], weight[rows]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    return model.eval()


def errors(model: nn.Module, stride: int, num: int) -> dict[str, float]:
    """Mean distances in pixels, by the way of decoding."""
    codec = codec_of(stride)
    rgb, xy = pictures(0, num)
    with torch.inference_mode():
        maps = {name: m.numpy() for name, m in model(rgb).items()}
    return errors_of(codec, maps, xy, CropSpec((SIZE, SIZE)))


def errors_of(
    codec: CompositeCodec, maps: dict[str, np.ndarray], xy: np.ndarray, crop: CropSpec
) -> dict[str, float]:
    """Mean distances of decoded joints from `xy` in pixels of the crop, by the way of decoding."""
    to_crop = codec.crop_from_map(crop)
    inside = codec.inside(to_crop.inverse().apply(xy))
    return {
        name: float(np.linalg.norm(to_crop.apply(way.decode(maps)) - xy, axis=-1)[inside].mean())
        for name, way in ways_of(codec).items()
    }


def noisy(stride: int, noise: float, seed: int = 0) -> dict[str, float]:
    """Errors with exact maps of random joints in a crop of 256x192, and noise on all of them."""
    rng = np.random.default_rng(seed)
    crop = CropSpec((256, 192))
    codec = CompositeCodec((256 // stride, 192 // stride), SIGMA[stride])
    xy = rng.uniform(stride, np.array([191, 255]) - stride, (200, 13, 2))
    map_xy = codec.crop_from_map(crop).inverse().apply(xy)
    maps = codec.encode(map_xy, np.ones(map_xy.shape[:-1], bool))
    maps = {
        n: (np.nan_to_num(m) + rng.normal(0, noise, m.shape)).astype(np.float32)
        for n, m in maps.items()
    }
    return errors_of(codec, maps, xy, crop)


def gmacs(module: nn.Module, size_hw: tuple[int, int]) -> tuple[float, float]:
    """Multiplications in 1e9, exactly, and with deconvolutions counted for each output place."""
    total = {"exact": 0.0, "free": 0.0}

    def count(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        kernel = layer.weight[0, 0].numel() * layer.in_channels * layer.out_channels / layer.groups
        places = out.shape[-2] * out.shape[-1]
        is_deconv = isinstance(layer, nn.ConvTranspose2d)
        total["free"] += kernel * places
        total["exact"] += kernel * (
            given[0].shape[-2] * given[0].shape[-1] if is_deconv else places
        )

    hooks = [
        layer.register_forward_hook(count)
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.inference_mode():
        module.eval()(torch.zeros(1, *size_hw, 3, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return total["exact"] / 1e9, total["free"] / 1e9


def costs() -> list[tuple[str, float, float]]:
    """Name, GMAC exactly, GMAC with freely counted deconvolutions, at 256x192 and 17 joints."""
    rows: list[tuple[str, float, float]] = []
    simple = make_encoder(ResNetConfig(RESNET_BLOCKS[50]))
    rows.append(
        (
            "Simple Baselines, ResNet-50",
            *gmacs(nn.Sequential(simple, nn.Conv2d(256, 17, 1)), (256, 192)),
        )
    )
    for num_up in (0, 1, 2):
        encoder = make_encoder(CoarseResNetConfig(num_up=num_up))
        net = nn.Sequential(encoder, CompositeHead(encoder.channels, 17))
        rows.append((f"CLNet-ResNet-50, stride {encoder.stride}", *gmacs(net, (256, 192))))
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument("--strides", type=int, choices=tuple(SIGMA), nargs="+", default=[8, 16])
    parser.add_argument("--steps", type=at_least(1), default=700)
    parser.add_argument("--num", type=at_least(1), default=1500, help="pictures to train on")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for name, exact, free in costs():
        print(f"{name:30s} {exact:6.2f} GMAC exactly, {free:6.2f} by output places, "
              f"{exact / PUBLISHED_GMAC:.2f} of {PUBLISHED_GMAC}")  # fmt: skip
    for stride in args.strides:
        for noise in (0.0, 0.01, 0.02, 0.05):
            row = noisy(stride, noise)
            print(f"exact maps, stride {stride:2d}, noise {noise:.2f}: "
                  + "  ".join(f"{n} {v:5.2f}" for n, v in row.items()))  # fmt: skip
    for stride in args.strides:
        for offset_weight in (0.0, 0.05):
            rows = []
            for seed in range(args.seeds):
                model = train(
                    stride, seed, steps=args.steps, num=args.num, offset_weight=offset_weight
                )
                rows.append(errors(model, stride, 300))
                what = "heat and offsets" if offset_weight else "heat only"
                name = f"stride {stride}, {what}, seed {seed}"
                found[name] = rows[-1]
                print(
                    f"{name:36s} " + "  ".join(f"{n} {v:5.2f}" for n, v in rows[-1].items()),
                    flush=True,
                )
            worst = {n: max(r[n] for r in rows) for n in rows[0]}
            print(f"{'worst':36s} " + "  ".join(f"{n} {v:5.2f}" for n, v in worst.items())
                  + f"   floor of a cell {FLOOR * stride:.2f}", flush=True)  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    run_script(main)
