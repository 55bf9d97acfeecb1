"""The mean of two fusions: whose weights are whose."""

import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
import between  # noqa: E402

from glpose.errors import BadInput  # noqa: E402


def run_of(folder: Path, value: float, start: str, **recipe: object) -> Path:
    folder.mkdir()
    weights = {"encoder.w": torch.full((2,), value), "fusion.w": torch.full((3,), 10 * value)}
    record = {"recipe": {"name": "tiny", "seed": 1, "init_from": start, **recipe}, "commit": "abc"}
    state = {"recipe": json.dumps(record["recipe"]), "step": 7, "seconds": 30.0 + 60 * value}
    torch.save({"ema": weights, **state}, folder / "last.pt")
    (folder / "recipe.json").write_text(json.dumps(record), "utf-8")
    return folder


def between_of(monkeypatch: pytest.MonkeyPatch, *paths: Path, output: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["between.py", *map(str, paths), "-o", str(output)])
    between.main()


def test_the_network_is_the_one_given_and_the_rest_is_the_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (run_of(tmp_path / name, x, name) for name, x in (("a", 1.0), ("b", 2.0)))
    network, output = tmp_path / "network.pt", tmp_path / "mean"
    torch.save({"ema": {"encoder.w": torch.full((2,), 1.85)}}, network)
    between_of(monkeypatch, one, other, network, output=output)
    for name in ("last.pt", "best.pt"):
        saved = torch.load(output / name, weights_only=True)
        torch.testing.assert_close(saved["ema"]["encoder.w"], torch.full((2,), 1.85))
        torch.testing.assert_close(saved["ema"]["fusion.w"], torch.full((3,), 15.0))
        # The card says what it is the mean of: it has no steps of its own.
        assert "step" not in saved
        assert saved["average"] == (
            "0.5 of tiny (seed 1, 7 steps, 2 minutes, glpose before 0.24) and "
            "0.5 of tiny (seed 1, 7 steps, 2 minutes, glpose before 0.24); "
            "1 of 2 weights are those of network.pt"
        )
    record = json.loads((output / "recipe.json").read_text("utf-8"))
    start = {"init_from": str(network), "pretrained_on": []}
    assert record["recipe"] == {"name": "tiny", "seed": 1, **start}
    between_of(monkeypatch, one, other, output, output=tmp_path / "again")
    told = torch.load(tmp_path / "again" / "best.pt", weights_only=True)["average"]
    assert told.endswith(f"2 of 2 weights are those of tiny ({saved['average']})")


def test_runs_of_different_recipes_or_of_another_network_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = run_of(tmp_path / "a", 1.0, "a"), run_of(tmp_path / "b", 2.0, "b", lr=0.1)
    network = tmp_path / "network.pt"
    torch.save({"ema": {"body.w": torch.zeros(2)}}, network)
    for runs, words in (((one, other), "have different recipes"), ((one, one), "has no weights")):
        with pytest.raises(SystemExit) as stopped:
            between_of(monkeypatch, *runs, network, output=tmp_path / "mean")
        assert stopped.value.code == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_all_sets_that_the_runs_and_the_network_have_seen_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (
        run_of(tmp_path / name, x, name, pretrained_on=seen)
        for name, x, seen in (("a", 1.0, ["jhmdb"]), ("b", 2.0, ["lsp", "jhmdb"]))
    )
    network, output = tmp_path / "network.pt", tmp_path / "mean"
    torch.save({"ema": {"encoder.w": torch.zeros(2)}}, network)
    monkeypatch.setattr(between, "sets_seen_by", {str(network): ("coco", "lsp")}.get)
    between_of(monkeypatch, one, other, network, output=output)
    saved = [torch.load(output / name, weights_only=True) for name in ("last.pt", "best.pt")]
    recipes = [json.loads(one["recipe"]) for one in saved]
    recipes.append(json.loads((output / "recipe.json").read_text("utf-8"))["recipe"])
    assert [recipe["pretrained_on"] for recipe in recipes] == [["coco", "lsp", "jhmdb"]] * 3


@pytest.mark.parametrize("text", ["{}", "[1]", '{"recipe": 3}', "no"])
def test_what_is_no_record_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    run = run_of(tmp_path / "a", 1.0, "a")
    (run / "recipe.json").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=r"a.recipe\.json: not the record of a training run; expec"):
        between_of(monkeypatch, run, run, run / "last.pt", output=tmp_path / "mean")
