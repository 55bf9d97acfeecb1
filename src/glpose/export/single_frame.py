"""Single-frame networks as encoder and fusion: what their systems have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from glpose.codecs.gaussian import GaussianCodec
from glpose.export.pose import PoseParts, export_pose, pose_card
from glpose.nets.single_frame import EncoderGraph, HeadGraph, SingleFrameNet
from glpose.runtime.card import PoseCard


class SingleFrameExport(ABC):
    """The half of a single-frame system that gives its networks away; it names its paper.

    Recipes are those of `train.recipe`, which this floor does not know.
    """

    @abstractmethod
    def paper(self, config: Any) -> str:
        """The source of a network of these settings, for its card."""

    def parts(
        self,
        model: SingleFrameNet,
        recipe: Any,
        *,
        name: str = "",
        made_by: dict[str, str] | None = None,
        scores: dict[str, str] | None = None,
    ) -> tuple[PoseParts, PoseCard]:
        """The encoder, and the head as a solver of the key alone, with their card."""
        config = recipe.model
        before = recipe.pretrained_on if recipe.init_from else ()
        sources = tuple(dict.fromkeys((*before, *(s.source for s in recipe.data.shares))))
        card = pose_card(
            name or recipe.name,
            sources,
            self.paper(config),
            skeleton=config.skeleton,
            crop=config.crop,
            codec=GaussianCodec(config.heatmap),
            made_by=made_by or {},
            scores=scores or {},
        )
        return two_graphs(model), card

    def export(
        self,
        model: SingleFrameNet,
        recipe: Any,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """Two graphs: the encoder, and the head."""
        parts, card = self.parts(model, recipe, name=name, made_by=made_by, scores=scores)
        return list(export_pose(parts, card, folder))


def two_graphs(model: SingleFrameNet) -> PoseParts:
    """The encoder, and the head as a solver of the key alone."""
    return PoseParts(EncoderGraph(model.eval()), HeadGraph(model))
