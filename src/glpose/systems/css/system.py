"""Features from videos without labels, for the training loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from glpose.errors import BadInput
from glpose.nets.contrast import AWAY
from glpose.systems.css.data import STILL, Clips, MomentsData
from glpose.systems.css.export import export_embedder
from glpose.systems.css.net import SplitNet
from glpose.systems.css.spec import CSSConfig, MomentsConfig, Settings
from glpose.systems.css.step import moments, painted, split_losses, split_scores
from glpose.train.data.crops import VIDEOS, digests_of_videos, open_crops
from glpose.train.data.sets import digests_of
from glpose.train.imagenet import IMAGENET, imagenet_body
from glpose.train.initial import load_initial, load_part
from glpose.train.system import ExportTask, System

_NUM_BATCHES, _BATCH, _NUM_PICTURES = 4, 32, 8
_REMEDIES = {
    "near": "videos with more frames a second, or set data.near_s higher",
    "away": "longer clips, or set data.away_s lower",
    "between": "data.away_s further above data.near_s",
}


class CSSTask(ExportTask[SplitNet]):
    """A recipe of this system, opened; see `train.system.Task`."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        self._recipe, self._cache_dir = recipe, cache_dir
        self._clips: Clips | None = None

    def build(self, *, fresh: bool = False) -> SplitNet:
        """New weights, an encoder's body from ImageNet, or all weights of another such run."""
        config, init_from = self._recipe.model, self._recipe.init_from
        model = SplitNet(config)
        if init_from == IMAGENET and not fresh:
            body = imagenet_body(config.backbone)
            load_part(model.get_submodule("encoder.body"), body, "", init_from)
        elif init_from and not fresh:
            load_part(model, load_initial(Path(init_from)), "", init_from)
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        return self._recipe.sets_seen(self._recipe.data.sources)

    def train_data(self) -> MomentsData:
        """Moments of the clips that are not held out."""
        recipe, data = self._recipe, self._recipe.data
        clips = self._opened()
        labelled = dict(zip(data.sources, clips.stores, strict=True))
        is_cut = labelled.pop(VIDEOS, None) is not None
        videos = digests_of_videos(recipe.roots[VIDEOS]) if is_cut else {}
        self.drawn_from = videos | digests_of(labelled)
        if num := clips.lacking.total():
            without = _without(clips, data)
            self.notes = (f"{num} of {num + len(clips)} clips are left out: {without}",)
        return MomentsData(
            clips,
            clips.held_out()[0],
            recipe.model.crop,
            data.augmentation,
            data,
            recipe.seed,
            background=recipe.model.background,
        )

    def losses(self, model: SplitNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See `step.split_losses`."""
        return split_losses(model, batch, self._recipe.data.loss)

    def score(self, model: SplitNet) -> dict[str, float]:
        """The scores of `step.split_scores` on the held-out clips, the same moments each time."""
        found = [
            split_scores(model, batch, self._recipe.data.loss) for batch in self._held_out(model)
        ]
        return {name: float(np.mean([scores[name] for scores in found])) for name in found[0]}

    @torch.inference_mode()
    def pictures(self, model: SplitNet) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """From left to right: a frame, its clip's frame away, its pose in the looks of that frame."""
        if model.decoder is None:
            return []
        batch = {name: v[:_NUM_PICTURES] for name, v in self._held_out(model)[0].items()}
        made = painted(model, batch, moments(model, batch), AWAY).permute(0, 2, 3, 1)
        shown = (255 * made).round().to(torch.uint8)
        columns = torch.cat([batch["crops"][:, 0], batch["crops"][:, AWAY], shown], 2)
        return list(columns.cpu().numpy())

    def export(
        self,
        model: SplitNet,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """One graph: crops to both halves, see `export`."""
        sources = self.sets_seen()
        return [export_embedder(model, folder, sources, name=name, made_by=made_by, scores=scores)]

    def _opened(self) -> Clips:
        recipe, data, crop = self._recipe, self._recipe.data, self._recipe.model.crop
        if self._clips is None:
            stores = [
                open_crops(source, recipe.roots, self._cache_dir, crop, data.crops, data.near_s)
                for source in data.sources
            ]
            self._clips = Clips(stores, data)
        if not len(self._clips):
            what, _ = self._clips.lacking.most_common(1)[0]
            raise BadInput(
                "none of the clips can be learned from: "
                f"{_without(self._clips, data)}; expected {_REMEDIES[what]}"
            )
        return self._clips

    def _held_out(self, model: SplitNet) -> list[dict[str, Tensor]]:
        recipe, clips = self._recipe, self._opened()
        data = MomentsData(
            clips,
            clips.held_out()[1],
            recipe.model.crop,
            STILL,
            recipe.data,
            seed=0,
            background=recipe.model.background,
        )
        device = next(model.parameters()).device
        return [
            {n: torch.from_numpy(v).to(device) for n, v in data.rows(step, range(_BATCH)).items()}
            for step in range(_NUM_BATCHES)
        ]


def _without(clips: Clips, how: MomentsConfig) -> str:
    """How many clips are left out for what they lack."""
    lacks = {
        "near": f"crops within {how.near_s:g} s of each other",
        "away": f"crops {how.away_s:g} s apart",
        "between": "crops in between",
    }
    return ", ".join(f"{num} without {lacks[what]}" for what, num in clips.lacking.most_common())


SYSTEM = System(CSSConfig, MomentsConfig, CSSTask)
