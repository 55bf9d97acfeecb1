"""DG-Net against a fixed graph, one frame and a temporal convolution, on motion seen by random cameras.

    python bench/lift_mocap.py MOCAP_FOLDER [--nets dg fixed ...] [--windows 9 27] [--seeds 3]
        [--steps 1500] [--clean] [--json FILE]

All nets get the same windows, errors and number of steps, and about the same number of weights; the
actions scored on are not trained on (`systems.dg_net.data.HELD_OUT`). Millimetres are for a person
of 1.70 m: MPJPE, after Procrustes alignment (P-MPJPE), and of depth alone (z), over the joints that
are known in the picture. Results are printed as they are there. Needs torch.

    dg      [DSG + static] -> [DTG + static] -> time, of `systems.dg_net`
    serial  the same with nothing beside DTG
    all     serial with K = J - 1: every joint is a neighbour
    fixed   the skeleton in place of both, with its learned correction: each joint may see every other
    skel    the same without the correction: neighbours in the skeleton alone
    tcn     convolutions over time on all joints together
    mlp     residual layers on the middle sample alone
"""

import argparse
import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scripts import above_zero, at_least, run_script
from torch import Tensor, nn

from glpose.metrics.lifting import mpjpe, procrustes_mpjpe
from glpose.nets.blocks import num_parameters
from glpose.nets.joint_graphs import SkeletonGraph
from glpose.systems.dg_net.data import LiftData, open_motions
from glpose.systems.dg_net.net import CHANNELS, DgNet
from glpose.systems.dg_net.spec import MOCAP, DgNetConfig, MotionConfig
from glpose.systems.dg_net.step import position_loss
from glpose.train.recipe import data_roots

STATURE_MM = 1700
NETS = ("dg", "serial", "all", "fixed", "skel", "tcn", "mlp")
STRIDES = {9: (3, 3), 27: (3, 3, 3), 81: (3, 3, 3, 3)}


class OneFrame(nn.Module):
    """Residual layers over all joints of the middle sample (Martinez et al., ICCV 2017)."""

    def __init__(self, config: DgNetConfig, width: int) -> None:
        super().__init__()
        self.joints = len(config.joints.joints)
        self.roots = list(config.roots)
        self.first = self._layer(self.joints * (CHANNELS + 1), width)
        self.layers = nn.ModuleList(
            nn.Sequential(self._layer(width, width), self._layer(width, width)) for _ in range(2)
        )
        self.last = nn.Linear(width, 3 * self.joints)

    @staticmethod
    def _layer(num_in: int, num_out: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(num_in, num_out), nn.BatchNorm1d(num_out), nn.ReLU(), nn.Dropout(0.1)
        )

    def forward(self, joints: Tensor, known: Tensor) -> Tensor:
        """As `DgNet`."""
        middle = joints.shape[1] // 2
        given = torch.cat([joints, known[..., None]], -1)[:, middle].flatten(1)
        found = self.first(given)
        for layer in self.layers:
            found = found + layer(found)
        return about_root(self.last(found).view(-1, self.joints, 3), self.roots)


class OverTime(nn.Module):
    """Convolutions of width and stride 3 over all joints (Pavllo et al., CVPR 2019)."""

    def __init__(self, config: DgNetConfig, width: int) -> None:
        super().__init__()
        self.joints = len(config.joints.joints)
        self.roots = list(config.roots)
        sizes = [self.joints * (CHANNELS + 1), *[width] * len(config.strides)]
        self.convolutions = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(a, b, 3, 3), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(0.1),
                nn.Conv1d(b, b, 1), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(0.1),
            )
            for a, b in pairwise(sizes)
        )  # fmt: skip
        self.last = nn.Linear(width, 3 * self.joints)

    def forward(self, joints: Tensor, known: Tensor) -> Tensor:
        """As `DgNet`."""
        found = torch.cat([joints, known[..., None]], -1).flatten(2).transpose(1, 2)
        for number, layer in enumerate(self.convolutions):
            new = layer(found)
            found = found[..., 1::3] + new if number else new
        return about_root(self.last(found[..., 0]).view(-1, self.joints, 3), self.roots)


def about_root(pose: Tensor, roots: list[int]) -> Tensor:
    """Relative to the root."""
    return pose - pose[:, roots].mean(1, keepdim=True)


def make(name: str, window: int, width: int) -> nn.Module:
    """A net; all have about as many weights as `serial` of this width."""
    config = DgNetConfig(strides=STRIDES[window], width=width)
    goal = num_parameters(DgNet(config))
    if name == "serial":
        return DgNet(config)
    if name == "dg":
        beside = replace(config, static_beside_motion=True)
        nets = [DgNet(replace(beside, width=w)) for w in range(width // 2, width + 1)]
        return min(nets, key=lambda net: abs(num_parameters(net) - goal))
    if name == "all":
        return DgNet(replace(config, num_neighbours=len(config.joints.joints) - 1))
    if name in ("fixed", "skel"):
        fixed = replace(config, dynamic=False)
        nets = [DgNet(replace(fixed, width=w)) for w in range(width, 2 * width)]
        for graph in (m for net in nets if name == "skel" for m in net.modules()):
            if isinstance(graph, SkeletonGraph):
                graph.learned_JJ.requires_grad_(False)  # it stays 0
    else:
        kind = {"mlp": OneFrame, "tcn": OverTime}[name]
        nets = (kind(config, w) for w in range(16, 400, 4))
    return min(nets, key=lambda net: abs(num_parameters(net) - goal))


def train(
    net: nn.Module, data: LiftData, *, steps: int, seed: int, rate: float, batch: int
) -> None:
    """Adam with a warm-up and a cosine decay, all nets alike."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.1
    )
    net.train()
    for step in range(steps):
        given = {k: torch.from_numpy(v) for k, v in data.many([seed, step], batch).items()}
        loss = position_loss(net(given["joints"], given["known"]), given["pose"], given["counts"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@torch.inference_mode()
def judged(net: nn.Module, held: dict[str, np.ndarray]) -> dict[str, float]:
    """Errors in millimetres on held-out windows."""
    joints, known = torch.from_numpy(held["joints"]), torch.from_numpy(held["known"])
    net.eval()
    found = torch.cat([net(j, k) for j, k in zip(joints.split(256), known.split(256), strict=True)])
    guess, truth = found.numpy() * STATURE_MM, held["pose"] * STATURE_MM
    guess = np.where(held["counts"][..., None] > 0, guess, np.nan)
    return {
        "mpjpe": mpjpe(guess, truth),
        "p_mpjpe": procrustes_mpjpe(guess, truth),
        "z": float(np.nanmean(np.abs(guess - truth)[..., 2])),
    }


def main() -> None:
    """Train and judge all; print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--nets", nargs="+", choices=NETS, default=["dg", "fixed", "tcn", "mlp"])
    parser.add_argument("--windows", nargs="+", type=int, choices=tuple(STRIDES), default=[9, 27])
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument("--steps", type=at_least(1), default=1500)
    parser.add_argument("--batch", type=at_least(2), default=64)
    parser.add_argument("--width", type=at_least(2), default=32)
    parser.add_argument("--rate", type=above_zero, default=4e-3)
    parser.add_argument("--clean", action="store_true", help="2D joints without errors")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    how = MotionConfig(sources=(MOCAP,))
    if args.clean:
        how = replace(how, noise=0.0, gross_share=0.0, missed_share=0.0, cut_share=0.0)
    joints, roots = DgNetConfig().joints, data_roots(mocap=args.folder)
    motions = [open_motions(how, roots, joints, held=held) for held in (False, True)]
    rows = []
    for seed in range(args.seeds):
        for window in args.windows:
            model = DgNetConfig(strides=STRIDES[window])
            training, held = (LiftData(m, model, how, seed=i) for i, m in enumerate(motions))
            truth = held.many([0], 4000)
            for name in args.nets:
                torch.manual_seed(seed)
                net, began = make(name, window, args.width), time.process_time()
                train(net, training, steps=args.steps, seed=seed, rate=args.rate, batch=args.batch)
                row = {"net": name, "window": window, "seed": seed, **judged(net, truth)}
                row |= {"weights": num_parameters(net), "seconds": time.process_time() - began}
                rows.append(row)
                print(
                    "  ".join(
                        f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}"
                        for k, v in row.items()
                    ),
                    flush=True,
                )
                if args.json:
                    args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    run_script(main)
