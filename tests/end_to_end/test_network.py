"""`glpose run` on streams of this computer: results, secrets, gaps, Ctrl-C, and no network unasked."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import bad_videos
import glpose
from child import started
from glpose.cli.main import main
from glpose.errors import BadWeights, VideoError
from glpose.video import network, source, stream_clock
from network_server import part, refused, serving, whole

SECRETS = ("secret", "hush", "me:")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("net") / "walk.mp4"
    return bad_videos.write_video(path, num_frames=12).read_bytes()


@pytest.fixture
def own(tiny_weights: Path) -> list[str]:
    words = ["--weights", str(tiny_weights / "tiny.encoder.onnx"), "--threads", "1"]
    return [*words, "--detector", str(tiny_weights / "finder.onnx")]


def address(port: int, name: str = "walk.mp4") -> str:
    return f"http://me:secret@127.0.0.1:{port}/{name}?token=hush"


def test_results_of_a_stream_hold_no_secret(
    walk: bytes, own: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with serving(whole(walk)) as server:
        assert main([address(server.port), "--allow-network", "-o", str(out), *own]) == 0
    (folder,) = out.iterdir()
    assert folder.name == f"127.0.0.1-{server.port}-walk"
    names = {path.name for path in folder.iterdir()}
    assert names == {"poses.jsonl", "poses.csv", "overlay.mp4", "summary.json"}
    lines = (folder / "poses.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["frame"] for line in lines[1:]] == list(range(12))
    said = "".join(capsys.readouterr())
    content = b"".join(path.read_bytes() for path in folder.iterdir()).decode("latin-1")
    for secret in SECRETS:
        assert secret not in said + content + folder.name


def test_a_stream_that_cannot_be_had_is_one_line(
    own: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(refused(404)) as server:
        words = [address(server.port), "--allow-network", "-o", str(tmp_path / "out"), *own]
        assert main(["run", *words]) == 2
    said = capsys.readouterr().err
    assert said.endswith(": cannot be read (Server returned 404 Not Found)\n")
    assert said.count("\n") == 1
    assert not any(secret in said for secret in SECRETS)


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/a.mp4", "camera:0"])
def test_who_is_read_once_cannot_be_searched_for_a_person(
    name: str, own: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [name, "--allow-network", "--person", "largest", "-o", str(tmp_path), *own]
    assert main(["run", *words]) == 2
    assert "--person largest reads a source twice" in capsys.readouterr().err


def test_in_python_too(walk: bytes, tiny_weights: Path) -> None:
    how = {"weights": tiny_weights / "tiny.encoder.onnx", "detector": tiny_weights / "finder.onnx"}
    with serving(whole(walk)) as server:
        with pytest.raises(VideoError, match=r"allow_network=True"):
            glpose.run(address(server.port), **how)
        assert server.requests == []
        found = glpose.run(address(server.port), allow_network=True, **how).collect()
    assert len(found.frames) == 12


def test_nobody_is_taken_for_somebody_before_a_gap(
    tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = bad_videos.write_video(tmp_path / "a.ts", num_frames=12).read_bytes()
    monkeypatch.setattr(stream_clock, "GAP_S", 0.2)
    monkeypatch.setattr(stream_clock, "_GAP_FRAMES", 5)
    patience = network.Patience(again_s=(0.4, 0.01))
    opened = network.NetworkSource
    monkeypatch.setattr(source, "NetworkSource", lambda a, w: opened(a, w, patience))
    monkeypatch.setattr(network, "_WAITING", {True: 8, False: 99})  # who is slow loses nothing
    how = {"weights": tiny_weights / "tiny.encoder.onnx", "detector": tiny_weights / "finder.onnx"}
    answer = part(live, len(live), told=False, kind="video/mp2t")
    with serving(answer, answer, refused(404)) as server:
        url = address(server.port, "a.ts")
        found = glpose.run(url, allow_network=True, refiners=(), **how).collect()
    frames = [poses.frame for poses in found.frames]
    times = [poses.time_s for poses in found.frames]
    assert times == sorted(set(times))
    (gap,) = [i for i, (a, b) in enumerate(pairwise(frames)) if b > a + 1]
    assert frames[gap + 1] - frames[gap] > 100
    assert 0.4 < times[gap + 1] - times[gap] < 10
    before = {int(t) for poses in found.frames[: gap + 1] for t in poses.people.track_id}
    after = {int(t) for poses in found.frames[gap + 1 :] for t in poses.people.track_id}
    assert before
    assert after
    assert not before & after


@pytest.mark.slow
@pytest.mark.parametrize(("causal", "most"), [(False, 81), (True, 7)])
def test_how_far_poses_are_behind_the_pictures(causal: bool, most: int) -> None:
    """As many pictures as docs/howto/streams.md says, with the shipped weights."""
    num_read = 0

    def pictures() -> Iterator[np.ndarray]:
        nonlocal num_read
        for number in range(100):
            num_read += 1
            yield bad_videos.coded_picture(number, (48, 64))

    stream = glpose.run(pictures(), fps=25.0, causal=causal)
    assert max(num_read - number for number, _ in enumerate(stream, 1)) == most


def connections() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "glpose-network"]


def test_a_stream_is_let_go_of_if_anything_else_cannot_be_used(
    own: list[str], tiny_weights: Path, tmp_path: Path
) -> None:
    how = {"weights": tiny_weights / "tiny.encoder.onnx", "detector": tiny_weights / "finder.onnx"}
    # Longer than what may wait: a connection that nobody reads or ends stays for ever.
    long = bad_videos.write_video(tmp_path / "long.mp4", num_frames=150).read_bytes()
    with serving(whole(long)) as server:
        url = address(server.port)
        folder = tmp_path / f"127.0.0.1-{server.port}-walk"
        folder.mkdir()
        (folder / "poses.jsonl").write_text("kept", encoding="utf-8")
        assert main([url, "--allow-network", "-o", str(tmp_path), *own]) == 2
        assert not connections()
        with pytest.raises(BadWeights):
            glpose.run(url, allow_network=True, weights=tmp_path / "no.encoder.onnx")
        assert not connections()
        stream = glpose.run(url, allow_network=True, **how)
        assert connections()
        stream.close()
        assert not connections()
        stream = glpose.run(url, allow_network=True, **how)
        (connection,) = connections()
        del stream
        connection.join(5)
        assert not connections()
        assert len(server.requests) == 4


@pytest.mark.slow
def test_ctrl_c_while_nothing_comes_ends_with_everything_written(
    walk: bytes, own: list[str], tmp_path: Path
) -> None:
    long = bad_videos.write_video(
        tmp_path / "long.mp4", num_frames=120
    ).read_bytes()  # 30 are held back
    out = tmp_path / "out"
    with serving(part(long, len(long) * 2 // 3, wait=60)) as server:
        words = ["run", address(server.port), "--allow-network", "-o", str(out), *own]
        poses = out / f"127.0.0.1-{server.port}-walk" / "poses.jsonl"
        with started([sys.executable, "-m", "glpose", *words], stderr=subprocess.PIPE) as run:
            end = time.monotonic() + 60
            while not (poses.exists() and poses.read_bytes().count(b"\n") > 10):
                assert time.monotonic() < end
                time.sleep(0.1)
            time.sleep(0.5)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "interrupted after" in said
    assert "Traceback" not in said
    summary = json.loads((poses.parent / "summary.json").read_text("utf-8"))
    assert summary["state"] == "interrupted"
    assert summary["frames"]["done"] == poses.read_text("utf-8").count("\n") - 1
    assert (poses.parent / "overlay.mp4").exists()
