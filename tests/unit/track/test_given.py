"""Numbers that a user gives: others in each scene for those who follow joints, and given back."""

import numpy as np

from glpose.track.given import GivenPeople
from glpose.types import Frame, FramePoses, People

RAMP = np.linspace(0, 255, 128).astype(np.uint8)
RED, BLUE = np.zeros((2, 72, 128, 3), np.uint8)
RED[..., 0], BLUE[..., 2] = RAMP, RAMP[::-1]


def people(*numbers: int) -> People:
    boxes = np.array([[10 * n % 90, 0, 10 * n % 90 + 8, 40] for n in numbers], np.float32)
    return People(boxes.reshape(-1, 4), np.ones(len(numbers), np.float32), np.array(numbers))


def follow(
    given: dict[int, People], pictures: list[np.ndarray]
) -> tuple[list[list[int]], list[list[int]]]:
    """The numbers that joints are followed by, and those that come out."""
    those = GivenPeople(given)
    frames = [Frame(i, i / 25, rgb) for i, rgb in enumerate(pictures)]
    followed = [those(frame) for frame in frames]
    poses = [
        FramePoses(
            i, i / 25, found, np.zeros((len(found), 2, 2)), np.zeros((len(found), 2), np.float64)
        )
        for i, found in enumerate(followed)
    ]
    out = [poses for _, poses in those.as_given(zip(frames, poses, strict=True))]
    return (
        [found.track_id.tolist() for found in followed],
        [found.people.track_id.tolist() for found in out],
    )


def test_one_number_is_two_people_over_a_cut() -> None:
    most = 2**63 - 1
    given = {0: people(1), 1: people(1, 3), 2: people(1, most), 3: people(1), 4: people(1, 0)}
    numbers = [found.track_id.tolist() for found in given.values()] + [[]]
    pictures = [RED, RED, BLUE, BLUE, RED, RED]
    followed, out = follow(given, pictures)
    assert out == numbers
    assert followed[:2] == numbers[:2]
    assert followed[4:] == numbers[4:]  # the scene is back
    assert followed[2][0] == followed[3][0]
    assert not set(followed[2]) & {0, 1, 3, most}


def test_without_a_cut_numbers_are_those_given() -> None:
    given = {0: people(5, 2), 2: people(2)}
    followed, out = follow(given, [RED] * 3)
    assert followed == out == [[5, 2], [], [2]]
