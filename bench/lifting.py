"""Whether graphs of joints find the right neighbour: a problem that nothing else solves; synthetic.

    python bench/lifting.py [--seeds 3] [--steps 600] [--json FILE]

Thirteen joints stand anywhere and swing on their own; the input tells the depth of each, but of the
wrist. Its depth is that of a partner, another for each clip, never its neighbour in the skeleton.
Task A: the wrist touches the partner. Task B: it is elsewhere, but moves as the partner does. Each
net has three layers of one kind; printed is the mean error of the wrist's depth. A constant reaches
0.50, and the median of the eight possible partners, the best without the cue, 0.44. Last column of each task: the cue is destroyed in the test alone, by moving the
wrist away, or by shuffling the frames of each joint.

    fixed   the skeleton's graph
    dsg     the K = 2 joints that are nearest (`SpatialGraph`)
    dtg     the K = 2 joints that move most alike (`MotionGraph`)
    all     `SpatialGraph` with K = 12: all other joints, no graph at all

The worst of the seeds is judged: A: dsg <= 0.15 and a third of fixed; B: dtg <= 0.36, dsg, fixed and
all >= 0.43; both columns without the cue >= 0.43. Needs torch.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scripts import at_least, run_script
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.joint_graphs import MotionGraph, SkeletonGraph, SpatialGraph, movement
from glpose.skeleton import LIMB13

Task = Literal["A", "B"]
KINDS = ("fixed", "dsg", "dtg", "all")
WRIST = LIMB13.index("left_wrist")
PARTNERS = [
    LIMB13.index(f"{side}_{part}")
    for side, part in (
        ("right", "wrist"), ("right", "elbow"), ("left", "hip"), ("right", "hip"),
        ("left", "knee"), ("right", "knee"), ("left", "ankle"), ("right", "ankle"),
    )
]  # fmt: skip
FRAMES, MIDDLE, WIDTH, LAYERS, K = 9, 4, 32, 3, 2


def clips(seed: int, num: int, task: Task, *, destroyed: bool = False) -> tuple[Tensor, Tensor]:
    """Inputs (num, time, joints, 3): x, y and the depth, 0 for the wrist; and the true depths."""
    rng = np.random.default_rng([seed, ord(task)])
    joints = len(LIMB13.joints)
    time_s = np.arange(FRAMES)[:, None, None]
    base = rng.uniform(-1, 1, (num, 1, joints, 2))
    speed = rng.uniform(0.4, 1.2, (num, 1, joints, 2))
    phase = rng.uniform(0, 2 * np.pi, (num, 1, joints, 2))
    swing = 0.15 * np.sin(speed * time_s + phase)
    depth = rng.uniform(-1, 1, (num, joints)).astype(np.float32)
    partner, rows = rng.choice(PARTNERS, num), np.arange(num)
    depth[:, WRIST] = depth[rows, partner]
    xy = base + swing
    if task == "A":
        xy[:, :, WRIST] = xy[rows, :, partner] + rng.uniform(-0.014, 0.014, (num, 1, 2))
        if destroyed:
            xy[:, :, WRIST] = (base + swing)[:, :, WRIST]
    else:
        moves = swing[rows, :, partner] + rng.normal(0, 0.005, (num, FRAMES, 2))
        xy[:, :, WRIST] = base[:, :, WRIST] + moves
        if destroyed:
            order = rng.permuted(np.tile(np.arange(FRAMES), (num, joints, 1)), axis=-1)
            xy = np.take_along_axis(xy, order.transpose(0, 2, 1)[..., None], 1)
    cue = np.repeat(depth[:, None, :, None], FRAMES, 1)
    cue[:, :, WRIST] = 0
    return torch.from_numpy(np.concatenate([xy, cue], -1).astype(np.float32)), torch.from_numpy(
        depth
    )


class OneKind(nn.Module):
    """Layers of one kind between an embedding and the depth of each joint."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        joints = len(LIMB13.joints)
        self.embed = nn.Sequential(nn.Linear(3, WIDTH), nn.ReLU())
        make = {
            "fixed": lambda: SkeletonGraph(WIDTH, WIDTH, LIMB13.bones, joints),
            "dsg": lambda: SpatialGraph(WIDTH, WIDTH, K),
            "dtg": lambda: MotionGraph(WIDTH, WIDTH, K),
            "all": lambda: SpatialGraph(WIDTH, WIDTH, joints - 1),
        }[kind]
        self.layers = nn.ModuleList(make() for _ in range(LAYERS))
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, given: Tensor) -> Tensor:
        """Depths (B, joints)."""
        known = torch.ones(given.shape[:-1])
        moves = movement(given[..., :2], known)
        features, places = self.embed(given), given[..., :2]
        for layer in self.layers:
            if isinstance(layer, SpatialGraph):
                features = layer(features, places, known)
            elif isinstance(layer, MotionGraph):
                features = layer(features, moves, known)
            else:
                features = layer(features, known)
        return self.head(features.mean(1))[..., 0]


def experiment(
    kind: str,
    task: Task,
    seed: int,
    *,
    steps: int,
    batch: int = 128,
    num: int = 4000,
    num_test: int = 1000,
) -> tuple[float, float]:
    """The wrist's mean error after training, with the cue and with the cue destroyed."""
    torch.manual_seed(seed)
    given, depth = clips(2 * seed, num, task)
    net, rng = OneKind(kind), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(num, size=batch))
        found, true = net(given[rows]), depth[rows]
        loss = functional.l1_loss(found, true) + functional.l1_loss(found[:, WRIST], true[:, WRIST])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    errors = []
    with torch.inference_mode():
        for destroyed in (False, True):
            given, depth = clips(2 * seed + 1, num_test, task, destroyed=destroyed)
            found = net(given)
            errors.append(float((found - depth)[:, WRIST].abs().mean()))
    return errors[0], errors[1]


def main() -> None:
    """Print the rows of each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument("--steps", type=at_least(1), default=600)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in range(args.seeds):
        for kind in args.kinds:
            row: dict[str, object] = {"seed": seed, "kind": kind}
            for task in ("A", "B"):
                began = time.process_time()
                error, without = experiment(kind, task, seed, steps=args.steps)
                row |= {f"{task}": error, f"{task} without the cue": without}
                row[f"{task} seconds"] = time.process_time() - began
            rows.append(row)
            print(
                "  ".join(
                    f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()
                ),
                flush=True,
            )
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    run_script(main)
