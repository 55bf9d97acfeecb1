"""How large the page of an hour of video is, and how long it takes to make and to open. Synthetic.

    python bench/report_hour.py [--people 2] [--minutes 60]

Two people walk to and fro for an hour at 30 Hz, with the noise that real results have: 1.5 pixels,
scores by 0.1. The page is made in this process, and opened in Chromium (playwright) without a video.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scripts import above_zero, at_least, run_script

from glpose.formats.results import ResultWriter
from glpose.jobs.html_report import ReportOptions, write_report
from glpose.skeleton import BODY19
from glpose.types import FramePoses, People, VideoInfo

RATE_HZ, STRIDE_S = 30.0, 1.2
SIZE_HW = (1080, 1920)
NOISE_PX, NOISE_SCORE = 1.5, 0.1


def frames(num: int, people: int) -> Iterator[FramePoses]:
    """People who cross the picture in 20 s, turn and come back; limbs swing with the stride."""
    rng = np.random.default_rng(0)
    joints = len(BODY19.joints)
    # Each joint has a place in the body, and swings by its own part of a stride.
    place = np.stack([rng.uniform(-40, 40, joints), np.linspace(-150, 150, joints)], axis=1)
    swing, phase = rng.uniform(0, 40, (joints, 2)), rng.uniform(0, 2 * np.pi, (joints, 1))
    offset = np.arange(people)[:, None, None] * np.array([37.0, 9.0])
    track_id = np.arange(1, people + 1)
    for index in range(num):
        time_s = index / RATE_HZ
        x = 200 + 1400 * abs((time_s / 20) % 2 - 1)
        body = place + swing * np.sin(2 * np.pi * time_s / STRIDE_S + phase) + [x, 540]
        xy = body + offset + rng.normal(0, NOISE_PX, (people, joints, 2))
        score = np.clip(0.9 + rng.normal(0, NOISE_SCORE, (people, joints)), 0, 1)
        box = np.concatenate([xy.min(1) - 9, xy.max(1) + 9], axis=1).astype(np.float32)
        who = People(box, np.full(people, 0.9, np.float32), track_id)
        yield FramePoses(index, time_s, who, xy.astype(np.float32), score.astype(np.float32))


def opened(page: Path) -> dict[str, float]:
    """Seconds until the page says its first frame, and of a step and of drawing all curves anew."""
    from playwright.sync_api import sync_playwright

    said = "document.getElementById('status').textContent !== ''"
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path)
        shown = browser.new_page(viewport={"width": 1400, "height": 900})
        shown.set_default_timeout(120_000)
        begin = time.perf_counter()
        shown.goto(page.as_uri())
        while not shown.evaluate(said):
            shown.wait_for_timeout(20)
        seconds = {"open": time.perf_counter() - begin}
        for name, key in (("step", "ArrowRight"), ("curves", "2")):
            seconds[name] = _pressed(shown, key)
        browser.close()
    return seconds


def _pressed(page: Any, key: str) -> float:
    """Seconds that the page takes for a key, up to its next picture."""
    return page.evaluate(
        """key => new Promise((done) => {
             const begin = performance.now();
             document.dispatchEvent(new KeyboardEvent("keydown", { key }));
             requestAnimationFrame(() => done((performance.now() - begin) / 1000));
           })""",
        key,
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=at_least(1), default=2)
    parser.add_argument("--minutes", type=above_zero, default=60)
    how = parser.parse_args()
    num = round(60 * how.minutes * RATE_HZ)
    with tempfile.TemporaryDirectory() as folder:
        poses, page = Path(folder) / "poses.jsonl", Path(folder) / "report.html"
        info = VideoInfo("hour.mp4", SIZE_HW, RATE_HZ)
        with ResultWriter(poses, info, BODY19) as writer:
            for one in frames(num, how.people):
                writer.write(one)
        begin = time.process_time()
        write_report(poses, ReportOptions(page))
        made_s = time.process_time() - begin
        print(f"{num} frames, {how.people} people: poses.jsonl {poses.stat().st_size / 1e6:.0f} MB")
        print(f"page {page.stat().st_size / 1e6:.1f} MB, made in {made_s:.0f} s of processor time")
        seconds = opened(page)
    print("in Chromium: " + ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()))


if __name__ == "__main__":
    run_script(main)
