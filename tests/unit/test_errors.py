"""Exceptions survive the way to another process."""

import copy
import errno
import pickle
from pathlib import Path

import pytest

from glpose.errors import (
    BadConfig,
    BadInput,
    BadWeights,
    GLPoseError,
    MissingExtra,
    VideoError,
    needing,
    one_line,
    pasted,
    reason,
)


@pytest.mark.parametrize(
    "problem",
    [
        BadConfig("a"),
        BadInput("a"),
        BadWeights("a"),
        GLPoseError("a"),
        VideoError("a"),
        MissingExtra("pandas"),
        MissingExtra("torch", "train"),
    ],
)
def test_they_say_the_same_when_sent_or_copied(problem: GLPoseError) -> None:
    for found in (pickle.loads(pickle.dumps(problem)), copy.copy(problem)):
        assert type(found) is type(problem)
        assert str(found) == str(problem)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left", "a.png"), "No space left"),
        (OSError("8 requested and 0 written"), "8 requested and 0 written"),
        (ValueError("odd"), "odd"),
    ],
)
def test_what_the_system_says_is_never_nothing(problem: Exception, expected: str) -> None:
    assert reason(problem) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb.mp4: no", r"a\nb.mp4: no"),
        ("\x1b[31m\r\0", r"\x1b[31m\r\x00"),
        ("ü \\n", "ü \\n"),
        ("9.41\u202fAM \xa0\u3000 می\u200cشود", "9.41\u202fAM \xa0\u3000 می\u200cشود"),
        ("\u202e\u2028\x85\udcff", r"\u202e\u2028\x85\udcff"),
    ],
)
def test_whatever_a_text_names_it_is_one_line(text: str, said: str) -> None:
    assert one_line(text) == str(BadInput(text)) == said
    assert one_line(said) == said
    assert said in str(MissingExtra(text))


def test_a_path_to_be_pasted_is_one_word_and_no_option() -> None:
    assert pasted(Path("out/walk")) == "out/walk"
    assert pasted(Path("./-3/my walk")) == "'./-3/my walk'"
    assert pasted("-a.mp4") == "./-a.mp4"
    assert pasted(Path("it's")) == "'it'\"'\"'s'"


@pytest.mark.parametrize(
    ("problem", "error", "said"),
    [
        (ModuleNotFoundError("no", name="torch.nn"), MissingExtra, r"package 'torch'.*\[train\]"),
        (ModuleNotFoundError("no part", name="glpose.nets.none"), ModuleNotFoundError, "no part"),
        (ImportError("libpng16.so.16: cannot open"), ImportError, "libpng16"),
        (MissingExtra("onnx", "export"), MissingExtra, r"'onnx'.*\[export\]"),
    ],
)
def test_only_a_package_that_is_missing_is_told_as_one(
    problem: ImportError, error: type[ImportError], said: str
) -> None:
    """A bug of glpose, and a library that is broken, are told as they are."""
    with pytest.raises(error, match=said), needing("train"):
        raise problem
