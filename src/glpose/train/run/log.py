"""The log of a run: JSON lines of losses and scores, their curves, and progress lines."""

from __future__ import annotations

import json
from math import isfinite, nan
from pathlib import Path
from typing import Any

from glpose.files import no_cache_of_fonts, whole_file, write_whole
from glpose.runtime.trained import rows_of_log

# Here, so that a run without matplotlib does not start.
with no_cache_of_fonts():
    from matplotlib.figure import Figure


class RunLog:
    """`log.jsonl` and `curves.png` of a run folder.

    Opened at the step of a checkpoint, it drops lines of later steps: those steps are run and
    logged again.
    """

    def __init__(self, run_dir: Path, start_step: int) -> None:
        self._path, self._picture = run_dir / "log.jsonl", run_dir / "curves.png"
        self._shown: dict[str, float] = {}
        if self._path.exists():
            kept = [row for row in rows_of_log(self._path) if row["step"] <= start_step]
            write_whole(self._path, "".join(map(_line, kept)))

    def losses(self, step: int, means: dict[str, float]) -> None:
        """Write the mean losses since the last line of losses, up to `step`."""
        self._shown = means
        self._write({"step": step, "losses": means})

    def scores(self, step: int, scores: dict[str, float], seconds: float) -> None:
        """Write the scores of a validation."""
        self._write({"step": step, "scores": scores, "seconds": round(seconds, 1)})

    def best_from(self, step: int, first: int) -> None:
        """Write that the best checkpoint is chosen anew, from the validation at step `first` on."""
        self._write({"step": step, "best_from": first})

    def progress(self, step: int, num_steps: int, seconds: float) -> str:
        """Progress and remaining time, after `seconds` of training."""
        left_min = (num_steps - step) * seconds / step / 60
        losses = "  ".join(f"{name} {value:.5f}" for name, value in self._shown.items())
        return f"step {step}/{num_steps}  {losses}  {left_min:.0f} min left"

    def summary(self, step: int, num_steps: int, seconds: float, scores: dict[str, float]) -> str:
        """Losses and scores at a validation."""
        shown = [f"{k} {v:.5f}" for k, v in self._shown.items()]
        shown += [f"{k} {v:.2f}" for k, v in scores.items()]
        return f"step {step}/{num_steps}  {seconds / 60:.1f} min  " + "  ".join(shown)

    def draw(self) -> None:
        """Losses and scores over the steps, as a picture in the run folder."""
        if not self._path.exists():
            return
        rows = rows_of_log(self._path)
        figure = Figure(figsize=(11, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, key in ((left, "losses"), (right, "scores")):
            names = sorted({name for row in rows for name in row.get(key, {})})
            for name in names:
                points = [(r["step"], r[key][name]) for r in rows if name in r.get(key, {})]
                steps, values = zip(*points, strict=True)
                known = [nan if value is None else value for value in values]
                axes.plot(steps, known, label=name, marker="." if key == "scores" else "")
            axes.set(xlabel="step", title=key)
            if names:
                axes.legend()
            axes.grid(alpha=0.3)
        left.set_yscale("log")
        with whole_file(self._picture) as part:
            figure.savefig(part, dpi=110, format="png")

    def _write(self, row: dict[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(row))


def _line(row: dict[str, Any]) -> str:
    """A row as strict JSON, which knows no NaN: numbers that are not finite become null."""
    values = {
        key: {name: _finite(number) for name, number in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in row.items()
    }
    return json.dumps(values, allow_nan=False) + "\n"


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None
