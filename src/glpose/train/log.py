"""What a run leaves to read: one JSON line per hundred steps and per validation, and curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class RunLog:
    """Averages losses over a window of steps and writes them down; draws them when asked."""

    def __init__(self, run_dir: Path, start_step: int, window: int = 100) -> None:
        self._path, self._picture, self._window = (
            run_dir / "log.jsonl",
            run_dir / "curves.png",
            window,
        )
        self._sums: dict[str, float] = {}
        self._count = 0
        self._shown: dict[str, float] = {}
        if self._path.exists():
            kept = [row for row in self._rows() if row["step"] <= start_step]
            partial = self._path.with_name("log.jsonl.part")
            partial.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
            partial.replace(self._path)

    def add(self, step: int, losses: dict[str, float]) -> bool:
        """Take note of a step's losses; whether they were written down, at the end of a window."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if (step + 1) % self._window:
            return False
        self._flush(step + 1)
        return True

    def progress(self, step: int, num_steps: int, seconds: float) -> str:
        """How far the run is and how long it will take, after so many seconds of training."""
        left_min = (num_steps - step) * seconds / step / 60
        losses = "  ".join(f"{name} {value:.5f}" for name, value in self._shown.items())
        return f"step {step}/{num_steps}  {losses}  {left_min:.0f} min left"

    def line(self, step: int, num_steps: int, seconds: float, scores: dict[str, float]) -> str:
        """Write the scores down and say in one line how the run is doing."""
        if self._count:
            self._flush(step)
        self._write({"step": step, "scores": scores, "seconds": round(seconds, 1)})
        self.draw()
        shown = [f"{k} {v:.5f}" for k, v in self._shown.items()]
        shown += [f"{k} {v:.2f}" for k, v in scores.items()]
        return f"step {step}/{num_steps}  {seconds / 60:.1f} min  " + "  ".join(shown)

    def draw(self) -> None:
        """Losses and scores over the steps, as a picture in the run folder."""
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt

        if not self._path.exists():
            return
        rows = self._rows()
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        for axes, key in ((left, "losses"), (right, "scores")):
            names = sorted({name for row in rows for name in row.get(key, {})})
            for name in names:
                points = [(r["step"], r[key][name]) for r in rows if name in r.get(key, {})]
                axes.plot(
                    *zip(*points, strict=True), label=name, marker="." if key == "scores" else ""
                )
            axes.set(xlabel="step", title=key)
            if names:
                axes.legend()
            axes.grid(alpha=0.3)
        left.set_yscale("log")
        figure.savefig(self._picture, dpi=110)
        plt.close(figure)

    def _rows(self) -> list[dict[str, Any]]:
        """What was written, without a line that a killed run has left unfinished."""
        rows = []
        for line in self._path.read_bytes().splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows

    def _flush(self, step: int) -> None:
        self._shown = {k: v / self._count for k, v in self._sums.items()}
        self._write({"step": step, "losses": self._shown})
        self._sums, self._count = {}, 0

    def _write(self, row: dict[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
