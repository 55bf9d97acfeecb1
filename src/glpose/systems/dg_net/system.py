"""DG-Net for the training loop."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glpose.errors import BadConfig, BadWeights
from glpose.export.terms import about
from glpose.files import file_digest
from glpose.formats.sets import DATASETS
from glpose.formats.tracks_in_space import LIFT_SETS
from glpose.metrics.lifting import mpjpe, procrustes_mpjpe
from glpose.runtime.card import LiftCard
from glpose.runtime.lift import Lifter
from glpose.systems.dg_net.data import FILE, LiftData, open_motions
from glpose.systems.dg_net.export import export_lifter
from glpose.systems.dg_net.net import CHANNELS, DgNet
from glpose.systems.dg_net.spec import MOCAP, RATE_HZ, DgNetConfig, MotionConfig, Settings
from glpose.systems.dg_net.step import position_loss
from glpose.systems.dg_net.tracks import TrackData
from glpose.train.initial import load_initial
from glpose.train.system import ArrayBatch, LiftTask, System

PAPER = (
    "graphs of joints found anew for each sample, after the idea of DG-Net (Zhang et al., IEEE TIP "
    "2021); details are ours"
)
STATURE_MM = 1700.0
"""Scores are for a person of this height."""

_AT_ONCE = 256
_CHECKED = 64


class DgNetTask(LiftTask[DgNet]):
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
            weights = load_initial(Path(recipe.init_from))
            try:
                model.load_state_dict(weights)
            except RuntimeError as problem:
                raise BadWeights(
                    f"{recipe.init_from}: not weights of this network "
                    f"({str(problem).splitlines()[0]}); check the recipe's model"
                ) from problem
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        return self._recipe.sets_seen(self._recipe.data.sources)

    def train_data(self) -> LiftData | TrackData:
        """Windows of the training clips, seen by random cameras, or by those of the set."""
        _ = self._held  # an unusable set must fail here
        if MOCAP in self._recipe.data.sources:
            root = self._recipe.roots[DATASETS[MOCAP].root]
            self.drawn_from = {MOCAP: file_digest(Path(root) / FILE)}
        return self._data(held=False)

    def losses(self, model: DgNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The mean distance of the joints in statures."""
        found = model(batch["joints"], batch["known"])
        return {"position": position_loss(found, batch["pose"], batch["counts"])}

    def score(self, model: DgNet) -> dict[str, float]:
        """MPJPE and P-MPJPE on windows of held-out clips, for a person of 1.70 m or in millimetres.

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
        truth, unit_mm = held["pose"], 1000.0 if self._recipe.data.published else STATURE_MM
        return {
            "minus_mpjpe_mm": -unit_mm * mpjpe(guess, truth),
            "minus_p_mpjpe_mm": -unit_mm * procrustes_mpjpe(guess, truth),
        }

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
        card = self._card(name=name, made_by=made_by, scores=scores)
        return [export_lifter(model, card, folder, self._example())]

    def lifter(self, model: DgNet, *, name: str, made_by: dict[str, str]) -> Lifter:
        """The network as it is used on videos, run by torch."""
        model, device = model.eval(), next(model.parameters()).device

        @torch.inference_mode()
        def run(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
            given = (torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in (joints, known))
            return model(*given).float().cpu().numpy()

        return Lifter(run, self._card(name=name, made_by=made_by, scores={}))

    def _card(self, *, name: str, made_by: dict[str, str], scores: dict[str, str]) -> LiftCard:
        recipe, config = self._recipe, self._recipe.model
        published = recipe.data.published
        return LiftCard(
            **about(name, self.sets_seen(), PAPER, made_by, scores),
            skeleton=config.skeleton,
            window=config.window,
            rate_hz=LIFT_SETS[published].rate_hz if published else RATE_HZ,
            root=config.root,
            unit="metres" if published else "statures",
            frame=config.frame,
        )

    def _example(self) -> ArrayBatch:
        """Windows that need no data: of procedural figures, or of any points if joints are others."""
        model, how = self._recipe.model, MotionConfig().synth_only()
        if self._recipe.data.published:
            rng = np.random.default_rng(0)
            shape = (_CHECKED, model.window, len(model.joints.joints))
            joints = rng.normal(0, 0.5, (*shape, CHANNELS)).astype(np.float32)
            return {"joints": joints, "known": (rng.random(shape) < 0.9).astype(np.float32)}
        return LiftData(open_motions(how, {}, model.joints, held=True), model, how, 0).many(
            [0], _CHECKED
        )

    def _data(self, *, held: bool) -> LiftData | TrackData:
        recipe, how = self._recipe, self._recipe.data
        whose, frame = ("the set's", "camera") if how.published else ("our random", "person")
        if recipe.model.frame != frame:
            raise BadConfig(
                f"model.frame is {recipe.model.frame}, but windows seen by {whose} cameras are in "
                f"the frame of the {frame}; expected model.frame={frame}"
            )
        if how.published:
            return TrackData(recipe, held=held)
        motions = open_motions(how, recipe.roots, recipe.model.joints, held=held)
        # Held-out windows are the same for all seeds, so that their runs can be compared.
        return LiftData(motions, recipe.model, how, 0 if held else recipe.seed)

    @cached_property
    def _held(self) -> ArrayBatch:
        return self._data(held=True).many([0], self._recipe.data.held_samples)


SYSTEM = System(DgNetConfig, MotionConfig, DgNetTask)
