"""Calls of `glpose` that cannot be right, run by a test in a process without type checks.

Prints what each raises, as JSON: the name of the call, the error's types, its text.
"""

import io
import json
import pathlib
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from inspect import getmembers, isfunction, signature

import numpy as np

import glpose
from glpose.skeleton import COCO17

GOOD = np.zeros((2, 8, 8, 3), np.uint8)
NOBODY = glpose.People.empty()

SOURCES = {
    "nothing": None,
    "a number": 1.5,
    "a truth": True,
    "a camera that is not there": 987,
    "below every camera": -1,
    "an object": object(),
    "a type": int,
    "a dictionary": {},
    "a set": {1},
    "an empty list": [],
    "a list of numbers": [1, 2],
    "a list of lists": [[]],
    "plain lists": GOOD[:1].tolist(),
    "a path and a number": ["a.png", 3],
    "paths that are not there": ["a.png", "b.png"],
    "an empty iterator": iter(()),
    "an empty name": "",
    "a name with a zero byte": "a\0b",
    "a list of an empty name": [""],
    "a list of an empty name and another": ["", "a.png"],
    "a name of two lines": "a\nb.mp4",
    "a path that is not there": pathlib.Path("no.mp4"),
    "an address": "https://example.org/walk.mp4",
    "grey": np.zeros((8, 8), np.uint8),
    "floats": np.zeros((2, 8, 8, 3)),
    "four channels": np.zeros((8, 8, 4), np.uint8),
    "five axes": np.zeros((1, 2, 8, 8, 3), np.uint8),
    "no axes": np.array(3),
    "no frames": np.zeros((0, 8, 8, 3), np.uint8),
    "no pixels": np.zeros((0, 8, 3), np.uint8),
    "no bytes": b"",
    "bytes of text": b"hello",
    "half a picture": b"\x89PNG\r\n\x1a\n",
    "a file of text": io.StringIO("x"),
}
OPTIONS = {
    "boxes": (3, "", [1], {0: 3}, {"a": NOBODY}, {-1: NOBODY}, "no.jsonl"),
    "weights": (3, "", "huge"),
    "detector": (3, None, ""),
    "start_s": ("1:20", float("nan"), -1, True),
    "end_s": (0, [1]),
    "frames": (3, "12", (1,), (2, 1), (-1, None), (None, 3), ("a", "b")),
    "fps": (0, -1, "fast", float("inf")),
    "engine": ("gpu", None),
    "refiners": (3, ["flow"]),
    "detect_every": ("5", 0, True, 2.5),
    "preset": ("slow", None, 3),
}

TWO = {
    "xyxy": np.array([[0, 0, 4, 4]] * 2, np.float32),
    "score": np.ones(2, np.float32),
    "track_id": np.array([1, 2]),
}
BOXES = {
    "one box of two": {"xyxy": TWO["xyxy"][:1]},
    "five columns": {"xyxy": np.zeros((2, 5), np.float32)},
    "a flat box": {"xyxy": np.zeros(4, np.float32)},
    "lists": {"xyxy": TWO["xyxy"].tolist()},
    "three scores of two": {"score": np.ones(3, np.float32)},
    "one id of two": {"track_id": np.array([1])},
    "ids that are no numbers": {"track_id": np.array([1.0, 2.5])},
}
"""What differs from the boxes of two people."""


RESULT = glpose.Result(glpose.VideoInfo("x", (8, 8), 25.0), COCO17, ())
OTHERS = {
    "live engine": lambda: glpose.Live(engine="cpu"),
    "live detector": lambda: glpose.Live(detector=None),
    "live weights": lambda: glpose.Live(weights=3),
    "live stall_s": lambda: glpose.Live(stall_s=None),
    "lift engine": lambda: glpose.lift(RESULT, engine="cpu"),
    "lift weights": lambda: glpose.lift(RESULT, weights=None),
    "lift height_m": lambda: glpose.lift(RESULT, height_m="1.75"),
    "lift a truth": lambda: glpose.lift(RESULT, height_m=True),
    "lift a path": lambda: glpose.lift("poses.jsonl"),
    "lift a stream": lambda: glpose.lift(glpose.run(GOOD, boxes={})),
    "lift empty weights": lambda: glpose.lift(RESULT, weights=""),
    "live empty weights": lambda: glpose.Live(weights=" "),
    "load an empty name": lambda: glpose.load(""),
    "load nothing": lambda: glpose.load(None),
    "load a number": lambda: glpose.load(3),
    "rate_hz": lambda: glpose.ArraySource(GOOD, rate_hz="25"),
    "name": lambda: glpose.ArraySource(GOOD, name=3),
    "at": lambda: RESULT.at("first"),
    "threads": lambda: glpose.EngineSpec(threads="2"),
}
"""Calls of everything else."""


class Theirs:
    """A source of a user that says this of itself."""

    time_base, audio, warnings = Fraction(1, 25), None, ()

    def __init__(self, **says: object) -> None:
        self.info = glpose.VideoInfo("x", (8, 8), 25.0, **says)

    def frames(self, *_: object) -> object:
        raise AssertionError("what it says was not checked")


NO_POSES = glpose.Poses(0, 0.0, NOBODY, np.zeros((0, 17, 2)), np.zeros((0, 17)), skeleton=COCO17)
TRUTHS = {
    "run": partial(glpose.run, GOOD),
    "Live": glpose.Live,
    "ArraySource": partial(glpose.ArraySource, GOOD),
    "VideoInfo": lambda **says: glpose.run(Theirs(**says)),
    "Poses.plot": partial(NO_POSES.plot, GOOD[0]),
}
"""How to call everything that takes True or False."""


def wrong_truths() -> dict[str, Callable[[], object]]:
    """A call of everything of `glpose` for each of its truths, with what is neither true nor false."""
    calls = {}
    for owner in glpose.__all__:
        found = getattr(glpose, owner)
        functions = getmembers(found, isfunction) or [("__init__", found)]
        for name, function in functions:
            call = f"{owner}.{name}".removesuffix(".__init__")
            for option, taken in (
                signature(function).parameters.items() if isfunction(function) else ()
            ):
                kind = str(taken.annotation)
                for value in ("false", 1, None) if "bool" in kind else ():
                    if value is not None or "None" not in kind:
                        text = f"{call}({option}={value!r})"
                        calls[text] = partial(TRUTHS[call], **{option: value})
    return calls


def raised(call: Callable[[], object]) -> tuple[list[str], str]:
    """The types and the text of what a call raises; no types if it does not."""
    try:
        call()
    except Exception as problem:  # noqa: BLE001 - the test says which are right
        return [kind.__name__ for kind in type(problem).__mro__], str(problem)
    return [], ""


if __name__ == "__main__":
    todo = {name: partial(glpose.run, source) for name, source in SOURCES.items()}
    for name, values in OPTIONS.items():
        todo |= {
            f"{name}={value!r}": partial(glpose.run, GOOD, **{name: value}) for value in values
        }
    for name, change in BOXES.items():
        boxes = {0: glpose.People(**{**TWO, **change})}
        todo[f"boxes: {name}"] = partial(glpose.run, GOOD, boxes=boxes)
    json.dump(
        {name: raised(call) for name, call in (todo | OTHERS | wrong_truths()).items()}, sys.stdout
    )
