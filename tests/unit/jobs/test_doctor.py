"""Each check of an installation: what it says where all is well, and where something is wrong."""

import importlib.metadata
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from glpose import imaging
from glpose.cli.main import main
from glpose.errors import VideoError
from glpose.jobs import doctor
from glpose.jobs.doctor import Check
from glpose.runtime import load
from glpose.runtime.engine import EngineSpec
from glpose.runtime.engines import onnxruntime
from glpose.runtime.estimator import OnnxEstimator
from glpose.runtime.load import Opened, open_estimator
from glpose.video import abilities, camera
from glpose.weights import DEFAULT_PICTURE, DEFAULT_POSE

Patch = pytest.MonkeyPatch
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.mark.slow
def test_all_is_well_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "not" / "yet"
    assert main(["doctor", "-o", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["works"] is True
    assert {check["state"] for check in told["checks"]} <= {"ok", "warning"}
    assert len({check["name"] for check in told["checks"]}) == 16
    assert not (tmp_path / "not").exists()


def test_what_fails_is_the_exit_status_and_a_warning_is_not(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    for state, status in (("warning", 0), ("fails", 2)):
        checks = [Check("a", "ok", "good"), Check("b", state, "bad", "do this")]
        monkeypatch.setattr(doctor, "checkup", lambda *_, found=checks: found)
        assert main(["doctor"]) == status
        assert capsys.readouterr().out.splitlines()[1] == f"{state:<8} b: bad; do this"
        assert main(["doctor", "--json"]) == status
        assert json.loads(capsys.readouterr().out)["works"] == (status == 0)


def test_a_library_that_breaks_is_a_check_that_fails(monkeypatch: Patch, tmp_path: Path) -> None:
    def breaks() -> Check:
        raise ImportError("libGL.so.1: cannot open\nmore")

    for name in ("engine", "weights", "overlay"):  # these take long
        monkeypatch.setattr(doctor, name, lambda: Check("x", "ok", ""))
    monkeypatch.setattr(doctor, "pictures", breaks)
    (bad,) = [check for check in doctor.checkup(tmp_path) if check.state == "fails"]
    assert (bad.name, bad.found) == ("pictures", "ImportError: libGL.so.1: cannot open")


def test_an_old_python(monkeypatch: Patch) -> None:
    assert doctor.python().state == "ok"
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.9")
    bad = doctor.python()
    assert (bad.state, bad.found) == ("fails", "3.10.9, but glpose wants >=3.11")


@pytest.mark.parametrize(
    ("has", "state", "words"),
    [
        ({"av": "18.1.0", "onnxruntime": "1.31.1"}, "ok", "av 18.1.0, onnxruntime 1.31.1"),
        ({"av": "18.1.0", "onnxruntime-gpu": "1.31.1"}, "ok", "onnxruntime-gpu 1.31.1"),
        ({"onnxruntime": "1.31.1"}, "fails", 'missing: "av<19,>=17"'),
        ({"av": "19.0", "onnxruntime": "1.31.1"}, "warning", 'pip install "av<19,>=17"'),
        (
            {"av": "18.1.0", "onnxruntime": "1.31.1", "onnxruntime-gpu": "1.30"},
            "warning",
            "side by side: onnxruntime and onnxruntime-gpu",
        ),
    ],
    ids=["good", "gpu", "missing", "newer", "both"],
)
def test_packages(has: dict[str, str], state: str, words: str, monkeypatch: Patch) -> None:
    wanted = ["av<19,>=17", "onnxruntime>=1.20", "torch>=2.4; extra == 'train'"]
    monkeypatch.setattr(doctor, "requires", lambda _: wanted)
    monkeypatch.setattr(doctor, "installed", has.get)
    found = doctor.packages()
    assert found.state == state
    assert words in f"{found.found}; {found.advice}"


def test_installed() -> None:
    assert doctor.installed("numpy") == importlib.metadata.version("numpy") == np.__version__
    assert doctor.installed("a-package-that-nobody-has") is None


@pytest.mark.slow
def test_engine(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "GPU_FILES", (tmp_path / "nvidia",))
    found = doctor.engine()
    assert (found.state, found.advice) == ("ok", "")
    assert found.found.endswith("--device auto takes CPUExecutionProvider")
    (tmp_path / "nvidia").touch()
    found = doctor.engine()
    assert found.state == "warning"
    assert "pip uninstall onnxruntime" in found.advice
    about = {"version": "1", "providers": f"{CUDA}, {CPU}", "auto": CUDA}
    monkeypatch.setattr(onnxruntime, "engine", lambda: about)
    found = doctor.engine()
    assert found.state == "warning"
    assert f"{CUDA} does not start" in found.found
    assert "NVIDIA driver" in found.advice


def test_weights_that_were_changed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(load, "digest", lambda _: "f" * 64)
    bad = doctor._tried("weights", doctor.weights)
    assert bad.state == "fails"
    assert "the file is damaged or was replaced" in bad.found


def test_all_networks_of_a_run_are_tried(monkeypatch: Patch) -> None:
    tried: list[str] = []

    def counted(name: str, engine: EngineSpec) -> Opened[OnnxEstimator]:
        tried.append(name)
        return open_estimator(name, engine)

    monkeypatch.setattr("glpose.api.open_estimator", counted)
    assert doctor.weights().state == "ok"
    assert set(tried) == {DEFAULT_POSE, DEFAULT_PICTURE}


def test_pictures_that_change(monkeypatch: Patch) -> None:
    assert doctor.pictures() == Check("pictures", "ok", f"OpenCV {imaging.version()}")
    monkeypatch.setattr(imaging, "read_image", lambda _: np.zeros((16, 24, 3), np.uint8))
    assert doctor.pictures().state == "fails"


def test_codecs_that_are_missing(monkeypatch: Patch) -> None:
    assert doctor.codecs().state == "ok"
    has = abilities._has_codec
    monkeypatch.setattr(
        abilities, "_has_codec", lambda name, mode: "dav1d" not in name and has(name, mode)
    )
    bad = doctor.codecs()
    assert bad.state == "warning"
    assert "cannot read AV1" in bad.found


def test_an_overlay_that_cannot_be_written(monkeypatch: Patch) -> None:
    monkeypatch.setattr(abilities, "has_encoder", lambda: False)
    assert doctor.overlay().found == "PyAV has no encoder libx264"
    monkeypatch.setattr(abilities, "has_encoder", lambda: True)
    monkeypatch.setattr(abilities, "written_and_read", lambda _: 2)
    bad = doctor.overlay()
    assert (bad.state, bad.found) == ("fails", "of 3 frames written 2 can be read")

    def fail(_: Path) -> int:
        raise VideoError("three.mp4: cannot be written (no)")

    monkeypatch.setattr(abilities, "written_and_read", fail)
    bad = doctor._tried("overlay", doctor.overlay)
    assert (bad.state, bad.found) == ("fails", "three.mp4: cannot be written (no)")


def test_numbers_that_are_not_drawn(monkeypatch: Patch) -> None:
    assert doctor.text().state == "ok"
    monkeypatch.setattr(imaging.cv2, "putText", lambda *_: None)
    assert doctor.text().state == "fails"


def test_no_display_is_no_fault(monkeypatch: Patch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert doctor.display() == Check("display", "ok", "none; none is needed")


def test_cameras(monkeypatch: Patch, tmp_path: Path) -> None:
    def never(number: int) -> None:
        raise AssertionError(number)

    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(camera, "open_camera", never)
    monkeypatch.setattr(camera, "devices", list)
    assert doctor.cameras() == Check("cameras", "ok", "none")
    monkeypatch.setattr(camera, "devices", lambda: [device])
    assert "not opened; try one with --camera 0" in doctor.cameras().found
    monkeypatch.setattr(os, "access", lambda *_: False)
    bad = doctor.cameras()
    assert (bad.state, bad.found) == ("warning", f"no permission for {device}")


def test_a_camera_that_was_asked_for(monkeypatch: Patch) -> None:
    assert doctor._tried("cameras", lambda: doctor.cameras(987)).state == "fails"

    class Opened:
        info = SimpleNamespace(size_hw=(48, 64))
        closed = 0

        def close(self) -> None:
            self.closed += 1

    source = Opened()
    monkeypatch.setattr(camera, "open_camera", lambda number: source if number == 3 else None)
    assert doctor.cameras(3).found == "camera 3 gives pictures of 64x48"
    assert source.closed == 1


@pytest.mark.parametrize(("free", "state"), [(2e9, "ok"), (5e8, "warning"), (1e6, "fails")])
def test_disk(free: float, state: str, monkeypatch: Patch, tmp_path: Path) -> None:
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = doctor.disk(tmp_path / "a" / "b")
    assert found.state == state
    assert found.found.startswith(str(tmp_path))


def test_a_folder_that_cannot_be_written(monkeypatch: Patch, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    bad = doctor.disk(tmp_path)
    assert (bad.state, bad.advice) == ("fails", "choose another with -o")
    assert "Permission denied" in bad.found
    assert doctor.disk(tmp_path, "temporary").advice == "set TMPDIR to another folder"


def test_limits_of_a_container(monkeypatch: Patch, tmp_path: Path) -> None:
    file = tmp_path / "limit"
    for text, quota in (("max 100000", None), ("150000 100000", 1.5)):
        file.write_text(text)
        assert doctor.cpu_quota(file) == quota
    for text, limit in (("max\n", None), ("123456\n", 123456), ("?", None)):
        file.write_text(text)
        assert doctor.memory_limit(file) == limit
    assert doctor.cpu_quota(tmp_path / "none") is doctor.memory_limit(tmp_path / "none") is None
    monkeypatch.setattr(doctor, "cpu_quota", lambda: None)
    assert doctor.cores().state == "ok"
    monkeypatch.setattr(doctor, "cpu_quota", lambda: 0.5)
    assert doctor.cores().advice == "add --threads 1"
    monkeypatch.setattr(doctor, "memory_limit", lambda: 10**9)
    assert (doctor.memory().state, doctor.memory().found) == ("warning", "1.0 GB")


def test_an_encoding_that_cannot_name_all_files(monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor.sys, "getfilesystemencoding", lambda: "utf-8")
    monkeypatch.setattr(doctor.locale, "getencoding", lambda: "UTF-8")
    assert doctor.encoding().state == "ok"
    monkeypatch.setattr(doctor.locale, "getencoding", lambda: "ANSI_X3.4-1968")
    assert doctor.encoding().state == "warning"


def test_extras_are_no_fault(monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor, "installed", {"torch": "2.13"}.get)
    found = doctor.extras()
    assert found.state == "ok"
    assert found.found.startswith("torch 2.13; not installed: matplotlib for curves")
