"""The mean of two fusions: whose weights are whose."""

import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
import between  # noqa: E402


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
    assert record["recipe"] == {"name": "tiny", "seed": 1, "init_from": str(network)}
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
