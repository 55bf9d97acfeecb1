"""Runs that are killed, resumed, refused or spoilt, on a system that trains in milliseconds."""

import errno
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import tiny_training
from glpose.cli.main import main
from glpose.errors import BadConfig, BadInput, BadWeights, GLPoseError
from glpose.formats.lock import LOCK, only_writer
from glpose.imaging import read_image
from glpose.skeleton import POSETRACK15
from glpose.train import loop
from glpose.train.data.batches import own_rows, prefetch
from glpose.train.recipe import Optimizer
from glpose.train.run import checkpoint
from glpose.train.run.checkpoint import load_checkpoint, save_checkpoint
from glpose.train.run.fault import examine
from glpose.train.run.log import RunLog
from glpose.train.run.sheet import contact_sheet, draw_sample, spread
from glpose.train.run.workers import ALONE
from glpose.train.state import average, make_optimizer, start
from glpose.train.system import System
from tiny_training import (
    LONG,
    TINY,
    TINY_SYSTEM,
    TinyConfig,
    TinyData,
    TinyNet,
    TinySet,
    TinyTask,
    log_of,
    train,
)

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunLog, "draw", lambda self: None)


def tiny_system(task: type[TinyTask]) -> System:
    return System(TinyConfig, TinySet, task)


def same_weights(a: Path, b: Path) -> bool:
    one, two = load_checkpoint(a), load_checkpoint(b)
    return all(
        torch.equal(one[kind][key], value)
        for kind in ("model", "ema")
        for key, value in two[kind].items()
    )


@pytest.mark.slow
def test_a_run_that_is_killed_at_random_goes_on_exactly(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, tiny_training.__file__, "kill", str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the killed ones: the order of sums depends on it
    train(LONG, tmp_path / "whole")
    torch.set_num_threads(num_threads)
    assert [row["step"] for row in log_of(tmp_path / "whole") if "losses" in row] == [*range(1, 41)]
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")
    for name in ("best.pt", "last.pt"):
        assert same_weights(tmp_path / "run" / name, tmp_path / "whole" / name)
    best = [load_checkpoint(tmp_path / run / "best.pt")["step"] for run in ("run", "whole")]
    assert best[0] == best[1]
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert len(record["resumed"]) == int(done.stdout)


@pytest.mark.slow
def test_losses_that_were_not_written_yet_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(TINY, log_every=4, num_steps=8, validate_every=8, checkpoint_every=3)
    train(recipe, tmp_path / "whole")
    once = loop._one_step

    def stops(run: loop.Run, state: loop.TrainState, step: int, parts: list) -> dict:
        if step == 6:
            raise KeyboardInterrupt
        return once(run, state, step, parts)

    monkeypatch.setattr(loop, "_one_step", stops)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "parts")
    assert [row["step"] for row in log_of(tmp_path / "parts")] == [4]
    assert load_checkpoint(tmp_path / "parts" / "last.pt")["step"] == 6
    monkeypatch.setattr(loop, "_one_step", once)
    assert train(recipe, tmp_path / "parts", resume=True)[0] == "resumed at step 6 of 8"
    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole")
    assert same_weights(tmp_path / "parts" / "last.pt", tmp_path / "whole" / "last.pt")


@pytest.mark.parametrize(("of", "what"), [(RunLog, "draw"), (TinyTask, "pictures")])
def test_pictures_that_fail_lose_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: type, what: str
) -> None:
    monkeypatch.setattr(of, what, Mock(side_effect=RuntimeError("no colours")))
    with pytest.raises(RuntimeError, match="no colours"):
        train(TINY, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == TINY.validate_every


def test_a_run_that_has_ended_gets_its_last_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TINY, tmp_path / "run")
    draw, modes = Mock(), []
    monkeypatch.setattr(RunLog, "draw", draw)
    monkeypatch.setattr(TinyTask, "pictures", lambda _, ema: modes.append(ema.training) or [])
    train(TINY, tmp_path / "run", resume=True)
    draw.assert_called_once()
    assert modes == [False]  # drawn as what is scored and exported


def test_a_run_without_anything_to_train_takes_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = tuple((name, 0.0) for name in ("one", "two", "norm"))
    recipe, run = replace(TINY, optimizer=Optimizer(rates=frozen)), tmp_path / "run"
    build = TinyTask.build

    def without_spare(task: TinyTask, *, fresh: bool = False) -> TinyNet:
        model = build(task, fresh=fresh)
        model.spare.requires_grad_(False)
        return model

    monkeypatch.setattr(TinyTask, "build", without_spare)
    draw = Mock()
    monkeypatch.setattr(RunLog, "draw", draw)
    told = train(recipe, run)
    assert told[0] == "nothing of this network is trained: it is scored and saved as it is"
    assert told[1].startswith("step 0/6 ")
    draw.assert_called_once()
    before = (run / "log.jsonl").read_bytes()
    assert train(recipe, run, resume=True) == ["resumed at step 0 of 6"]
    assert (run / "log.jsonl").read_bytes() == before
    # The best checkpoint comes back like that of any run that has ended.
    (run / "best.pt").unlink()
    assert "with the weights of step 0" in train(recipe, run, resume=True)[1]
    assert load_checkpoint(run / "best.pt")["step"] == 0


@pytest.mark.slow
def test_resuming_nothing_starts_and_says_so(tmp_path: Path) -> None:
    assert "holds no run yet: starting anew" in train(TINY, tmp_path / "run", resume=True)[0]
    (tmp_path / "run" / "last.pt").unlink()
    assert "holds no checkpoint yet" in train(TINY, tmp_path / "run", resume=True)[0]


def test_two_trainings_do_not_write_into_one_folder(tmp_path: Path) -> None:
    """The second one leaves the first one's record as it is, and is let in when that has ended."""
    folder = tmp_path / "run"
    train(TINY, folder)
    before = (folder / "recipe.json").read_text()
    with only_writer(folder), pytest.raises(BadInput, match="a run writes there already"):
        train(TINY, folder, resume=True)
    assert (folder / "recipe.json").read_text() == before
    assert train(TINY, folder, resume=True)
    assert not (folder / LOCK).exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_was_overtaken_while_it_prepared_its_data_writes_nothing(
    tmp_path: Path, *, resume: bool
) -> None:
    run = tmp_path / "run"

    class Slow(TinyTask):
        def train_data(self) -> TinyData:
            train(TINY, run)
            return super().train_data()

    system = System(TinyConfig, TinySet, Slow)
    with pytest.raises(GLPoseError, match="meanwhile" if resume else "holds a run already"):
        loop.train(TINY, system, run, cache_dir=tmp_path, resume=resume, report=lambda _: None)
    assert json.loads((run / "recipe.json").read_text())["resumed"] == []
    assert not (run / LOCK).exists()


def test_checkpoints_without_a_record_are_not_written_over(tmp_path: Path) -> None:
    train(TINY, tmp_path / "run")
    (tmp_path / "run" / "recipe.json").unlink()
    (tmp_path / "run" / "log.jsonl").unlink()
    with pytest.raises(BadConfig, match=r"holds a run already \(last.pt\)"):
        train(TINY, tmp_path / "run")
    with pytest.raises(BadConfig, match=r"another recipe .changed: seed"):
        train(replace(TINY, seed=5), tmp_path / "run", resume=True)
    assert train(TINY, tmp_path / "run", resume=True) == ["resumed at step 6 of 6"]
    (tmp_path / "run" / "last.pt").unlink()
    (tmp_path / "run" / "recipe.json").unlink()
    with pytest.raises(BadInput, match=r"neither its recipe.json nor a last.pt"):
        train(TINY, tmp_path / "run", resume=True)


def test_a_run_of_an_older_version_finds_its_best_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was resumed before, but ended before it had saved anything."""
    recipe, last = replace(TINY, num_steps=4, validate_every=2), tmp_path / "run" / "last.pt"
    train(recipe, tmp_path / "run")
    saved = load_checkpoint(last) | {"step": 2, "best_score": 1e9}
    old = {name: value for name, value in saved.items() if name != "glpose"}
    for state, is_older in ((saved, False), (old, True)):
        save_checkpoint(last, state)
        with monkeypatch.context() as patch:
            patch.setattr(loop, "seed_step", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                train(recipe, tmp_path / "run", resume=True)
        told = train(recipe, tmp_path / "run", resume=True)
        assert any("trained by an older glpose" in line for line in told) == is_older
        assert (load_checkpoint(last)["best_score"] < 1e9) == is_older


@pytest.mark.parametrize(("damage", "what"), [(None, "missing"), (b"", "damaged"), (b"PK", "dam")])
@pytest.mark.parametrize(
    ("step", "when", "score"), [(4, "the next validation", -5.0), (6, "the weights of step 6", 7.0)]
)
def test_a_best_checkpoint_that_is_lost_is_written_anew(
    tmp_path: Path,
    step: int,
    when: str,
    score: float,
    damage: bytes | None,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also if the run is killed before it has saved anything; info tells the score of the new one."""
    run, scores = tmp_path / "run", iter((9.0, 7.0, -5.0))
    best, last, kept = (run / f"{name}.pt" for name in ("best", "last", "best.damaged"))
    monkeypatch.setattr(TinyTask, "score", lambda self, model: {"score": next(scores)})
    train(TINY, run)
    save_checkpoint(last, load_checkpoint(last) | {"step": step})
    best.unlink() if damage is None else best.write_bytes(damage)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_run", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            loop.train(TINY, TINY_SYSTEM, run, cache_dir=run, resume=True, report=print)
    assert re.search(f"best.pt is {what}.*: it is written anew, .*{when}", capsys.readouterr().out)
    assert (kept.read_bytes() if kept.exists() else None) == damage
    train(TINY, run, resume=True)
    assert {load_checkpoint(path)["best_score"] for path in (best, last)} == {score}
    assert load_checkpoint(best)["step"] == 6
    assert same_weights(best, last)
    assert train(TINY, run, resume=True) == ["resumed at step 6 of 6"]
    assert main(["info", str(run)]) == 0
    assert f"best score: score {score:.2f}, at step 6" in capsys.readouterr().out


def test_a_best_checkpoint_that_cannot_be_read_now_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    train(TINY, run)
    before = (run / "best.pt").read_bytes()
    opened = checkpoint.open_regular

    def fails(path: Path) -> object:
        if path.name == "best.pt":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return opened(path)

    monkeypatch.setattr(checkpoint, "open_regular", fails)
    with pytest.raises(BadInput, match=r"best\.pt: cannot be read now \(Input/output error\)"):
        train(TINY, run, resume=True)
    assert (run / "best.pt").read_bytes() == before
    assert not (run / "best.damaged.pt").exists()


def test_an_older_run_that_has_ended_keeps_its_best(tmp_path: Path) -> None:
    train(TINY, tmp_path / "run")
    last = tmp_path / "run" / "last.pt"
    saved = load_checkpoint(last)
    save_checkpoint(last, {name: value for name, value in saved.items() if name != "glpose"})
    before = (tmp_path / "run" / "log.jsonl").read_bytes()
    assert train(TINY, tmp_path / "run", resume=True) == ["resumed at step 6 of 6"]
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == before


def test_a_checkpoint_without_rates_goes_on_with_one_rate(tmp_path: Path) -> None:
    recipe = replace(TINY, num_steps=2, validate_every=2)
    train(recipe, tmp_path / "run")
    path = tmp_path / "run" / "last.pt"
    saved = load_checkpoint(path)
    for group in saved["optimizer"]["param_groups"]:
        del group["rate"]
    save_checkpoint(path, saved | {"step": 1})
    assert train(recipe, tmp_path / "run", resume=True)[0] == "resumed at step 1 of 2"
    groups = load_checkpoint(path)["optimizer"]["param_groups"]
    assert {group["rate"] for group in groups} == {1.0}


@pytest.mark.slow
def test_a_run_says_what_it_is_made_of(tmp_path: Path) -> None:
    recipe = replace(
        TINY,
        num_epochs=2,
        validate_every=0,
        seed=3,
        optimizer=Optimizer(decay="steps", epoch_milestones=(1,)),
    )
    train(recipe, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert record["in_steps"] == {
        "num_samples": 20, "num_steps": 6, "milestones": [3], "validate_every": 3,
    }  # fmt: skip
    assert record["recipe"]["num_epochs"] == 2
    assert record["seed"] == 3
    assert record["versions"]["torch"] == torch.__version__
    assert (record["processes"], record["threads"]) == (1, torch.get_num_threads())
    assert record["machine"]["cpus"] == os.cpu_count()
    assert record["started"].endswith("+00:00")
    assert record["command"][1:] == sys.argv[1:]
    assert os.uname().nodename not in json.dumps(record["machine"])


def test_resuming_with_other_settings_or_other_data_is_refused(tmp_path: Path) -> None:
    recipe = replace(TINY, num_epochs=2, model=TinyConfig(norm=False))
    train(recipe, tmp_path / "run")
    before = (tmp_path / "run" / "recipe.json").read_bytes()
    other = replace(recipe, accumulate=2, optimizer=replace(recipe.optimizer, lr=0.5))
    with pytest.raises(BadConfig, match=r"\(changed: optimizer\.lr, accumulate\)"):
        train(other, tmp_path / "run", resume=True)

    class Grown(TinyTask):
        def train_data(self) -> TinyData:
            return TinyData(replace(self.recipe, data=TinySet(num_samples=30)))

    with pytest.raises(BadConfig, match=r"another size \(num_samples was 20, is 30\)"):
        loop.train(recipe, tiny_system(Grown), tmp_path / "run", cache_dir=tmp_path, resume=True)
    assert (tmp_path / "run" / "recipe.json").read_bytes() == before


def test_resuming_with_other_data_of_the_same_size_is_refused(tmp_path: Path) -> None:
    """Data drawn at random tells by digests what it is; older records have none."""
    run = tmp_path / "run"

    def trained(**digests: str) -> None:
        class Drawn(TinyTask):
            def train_data(self) -> TinyData:
                self.drawn_from = digests
                return super().train_data()

        loop.train(TINY, tiny_system(Drawn), run, cache_dir=tmp_path, resume=True)

    train(TINY, run)
    record = json.loads((run / "recipe.json").read_text())
    del record["drawn_from"]
    (run / "recipe.json").write_text(json.dumps(record))
    trained(a="1", b="2", c="3")
    before = (run / "recipe.json").read_bytes()
    for gone in ("", "last.pt"):  # also a run that has no checkpoint yet
        (run / gone).unlink() if gone else None
        with pytest.raises(
            BadConfig, match=r"other data \(added: d; gone: a; changed: c\); resume"
        ):
            trained(b="2", c="4", d="5")
    assert (run / "recipe.json").read_bytes() == before
    trained(a="1", b="2", c="3")


def test_a_resumed_run_keeps_the_sets_that_it_started_from(tmp_path: Path) -> None:
    """What `--init` names may be gone by then."""
    train(replace(TINY, pretrained_on=("coco",)), tmp_path / "run")
    (tmp_path / "run" / "last.pt").unlink()
    train(TINY, tmp_path / "run", resume=True)
    saved = json.loads(load_checkpoint(tmp_path / "run" / "last.pt")["recipe"])
    assert saved["pretrained_on"] == ["coco"]


def test_a_record_of_a_version_without_a_setting_had_its_default(tmp_path: Path) -> None:
    train(TINY, tmp_path / "run")
    path = tmp_path / "run" / "recipe.json"
    record = json.loads(path.read_text())
    del record["recipe"]["accumulate"], record["recipe"]["optimizer"]["epoch_milestones"]
    path.write_text(json.dumps(record))
    with pytest.raises(BadConfig, match=r"\(changed: accumulate\)"):
        train(replace(TINY, accumulate=2), tmp_path / "run", resume=True)
    assert "resumed at step 6" in train(TINY, tmp_path / "run", resume=True)[0]
    path.write_text("{}")
    with pytest.raises(BadInput, match=r"recipe\.json: cannot be read as the record of a run"):
        train(TINY, tmp_path / "run", resume=True)


def test_what_is_not_finite_is_named_with_its_step_and_batch(tmp_path: Path) -> None:
    with pytest.raises(GLPoseError, match="the loss of step 4 is not finite") as caught:
        train(replace(TINY, data=TinySet(bad_row=2, bad_from=4)), tmp_path / "run")
    assert "\n" not in str(caught.value)
    record = json.loads((tmp_path / "run" / "bad_batch.json").read_text())
    assert record["step"] == 4
    assert all(sample["name"].startswith("tiny clip ") for sample in record["samples"])
    assert [s["row"] for s in record["samples"] if s["not_finite_in"]] == [2]
    assert record["samples"][2]["not_finite_in"] == ["y"]
    guilty = record["samples"][2]["name"]
    assert f"samples of its batch at fault: {guilty}, see" in str(caught.value)
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 4


@pytest.mark.parametrize("bias", [1e30, math.nan])
def test_no_sample_is_to_blame_for_what_the_weights_do(tmp_path: Path, bias: float) -> None:
    class Spoilt(TinyTask):
        def build(self, *, fresh: bool = False) -> TinyNet:
            net = super().build(fresh=fresh)
            with torch.no_grad():
                net.two.bias.fill_(bias)
            return net

    with pytest.raises(GLPoseError, match="the loss of step 0 is not finite") as caught:
        loop.train(TINY, tiny_system(Spoilt), tmp_path / "run", cache_dir=tmp_path, report=print)
    said, has_record = str(caught.value), (tmp_path / "run" / "bad_batch.json").exists()
    assert "tiny clip" not in said
    assert "\n" not in said
    if math.isnan(bias):
        assert "the weights that it starts from are not finite themselves" in said
        assert not has_record
    else:
        assert "each of the 8 samples of its batch does so alone" in said
        assert has_record


def test_a_gradient_that_is_not_finite_does_not_reach_the_weights(tmp_path: Path) -> None:
    class Steep(TinyTask):
        def losses(self, model: torch.nn.Module, batch: dict) -> dict:
            loss = super().losses(model, batch)["square"]
            return {"square": loss + (model.spare - 1).abs().sqrt().sum()}

    with pytest.raises(GLPoseError, match=r"the gradient of step 0 is not finite \(norm nan"):
        loop.train(TINY, tiny_system(Steep), tmp_path / "run", cache_dir=tmp_path, report=print)
    assert not (tmp_path / "run" / "last.pt").exists()


def test_weights_that_an_update_made_infinite_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflow(ema: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
        updates.append(decay)
        average(ema, model, decay)
        if len(updates) == TINY.num_steps:
            model.two.bias.data.fill_(math.inf)

    updates: list[float] = []
    monkeypatch.setattr(loop, "average", overflow)
    with pytest.raises(GLPoseError, match="the weights are not finite after step 5, and are not"):
        train(TINY, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 4


def test_empty_data_is_refused_and_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="training data of tiny has no samples"):
        train(replace(TINY, data=TinySet(num_samples=0)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_epochs_of_samples_drawn_at_random_are_refused_and_leave_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyData, "has_epochs", False)
    with pytest.raises(
        BadConfig, match="tiny counts in epochs, but its samples are drawn at random"
    ):
        train(replace(TINY, num_epochs=2), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train(TINY, tmp_path / "run")
    with pytest.raises(BadInput, match="training data of tiny has no samples"):
        train(replace(TINY, data=TinySet(num_samples=0)), tmp_path / "other")


def test_a_run_with_epochs_of_samples_drawn_at_random_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As version 0.26 has begun them."""
    recipe = replace(TINY, num_epochs=2)
    train(recipe, tmp_path / "run")
    last = tmp_path / "run" / "last.pt"
    save_checkpoint(last, load_checkpoint(last) | {"step": 4})
    monkeypatch.setattr(TinyData, "has_epochs", False)
    assert train(recipe, tmp_path / "run", resume=True)[0] == "resumed at step 4 of 6"


@pytest.mark.parametrize(
    ("of", "what"), [("build", "preparing the network"), ("train_data", "opening the training")]
)
def test_what_fails_before_the_first_step_is_told_as_what_it_is(
    tmp_path: Path, of: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = OSError(errno.EIO, "Input/output error", "weights.pt")
    monkeypatch.setattr(TinyTask, of, Mock(side_effect=problem))
    with pytest.raises(BadInput, match=f"weights.pt: Input/output error, while {what}"):
        train(TINY, tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="nothing can be written there"):
        train(TINY, tmp_path / "file" / "run")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_full_disk_is_one_line_and_leaves_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, state: dict) -> None:
        if state["step"] == 4:
            raise OSError(28, "No space left on device", str(path))
        save_checkpoint(path, state)

    monkeypatch.setattr(loop, "save_checkpoint", full)
    with pytest.raises(BadInput, match=r"last\.pt: No space left on device"):
        train(TINY, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 3


def test_pictures_of_samples_stand_beside_the_log(tmp_path: Path) -> None:
    train(TINY, tmp_path / "run")
    names = sorted(path.name for path in (tmp_path / "run" / "samples").iterdir())
    assert names == ["step_000003.jpg", "step_000006.jpg"]
    sheet = read_image(tmp_path / "run" / "samples" / names[0])
    assert sheet.shape == (4 + 24, 4 + 3 * 34, 3)
    assert abs(int(sheet[14, 14, 0]) - 200) < 12


def test_a_sheet_holds_pictures_of_several_sizes() -> None:
    pictures = [np.full((h, 10, 3), h, np.uint8) for h in (8, 12, 10)]
    sheet = contact_sheet(pictures, num_columns=2)
    assert sheet.shape == (4 + 2 * 16, 4 + 2 * 14, 3)
    assert (sheet[4:12, 4:14] == 8).all()
    assert (sheet[4:16, 18:28] == 12).all()
    assert (sheet[20:30, 4:14] == 10).all()
    assert (sheet[12:20] == 32)[:, 4:14].all()


def test_a_sample_shows_what_was_found_and_what_is_true_around_the_person() -> None:
    rgb = np.full((100, 100, 3), 128, np.uint8)
    xyxy = np.array([30, 20, 60, 80], np.float32)
    truth, found = np.full((2, 15, 2), np.nan)
    truth[0], found[1] = (45, 50), (45, 35)  # in the middle of the box, and above it
    sample = draw_sample(rgb, xyxy, found, truth, POSETRACK15)
    assert sample.shape == (256, 192, 3)
    zoom = 256 / (60 * 1.25)
    assert (sample[128, 96] > 240).all()
    drawn = np.argwhere((sample != 128).any(2))
    at = np.array([[128, 96], [128 - 15 * zoom, 96]]) - 0.5
    near = np.abs(drawn[:, None] - at).max(-1) < 8
    assert near.any(1).all()
    assert near.any(0).all()
    assert (rgb == 128).all()


def test_samples_are_spread() -> None:
    assert spread(3) == [0, 1, 2]
    assert spread(0) == []
    many = spread(1000)
    assert (len(many), many[0], many[-1]) == (16, 0, 999)


def test_only_own_rows_are_made() -> None:
    data = TinyData(TINY)
    rows = own_rows(replace(TINY, accumulate=2), loop.Workers(1, 2))
    with prefetch(data, rows, range(1)) as batches:
        (parts,) = batches
    assert data.made == [(0, 2), (0, 3), (0, 6), (0, 7)]
    whole = data.rows(0, range(8))
    for part, numbers in zip(parts, ([2, 3], [6, 7]), strict=True):
        assert np.array_equal(part["x"].numpy(), whole["x"][numbers])


@pytest.mark.slow
@pytest.mark.parametrize("change", ["network", "part"])
def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path, change: str) -> None:
    train(TINY, tmp_path / "run")
    path = tmp_path / "run" / "last.pt"
    saved = load_checkpoint(path)
    if change == "network":
        saved["model"] = {name: value[None] for name, value in saved["model"].items()}
    else:
        del saved["ema"]
    save_checkpoint(path, saved)
    with pytest.raises(BadWeights, match=r"last\.pt: not the checkpoint of this run"):
        train(TINY, tmp_path / "run", resume=True)


def test_a_file_that_is_no_checkpoint_is_told_in_few_words(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_text("hello")
    for path, what in ((tmp_path / "x.pt", "damaged, or of another program"), (tmp_path, "a fold")):
        with pytest.raises(BadWeights, match=what) as caught:
            load_checkpoint(path)
        assert "PyTorch" not in str(caught.value)


def test_parts_have_their_own_rates_and_frozen_ones_do_not_move(tmp_path: Path) -> None:
    recipe = replace(TINY, optimizer=Optimizer(rates=(("norm", 0.0), ("one", 0.5))))
    state = start(recipe, TinyTask(recipe, tmp_path), ALONE)
    names = dict(state.model.named_modules())
    rates = {id(p): g["rate"] for g in state.optimizer.param_groups for p in g["params"]}
    assert rates[id(state.model.one.weight)] == 0.5
    assert rates[id(state.model.two.bias)] == 1
    state.set_training(recipe.optimizer)
    assert state.model.training
    assert not names["norm"].training
    assert not any(weight.requires_grad for weight in names["norm"].parameters())
    with pytest.raises(BadConfig, match=r"optimizer\.rates names 'eyes'; the network has no such"):
        make_optimizer(state.model, Optimizer(rates=(("eyes", 0.5),)))


def test_a_rate_is_that_of_the_first_part_that_a_weight_belongs_to() -> None:
    how = Optimizer(rates=(("body.blocks.1", 0.0), ("body", 0.5)))
    assert how.rate_of("body.blocks.1.weight") == 0
    assert how.rate_of("body.blocks.10.weight") == 0.5
    assert how.rate_of("body") == 0.5
    assert how.rate_of("head.weight") == 1


def test_what_is_not_finite_in_every_sample_is_meant_so(tmp_path: Path) -> None:
    """Offsets have no target far from joints, which is NaN."""
    batch = {
        "dx": torch.full((3, 4), torch.nan),
        "y": torch.tensor([[0.0], [torch.nan], [1.0]]),
    }

    class Plain(TinyTask):
        def losses(self, model: torch.nn.Module, batch: dict) -> dict:
            return {"y": batch["y"].sum()}

    task = Plain(TINY, tmp_path)
    rows = [np.arange(3)]
    found = examine(task, torch.nn.Linear(1, 1), TINY, task.train_data(), 0, [batch], rows)
    assert [sample["not_finite_in"] for sample in found] == [[], ["y"], []]
    assert [sample["loss_alone"] for sample in found] == [0.0, "not finite", 1.0]
