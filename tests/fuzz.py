"""Mutated files of every kind through the command line: no traceback, crash, hang or huge memory.

    python tests/fuzz.py [--seconds 120] [--cases N] [--seed 0] [--keep FOLDER] [--first NUMBER]

Case NUMBER of a seed is always the same file. Each runs `glpose` in a child process that serves many
cases; a child that dies, takes longer than a minute or needs more than 4 GB has failed its case.
Files of failed cases are kept in FOLDER. `KINDS` says how a kind is made and what is run on it.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

MOST_SECONDS, MOST_BYTES = 60, 4 * 2**30
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)
_WORDS = (
    b"NaN",
    b"1e999",
    b"-1",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"9" * 400,
    b"\xff\xfe",
    b"\x00" * 9,
)


@dataclass(frozen=True)
class Kind:
    """A whole file, and the words of the command; "FILE" stands for the mutated one."""

    make: Callable[[Path], Path]
    words: tuple[str, ...]
    is_text: bool = False


def _boxes(folder: Path) -> Path:
    path = folder / "boxes.jsonl"
    people = [{"track_id": 1, "box_xyxy": [10.0, 20.0, 90.5, 200.0], "box_score": 0.9}]
    path.write_text("".join(json.dumps({"frame": i, "people": people}) + "\n" for i in range(3)))
    return path


def _results(folder: Path) -> Path:
    from walking import walk, written

    return written(folder, walk([i / 25 for i in range(12)])) / "poses.jsonl"


def _coco(folder: Path) -> Path:
    from glpose.skeleton import COCO17

    path = folder / "coco.json"
    person = {"id": 1, "image_id": 7, "bbox": [1, 2, 30, 40], "area": 900.5, "iscrowd": 0}
    person |= {"num_keypoints": 17, "category_id": 1, "keypoints": [5, 6, 2] * 17}
    image = {"id": 7, "file_name": "a.jpg", "width": 320, "height": 240}
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}]
    content = {"images": [image], "annotations": [person], "categories": categories}
    path.write_text(json.dumps(content))
    return path


def _posetrack(folder: Path) -> Path:
    from glpose.synth.layouts import write_layout

    write_layout("posetrack18", folder / "set", num_videos=2, num_frames=3)
    return next((folder / "set").rglob("*.json"))


def _mat(folder: Path) -> Path:
    from glpose.synth.layouts import write_layout

    write_layout("posetrack17", folder / "set", num_videos=2, num_frames=3, mat=True)
    return next((folder / "set").rglob("*.mat"))


def _joints(folder: Path) -> Path:
    from glpose.synth.layouts import write_layout

    write_layout("jhmdb", folder / "SET", num_videos=2, num_frames=3)
    return next((folder / "SET").rglob("joint_positions.mat"))


def _picture(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import bad_videos
        from glpose.imaging import write_image

        path = folder / f"a{suffix}"
        write_image(path, bad_videos.coded_picture(5, (48, 64)))
        return path

    return make


def _video(suffix: str, codec: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import bad_videos

        return bad_videos.write_video(
            folder / f"v{suffix}", num_frames=8, size_hw=(64, 96), codec=codec
        )

    return make


def _card(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import tiny_onnx

        own = folder / f"weights-{name}"
        own.mkdir()
        tiny_onnx.write_pose(own)
        tiny_onnx.write_detector(own / "finder.onnx")
        return own / name

    return make


_RUN = ("run", "VIDEO", "-o", "OUT", "--overwrite", "--threads", "1", "--no-overlay", "--quiet")
_TINY = ("--weights", "WEIGHTS/tiny.encoder.onnx", "--detector", "WEIGHTS/finder.onnx")
_MADE = ("--overwrite", "--quiet")
_SHOW = ("run", "FILE", "-o", "OUT", "--overwrite", "--threads", "1", "--quiet", *_TINY)

KINDS: dict[str, Kind] = {
    "boxes": Kind(_boxes, (*_RUN, *_TINY, "--boxes", "FILE"), is_text=True),
    "table": Kind(_results, ("table", "FILE", *_MADE, "-o", "OUT/t.csv"), is_text=True),
    "smooth": Kind(_results, ("smooth", "FILE", *_MADE, "-o", "OUT"), is_text=True),
    "angles": Kind(_results, ("angles", "FILE", *_MADE, "-o", "OUT", "--no-plot"), is_text=True),
    "coco": Kind(_coco, ("score", "coco", "FILE", "FILE"), is_text=True),
    "posetrack": Kind(_posetrack, ("score", "posetrack", "FILE", "FILE"), is_text=True),
    "mat": Kind(_mat, ("score", "posetrack", "FILE", "FILE")),
    "joints": Kind(_joints, ("data", "check", "jhmdb", "SET")),
    "encoder": Kind(_card("tiny.encoder.onnx"), (*_RUN, "--weights", "FILE", *_TINY[2:])),
    "fusion": Kind(_card("tiny.fusion.onnx"), (*_RUN, "--weights", "FILE", *_TINY[2:])),
    "detector": Kind(_card("finder.onnx"), (*_RUN, *_TINY[:2], "--detector", "FILE")),
    "info": Kind(_card("finder.onnx"), ("info", "FILE")),
    "png": Kind(_picture(".png"), _SHOW),
    "jpg": Kind(_picture(".jpg"), _SHOW),
    "webp": Kind(_picture(".webp"), _SHOW),
    "tif": Kind(_picture(".tif"), _SHOW),
    "bmp": Kind(_picture(".bmp"), _SHOW),
    "mp4": Kind(_video(".mp4", "libx264"), _SHOW),
    "avi": Kind(_video(".avi", "mpeg4"), _SHOW),
    "mkv": Kind(_video(".mkv", "libx264"), _SHOW),
    "ts": Kind(_video(".ts", "libx264"), _SHOW),
    "webm": Kind(_video(".webm", "libvpx"), _SHOW),
}


def mutated(raw: bytes, rng: random.Random, *, is_text: bool) -> bytes:
    """A few changed, removed, doubled or strange bytes; sometimes the file ends early."""
    out = bytearray(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        place = rng.randrange(max(1, len(out)))
        how = rng.random()
        if is_text and how < 0.4:
            out[place : place + rng.randrange(6)] = rng.choice(_WORDS)
        elif how < 0.7:
            byte = rng.choice([rng.randrange(256), rng.choice(_INTERESTING)])
            out[place : place + 1] = bytes([byte])
        elif how < 0.85:
            del out[place : place + rng.randrange(1, 9)]
        else:
            out[place:place] = out[place : place + rng.randrange(1, 64)]
    return bytes(out[: rng.randrange(len(out) + 1)]) if rng.random() < 0.1 else bytes(out)


def _serve(cases: Connection, folder: Path) -> None:
    """In a child: run each case that comes; answer with the status, or the traceback."""
    from glpose.cli.main import main

    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES + 2**31, MOST_BYTES + 2**31))
    shutil.rmtree(folder / "out", ignore_errors=True)
    while True:
        try:
            words = cases.recv()
        except EOFError:
            return
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status = main(words)
            cases.send("" if status in (0, 2, 3) else f"exit status {status}")
        except BaseException:  # noqa: BLE001 - whatever it is, it is a find
            cases.send(traceback.format_exc())


class _Child:
    """A process that serves cases, and is made anew after one that it did not survive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._folder), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, words: list[str]) -> str:
        """What went wrong; nothing if all is well."""
        self._pipe.send(words)
        try:
            if self._pipe.poll(MOST_SECONDS):
                return self._pipe.recv()
            problem = f"took more than {MOST_SECONDS} s"
        except (EOFError, ConnectionError):
            self._process.join()
            problem = f"the process ended with {self._process.exitcode}"
        self._process.kill()
        self._process.join()
        self._start()
        return problem

    def close(self) -> None:
        self._pipe.close()
        self._process.join(10)
        self._process.kill()


def fuzz(
    seconds: float,
    seed: int,
    keep: Path | None = None,
    first: int = 0,
    num: int | None = None,
) -> list[str]:
    """Run cases for a while, or `num` of them; the finds, each with the number of its case."""
    finds: list[str] = []
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {}
        for kind, how in KINDS.items():
            own = folder / kind
            own.mkdir()
            files[kind] = how.make(own)
        raw = {kind: path.read_bytes() for kind, path in files.items()}
        child = _Child(folder)
        end, number = time.monotonic() + seconds, first
        while time.monotonic() < end and (num is None or number < first + num):
            rng = random.Random(seed * 1_000_003 + number)
            kind = list(KINDS)[number % len(KINDS)]
            path = files[kind]
            path.write_bytes(mutated(raw[kind], rng, is_text=KINDS[kind].is_text))
            problem = child.run([_word(w, path, files, folder) for w in KINDS[kind].words])
            if problem:
                finds.append(f"seed {seed}, case {number} ({kind}): {problem.strip()}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, keep / f"{seed}-{number}-{path.name}")
            path.write_bytes(raw[kind])
            tried[kind] += 1
            number += 1
        child.close()
    tried_all = ", ".join(f"{kind} {count}" for kind, count in tried.items())
    print(f"{sum(tried.values())} files tried ({tried_all}), {len(finds)} finds")
    return finds


def _word(word: str, path: Path, files: dict[str, Path], folder: Path) -> str:
    own = path.parent if path.suffix == ".onnx" else files["info"].parent
    replaced = {"SET": str(files["joints"].parents[3])} if word == "SET" else {}
    replaced |= {"FILE": str(path), "VIDEO": str(files["mp4"]), "OUT": str(folder / "out")}
    return replaced.get(word, word).replace("WEIGHTS", str(own)).replace("OUT/", f"{folder}/out/")


def main() -> int:
    """Parse the command line and fuzz; 1 if something was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    finds = fuzz(given.seconds, given.seed, given.keep, given.first, given.cases)
    print("\n\n".join(finds))
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
