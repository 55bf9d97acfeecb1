"""Every recipe for a published set of lifting: trained on it, scored, exported, scored again."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lift_sets

torch = pytest.importorskip("torch")

from glpose.cli.main import main as glpose  # noqa: E402
from glpose.errors import BadConfig, BadWeights  # noqa: E402
from glpose.jobs.evaluate_lift import open_lift_weights  # noqa: E402
from glpose.jobs.runs import export_run  # noqa: E402
from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.recipes import RECIPES, load_recipe  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.dg_net.tracks import TrackData  # noqa: E402
from glpose.train.change import with_roots, with_settings  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from glpose.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.torch

NAMES = [name for name in RECIPES if name.startswith("dgnet_")]


def tiny(name: str, root: Path) -> Recipe:
    """The same run with few channels, one epoch."""
    recipe = load_recipe(name)
    published = recipe.data.published
    write = {
        "h36m": lambda: lift_sets.write_videopose(root, "h36m", frames=8),
        "humaneva": lambda: lift_sets.write_videopose(root, "humaneva15", frames=8, joints=15),
        "3dhp": lambda: lift_sets.write_3dhp(root, frames=8),
    }[published]
    write()
    model = replace(recipe.model, width=4)
    optimizer = replace(recipe.optimizer, epoch_milestones=(1,))
    small = replace(
        recipe, model=model, batch_size=32, num_epochs=1, optimizer=optimizer, log_every=1
    )
    return with_roots(small, [f"{published}={root}"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
@pytest.mark.parametrize("name", ["dgnet_h36m_27", "dgnet_humaneva", "dgnet_3dhp"])
def test_trained_scored_and_exported(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tiny(name, tmp_path / "set")
    data, metric = tmp_path / "set", recipe.data.published
    best = train(recipe, load_system("dg_net"), tmp_path / "run", cache_dir=tmp_path / "cache")
    saved = torch.load(best.with_name("last.pt"), weights_only=True)
    assert saved["scores"].keys() == {"minus_mpjpe_mm", "minus_p_mpjpe_mm"}
    (path,) = export_run(tmp_path / "run", tmp_path, None, {}, [])
    how = ["--data", str(data), "--metric", metric]
    if metric == "h36m":
        how += ["--points", "cpn_ft_h36m_dbb"]
    for weights, out in ((tmp_path / "run", "a"), (path, "b")):
        assert glpose(["evaluate", str(weights), *how, "--out", str(tmp_path / out)]) == 0
    a, b = (json.loads((tmp_path / out / "scores.json").read_text()) for out in ("a", "b"))
    last = "all" if metric == "3dhp" else "mean"
    ours, exported = (run["scores"]["rows"][last]["mpjpe"] for run in (a, b))
    assert ours == pytest.approx(exported, rel=1e-3)
    assert 100 < ours < 3000
    assert "MPJPE" in capsys.readouterr().out
    limited = ["--limit", "1", "--out", str(tmp_path / "c")]
    assert glpose(["evaluate", str(path), *how, *limited]) == 0
    assert re.search(r"limited to 1 of \d+ tracks by --limit\n", capsys.readouterr().out)
    card = open_lift_weights(str(path))[0].card
    assert (card.unit, card.frame, card.window) == ("metres", "camera", 27)


@pytest.mark.parametrize(("name", "window"), [(n, int(n.rpartition("_")[2])) for n in NAMES[:3]])
def test_windows_of_human36m_and_sizes(name: str, window: int) -> None:
    recipe = load_recipe(name)
    assert recipe.model.window == window
    model = load_system("dg_net").open(recipe, Path()).build()
    assert num_parameters(model) < 3_000_000
    assert recipe.optimizer.gamma**79 * recipe.optimizer.lr < 2e-5  # after 80 epochs


def test_rows_are_frames_of_the_training_part_in_their_cameras_frame(tmp_path: Path) -> None:
    recipe = tiny("dgnet_h36m_27", tmp_path)
    recipe = with_settings(recipe, ["data.points=gt"])
    data, held = TrackData(recipe, held=False), TrackData(recipe, held=True)
    assert data.num_samples == 5 * 3 * 2 * 8
    assert held.num_samples == 2 * 3 * 2 * 8
    rows = data.rows(3, range(20))
    np.testing.assert_array_equal(rows["pose"][5:], data.rows(3, range(5, 20))["pose"])
    assert rows["joints"].shape == (20, 27, 17, 3)
    np.testing.assert_allclose(rows["pose"][:, 0], 0, atol=1e-6)
    # Right of the root in the picture is right of it in space, mirrored or not, as seen from afar.
    apart = rows["joints"][:, 13, :, :2] - rows["joints"][:, 13, :1, :2]
    assert np.corrcoef(apart[:, 1:, 0].ravel(), rows["pose"][:, 1:, 0].ravel())[0, 1] > 0.9
    assert np.corrcoef(apart[:, 1:, 1].ravel(), rows["pose"][:, 1:, 1].ravel())[0, 1] > 0.9
    more = np.concatenate([data.rows(step, range(32))["pose"] for step in range(40)])
    seen = {tuple(pose.ravel().round(4).tolist()) for pose in more}
    assert 1.5 * data.num_samples < len(seen) <= 2 * data.num_samples  # each straight and mirrored


def test_windows_repeat_the_ends_of_their_own_track(tmp_path: Path) -> None:
    held = TrackData(tiny("dgnet_h36m_27", tmp_path), held=True)
    joints = held.many([0], held.num_samples)["joints"]  # eight frames of each track in turn
    assert not np.array_equal(joints[7, 12], joints[7, 13])
    np.testing.assert_array_equal(joints[7, 14:], joints[7, 13:14].repeat(13, 0))
    np.testing.assert_array_equal(joints[8, :13], joints[8, 13:14].repeat(13, 0))
    np.testing.assert_array_equal(joints[8, 14], joints[9, 13])


def test_what_a_recipe_for_a_published_set_cannot_do(tmp_path: Path) -> None:
    recipe = load_recipe("dgnet_h36m_81")
    with pytest.raises(BadConfig, match="h36m has no synthetic form; try --synth-only with"):
        recipe.data.synth_only()
    with pytest.raises(BadConfig, match="the set h36m has no folder; expected --data h36m=FOLDER"):
        load_system("dg_net").open(recipe, tmp_path).train_data()
    in_person = with_settings(recipe, ["model.frame=person"])
    with pytest.raises(
        BadConfig, match=r"model.frame is person, but .* expected model.frame=camera"
    ):
        load_system("dg_net").open(in_person, tmp_path).train_data()
    with pytest.raises(BadConfig, match="expected some of mocap, synth, or one of h36m"):
        replace(recipe.data, sources=("h36m", "mocap"))
    with pytest.raises(BadWeights, match="'lift_small' is for joints of limb13, 15 frames"):
        lift_sets.write_videopose(tmp_path, "h36m")
        from glpose.jobs.evaluate_lift import LiftEvaluation, evaluate_lifter

        evaluate_lifter(LiftEvaluation("lift_small", tmp_path, "h36m", tmp_path / "out"))


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (["--metric", "h36m", "--boxes", "found.json"], "--metric h36m lifts joints"),
        (["--metric", "h36m", "--flip"], "--metric h36m lifts joints"),
        (
            ["--metric", "jhmdb", "--points", "cpn"],
            "--points cpn: means nothing for --metric jhmdb",
        ),
        (["--metric", "3dhp"], "data_test_3dhp.npz: cannot be read"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    extra: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "w.lift.onnx"
    import tiny_onnx

    tiny_onnx.write_lifter(weights)
    assert glpose(["evaluate", str(weights), "--data", str(tmp_path), *extra]) == 2
    err = capsys.readouterr().err
    assert told in err or "expected weights that were trained on it" in err
    assert err.strip().count("\n") == 0
