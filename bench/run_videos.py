"""Speed and memory of `glpose run` on videos: frames per second, seconds per stage, peak memory.

    python bench/run_videos.py VIDEO... [--json FILE] [-- OPTIONS OF glpose run]

Each video runs in its own process. Prints one line per video and, with --json, writes the numbers
with the relevant hardware and software versions.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnxruntime
from scripts import run_script

import glpose
from glpose.errors import BadInput


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    arguments, options = _split(sys.argv[1:])
    args = parser.parse_args(arguments)
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "glpose": glpose.__version__,
    }
    rows = []
    for video in args.videos:
        row = run_one(video, options)
        rows.append(row)
        stages = "  ".join(f"{name} {seconds:.1f}" for name, seconds in row["seconds"].items())
        print(
            f"{row['video']}: {row['frames']} frames in {row['wall_s']:.1f} s, "
            f"{row['frames_per_s']:.1f} frames/s, {row['people']} people in a frame on average, "
            f"peak {row['peak_mb']:.0f} MB\n  seconds: {stages}"
        )
        if args.json:
            args.json.write_text(json.dumps({"machine": machine, "runs": rows}, indent=1), "utf-8")


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def run_one(video: Path, options: list[str]) -> dict:
    """Run the command on one video; its summary gives counts and seconds per stage."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "glpose", "run", str(video), "-o", folder, "--quiet"]
        begin = time.perf_counter()
        with subprocess.Popen([*command, *options]) as run:
            _, status, used = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - begin
        if run.returncode:
            raise BadInput(f"{video}: glpose run failed, see above")
        summary = json.loads(next(Path(folder).glob("*/summary.json")).read_text("utf-8"))
    frames = summary["frames"]["done"]
    return {
        "video": video.name,
        "frames": frames,
        "people": round(summary["poses"] / max(1, frames), 2),
        "tracks": summary["people"],
        "wall_s": round(wall_s, 2),
        "frames_per_s": round(frames / wall_s, 2),
        "seconds": summary["seconds_per_stage"],
        "peak_mb": round(used.ru_maxrss / 1024),
    }


if __name__ == "__main__":
    run_script(main)
