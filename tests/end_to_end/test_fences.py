"""What commands leave behind, print and wait for: nothing but what was asked for."""

import ctypes
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bad_videos
import glpose
import walking
from glpose.cli.main import main
from glpose.errors import BadInput
from glpose.types import People

LINUX = platform.system() == "Linux"
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}.get(platform.machine())


def refuse_network() -> None:
    """Have the kernel end this process at its first socket for IPv4 or IPv6 (seccomp)."""

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]

    load, equal, give = 0x20, 0x15, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    rules = [
        (load, 0, 0, 0),  # the number of the call
        (equal, 0, 4, SOCKET_CALL),
        (load, 0, 0, 16),  # its first argument
        (equal, 1, 0, 2),  # AF_INET
        (equal, 0, 1, 10),  # AF_INET6
        (give, 0, 0, kill),
        (give, 0, 0, allow),
    ]
    code = b"".join(
        op.to_bytes(2, "little") + bytes([yes, no]) + value.to_bytes(4, "little")
        for op, yes, no, value in rules
    )
    held = ctypes.create_string_buffer(code)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    program = Filter(len(rules), ctypes.cast(held, ctypes.c_void_p))
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0  # PR_SET_SECCOMP


def glpose_in(home: Path, *words: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a command with an own home and folder."""
    return run_in(home, "-m", "glpose", *words, **how)


def run_in(home: Path, *words: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run Python with an own home and folder."""
    names = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
    kept = {name: value for name, value in os.environ.items() if name in names}
    own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "XDG_CACHE_HOME": str(home / "cache")}
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=home, env=kept | own, capture_output=True, text=True, check=False, timeout=120, **how,
    )  # fmt: skip


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.skipif(not LINUX or SOCKET_CALL is None, reason="seccomp is of Linux")
def test_the_fence_of_these_tests_ends_a_process_that_looks_up_a_host() -> None:
    program = "import socket; socket.socket(socket.AF_UNIX); print('so far', flush=True); "
    done = subprocess.run(
        [sys.executable, "-c", program + "socket.getaddrinfo('example.org', 80)"],
        preexec_fn=refuse_network, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "so far\n"
    assert done.returncode == -signal.SIGSYS


@pytest.mark.skipif(not LINUX or SOCKET_CALL is None, reason="seccomp is of Linux")
def test_no_command_uses_the_network_or_leaves_a_file_that_was_not_asked_for(
    tmp_path: Path, tiny_weights: Path
) -> None:
    home = tmp_path / "home"
    pose = tiny_weights / "tiny.encoder.onnx"
    finder = tiny_weights / "finder.onnx"
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=4)
    names = ("overlay.mp4", "poses.csv", "poses.jsonl", "summary.json")
    results = [f"out/walk/{name}" for name in names]
    fine = {f"fine/walk/{name}" for name in names if name != "poses.csv"}
    made = ("predictions/pictures-000000.json", "results.json", "scores.json", "settings.json")
    scored = {f"scored/{name}" for name in made}
    commands: list[tuple[Sequence[str | Path], set[str]]] = [
        (["--version"], set()),
        (["info"], set()),
        (["doctor"], set()),
        (["info", video], set()),
        (["info", pose], set()),
        (["recipes"], set()),
        (["weights", "info", pose], set()),
        (["run", video, "--weights", pose, "--detector", finder, "-o", "out"], set(results)),
        (["run", video, "--overwrite", "-o", "out"], set(results)),
        (["table", "out/walk", "-o", "walk.csv"], {"walk.csv"}),
        (["refine", video, "out/walk", "-o", "fine"], fine),
        (["synth", "made", "--as", "coco", "--videos", "2", "--frames", "2"], set()),
        (["data", "check", "coco", "made"], set()),
        (["evaluate", pose, "--data", "made", "--metric", "coco", "--out", "scored"], scored),
        (["score", "coco", "made", "scored"], set()),
    ]
    for words, expected in commands:
        before = files_in(home) if home.exists() else set()
        done = glpose_in(home, *words, preexec_fn=refuse_network)
        assert done.returncode != -signal.SIGSYS, words
        assert "Traceback" not in done.stderr, (words, done.stderr)
        assert done.returncode != 2, (words, done.stderr)
        new = {name for name in files_in(home) - before if not name.startswith("made/")}
        assert new <= expected, words
        assert expected <= files_in(home), (words, done.stderr)
    assert "made/annotations/person_keypoints_val2017.json" in files_in(home)


@pytest.mark.skipif(not LINUX or SOCKET_CALL is None, reason="seccomp is of Linux")
@pytest.mark.parametrize("verb", ["run", "info", "embed"])
def test_nothing_is_looked_up_unless_allowed(verb: str, tmp_path: Path) -> None:
    url = "rtsp://me:secret@example.org/a?hush"
    words = ["embed", tmp_path, url, "--weights", "x"] if verb == "embed" else [verb, url]
    done = glpose_in(tmp_path / "home", *words, preexec_fn=refuse_network)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not any(secret in done.stderr for secret in ("secret", "hush", "me:"))
    if verb == "run":
        assert done.stderr.startswith("glpose: rtsp://example.org/a: not a local file; add --allow")


@pytest.mark.skipif(not LINUX or SOCKET_CALL is None, reason="seccomp is of Linux")
def test_what_is_made_of_results_leaves_nothing_else(tmp_path: Path) -> None:
    """Matplotlib would keep its list of fonts at home."""
    pytest.importorskip("matplotlib")
    home = tmp_path / "home"
    walking.written(home / "walk", walking.walk([i / 25 for i in range(90)]))
    for verb, made in (
        ("smooth", {"smooth.jsonl"}),
        ("angles", {"angles.csv", "angles.png", "gait.json"}),
        ("lift", {"poses_3d.jsonl"}),
        ("report", {"report.html"}),
    ):
        before = files_in(home)
        done = glpose_in(home, verb, "walk", preexec_fn=refuse_network)
        assert done.returncode == 0, done.stderr
        assert files_in(home) - before == {f"walk/{name}" for name in made}


@pytest.mark.skipif(not LINUX or SOCKET_CALL is None, reason="seccomp is of Linux")
def test_what_changes_results_leaves_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    import tiny_onnx

    home = tmp_path / "home"
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=4, size_hw=(480, 2000))
    weights = tiny_onnx.write_embedder(tmp_path / "tiny.embedding.onnx")
    people = {n: 100.0 + 10 * n + np.arange(2.0 * walking.NUM).reshape(-1, 2) for n in (1, 2, 3)}
    there = ((1, 3), (1, 3), (2,), (2,))
    frames = [
        walking.frame_of(i, i / 25, {n: people[n] for n in ids}) for i, ids in enumerate(there)
    ]
    walking.written(home / "walk", frames)
    # What was made of the poses before does not belong to them any more.
    for words, new in (
        (["embed", "walk", video, "--weights", weights], {"embeddings.npz"}),
        (["drop", "walk", "3"], set()),
        (["link", "walk", "1=2"], set()),
    ):
        before = files_in(home)
        done = glpose_in(home, *words, preexec_fn=refuse_network)
        assert done.returncode == 0, (words, done.stderr)
        assert files_in(home) - before <= new, words
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(not LINUX or SOCKET_CALL is None, reason="seccomp is of Linux")
def test_the_curves_of_training_leave_nothing_else(tmp_path: Path) -> None:
    """As `train` and `pretrain` draw them; what else these do takes minutes."""
    pytest.importorskip("matplotlib")
    home = tmp_path / "home"
    program = (
        "from pathlib import Path; from glpose.train.run.log import RunLog; "
        "log = RunLog(Path('.'), 0); log.losses(1, {'a': 1.0}); log.scores(1, {'b': 2.0}, 3.0); log.draw()"
    )
    done = run_in(home, "-c", program, preexec_fn=refuse_network)
    assert done.returncode == 0, done.stderr
    assert files_in(home) == {"log.jsonl", "curves.png"}


@pytest.mark.parametrize("words", [["info"], ["--help"], ["recipes"]])
def test_a_reader_that_goes_is_no_error_and_a_full_disk_one_line(words: list[str]) -> None:
    command = [sys.executable, "-m", "glpose", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait() == 0
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
        assert done.stderr.startswith(b"glpose: the standard output cannot be written")


def test_a_lost_standard_output_loses_no_results(tmp_path: Path, tiny_weights: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    videos = [bad_videos.write_video(tmp_path / f"{n}.mp4", num_frames=3) for n in "ab"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glpose", "run", *map(str, videos), "-o", str(tmp_path / "out"),
             "--weights", str(tiny_weights / "tiny.encoder.onnx"),
             "--detector", str(tiny_weights / "finder.onnx")],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert all((tmp_path / "out" / n / "summary.json").exists() for n in "ab")


@pytest.mark.parametrize(
    "name", ["...mp4", "..mp4", "....mp4", " .mp4", "a\nb.mp4", "a\x1b[31mb.mp4", "a\x9bb.mp4"]
)
def test_no_name_leads_out_of_the_results_or_reaches_the_terminal(
    name: str, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2).rename(tmp_path / "in" / name)
    before = files_in(tmp_path)
    out = tmp_path / "deep" / "out"
    assert main(["run", str(tmp_path / "in" / name), "-o", str(out), "--threads", "1",
                 "--weights", str(tiny_weights / "tiny.encoder.onnx"),
                 "--detector", str(tiny_weights / "finder.onnx")]) == 0  # fmt: skip
    (folder,) = out.iterdir()
    assert sorted(p.name for p in folder.iterdir()) == [
        "overlay.mp4", "poses.csv", "poses.jsonl", "summary.json",
    ]  # fmt: skip
    assert all(path.startswith("deep/out/") for path in files_in(tmp_path) - before)
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert all(c.isprintable() for c in said.replace("\n", "")), said
    assert said.count("\n") <= 3


WAITS = [
    ["run", "walk.mp4", "--boxes", "PIPE"],
    ["run", "walk.mp4", "--boxes", "/dev/zero"],
    ["run", "walk.mp4", "--weights", "PIPE"],
    ["run", "walk.mp4", "--detector", "PIPE"],
    ["run", "PIPE"],
    ["run", "PIPE.png"],
    ["info", "PIPE"],
    ["info", "PIPE.onnx"],
    ["info", "PIPE.jsonl"],
    ["score", "coco", "PIPE", "PIPE"],
]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("words", WAITS, ids=" ".join)
def test_what_has_no_end_is_refused_at_once(
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    for name in ("PIPE", "PIPE.png", "PIPE.onnx", "PIPE.jsonl"):
        os.mkfifo(tmp_path / name)
    old = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits"))
    signal.alarm(30)
    try:
        assert main(words) == 2
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith("glpose: ")


def test_a_line_without_an_end_is_not_read_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, video = tmp_path / "boxes.jsonl", bad_videos.write_video(tmp_path / "a.mp4", num_frames=2)
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate(2**33)  # zeros that take no space
    begin = time.monotonic()
    assert main(["run", str(video), "--boxes", str(path), "-o", str(tmp_path / "out")]) == 2
    assert time.monotonic() - begin < 60
    assert "cannot be read (larger than 2048 MB)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", ""], "an empty name was given as source"),
        (["run", "walk.mp4", "--start", "1e308"], "expected seconds, or a time such as 1:20"),
        (["run", "walk.mp4", "--start", "9" * 300], "no frame lies in the span asked for"),
        (["run", "walk.mp4", "--start", "9" * 400], "expected a start of at least 0"),
        (["run", "walk.mp4", "--threads", "100000000000000000000"], "expected 1 to 1024"),
        (["run", "a" * 5000], "File name too long"),
    ],
)
def test_arguments_that_are_absurd(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tiny_weights: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    own = ["--weights", str(tiny_weights / "tiny.encoder.onnx")]
    own += ["--detector", str(tiny_weights / "finder.onnx")]
    assert main([*words, *own]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "walk.mp4", "--output", ""], "--output is empty; expected a value"),
        (["walk.mp4", "-o", " "], "-o is empty"),
        (["walk.mp4", "--weights="], "--weights is empty"),
        (["walk.mp4", "--boxes="], "--boxes is empty"),
        (["evaluate", "pose_small", "--metric", "coco", "--data", ""], "--data is empty"),
        (["table", ""], "an empty argument was given; expected the name of a file or a folder"),
        (["score", "coco", "", "there.json"], "an empty argument was given"),
        (["table", "walk=", "-o", "y.csv"], "walk=: "),  # not empty, but not there
        (["info", "d="], "d=: "),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"glpose: {said}")
    assert not list(tmp_path.iterdir())


def test_an_empty_source_behind_a_flag_stops_no_other(
    tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    own = ["--weights", str(tiny_weights / "tiny.encoder.onnx")]
    own += ["--detector", str(tiny_weights / "finder.onnx"), "-o", str(tmp_path / "out")]
    assert main(["run", "--quiet", "", str(video), *own]) == 3
    assert "--quiet" not in capsys.readouterr().err
    assert (tmp_path / "out/walk/poses.jsonl").exists()


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["data", "check", "coco", LONG],
        ["score", "coco", LONG, "there.json"],
        ["score", "posetrack", "there.json", LONG],
        ["score", "hieve", "there.json", "there.json", "--json", LONG],
        ["evaluate", "pose_small", "--metric", "jhmdb", "--data", LONG],
        ["evaluate", "pose_small", "--metric", "coco", "--data", ".", "--boxes", LONG],
        ["evaluate", "lift_small", "--metric", "h36m", "--data", LONG],
        ["evaluate", "lift_small", "--metric", "h36m", "--data", ".", "--out", LONG],
        ["evaluate", LONG, "--metric", "h36m", "--data", "."],
        ["run", "there.json", "--weights", LONG],
        [LONG],
    ],
    ids=lambda words: " ".join(words).replace(LONG, "LONG"),
)
def test_a_name_that_the_system_refuses_is_one_line(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("{}")
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert LONG in line
    assert words == [LONG] or "cannot be looked at (File name too long)" in line


@pytest.mark.parametrize("call", ["data check coco", "evaluate pose_small --metric coco --data"])
def test_a_set_with_a_closed_folder_is_one_line(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stat = Path.stat

    def refuse(path: Path, **how: Any) -> os.stat_result:
        if path.parent.name == "annotations":
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", refuse)
    assert main([*call.split(), str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "2017.json: cannot be looked at (Permission denied)" in line


def test_what_may_not_be_read_does_not_end_the_batch(
    tmp_path: Path,
    tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    (tmp_path / "closed").mkdir()
    listed = Path.iterdir

    def refuse(folder: Path):
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    words = ["run", str(tmp_path / "closed"), str(video), "-o", str(tmp_path / "out")]
    words += ["--weights", str(tiny_weights / "tiny.encoder.onnx")]
    words += ["--detector", str(tiny_weights / "finder.onnx")]
    assert main(words) == 3
    assert "closed: cannot be read (Permission denied)" in capsys.readouterr().err
    assert (tmp_path / "out" / "walk" / "poses.jsonl").exists()


def people(**changes: list) -> People:
    values = {"xyxy": [[1.0, 2.0, 30.0, 40.0]], "score": [0.9], "track_id": [1]} | changes
    return People(
        np.array(values["xyxy"], np.float32),
        np.array(values["score"], np.float32),
        np.array(values["track_id"], np.int64),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"xyxy": [[1.0, 2.0, np.nan, 40.0]]},
        {"xyxy": [[1.0, 2.0, np.inf, 40.0]]},
        {"xyxy": [[30.0, 2.0, 1.0, 40.0]]},
        {"xyxy": [[1.0, 2.0, 3e6, 40.0]]},
        {"score": [np.nan]},
        {"score": [1.5]},
    ],
)
def test_boxes_given_in_python_are_checked_like_those_of_files(
    change: dict, tmp_path: Path, tiny_weights: Path
) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    how: dict[str, Callable | Path | dict] = {"weights": tiny_weights / "tiny.encoder.onnx"}
    words = "expected 0 to 1" if "score" in change else "expected finite x1, y1, x2, y2"
    with pytest.raises(BadInput, match=words):
        glpose.run(video, boxes={0: people(**change)}, **how)
    with pytest.raises(BadInput, match="the boxes name frame -1"):
        glpose.run(video, boxes={-1: people()}, **how)
    crowd = people(xyxy=[[1, 2, 30, 40]] * 1001, score=[1] * 1001, track_id=list(range(1, 1002)))
    with pytest.raises(BadInput, match="frame 0 has 1001 boxes; expected at most 1000"):
        glpose.run(video, boxes={0: crowd}, **how)


def test_two_runs_do_not_mix_in_a_folder_and_a_killed_one_leaves_nothing_stale(
    tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from glpose.formats.lock import only_writer

    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    words = ["run", str(video), "-o", str(tmp_path / "out"), "--overwrite", "--no-overlay"]
    words += ["--weights", str(tiny_weights / "tiny.encoder.onnx")]
    words += ["--detector", str(tiny_weights / "finder.onnx")]
    folder = tmp_path / "out" / "walk"
    folder.mkdir(parents=True)
    (folder / "overlay.partial.mp4").write_bytes(b"of a run that was killed")
    with only_writer(folder):
        assert main(words) == 2
        assert "a run writes there already" in capsys.readouterr().err
        assert (folder / "overlay.partial.mp4").exists()
    assert main(words) == 0
    assert {p.name for p in folder.iterdir()} == {"poses.csv", "poses.jsonl", "summary.json"}
    assert json.loads((folder / "summary.json").read_text())["state"] == "ok"


def test_libraries_print_nothing_of_their_own(tmp_path: Path, tiny_weights: Path) -> None:
    """libpng and libjpeg write to file 2 on damage; our line says it in our words."""
    import cv2

    for name in ("a.png", "b.jpg"):
        path = tmp_path / name
        cv2.imwrite(str(path), bad_videos.coded_picture(3))
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
        path.write_bytes(data)
        done = glpose_in(
            tmp_path / "home", "run", path, "-o", "out",
            "--weights", tiny_weights / "tiny.encoder.onnx",
            "--detector", tiny_weights / "finder.onnx",
        )  # fmt: skip
        lines = done.stderr.splitlines()
        assert all(line.startswith(("glpose: ", "preset ", name[0])) for line in lines), lines
