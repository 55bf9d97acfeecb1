"""What flow is worth to heatmaps (Flowing ConvNets), on synthetic sticks with exact flow.

    python bench/flowing.py [--seeds 3] [--steps 500] [--noise 0.5] [--json FILE]

In the middle frame of five two of a figure's pairs of elbows, wrists and ankles are covered by
noise. A small network of one frame gives heatmaps; these are aligned by the flow and merged. Shares
of joints within 4 px, of the covered (`hid`) and of all other ones (`vis`), and the mean error. The
exact flow sees through what covers the joints, so its row is an upper bound. `negated` and `none`
show that averaging over time alone does not do it. With `noisy flow` each frame's flow has an error
that grows with the distance in time (`--noise` px a frame): there learned weights must beat the
mean, from which they start. The worst of the seeds is judged. Needs torch; about two minutes of a
core for each seed.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scripts import at_least, run_script
from sticks import JOINTS, stick_clip
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import conv_bn
from glpose.nets.flow_pool import FlowPool, Pooling, align

SIZE, STRIDE, FRAMES, MIDDLE, BATCH = 64, 2, 5, 2, 16
PAIRS = tuple(
    tuple(JOINTS.index(f"{side}_{part}") for side in ("left", "right"))
    for part in ("elbow", "wrist", "ankle")
)


class Data:
    """Clips with covered joints, exact flow from the middle frame to each, and targets."""

    def __init__(self, first: int, num: int) -> None:
        rng = np.random.default_rng([first, 4])
        shown, xy, hidden, flow = [], [], [], []
        for seed in range(first, first + num):
            clip = stick_clip(seed, FRAMES, SIZE)
            pictures, covered = clip.pictures.copy(), np.zeros(len(JOINTS), bool)
            for pair in rng.choice(len(PAIRS), 2, replace=False):
                for joint in PAIRS[pair]:
                    x, y = clip.xy[MIDDLE, joint].round().astype(int)
                    rows = slice(max(y - 6, 0), max(y + 7, 0))
                    columns = slice(max(x - 6, 0), max(x + 7, 0))
                    block = pictures[MIDDLE, rows, columns]
                    block[:] = rng.normal(size=block.shape)
                    covered[joint] = True
            shown.append(pictures)
            xy.append(clip.xy)
            hidden.append(covered)
            flow.append([clip.flow(MIDDLE, t) for t in range(FRAMES)])
        self.pictures = torch.from_numpy(np.stack(shown)).permute(0, 1, 4, 2, 3).contiguous()
        self.all_xy, self.hidden = np.stack(xy), np.stack(hidden)
        self.xy = self.all_xy[:, MIDDLE]
        self.flow = torch.from_numpy(np.array(flow)).permute(0, 1, 4, 2, 3).contiguous()
        self.targets = maps_of(self.xy)


def maps_of(xy: np.ndarray) -> Tensor:
    """Gaussians of 1.5 cells: (n, joints, cells, cells)."""
    cells, at = np.arange(SIZE // STRIDE), (xy + 0.5) / STRIDE - 0.5
    gx, gy = (np.exp(-((cells - at[..., axis, None]) ** 2) / (2 * 1.5**2)) for axis in (0, 1))
    return torch.from_numpy((gy[..., :, None] * gx[..., None, :]).astype(np.float32))


def single_frame(data: Data, seed: int, steps: int) -> nn.Module:
    """A network of one frame, trained on the others: it would learn that noise marks a joint."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        conv_bn(3, 32, 5, STRIDE),
        *(conv_bn(32, 32, 5) for _ in range(4)),
        nn.Conv2d(32, len(JOINTS), 1),
    )
    optimizer, rng = torch.optim.Adam(net.parameters(), lr=3e-3), np.random.default_rng(seed)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    seen = np.delete(np.arange(FRAMES), MIDDLE)
    for _ in range(steps):
        rows, frames = rng.integers(len(data.xy), size=2 * BATCH), rng.choice(seen, 2 * BATCH)
        wanted = maps_of(data.all_xy[rows, frames])
        loss = (net(data.pictures[rows, frames]) - wanted).square().mean()
        optimizer.zero_grad()
        (1000 * loss).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


@torch.inference_mode()
def heatmaps(net: nn.Module, data: Data) -> Tensor:
    """The heatmaps of all frames: (n, time, joints, cells, cells)."""
    return torch.stack([net(clip) for clip in data.pictures])


def pooled(aligned: Tensor, data: Data, pooling: Pooling, *, steps: int, seed: int) -> FlowPool:
    """The last layer, trained alone."""
    pool = FlowPool(len(JOINTS), FRAMES, pooling)
    if pooling != "learned":
        return pool
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(pool.parameters(), lr=5e-3)
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(len(data.xy), size=2 * BATCH))
        loss = (pool(aligned[rows]) - data.targets[rows]).square().mean()
        optimizer.zero_grad()
        (1000 * loss).backward()
        optimizer.step()
    return pool


def judged(maps: Tensor, data: Data) -> dict[str, float]:
    """Shares within 4 px, and the mean error in pixels."""
    y, x = np.divmod(maps.flatten(-2).argmax(-1).numpy(), maps.shape[-1])
    found = (np.stack([x, y], -1) + 0.5) * STRIDE - 0.5
    error = np.linalg.norm(found - data.xy, axis=-1)
    return {
        "hid": float((error[data.hidden] <= 4).mean()),
        "vis": float((error[~data.hidden] <= 4).mean()),
        "error": float(error.mean()),
    }


def noisy_flow(flow: Tensor, noise_px: float, seed: int) -> Tensor:
    """One error for each frame of a clip, which grows with its distance from the middle."""
    generator = torch.Generator().manual_seed(seed)
    apart = (torch.arange(FRAMES) - MIDDLE).abs()[None, :, None, None, None]
    wrong = torch.randn(len(flow), FRAMES, 2, 1, 1, generator=generator)
    return flow + noise_px * apart**2 * wrong


WAYS: tuple[tuple[str, Pooling], ...] = (
    ("no flow", "learned"), ("negated", "learned"), ("flow", "mean"), ("flow", "learned"),
    ("flow", "max"), ("noisy flow", "mean"), ("noisy flow", "learned"),
)  # fmt: skip
"""The rows: how maps are aligned and how they are merged."""


def experiment(
    seed: int,
    *,
    steps: int,
    noise_px: float,
    num: int = 500,
    num_test: int = 120,
    pool_steps: int = 300,
    ways: Sequence[tuple[str, Pooling]] = WAYS,
) -> tuple[dict[str, dict[str, float]], np.ndarray]:
    """All rows for a seed, and the learned weights: the mean over joints for each frame."""
    train, test = Data(10_000 * (seed + 1), num), Data(0, num_test)
    net = single_frame(train, seed, steps)
    with torch.inference_mode():
        maps = [heatmaps(net, data) for data in (train, test)]
    # Flow of crop pixels as that of map pixels: averaged over each, and in units of them.
    exact = [
        functional.avg_pool2d(d.flow.flatten(0, 1), STRIDE).unflatten(0, d.flow.shape[:2]) / STRIDE
        for d in (train, test)
    ]
    noisy = [noisy_flow(f, noise_px / STRIDE, 7 + i) for i, f in enumerate(exact)]
    flows = {
        "no flow": [torch.zeros_like(f) for f in exact],
        "negated": [-f for f in exact],
        "flow": exact,
        "noisy flow": noisy,
    }
    rows = {"one frame": judged(maps[1][:, MIDDLE], test)}
    weights = np.zeros(FRAMES)
    for name, pooling in ways:
        with torch.inference_mode():
            aligned = [align(m, f) for m, f in zip(maps, flows[name], strict=True)]
        pool = pooled(aligned[0].clone(), train, pooling, steps=pool_steps, seed=seed)
        with torch.inference_mode():
            rows[f"{name}, {pooling}"] = judged(pool(aligned[1]), test)
        if (name, pooling) == ("flow", "learned"):
            weights = pool.weight_JT.detach().mean(0).numpy()
    return rows, weights


def main() -> None:
    """Print the rows of each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument("--steps", type=at_least(1), default=500)
    parser.add_argument("--noise", type=float, default=0.5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for seed in range(args.seeds):
        rows, weights = experiment(seed, steps=args.steps, noise_px=args.noise)
        found[seed] = rows
        for name, row in rows.items():
            print(f"seed {seed}  {name:22s} " + "  ".join(f"{n} {v:.2f}" for n, v in row.items()))
        print(f"seed {seed}  learned weights {weights.round(2)}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    run_script(main)
