"""DG-Net for the training loop."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from glpose.errors import BadWeights
from glpose.export.terms import LICENCE, describe
from glpose.metrics.lifting import mpjpe, procrustes_mpjpe
from glpose.runtime.card import LiftCard
from glpose.systems.dg_net.data import LiftData, open_motions
from glpose.systems.dg_net.export import export_lifter
from glpose.systems.dg_net.net import DgNet
from glpose.systems.dg_net.spec import RATE_HZ, DgNetConfig, MotionConfig, Settings
from glpose.systems.dg_net.step import position_loss
from glpose.train.run.checkpoint import load_checkpoint
from glpose.train.system import ArrayBatch, ExportTask, System

PAPER = (
    "graphs of joints found anew for each sample, after the idea of DG-Net (Zhang et al., IEEE TIP "
    "2021); details are ours"
)
STATURE_MM = 1700.0
"""Scores are for a person of this height."""

_AT_ONCE = 256
_CHECKED = 64


class DgNetTask(ExportTask[DgNet]):
    """A recipe of this system, opened; see `train.system.Task`."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        del cache_dir  # nothing is slow to prepare
        self._recipe = recipe

    def build(self, *, fresh: bool = False) -> DgNet:
        """New weights, or the averaged (EMA) weights of a checkpoint."""
        recipe = self._recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = DgNet(recipe.model)
        if recipe.init_from and not fresh:
            saved = load_checkpoint(Path(recipe.init_from))
            try:
                model.load_state_dict(saved["ema"])
            except (KeyError, RuntimeError) as problem:
                raise BadWeights(
                    f"{recipe.init_from}: not weights of this network "
                    f"({str(problem).splitlines()[0]}); check the recipe's model"
                ) from problem
        return model

    def train_data(self) -> LiftData:
        """Windows of the training clips, seen by random cameras."""
        _ = self._held  # an unusable set must fail here
        return self._data(held=False)

    def losses(self, model: DgNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The mean distance of the joints in statures."""
        found = model(batch["joints"], batch["known"])
        return {"position": position_loss(found, batch["pose"], batch["counts"])}

    def score(self, model: DgNet) -> dict[str, float]:
        """MPJPE and P-MPJPE on windows of held-out clips, for a person of 1.70 m.

        In negative millimetres, so that higher is better.
        """
        held, device = self._held, next(model.parameters()).device
        found = []
        with torch.inference_mode():
            for start in range(0, len(held["joints"]), _AT_ONCE):
                given = (
                    torch.from_numpy(held[name][start : start + _AT_ONCE]).to(device)
                    for name in ("joints", "known")
                )
                found.append(model(*given).float().cpu().numpy())
        guess = np.where(held["counts"][..., None] > 0, np.concatenate(found), np.nan)
        truth = held["pose"]
        return {
            "minus_mpjpe_mm": -STATURE_MM * mpjpe(guess, truth),
            "minus_p_mpjpe_mm": -STATURE_MM * procrustes_mpjpe(guess, truth),
        }

    def pictures(self, model: DgNet) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """None are drawn."""
        del model
        return []

    def export(
        self,
        model: DgNet,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """One graph, see `export`."""
        recipe, config = self._recipe, self._recipe.model
        before = recipe.pretrained_on if recipe.init_from else ()
        trained_on, terms = describe((*before, *recipe.data.sources))
        card = LiftCard(
            name=name,
            version="1",
            trained_on=trained_on,
            terms=terms,
            licence=LICENCE,
            source=PAPER,
            made_by=made_by,
            scores=scores,
            skeleton=config.skeleton,
            window=config.window,
            rate_hz=RATE_HZ,
            root=config.root,
        )
        return [export_lifter(model, card, folder, self._example())]

    def _example(self) -> ArrayBatch:
        """Windows of procedural figures, which need no data."""
        model, how = self._recipe.model, MotionConfig().synth_only()
        return LiftData(open_motions(how, {}, model.joints, held=True), model, how, 0).many(
            [0], _CHECKED
        )

    def _data(self, *, held: bool) -> LiftData:
        recipe, how = self._recipe, self._recipe.data
        motions = open_motions(how, recipe.roots, recipe.model.joints, held=held)
        return LiftData(motions, recipe.model, how, recipe.seed)

    @cached_property
    def _held(self) -> ArrayBatch:
        return self._data(held=True).many([0], self._recipe.data.held_samples)


SYSTEM = System(DgNetConfig, MotionConfig, DgNetTask)
