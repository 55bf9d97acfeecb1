"""CONTRIBUTING's "Add a system", tried: a folder, a line, a recipe; trained, exported, and deleted."""

import importlib
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("torch")

import glpose.recipes
import glpose.systems
from glpose.cli.main import main
from glpose.errors import BadConfig, BadWeights
from glpose.jobs.runs import estimator_of_run
from glpose.recipes import RECIPES, Entry
from glpose.systems import PHONE_BOOK, load_system
from glpose.train.run.log import RunLog

pytestmark = pytest.mark.torch

FILES = {
    "systems/toy/__init__.py": '"""A toy."""',
    "systems/toy/spec.py": '''
        """Settings of the toy. No torch."""

        from dataclasses import dataclass

        from glpose.train.recipe import Recipe

        @dataclass(frozen=True, slots=True)
        class ToyConfig:
            """The network."""

            width: int = 2

        @dataclass(frozen=True, slots=True)
        class ToyData:
            """The data."""

            scale: float = 1.0

            def set_names(self) -> tuple[str, ...]:
                return ("synth",)

            def synth_only(self) -> "ToyData":
                return self

        Settings = Recipe[ToyConfig, ToyData]
        ''',
    "systems/toy/net.py": '''
        """The network."""

        from torch import nn

        def toy_net(width: int) -> nn.Module:
            return nn.Sequential(nn.Linear(3, width), nn.Linear(width, 1))
        ''',
    "systems/toy/system.py": '''
        """The toy as the training loop sees it."""

        import json

        import numpy as np

        from glpose.systems.toy.net import toy_net
        from glpose.systems.toy.spec import ToyConfig, ToyData
        from glpose.train.system import ExportTask, System

        class Numbers:
            num_samples, has_epochs = None, False

            def __init__(self, recipe):
                self.recipe = recipe

            def rows(self, step, numbers):
                x = [np.random.default_rng([self.recipe.seed, step, i]).random(3) for i in numbers]
                return {"x": np.float32(x) * np.float32(self.recipe.data.scale)}

            def describe(self, step):
                return None

        class ToyTask(ExportTask):
            def __init__(self, recipe, cache_dir):
                self.recipe = recipe

            def build(self, *, fresh=False):
                return toy_net(self.recipe.model.width)

            def sets_seen(self):
                return self.recipe.sets_seen(self.recipe.data.set_names())

            def train_data(self):
                return Numbers(self.recipe)

            def losses(self, model, batch):
                return {"square": model(batch["x"]).square().mean()}

            def score(self, model):
                return {"width": float(self.recipe.model.width)}

            def pictures(self, model):
                return []

            def export(self, model, folder, *, name, made_by, scores):
                folder.mkdir(exist_ok=True)
                path = folder / f"{name}.json"
                path.write_text(json.dumps(made_by))
                return [path]

        SYSTEM = System(ToyConfig, ToyData, ToyTask)
        ''',
    "recipes/toys.py": '''
        """Runs of the toy."""

        from glpose.systems.toy.spec import Settings, ToyConfig, ToyData
        from glpose.train.recipe import Recipe

        def toy(width: int = 2) -> Settings:
            return Recipe(
                name="toy", system="toy", model=ToyConfig(width), data=ToyData(), batch_size=4
            )
        ''',
}


def test_a_system_is_a_folder_a_line_and_its_recipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trace() -> tuple:
        modules = {name for name in sys.modules if "toy" in name}
        return modules, dict(PHONE_BOOK), dict(RECIPES), hasattr(glpose.systems, "toy")

    before = trace()
    for name, text in FILES.items():
        path = tmp_path / "glpose" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    with monkeypatch.context() as added:
        added.setattr(RunLog, "draw", lambda self: None)
        for package in (glpose.systems, glpose.recipes):
            home = tmp_path / "glpose" / package.__name__.rpartition(".")[2]
            added.setattr(package, "__path__", [*package.__path__, str(home)])
        added.setitem(PHONE_BOOK, "toy", "glpose.systems.toy")
        added.setitem(RECIPES, "toy_wide", Entry("toys.toy", "a toy", "", {"width": 5}))
        # The command line, the loop and the record take it as they take all others.
        monkeypatch.chdir(tmp_path)
        settings = ["--set", "num_steps=2", "--set", "data.scale=2", "--set", "model.width=7"]
        assert main(["train", "toy_wide", *settings]) == 0
        assert main(["export", "runs/toy_wide", "-o", "weights"]) == 0
        assert '"steps": "2 of 2"' in Path("weights/toy_wide.json").read_text()
        assert main(["export", "runs/toy_wide", "-o", "weights"]) == 2
        found = capsys.readouterr()
        assert "width 7.00" in found.out
        assert "holds toy_wide.json already; use --overwrite" in found.err
        assert main(["export", "runs/toy_wide", "-o", "weights", "--overwrite"]) == 0
        assert main(["export", "runs/toy_wide", "-o", "halved", "--half"]) == 2
        assert "toy_wide.json: is no ONNX file, which --half is for" in capsys.readouterr().err
        assert not Path("halved").exists()
        assert main(["export", "runs/toy_wide", "-o", "shared", "--share", "pose_small"]) == 2
        assert "estimates no poses; --share is for pose estimators" in capsys.readouterr().err
        with pytest.raises(BadWeights, match="whose system toy estimates no poses"):
            estimator_of_run(Path("runs/toy_wide"))

    # The folder, its line and its recipe are deleted.
    shutil.rmtree(tmp_path / "glpose")
    for name in [name for name in sys.modules if name.startswith("glpose.") and "toy" in name]:
        package, _, last = name.rpartition(".")
        if hasattr(sys.modules.get(package), last):
            delattr(sys.modules[package], last)
        del sys.modules[name]
    importlib.invalidate_caches()
    assert trace() == before
    with pytest.raises(BadConfig, match="unknown system 'toy'"):
        load_system("toy")
    assert main(["export", "runs/toy_wide", "-o", "again"]) == 2
    assert "unknown system 'toy'; known: " in capsys.readouterr().err
