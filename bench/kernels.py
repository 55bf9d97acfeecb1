"""Whether dynamic kernels carry what was seen in the frame before (DKD), on synthetic pictures.

    python bench/kernels.py [--seeds 3] [--steps 1500] [--long] [--json FILE]

A target of two shapes in one colour; from frame 1 on a distractor of the same shapes in another
colour stands on the other side. Only who knows frame 0 can tell which is which: a network of one
frame is right in half of the cases. Shares of joints within 3 px of the target's, and of the
distractor's; `rolled` takes the kernels of another clip. `--long` has both in frames 1 to 3, where
only the maps of the frame before identify the target: it shows what the gate is worth, which is
ours, not that the published form works over many frames. The worst of the seeds is judged. Needs
torch; two to five minutes of a core for each seed and row.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from scripts import at_least, run_script
from torch import Tensor, nn

from glpose.nets.blocks import conv_bn
from glpose.nets.kernels import Distillator, KernelMatcher

SIZE, STRIDE, BATCH, WIDTH = 40, 2, 24, 32
ROWS_PX = (12, 28)
COLOURS = np.array(
    [[1, 0.1, 0.1], [0.1, 1, 0.1], [0.1, 0.1, 1], [1, 1, 0.1], [1, 0.1, 1], [0.1, 1, 1]]
)


def clips(seed: int, num: int, num_frames: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Pictures (n, time, 3, size, size), and the joints (n, time, 2, 2) of target and distractor."""
    rng = np.random.default_rng([seed, 21])
    y, x = np.mgrid[:SIZE, :SIZE]
    shown = np.zeros((num, num_frames, 3, SIZE, SIZE), np.float32)
    shown += 0.1 * rng.normal(size=shown.shape).astype(np.float32)
    places = np.zeros((2, num, num_frames, 2, 2))
    for n in range(num):
        side = rng.choice([-1, 1])
        for who, colour in enumerate(rng.permutation(len(COLOURS))[:2]):
            column = (SIZE - 1) / 2 + 9 * side * (1 - 2 * who)
            start = np.array([[column, row] for row in ROWS_PX]) + rng.uniform(-4, 4, (2, 2))
            speed = rng.uniform(-2, 2, 2)
            for t in range(num_frames):
                at = np.clip(start + t * speed, 4, SIZE - 5)
                places[who, n, t] = at
                if who == 1 and t == 0:
                    continue
                (cx, cy), (dx, dy) = at
                disc = (x - cx) ** 2 + (y - cy) ** 2 < 3**2
                cross = (np.minimum(abs(x - dx), abs(y - dy)) < 1.2) & (
                    np.maximum(abs(x - dx), abs(y - dy)) < 4
                )
                shown[n, t][:, disc | cross] = COLOURS[colour][:, None]
    return torch.from_numpy(shown), places[0], places[1]


def target_maps(xy: np.ndarray) -> Tensor:
    """Gaussians of 1.5 cells (n, ..., 2, cells, cells)."""
    cells = np.arange(SIZE // STRIDE)
    at = (xy + 0.5) / STRIDE - 0.5
    gx = np.exp(-((cells - at[..., 0, None]) ** 2) / (2 * 1.5**2))
    gy = np.exp(-((cells - at[..., 1, None]) ** 2) / (2 * 1.5**2))
    return torch.from_numpy((gy[..., :, None] * gx[..., None, :]).astype(np.float32))


class Toy(nn.Module):
    """The network: a first look at frame 0, a small encoder, kernels, and a head without memory."""

    def __init__(self, *, gate: bool) -> None:
        super().__init__()
        self.first_look = nn.Sequential(self._encoder(), nn.Conv2d(WIDTH, 2, 1))
        self.encoder = self._encoder()
        self.distil = Distillator(WIDTH, 2, (SIZE // STRIDE, SIZE // STRIDE), gate=gate)
        self.match = KernelMatcher(WIDTH, 2)
        self.static = nn.Conv2d(WIDTH, 2, 1)

    @staticmethod
    def _encoder() -> nn.Sequential:
        return nn.Sequential(
            conv_bn(3, 16), conv_bn(16, WIDTH, 3, 2), conv_bn(WIDTH, WIDTH), conv_bn(WIDTH, WIDTH)
        )

    def start(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Maps and features of frame 0."""
        return self.first_look(picture), self.match.v(self.encoder(picture))

    def step(
        self, picture: Tensor, maps: Tensor, features: Tensor, *, roll: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps, features and the maps without memory, of the next frame."""
        kernels = self.distil(features, maps)
        now = self.encoder(picture)
        found, seen = self.match(now, kernels.roll(1, 0) if roll else kernels)
        return found, seen, self.static(now)


def error(found: Tensor, target: Tensor) -> Tensor:
    """Squared error, with more weight where joints are."""
    return ((1 + 20 * target) * (found - target) ** 2).mean()


def train(seed: int, *, steps: int, gate: bool, long: bool, num: int = 3000) -> Toy:
    """Two frames; or four (`long`): single steps from true maps first, then on own ones.

    Single steps go between frames that show both: after frame 0, which shows the target alone, the
    picture tells who is meant, and a seed that had learned that much never learned to use maps.
    """
    torch.manual_seed(seed)
    model = Toy(gate=gate)
    pictures, xy, _ = clips(1000 + seed, num, 4 if long else 2)
    targets = target_maps(xy)
    rate, rng = 4e-3, np.random.default_rng(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    alone_until = steps * 11 // 16 if long else 0
    for step in range(steps):
        rows = torch.from_numpy(rng.integers(num, size=BATCH))
        shown, wanted = pictures[rows], targets[rows]
        maps, features = model.start(shown[:, 0])
        loss = error(maps, wanted[:, 0])
        if long and step < alone_until:
            t = int(rng.integers(2, 4))
            before = wanted[:, t - 1] + 0.05 * torch.randn_like(wanted[:, 0])
            features = model.match.v(model.encoder(shown[:, t - 1]))
            found, _, static = model.step(shown[:, t], before, features)
            loss = loss + error(found, wanted[:, t]) + error(static, wanted[:, t])
        else:
            for t in range(1, shown.shape[1]):
                maps, features, static = model.step(shown[:, t], maps, features)
                loss = loss + error(maps, wanted[:, t]) + error(static, wanted[:, t])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def near(maps: Tensor, xy: np.ndarray) -> float:
    """The share of joints whose highest cell is within 3 px."""
    cells = maps.shape[-1]
    y, x = np.divmod(maps.flatten(-2).argmax(-1).numpy(), cells)
    found = (np.stack([x, y], -1) + 0.5) * STRIDE - 0.5
    return float((np.linalg.norm(found - xy, axis=-1) <= 3).mean())


@torch.inference_mode()
def judge(model: Toy, *, long: bool, num: int = 300) -> dict[str, float]:
    """Shares of joints on the target, and on the distractor, in clips that were not trained on."""
    pictures, xy, other = clips(1, num, 4 if long else 2)
    out: dict[str, float] = {}
    for roll in (False, True):
        maps, features = model.start(pictures[:, 0])
        if not roll:
            out["frame 0"] = near(maps, xy[:, 0])
        for t in range(1, pictures.shape[1]):
            maps, features, static = model.step(pictures[:, t], maps, features, roll=roll)
            name = f"frame {t}" + (", rolled" if roll else "")
            out[name] = near(maps, xy[:, t])
            if t == 1 and not roll:
                out["static"] = near(static, xy[:, t])
                out["distractor"] = near(maps, other[:, t])
    return out


def main() -> None:
    """Print a row for each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument("--steps", type=at_least(1), default=1500)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, dict[str, float]] = {}
    for gate in (False, True):
        for seed in range(args.seeds):
            model = train(seed, steps=args.steps, gate=gate, long=args.long)
            name = f"{'with' if gate else 'without'} gate, seed {seed}"
            rows[name] = judge(model, long=args.long)
            print(
                f"{name:24s} " + "  ".join(f"{n} {v:.2f}" for n, v in rows[name].items()),
                flush=True,
            )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    run_script(main)
