"""Kill runs at random moments, and run for long, to see what is lost and whether memory grows.

    python bench/reliability.py [--kills 200] [--frames 30000] [--seed 0]
    python bench/reliability.py --kills 0 --frames 60 --size 3840x2160

Both use the clip of `glpose demo` and the installed weights. A killed run must leave a readable
`poses.jsonl` whose lines are the first ones of an undisturbed run, and a second run with
`--overwrite` the same bytes as that. The long run plays the clip again and again; its memory is
compared between the second tenth of the frames and the last.

With `--size` the clip is enlarged to that size instead, and the most memory that `glpose run` takes is
told for a third of the frames and for all of them.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from scripts import at_least, run_script

import glpose
from glpose import imaging
from glpose.formats.results import load
from glpose.jobs.demo import write_clip
from glpose.video.reader import open_video
from glpose.video.writer import VideoWriter

_END_S = 1.0
_RATE_HZ = 25.0
_FEW = 10
"""Frames that a tenth can be taken of."""


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=at_least(0), default=200)
    parser.add_argument("--frames", type=at_least(0), default=30_000)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument(
        "--size",
        type=width_height,
        metavar="WIDTHxHEIGHT",
        help="the most memory of a run over a clip of it",
    )
    given = parser.parse_args()
    if 0 < given.frames < _FEW:
        parser.error(f"--frames {given.frames}: expected 0, or {_FEW} or more")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, _ = write_clip(folder / "clip")
        if given.kills:
            print(kills(clip, folder, given.kills, random.Random(given.seed)))
        if given.frames and given.size:
            print(most_memory(clip, folder, given.size[::-1], given.frames))
        elif given.frames:
            print(long_run(clip, given.frames))


def width_height(text: str) -> tuple[int, int]:
    """The numbers of WIDTHxHEIGHT. Raises: ValueError."""
    width, height = map(int, text.split("x"))
    return width, height


def kills(clip: Path, folder: Path, num: int, rng: random.Random) -> str:
    """Kill runs and check what they leave. Raises: AssertionError if something is lost."""
    begin = time.monotonic()
    assert _start(clip, folder / "whole").wait() == 0
    seconds = time.monotonic() - begin
    whole = (folder / "whole" / clip.stem / "poses.jsonl").read_bytes()
    for _ in range(num):
        out = folder / "out"
        run = _start(clip, out)
        time.sleep(rng.uniform(0, 1.1 * seconds))
        run.send_signal(signal.SIGKILL)
        run.wait()
        path = out / clip.stem / "poses.jsonl"
        if not path.exists():
            continue
        left = path.read_bytes()
        assert whole.startswith(left), "a killed run has written something else"
        if left.count(b"\n"):
            assert len(load(path).frames) == left.count(b"\n") - 1
    assert _start(clip, folder / "out").wait() == 0
    again = (folder / "out" / clip.stem / "poses.jsonl").read_bytes()
    assert again == whole, "the run after the kills differs"
    names = {p.name for p in (folder / "out" / clip.stem).iterdir()}
    assert names == {"poses.jsonl", "poses.csv", "overlay.mp4", "summary.json"}, names
    return (
        f"{num} kills: every line left is whole and that of an undisturbed run, and a run after "
        "them gives the same bytes"
    )


def _start(clip: Path, out: Path, end_s: float = _END_S) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "glpose", "run", str(clip), "-o", str(out), "--overwrite"]
    return subprocess.Popen([*command, "--quiet", "--threads", "1", "--end", str(end_s)])


def long_run(clip: Path, num: int) -> str:
    """Memory in the second tenth and at the end of a run over the clip, again and again."""
    pictures = [frame.rgb for frame in open_video(clip).frames()]

    def again() -> Iterator[np.ndarray | None]:
        for number in count():
            if number == num:
                return
            yield pictures[number % len(pictures)]

    begin = time.monotonic()
    sizes, people = [], 0
    for number, poses in enumerate(glpose.run(glpose.ArraySource(again()))):
        people = max(people, int(poses.people.track_id.max(initial=0)))
        if number % max(1, num // 300) == 0:
            sizes.append(_resident_mb())
    tenth = sizes[len(sizes) // 10 : len(sizes) // 5]
    first, last = float(np.median(tenth)), float(np.median(sizes[-len(tenth) :]))
    files = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    return (
        f"{num} frames in {time.monotonic() - begin:.0f} s: {first:.0f} MB in the second tenth, "
        f"{last:.0f} MB at the end ({100 * (last / first - 1):+.1f} %), {files} open files, "
        f"{people} numbers of people given"
    )


def most_memory(clip: Path, folder: Path, size_hw: tuple[int, int], num: int) -> str:
    """The most memory of `glpose run`, overlay included, over a third and all of `num` frames."""
    pictures = [frame.rgb for frame in open_video(clip).frames() if frame.rgb is not None]
    large = folder / "large.mp4"
    with VideoWriter(large, size_hw) as writer:
        for number in range(num):
            picture = imaging.resize(pictures[number % len(pictures)], size_hw)
            writer.write(picture, number / _RATE_HZ)
    told = []
    for part in (num // 3, num):
        end_s = (part - 0.5) / _RATE_HZ
        run = _start(large, folder / str(part), end_s)
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        assert run.returncode == 0
        frames = len(load(folder / str(part) / large.stem / "poses.jsonl").frames)
        told.append(f"{used.ru_maxrss / 1024:.0f} MB for {frames} frames")
    return f"{size_hw[1]}x{size_hw[0]}: at most {', '.join(told)}"


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    run_script(main)
