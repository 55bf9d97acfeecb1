"""What the split into a variant and an invariant half is worth (CSS), on synthetic figures.

    python bench/split.py [--seeds 3] [--steps 1800] [--rows NAME ...] [--json FILE]

A figure with four swinging limbs, whose colours and place are those of its clip. The networks learn
without labels. Then, on other clips: the error in pixels of the limbs' ends (kernel ridge regression
from each half, with the labels of a tenth of the clips), R^2 of the clip's colours (ridge regression
from each half's mean), the share of each half's variance within clips, and, where there is a decoder,
the squared errors of the picture painted with the pose of one frame and the looks of another, to the
first and to the second. Networks without a split have two halves of equal rank, so that their columns
can be compared; so does the decoder of the auto-encoder. That of the method, which copies the
invariant half to every cell, splits a good deal by itself: a row of its own. Needs torch; one to four
minutes of a core for each seed and row.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from scripts import at_least, run_script
from torch import Tensor, nn

from glpose.nets.blocks import Encoder, conv_bn
from glpose.nets.split import Halves, SwapDecoder
from glpose.systems.css.net import SplitNet, as_target
from glpose.systems.css.spec import CSSConfig, LossWeights
from glpose.systems.css.step import split_losses
from glpose.types import CropSpec

SIZE, FRAMES, BATCH, HALF, RATE = 32, 32, 24, 24, 1e-3
PACE_HZ = (0.8, 2.0)
"""Of the limbs: a turn or more in a clip. Of slower limbs the mean pose of the clip says too much."""
NEAR, AWAY = 2, 10
"""Frames apart: at most, and at least."""

FULL = CSSConfig(
    crop=CropSpec((SIZE, SIZE)),
    grid=(4, 4),
    invariant=HALF,
    variant=HALF,
    dropout=0.0,
    # Narrower ones paint the limbs grey for thousands of steps: behind the copies of the invariant
    # half, each colour of each limb takes channels that are on at that limb alone.
    widths=(128, 64, 32),
    background=False,
)
AUTO = replace(FULL, contrast="none", gradual="none", reconstruct="same")
ROWS = {
    "random": FULL,
    "plain contrast": replace(FULL, contrast="both", gradual="none", reconstruct="none"),
    "auto-encoder": AUTO,
    "full": FULL,
    "auto-encoder, decoder of the method": AUTO,
    "full, without gradual": replace(FULL, gradual="none"),
    "full, decay": replace(FULL, gradual="decay"),
    "full, contrast on both": replace(FULL, contrast="both"),
    "full, same frame": replace(FULL, reconstruct="same"),
    "full, without contrast": replace(FULL, contrast="none", gradual="none"),
}
MAIN = ("random", "plain contrast", "auto-encoder", "full")


class ToyEncoder(Encoder):
    """Strided convolutions to 4 x 4 cells."""

    def __init__(self, size: int) -> None:
        super().__init__(96, size // 4)
        widths = [3, *[24, 48, 96, 96][: int(np.log2(size // 4))]]
        self.layers = nn.Sequential(*(conv_bn(a, b, 3, 2) for a, b in pairwise(widths)))

    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:  # noqa: N803 - as in nets
        """The last map."""
        return [self.layers(as_target(crops_BHWC) - 0.5)]


class AlikeDecoder(SwapDecoder):
    """A decoder that does not know the halves apart: both become its first map."""

    def __init__(self, config: CSSConfig) -> None:
        both, size_hw = config.invariant + config.variant, config.crop.size_hw
        super().__init__(0, both, size_hw, config.widths, background=config.background)

    def forward(self, halves: Halves, background_BCHW: Tensor | None) -> Tensor:  # noqa: N803
        """See `SwapDecoder`."""
        return super().forward(Halves(halves.both[:, :0], halves.both), background_BCHW)


class Data:
    """Clips as `pictures` (n, time, size, size, 3), `uint8`, with joints and colours."""

    def __init__(self, first: int, num: int) -> None:
        clips = [_clip(seed) for seed in range(first, first + num)]
        pictures, self.xy, self.colours = (np.stack(part) for part in zip(*clips, strict=True))
        self.pictures = torch.from_numpy(pictures)


def _clip(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures, the ends of the limbs (time, 4, 2) in pixels, and 15 colour values."""
    rng = np.random.default_rng([seed, 31])
    colours = rng.uniform(0.35, 1, (5, 3))
    offset = rng.uniform(-2, 2, 2)
    centre = np.array([15.5, 15.5]) + offset
    time = np.arange(FRAMES)[:, None] / 25.0
    angles = np.array([-2.2, 2.2, -0.5, 0.5])[None].repeat(FRAMES, 0)
    for _ in range(2):
        pace, phase = rng.uniform(*PACE_HZ, 4), rng.uniform(0, 2 * np.pi, 4)
        angles = angles + 0.65 * np.sin(2 * np.pi * pace * time + phase)
    roots = centre + np.array([[-2, -4], [2, -4], [-2, 4], [2, 4]])
    ends = roots[None] + 9 * np.stack([np.sin(angles), np.cos(angles)], -1)
    pictures = []
    for t in range(FRAMES):
        # Drawn four times as large and shrunk: soft edges, so that small motion can be seen.
        large = np.full((4 * SIZE, 4 * SIZE, 3), 0.1)
        places = [(centre - [0, 4], centre + [0, 4])]
        places += [(root, end) for root, end in zip(roots, ends[t], strict=True)]
        for (start, end), colour in zip(places, colours, strict=True):
            a, b = (tuple(np.round(4 * p + 1.5).astype(int).tolist()) for p in (start, end))
            cv2.line(large, a, b, colour.tolist(), 16, cv2.LINE_AA)
        pictures.append(cv2.resize(large, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
    shown = (255 * np.stack(pictures)).round().clip(0, 255).astype(np.uint8)
    return shown, ends, colours.ravel()


def batch_of(data: Data, rng: np.random.Generator) -> dict[str, Tensor]:
    """Moments of random clips."""
    clips = rng.integers(len(data.xy), size=BATCH)
    anchor = rng.integers(FRAMES, size=BATCH)
    frames = np.stack([anchor, *(_apart(rng, anchor, *span) for span in SPANS)], 1)
    return {
        "crops": data.pictures[clips[:, None], frames],
        "seconds": torch.from_numpy(frames.astype(np.float32) / 25),
    }


SPANS = ((1, NEAR), (NEAR + 1, AWAY - 1), (AWAY, FRAMES - 1))


def _apart(rng: np.random.Generator, anchor: np.ndarray, low: int, high: int) -> np.ndarray:
    """For each anchor a frame that is so far away, before or after it."""
    found = []
    for frame in anchor:
        apart = np.abs(np.arange(FRAMES) - frame)
        found.append(rng.choice(np.flatnonzero((apart >= low) & (apart <= high))))
    return np.array(found)


def learn(data: Data, config: CSSConfig, seed: int, steps: int, *, alike: bool) -> SplitNet:
    """A network that has made so many steps; see `AlikeDecoder`."""
    torch.manual_seed(seed)
    net = SplitNet(config, ToyEncoder(config.crop.size_hw[0]))
    if alike:
        net.decoder = AlikeDecoder(config)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster
    optimizer, rng = torch.optim.Adam(net.parameters(), lr=RATE), np.random.default_rng(seed)
    for _ in range(steps):
        batch = batch_of(data, rng)
        with torch.autocast("cpu", torch.bfloat16):
            losses = split_losses(net, batch, LossWeights())
        loss = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@torch.inference_mode()
def embedded(net: SplitNet, data: Data) -> list[np.ndarray]:
    """Both halves of all frames: (n, time, values), float64."""
    found = [net(clip) for clip in data.pictures]
    return [torch.stack(half).double().numpy() for half in zip(*found, strict=True)]


@torch.inference_mode()
def swapped(net: SplitNet, data: Data) -> tuple[float, float]:
    """Squared errors of the pose of frame 15 in the looks of frame 0: to frame 15, to frame 0."""
    frames = data.pictures[:, [15, 0]]
    found = [net(frames[:, i]) for i in (0, 1)]
    picture = net.paint(Halves(found[1].invariant, found[0].variant), None)
    own, other = ((picture - as_target(frames[:, i])).square().mean() for i in (0, 1))
    return float(own), float(other)


def pose_error(
    train: np.ndarray, train_xy: np.ndarray, test: np.ndarray, test_xy: np.ndarray
) -> float:
    """Mean distance in pixels of kernel ridge regression (RBF), of the best of nine settings.

    The setting is chosen on the last fifth of the clips that have labels.
    """
    num = max(2, len(train) // 10)
    held = max(1, num // 5)
    fit, tune = slice(0, num - held), slice(num - held, num)
    settings = [(width, ridge) for width in (0.5, 1.0, 2.0) for ridge in (1e-4, 1e-2, 1.0)]
    errors = [
        _distance(_kernel_ridge(train[fit], train_xy[fit], train[tune], *s), train_xy[tune])
        for s in settings
    ]
    best = settings[int(np.argmin(errors))]
    return _distance(_kernel_ridge(train[:num], train_xy[:num], test, *best), test_xy)


def _distance(found: np.ndarray, xy: np.ndarray) -> float:
    return float(np.linalg.norm(found.reshape(xy.shape) - xy, axis=-1).mean())


def _kernel_ridge(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, width: float, ridge: float
) -> np.ndarray:
    x, at, y = x.reshape(-1, x.shape[-1]), at.reshape(-1, at.shape[-1]), y.reshape(-1, 8)
    mean, scale = x.mean(0), x.std(0) + 1e-6
    x, at = (x - mean) / scale, (at - mean) / scale
    bandwidth = 2 * width * x.shape[1]

    def kernel(a: np.ndarray) -> np.ndarray:
        apart = (a**2).sum(1)[:, None] + (x**2).sum(1) - 2 * a @ x.T
        return np.exp(-apart / bandwidth)

    middle = y.mean(0)
    weights = np.linalg.solve(kernel(x) + ridge * np.eye(len(x)), y - middle)
    return kernel(at) @ weights + middle


def colour_r2(train: Data, test: Data, found: np.ndarray, at: np.ndarray) -> float:
    """R^2 of ridge regression from the clip's mean to its 15 colour values."""
    x, z = found.mean(1), at.mean(1)
    mean, scale = x.mean(0), x.std(0) + 1e-6
    x, z = (np.c_[(v - mean) / scale, np.ones(len(v))] for v in (x, z))
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ train.colours)
    rest = ((z @ weights - test.colours) ** 2).sum()
    return float(1 - rest / ((test.colours - test.colours.mean(0)) ** 2).sum())


def within(found: np.ndarray) -> float:
    """The share of the variance that is within clips."""
    return float(found.var(1).mean(0).sum() / found.reshape(-1, found.shape[-1]).var(0).sum())


def judge(net: SplitNet, train: Data, test: Data) -> dict[str, float]:
    """The columns of a row."""
    row: dict[str, float] = {}
    halves = zip(("invariant", "variant"), embedded(net, train), embedded(net, test), strict=True)
    for name, found, at in halves:
        row[f"pose {name}"] = pose_error(found, train.xy, at, test.xy)
        row[f"colour {name}"] = colour_r2(train, test, found, at)
        row[f"within {name}"] = within(at)
    if net.decoder is not None:
        row["to pose"], row["to looks"] = swapped(net, test)
    return row


def mean_pose(train: Data, test: Data) -> float:
    """The error in pixels of the mean pose."""
    return _distance(np.broadcast_to(train.xy.mean((0, 1)), test.xy.shape), test.xy)


def own_mean_pose(test: Data) -> float:
    """The error of each clip's mean pose: time takes no part in it, so an invariant half may know it."""
    return _distance(np.broadcast_to(test.xy.mean(1, keepdims=True), test.xy.shape), test.xy)


def demands(rows: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Which demands of the specification the rows of a seed meet; auto-encoder and full are needed."""
    full = rows["full"]
    return {
        "pose from the variant half within 1.7 px": full["pose variant"] <= 1.7,
        "and 0.7 of the auto-encoder's": full["pose variant"]
        <= 0.7 * rows["auto-encoder"]["pose variant"],
        "pose from the invariant half at least 0.9 of the mean pose's": full["pose invariant"]
        >= 0.9 * rows["mean pose"]["pose"],
        "invariant half within clips at most 0.10": full["within invariant"] <= 0.1,
        "variant half within clips at least 0.5": full["within variant"] >= 0.5,
        "colours from the invariant half at least 0.8": full["colour invariant"] >= 0.8,
        "and 0.3 more than from the variant half": full["colour invariant"]
        >= full["colour variant"] + 0.3,
        "swap at least 5": full["to looks"] >= 5 * full["to pose"],
    }


def experiment(
    seed: int,
    *,
    steps: int,
    num: int = 300,
    num_test: int = 60,
    rows: Sequence[str] = MAIN,
) -> dict[str, dict[str, float]]:
    """Some rows for a seed."""
    train, test = Data(10_000 * (seed + 1), num), Data(0, num_test)
    found = {
        "mean pose": {"pose": mean_pose(train, test)},
        "own mean pose": {"pose": own_mean_pose(test)},
    }
    for name in rows:
        made = 0 if name == "random" else steps
        net = learn(train, ROWS[name], seed, made, alike=name == "auto-encoder")
        found[name] = judge(net, train, test)
        if name == "random":
            found[name] = {n: v for n, v in found[name].items() if not n.startswith("to ")}
    return found


def main() -> None:
    """Print the rows of each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument("--first-seed", type=at_least(0), default=0)
    parser.add_argument("--steps", type=at_least(1), default=1800)
    parser.add_argument("--rows", nargs="+", default=MAIN, choices=tuple(ROWS))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        found[seed] = experiment(seed, steps=args.steps, rows=args.rows)
        for name, row in found[seed].items():
            values = "  ".join(
                f"{n} {v:.4f}" if n.startswith("to ") else f"{n} {v:.2f}" for n, v in row.items()
            )
            print(f"seed {seed}  {name:22s} {values}", flush=True)
        if {"auto-encoder", "full"} <= set(found[seed]):
            missed = [name for name, holds in demands(found[seed]).items() if not holds]
            print(f"seed {seed}  missed: {', '.join(missed) or 'nothing'}", flush=True)
        if args.json:
            args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    run_script(main)
