"""What happens to a machine while a run goes on: files change or go, it is told to stop."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bad_videos
import glpose
from child import started
from glpose import files, imaging
from glpose.cli.main import main
from glpose.formats import lock
from glpose.formats.results import ResultWriter
from glpose.types import FramePoses

pytestmark = pytest.mark.slow

NUM = 80
"""More frames than a run holds back."""


@pytest.fixture
def run(tiny_weights: Path, tmp_path: Path) -> Callable[..., int]:
    """`glpose run` with tiny weights into `out`; returns its status."""
    weights = ["--weights", tiny_weights / "tiny.encoder.onnx"]
    how = [*weights, "--detector", tiny_weights / "finder.onnx", "--threads", "1", "--quiet"]

    def call(*words: str | Path) -> int:
        return main(["run", *map(str, [*words, "-o", tmp_path / "out", *how])])

    return call


@pytest.fixture
def at_frame(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """Has something happen when the poses of a frame are written."""

    def set_up(number: int, happen: Callable[[], object]) -> None:
        write = ResultWriter.write

        def watched(self: ResultWriter, poses: FramePoses) -> None:
            write(self, poses)
            if poses.frame == number:
                happen()

        monkeypatch.setattr(ResultWriter, "write", watched)

    return set_up


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def test_a_source_that_is_cut_short_in_mid_run_is_told(
    run: Callable[..., int], at_frame: Callable[..., None], tmp_path: Path
) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=NUM)
    at_frame(2, lambda: os.truncate(video, video.stat().st_size * 6 // 10))
    other = bad_videos.write_video(tmp_path / "other.mp4", num_frames=3)
    assert run(video, other, "--no-overlay") == 3
    told = summary(tmp_path / "out" / "walk")
    assert told["state"] == "incomplete"
    done = told["frames"]["done"]
    assert 3 < done < NUM
    assert any(f"{NUM - done} of the {NUM} frames" in line for line in told["warnings"])
    assert len(glpose.load(tmp_path / "out" / "walk" / "poses.jsonl").frames) == done
    assert summary(tmp_path / "out" / "other")["state"] == "ok"


def test_a_source_that_vanishes_in_mid_run_is_told(
    run: Callable[..., int], at_frame: Callable[..., None], tmp_path: Path
) -> None:
    """Pictures are opened one by one; those that are gone are frames without people."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(NUM):
        imaging.write_image(folder / f"{number:02d}.png", bad_videos.coded_picture(number))
    at_frame(2, lambda: shutil.rmtree(folder))
    assert run(folder, "--no-overlay") == 3
    told = summary(tmp_path / "out" / "pictures")
    assert (told["state"], told["frames"]["done"]) == ("incomplete", NUM)
    gone = told["frames"]["undecodable"]
    assert 0 < gone < NUM - 3
    first = f"{NUM - gone}.png: "
    assert any(first in line for line in told["warnings"]), told["warnings"]


def test_a_video_that_vanishes_in_mid_run_is_read_to_its_end(
    run: Callable[..., int], at_frame: Callable[..., None], tmp_path: Path
) -> None:
    """As long as it is open the system keeps it; only its sound cannot be opened later."""
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=12, audio="aac")
    at_frame(2, video.unlink)
    assert run(video) == 0
    told = summary(tmp_path / "out" / "walk")
    assert (told["frames"]["done"], told["frames"]["undecodable"]) == (12, 0)
    assert any(line.startswith("audio left out") for line in told["warnings"])


def test_results_that_become_read_only_in_mid_run_are_told(
    run: Callable[..., int],
    at_frame: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For root no folder is read-only, so the calls that change one are made to fail."""

    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def lock() -> None:
        monkeypatch.setattr(Path, "replace", refuse)
        monkeypatch.setattr(Path, "write_bytes", refuse)

    at_frame(2, lock)
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=6)
    assert run(video) == 3
    lines = capsys.readouterr().err.splitlines()
    assert any("overlay.mp4: cannot be written (Permission denied)" in line for line in lines)
    assert any("summary.json: cannot be written (Permission denied)" in line for line in lines)
    assert len(glpose.load(tmp_path / "out" / "walk" / "poses.jsonl").frames) == 6


def test_a_system_that_locks_and_syncs_as_windows_does(
    run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No locks; a folder cannot be opened, a file open for reading not synced, an open one not removed."""
    opened, synced, unlink = os.open, os.fsync, os.unlink

    def is_open(path: str | Path) -> bool:
        names = Path("/proc/self/fd").iterdir()
        return any(file.exists() and file.samefile(path) for file in names)

    def open_file(path: str | Path, flags: int, *more: Any, **others: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *more, **others)

    def sync(file: int) -> None:
        if not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_RDWR:
            raise OSError(errno.EBADF, "Bad file descriptor")
        synced(file)

    def remove(path: str | Path, **others: Any) -> None:
        if Path(path).exists() and is_open(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, **others)

    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(files, "_SYNCED", os.O_RDWR)
    monkeypatch.delattr(os, "O_NONBLOCK")
    for name, function in (("open", open_file), ("fsync", sync), ("unlink", remove)):
        monkeypatch.setattr(os, name, function)
    assert run(bad_videos.write_video(tmp_path / "walk.mp4", num_frames=6)) == 0
    results, table = tmp_path / "out" / "walk", tmp_path / "table.csv"
    made = {"overlay.mp4", "poses.csv", "poses.jsonl", "summary.json"}
    assert {file.name for file in results.iterdir()} == made
    assert main(["table", str(results), "-o", str(table)]) == 0
    assert main(["drop", str(results), "1"]) == 0
    assert table.stat().st_size > (results / "poses.jsonl").stat().st_size > 0
    assert not any(frame.people for frame in glpose.load(results).frames)


def num_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux does")
def test_two_dozen_sources_are_not_open_at_once(
    run: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bad_videos.write_video(tmp_path / "0.mp4", num_frames=1)
    for number in range(1, 24):
        shutil.copy(first, tmp_path / f"{number}.mp4")
    write, counts = ResultWriter.write, []

    def counted(self: ResultWriter, poses: FramePoses) -> None:
        counts.append(num_files())
        write(self, poses)

    monkeypatch.setattr(ResultWriter, "write", counted)
    assert run(*sorted(tmp_path.glob("*.mp4"))) == 0
    assert len(counts) == 24
    assert max(counts) <= counts[0] + 2
    assert num_files() <= counts[0]


STUCK = """
import sys, time
from glpose.cli.main import main
from glpose.runtime.detector import BoxDetector
detect, calls = BoxDetector.__call__, []
def slow(self, picture):
    calls.append(picture)
    if len(calls) == 70:  # of 80; about 50 frames are held back
        print("stuck", flush=True)
        time.sleep(float(sys.argv[1]))
    return detect(self, picture)
BoxDetector.__call__ = slow
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("times", [1, 2])
def test_the_first_sigterm_ends_a_run_cleanly_and_the_second_at_once(
    times: int, tmp_path: Path, tiny_weights: Path
) -> None:
    """The detector takes two seconds for a picture, or, before the second signal, an hour."""
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=NUM)
    words = ["run", video, "-o", tmp_path / "out", "--threads", "1", "--quiet", "--no-overlay"]
    weights = ["--weights", tiny_weights / "tiny.encoder.onnx"]
    finder = ["--detector", tiny_weights / "finder.onnx"]
    command = [sys.executable, "-c", STUCK, 2 if times == 1 else 3600, *words, *weights, *finder]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "stuck\n"
        child.send_signal(signal.SIGTERM)
        if times == 2:
            with pytest.raises(subprocess.TimeoutExpired):  # the first waits for the detector
                child.wait(1)
            child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 130
        lines = child.stderr.read().splitlines()
    folder = tmp_path / "out" / "walk"
    kept = glpose.load(folder / "poses.jsonl").frames
    assert 0 < len(kept) < NUM
    assert len(lines) == 1
    if times == 1:
        assert "interrupted after" in lines[0]
        assert summary(folder)["state"] == "interrupted"
        assert summary(folder)["frames"]["done"] == len(kept)
    else:
        assert lines[0].endswith("interrupted")
