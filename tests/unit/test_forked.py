"""In a forked process there is a clear error in place of a hang; a spawned one works."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

import bad_videos

FORK = """
import os, sys
from glpose.errors import GLPoseError
from glpose.video.reader import open_video
if sys.argv[2] == "used":
    frames = open_video(sys.argv[1]).frames()
    next(frames)
child = os.fork()
if child == 0:
    try:
        print(len(list(open_video(sys.argv[1]).frames())), flush=True)
    except GLPoseError as problem:
        print(problem, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize(
    ("before", "said"), [("used", "was forked from one in which glpose"), ("unused", "5")]
)
def test_a_fork_after_a_video_was_read_is_told(before: str, said: str, tmp_path: Path) -> None:
    path = bad_videos.write_video(tmp_path / "a.mp4", num_frames=5)
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(path), before],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert said in done.stdout


BEGUN = """
import os, signal, sys
import glpose
from glpose.video.reader import open_video
stream = glpose.run(sys.argv[1], engine=glpose.EngineSpec(threads=1), preset="fast", causal=True)
next(stream)
frames = open_video(sys.argv[1]).frames()
next(frames)
for call in (stream.collect, lambda: next(stream), lambda: list(frames), stream.close):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            print("done", call(), flush=True)
        except glpose.GLPoseError as problem:
            print(problem, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
print("parent", 1 + len(stream.collect().frames))
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_what_was_begun_before_a_fork_is_told_in_the_child(tmp_path: Path) -> None:
    path = bad_videos.write_video(tmp_path / "a.mp4", num_frames=40)
    done = subprocess.run(
        [sys.executable, "-c", BEGUN, str(path)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    *told, closed, parent = done.stdout.splitlines()
    assert ["was forked from one in which glpose" in line for line in told] == [True] * 3
    assert (closed, parent) == ("done None", "parent 40")


SPAWN = """
import multiprocessing, sys
from glpose.video.reader import open_video

def count(path):
    print(len(list(open_video(path).frames())), flush=True)

if __name__ == "__main__":
    next(open_video(sys.argv[1]).frames())
    child = multiprocessing.get_context("spawn").Process(target=count, args=sys.argv[1:])
    child.start()
    child.join()
"""


def test_a_process_that_is_spawned_reads_videos(tmp_path: Path) -> None:
    path = bad_videos.write_video(tmp_path / "a.mp4", num_frames=5)
    (tmp_path / "program.py").write_text(SPAWN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "5\n"
