"""Calls of `glpose.run` that cannot be right, run by a test in a process without type checks.

Prints what each raises, as JSON: the name of the call, the error's types, its text.
"""

import io
import json
import pathlib
import sys

import numpy as np

import glpose

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
    "boxes": (3, [1], {0: 3}, {"a": NOBODY}, {-1: NOBODY}, "no.jsonl"),
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
    "flip": ("yes", 1),
    "fuse": ("no", 0),
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


def raised(source: object, **options: object) -> tuple[list[str], str]:
    """The types and the text of what a call raises; no types if it does not."""
    try:
        glpose.run(source, **options)
    except Exception as problem:  # noqa: BLE001 - the test says which are right
        return [kind.__name__ for kind in type(problem).__mro__], str(problem)
    return [], ""


if __name__ == "__main__":
    calls = {name: raised(source) for name, source in SOURCES.items()}
    for name, values in OPTIONS.items():
        calls |= {f"{name}={value!r}": raised(GOOD, **{name: value}) for value in values}
    for name, change in BOXES.items():
        boxes = {0: glpose.People(**{**TWO, **change})}
        calls[f"boxes: {name}"] = raised(GOOD, boxes=boxes)
    json.dump(calls, sys.stdout)
