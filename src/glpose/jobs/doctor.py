"""Checks of an installation and of the computer: what is there, what is missing, what to do.

Each check is a function that gives a `Check`; whatever it raises is a check that fails. Nothing is
left behind, and no network is used.
"""

import locale
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from glpose.errors import GLPoseError, reason

State = Literal["ok", "warning", "fails"]

GPU_FILES = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
"""One of them is there if the computer has a GPU of NVIDIA and its driver."""

# Packages that bring the same modules.
_STAND_INS = {
    "onnxruntime": ("onnxruntime-gpu",),
    "opencv-python-headless": (
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
}
_EXTRAS = {
    "matplotlib": "curves of glpose angles, training",
    "pyarrow": "tables in Parquet",
    "pandas": "to_pandas()",
    "torch": "training and export",
}
_LITTLE_DISK, _NO_DISK = 1e9, 5e7  # bytes; an overlay takes a few MB a minute
_LITTLE_MEMORY = 1.5e9  # bytes; 4K video was measured at 1.85e9, 1080p at 0.9e9


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of a check: `found` in words, and what to do about it, if anything.

    "fails" means that `glpose run` will not do its work, "warning" that something of it suffers.
    """

    name: str
    state: State
    found: str
    advice: str = ""


def checkup(folder: Path, camera: int | None = None) -> list[Check]:
    """All checks; `folder` is where results will be written, `camera` the number of one to open."""
    checks: dict[str, Callable[[], Check]] = {
        "python": python,
        "packages": packages,
        "engine": engine,
        "weights": weights,
        "pictures": pictures,
        "codecs": codecs,
        "overlay": overlay,
        "text": text,
        "display": display,
        "cameras": partial(cameras, number=camera),
        "disk": partial(disk, folder),
        "temporary": partial(disk, Path(tempfile.gettempdir()), name="temporary"),
        "cores": cores,
        "memory": memory,
        "encoding": encoding,
        "extras": extras,
    }
    return [_tried(name, check) for name, check in checks.items()]


def _tried(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except GLPoseError as problem:
        return Check(name, "fails", str(problem))
    except Exception as problem:  # noqa: BLE001 - a broken library may raise anything
        lines = str(problem).splitlines() or [""]
        found = f"{type(problem).__name__}: {lines[0]:.160}"
        return Check(name, "fails", found, "install glpose again, in a fresh environment")


def python() -> Check:
    """The version of Python."""
    found, wanted = platform.python_version(), metadata("glpose")["Requires-Python"]
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return Check("python", "ok", found)
    return Check("python", "fails", f"{found}, but glpose wants {wanted}", "use a newer Python")


def packages() -> Check:
    """The packages that glpose needs, and packages that overwrite each other."""
    found, missing, others, twice = [], [], [], []
    for line in requires("glpose") or []:
        wanted = Requirement(line)
        if wanted.marker is not None:  # of an extra
            continue
        names = (wanted.name, *_STAND_INS.get(wanted.name, ()))
        here = {name: number for name in names if (number := installed(name))}
        if not here:
            missing.append(f'"{wanted}"')
        elif len(here) > 1:
            twice.append(" and ".join(here))
        for name, number in here.items():
            found.append(f"{name} {number}")
            if not wanted.specifier.contains(number, prereleases=True):
                others.append(f'"{name}{wanted.specifier}"')
    said = ", ".join(found)
    if missing:
        lack = f"missing: {', '.join(missing)}"
        return Check("packages", "fails", lack, f"pip install {' '.join(missing)}")
    if twice:
        advice = "they overwrite each other: uninstall both, and install the one that you want"
        return Check("packages", "warning", f"side by side: {'; '.join(twice)}", advice)
    if others:
        advice = f"not tested with these; pip install {' '.join(others)}"
        return Check("packages", "warning", said, advice)
    return Check("packages", "ok", said)


def installed(name: str) -> str | None:
    """The version of a package, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def engine() -> Check:
    """What ONNX Runtime can use, and what `--device auto` takes: the shipped networks tell."""
    from glpose.api import load_models
    from glpose.runtime.engine import EngineSpec
    from glpose.runtime.engines.onnxruntime import NEEDED, engine

    about = engine()
    record = load_models(engine=EngineSpec(device="auto")).record
    used = str(record["pose"]["provider"])
    found = f"ONNX Runtime {about['version']} ({about['providers']}); --device auto takes {used}"
    if about["auto"] != used:
        return Check("engine", "warning", f"{found}: {about['auto']} does not start", NEEDED)
    if used.startswith("CPU") and any(path.exists() for path in GPU_FILES):
        advice = (
            "there is a GPU of NVIDIA, which onnxruntime does not use: pip uninstall onnxruntime, "
            'then pip install "onnxruntime-gpu[cuda,cudnn]"'
        )
        return Check("engine", "warning", found, advice)
    return Check("engine", "ok", found)


def weights() -> Check:
    """The shipped weights: their digests, and poses of a grey picture."""
    import numpy as np

    from glpose.api import run
    from glpose.runtime.load import open_lifter, shipped
    from glpose.types import People
    from glpose.weights import DEFAULT_LIFT

    open_lifter(DEFAULT_LIFT)
    grey = np.full((96, 128, 3), 128, np.uint8)
    box = np.array([[40, 8, 90, 90]], np.float32)
    people = People(box, np.ones(1, np.float32), np.ones(1, np.int64))
    # The pose networks for pictures and for videos; the detector.
    for given, boxes in ((grey, {0: people}), (grey[None], {0: people}), (grey, None)):
        for poses in run(given, boxes=boxes):
            assert poses.frame == 0
    names = ", ".join(found.name for found in shipped())
    return Check("weights", "ok", f"{names}: as in SHA256SUMS, and they run")


def pictures() -> Check:
    """OpenCV: a picture goes to a file and comes back."""
    import numpy as np

    from glpose.imaging import read_image, version, write_image

    rgb = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    with tempfile.TemporaryDirectory(prefix="glpose-") as folder:
        write_image(Path(folder) / "a.png", rgb)
        same = np.array_equal(read_image(Path(folder) / "a.png"), rgb)
    if not same:
        advice = "pip install --force-reinstall opencv-python-headless"
        return Check("pictures", "fails", "OpenCV changes pictures in PNG files", advice)
    return Check("pictures", "ok", f"OpenCV {version()}")


def codecs() -> Check:
    """The codecs of videos that can be read."""
    from glpose.video.abilities import unread_codecs, version

    found = f"PyAV {version()}"
    if missing := unread_codecs():
        lack = f"{found} cannot read {', '.join(missing)}"
        advice = "pip install --force-reinstall av, or convert such videos to H.264"
        return Check("codecs", "warning", lack, advice)
    return Check("codecs", "ok", f"{found} reads H.264, HEVC, VP9, AV1")


def overlay() -> Check:
    """The encoder of the overlay: three frames are written and read."""
    from glpose.video.abilities import has_encoder, written_and_read
    from glpose.video.writer import ENCODER

    advice = "pip install --force-reinstall av, or run with --no-overlay"
    if not has_encoder():
        return Check("overlay", "fails", f"PyAV has no encoder {ENCODER}", advice)
    with tempfile.TemporaryDirectory(prefix="glpose-") as folder:
        number = written_and_read(Path(folder))
    if number != 3:
        return Check("overlay", "fails", f"of 3 frames written {number} can be read", advice)
    return Check("overlay", "ok", f"{ENCODER}: three frames were written and read")


def text() -> Check:
    """The numbers in the overlay; OpenCV draws them without fonts of the system."""
    import numpy as np

    from glpose.imaging import draw_label

    drawn = []
    for label in ("3", "8"):  # as wide as each other
        rgb = np.full((64, 96, 3), 128, np.uint8)
        draw_label(rgb, label, (48.0, 60.0), 20.0, (240, 228, 66))
        drawn.append(rgb)
    if np.array_equal(*drawn):
        advice = "pip install --force-reinstall opencv-python-headless"
        return Check("text", "fails", "OpenCV draws no numbers in overlays", advice)
    return Check("text", "ok", "numbers are drawn; no fonts of the system are needed")


def display() -> Check:
    """Nothing opens a window."""
    has = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return Check("display", "ok", f"{'there is one' if has else 'none'}; none is needed")


def cameras(number: int | None = None) -> Check:
    """The cameras, of which only `number` is opened."""
    from glpose.video.camera import devices, open_camera

    if number is not None:
        source = open_camera(number)
        source.close()
        height, width = source.info.size_hw
        return Check("cameras", "ok", f"camera {number} gives pictures of {width}x{height}")
    found = devices()
    if closed := [path for path in found if not os.access(path, os.R_OK | os.W_OK)]:
        advice = "add yourself to the group that owns them, mostly video, and log in again"
        said = f"no permission for {', '.join(map(str, closed))}"
        return Check("cameras", "warning", said, advice)
    if not found:
        return Check("cameras", "ok", "none")
    tip = "not opened; try one with --camera 0"
    return Check("cameras", "ok", f"{', '.join(map(str, found))} ({tip})")


def disk(folder: Path, name: str = "disk") -> Check:
    """Whether a folder, or the one that it will be made in, can be written and has room."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"glpose")
            file.flush()
        free = shutil.disk_usage(place).free
    except OSError as problem:
        said = f"{place}: cannot be written ({reason(problem)})"
        advice = "set TMPDIR to another folder" if name == "temporary" else "choose another with -o"
        return Check(name, "fails", said, advice)
    said = f"{place}: {free / 1e9:.1f} GB free"
    if free < _LITTLE_DISK:
        state: State = "fails" if free < _NO_DISK else "warning"
        return Check(name, state, said, "free some space, or run with --no-overlay")
    return Check(name, "ok", said)


def cores() -> Check:
    """The cores, and a limit of the container on their time."""
    from glpose.runtime.engine import num_cores

    number, quota = num_cores(), cpu_quota()
    said = f"{number} of {os.cpu_count()} can be used"
    if quota is not None and quota < number:
        threads = max(1, round(quota))
        return Check(
            "cores", "warning", f"{said}, for the time of {quota:g}", f"add --threads {threads}"
        )
    return Check("cores", "ok", said)


def cpu_quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """How many cores' time a container may use, None without a limit (Linux, cgroup v2)."""
    try:
        most, period = path.read_text("ascii").split()
        return None if most == "max" else int(most) / int(period)
    except (OSError, ValueError):
        return None


def memory() -> Check:
    """The memory that the process may use."""
    limits = [size for size in (_installed_memory(), memory_limit()) if size is not None]
    if not limits:
        return Check("memory", "ok", "unknown")
    most = min(limits)
    said = f"{most / 1e9:.1f} GB"
    if most < _LITTLE_MEMORY:
        advice = "scale large videos down, and close other programs"
        return Check("memory", "warning", said, advice)
    return Check("memory", "ok", said)


def memory_limit(path: Path = Path("/sys/fs/cgroup/memory.max")) -> int | None:
    """How many bytes a container may use, None without a limit (Linux, cgroup v2)."""
    try:
        found = path.read_text("ascii").strip()
        return None if found == "max" else int(found)
    except (OSError, ValueError):
        return None


def _installed_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # not on this system
        return None


def encoding() -> Check:
    """How names of files and messages are encoded."""
    names = {
        "files": sys.getfilesystemencoding(),
        "messages": getattr(sys.stdout, "encoding", None) or "utf-8",
        "locale": locale.getencoding(),
    }
    said = ", ".join(f"{what} {name}" for what, name in names.items())
    if any(name.lower().replace("-", "") != "utf8" for name in names.values()):
        advice = "names with other letters are shown as escapes: export LC_ALL=C.UTF-8"
        return Check("encoding", "warning", said, advice)
    return Check("encoding", "ok", said)


def extras() -> Check:
    """What is not needed to run, but for something else."""
    found = {name: installed(name) for name in _EXTRAS}
    here = [f"{name} {number}" for name, number in found.items() if number]
    gone = [f"{name} for {_EXTRAS[name]}" for name, number in found.items() if not number]
    said = [*here, *([f"not installed: {', '.join(gone)}"] if gone else [])]
    return Check("extras", "ok", "; ".join(said))


def fails(checks: Iterable[Check]) -> bool:
    """Whether `glpose run` will not do its work."""
    return any(check.state == "fails" for check in checks)
