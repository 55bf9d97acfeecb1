"""Exceptions survive the way to another process."""

import copy
import pickle

import pytest

from glpose.errors import BadConfig, BadInput, BadWeights, GLPoseError, MissingExtra, VideoError


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
