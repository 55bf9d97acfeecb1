"""The table of a run of DKD: each row is what it is called, and costs what its part costs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import dkd_run

from glpose.nets.spec import ResNetConfig
from glpose.recipes import load_recipe
from glpose.systems.dkd.net import DKD
from glpose.systems.dkd.spec import DKDConfig
from glpose.systems.dkd.system import SYSTEM
from glpose.train.data.sets import open_people
from glpose.train.data.tracks import Tracks
from glpose.train.loop import train
from glpose.types import CropSpec

CONFIG = DKDConfig(
    backbone=ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16),
    small=ResNetConfig((1, 1, 1, 1), width=8, deconv_width=8, block="basic"),
    crop=CropSpec((64, 64)),
    sigma_px=1.5,
    min_score=1.0,
)
pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_rows_are_of_the_parts_they_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe("dkd_small")
    data = replace(recipe.data.synth_only(), num_synth_scenes=3, unlabelled_weight=0.0)
    recipe = replace(
        recipe,
        model=CONFIG,
        data=data,
        optimizer=replace(recipe.optimizer, rates=()),
        num_steps=1,
        batch_size=2,
        precision="fp32",
    )
    train(recipe, SYSTEM, tmp_path / "run", cache_dir=tmp_path / "cache")
    out = tmp_path / "table.json"
    options = [str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), "--json", str(out)]
    monkeypatch.setattr("sys.argv", ["dkd_run.py", *options, "--clips", "2", "--pairs", "16"])
    monkeypatch.setattr(dkd_run, "best_ms", lambda run: 0.0)
    dkd_run.main()
    table = json.loads(out.read_text("utf-8"))
    sides = table.pop("pairs")
    assert list(sides) == ["frame encoder alone", "kernels", "kernels of another pair"]
    assert all(0 <= share <= 1 for share in sides.values())
    starts = {name: row["starts"] for name, row in table.items()}
    # No score reaches 1: in use, every frame is a start, and the same as by the initializer.
    assert starts["kernels, as in use"] == starts["initializer"] == 1
    assert table["kernels, as in use"]["@0.2"] == table["initializer"]["@0.2"]
    assert 0 < starts["kernels, one start"] == starts["kernels of another clip"] < 0.2
    gmac = {name: row["gmac"] for name, row in table.items()}
    assert gmac["frame encoder alone"] < gmac["kernels, one start"] < gmac["initializer"]


def test_who_is_meant_is_found_by_his_own_maps_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maps stand for kernels here: those of the frame before are nearly the answer."""
    model = DKD(CONFIG).eval()
    tracks = Tracks(open_people("synth", {}, tmp_path, 3, CONFIG.joints))
    monkeypatch.setattr(model, "first_kernels", lambda features, first: first)
    monkeypatch.setattr(model, "step", lambda features, kernels: (kernels, kernels))
    found = dkd_run.pairs(model, tracks, 24)
    assert found["kernels"] > 0.95
    assert found["kernels of another pair"] < 0.5
