"""Whatever fails, and whenever: what was done is kept, the summary tells it, and the batch goes on."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bad_videos
import glpose
from glpose.cli.main import main
from glpose.errors import BadWeights, VideoError
from glpose.formats.results import ResultWriter
from glpose.jobs import run as jobs_run
from glpose.runtime.detector import BoxDetector
from glpose.runtime.estimator import OnnxEstimator
from glpose.video.reader import VideoSource
from glpose.video.writer import VideoWriter

NUM = 6
FULL = OSError(errno.ENOSPC, "No space left on device")


def engine_fails() -> Exception:
    return BadWeights("weights: the graph failed on crops (1, 64, 48, 3); use other weights")


# What fails, with what, and whether it is reported in the words of the fault.
POINTS: dict[str, tuple[type, str, Callable[[], Exception], str]] = {
    "the encoder's graph": (OnnxEstimator, "encode", engine_fails, "the graph failed"),
    "the fusion's graph": (OnnxEstimator, "solve", engine_fails, "the graph failed"),
    "the detector": (BoxDetector, "__call__", engine_fails, "the graph failed"),
    "memory": (OnnxEstimator, "encode", MemoryError, "memory has run out"),
    "conversion of a picture": (
        VideoSource,
        "_as_shown",
        lambda: OSError(errno.EIO, "Input/output error"),
        "Input/output error",
    ),
    "poses.jsonl": (ResultWriter, "write", lambda: FULL, "No space left"),
    "the overlay": (
        VideoWriter,
        "write",
        lambda: VideoError("overlay.mp4: cannot be written (No space left on device)"),
        "No space left",
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_fault_at_any_call_loses_nothing_that_was_done(
    point: str,
    tmp_path: Path,
    tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner, name, make, words = POINTS[point]
    videos = [bad_videos.write_video(tmp_path / f"{n}.mp4", num_frames=NUM) for n in "ab"]
    plain = getattr(owner, name)
    failed_once = False
    for call in range(NUM):
        calls = 0

        def fail(*arguments: Any, due: int = call, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 == due:
                raise make()
            return plain(*arguments, **named)

        out = tmp_path / f"out{call}"
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            status = main(
                ["run", *map(str, videos), "-o", str(out), "--threads", "1", "--quiet",
                 "--weights", str(tiny_weights / "tiny.encoder.onnx"),
                 "--detector", str(tiny_weights / "finder.onnx")]
            )  # fmt: skip
        if calls <= call:
            assert status == 0
            break
        failed_once = True
        assert status == 3
        assert words in capsys.readouterr().err
        done = [n for n in "ab" if (out / n).exists()]
        told = {n: json.loads((out / n / "summary.json").read_text()) for n in done}
        if len(done) == 1:  # of the other not even a frame was done
            assert told[done[0]]["state"] == "ok"
            continue
        (failed,) = (n for n in done if told[n]["state"] != "ok")
        assert told[failed]["state"] == "failed"
        warnings = told[failed]["warnings"]
        assert any(words in warning for warning in warnings), warnings
        kept = glpose.load(out / failed / "poses.jsonl").frames
        assert [p.frame for p in kept] == list(range(len(kept)))
        assert len(kept) >= told[failed]["frames"]["done"]
    assert failed_once


def test_a_summary_that_cannot_be_written_is_told_and_the_rest_is_there(
    tmp_path: Path,
    tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from glpose.formats.text.lines import cannot_write

    def fail(path: Path, _summary: object) -> None:
        raise cannot_write(path, FULL)

    monkeypatch.setattr(jobs_run, "write_summary", fail)
    video = bad_videos.write_video(tmp_path / "a.mp4", num_frames=NUM)
    status = main(
        ["run", str(video), "-o", str(tmp_path / "out"), "--threads", "1", "--quiet",
         "--weights", str(tiny_weights / "tiny.encoder.onnx"),
         "--detector", str(tiny_weights / "finder.onnx")]
    )  # fmt: skip
    assert status == 3
    assert "No space left" in capsys.readouterr().err
    assert len(glpose.load(tmp_path / "out" / "a" / "poses.jsonl").frames) == NUM
