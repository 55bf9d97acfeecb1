"""Each video's memory is its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

FAKE = """#!{python}
import json, pathlib, sys
video, folder = sys.argv[4], pathlib.Path(sys.argv[6], "x")
taken = bytearray(int(video) << 20)
folder.mkdir()
summary = {{"frames": {{"done": 2}}, "poses": 3, "people": 1, "seconds_per_stage": {{}}}}
(folder / "summary.json").write_text(json.dumps(summary))
sys.exit(video == "3")
"""
"""Stands for `python`: a run takes so many megabytes as its video is called."""


CALL = "import sys, run_videos; sys.executable = sys.argv.pop(1); run_videos.run_script(run_videos.main)"
"""In a process of its own: the memory of a small one counts for those that it starts."""


def run(folder: Path, *videos: str) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    """What the script says of some videos, and the rows of its file."""
    fake, file = folder / "python", folder / "found.json"
    fake.write_text(FAKE.format(python=sys.executable))
    fake.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", CALL, str(fake), *videos, "--json", str(file)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, json.loads(file.read_text())["runs"]


def test_a_small_video_after_a_large_one_takes_little(tmp_path: Path) -> None:
    _, (large, small) = run(tmp_path, "500", "1")
    assert large["peak_mb"] >= 500
    assert small["peak_mb"] < 250
    assert small["frames"] == 2


def test_a_run_that_fails_is_said_and_the_rows_before_it_are_kept(tmp_path: Path) -> None:
    done, rows = run(tmp_path, "1", "3")
    assert done.returncode == 2
    assert done.stderr == "error: 3: glpose run failed, see above\n"
    assert [row["video"] for row in rows] == ["1"]
