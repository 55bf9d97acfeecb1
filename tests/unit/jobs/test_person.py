"""Who is meant by a rule, and what is left of a frame."""

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.jobs.person import Rule, find_person, of_person, read_person
from glpose.types import FramePoses, People

SIZE_HW = (100, 200)


def frame(index: int, boxes: dict[int, tuple[float, float, float]]) -> FramePoses:
    """People by number, with the centre of the box and its side."""
    xyxy = [[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s in boxes.values()]
    num = len(boxes)
    people = People(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.ones(num, np.float32),
        np.array(list(boxes), np.int64),
    )
    xy = np.arange(num * 30, dtype=np.float32).reshape(num, 15, 2)
    return FramePoses(index, index / 25, people, xy, np.ones((num, 15), np.float32))


FRAMES = [
    frame(0, {1: (20, 20, 10), 2: (180, 80, 60)}),
    frame(1, {1: (20, 20, 10), 2: (180, 80, 60), 3: (100, 50, 20)}),
    frame(2, {1: (20, 20, 10), 3: (100, 50, 20)}),
    frame(3, {}),
    frame(4, {1: (20, 20, 90), 2: (180, 80, 91), 3: (100, 50, 20)}),
]


def sized(frames: list[FramePoses]) -> list[tuple[FramePoses, tuple[int, int]]]:
    return [(poses, SIZE_HW) for poses in frames]


def test_the_middle_is_that_of_the_picture_at_hand() -> None:
    first = frame(0, {1: (100, 50, 20), 2: (150, 50, 20)})
    larger = [frame(number, {1: (100, 50, 20), 2: (520, 310, 20)}) for number in (1, 2)]
    sizes = [SIZE_HW, (600, 1000), (600, 1000)]
    assert find_person("central", zip([first, *larger], sizes, strict=True)) == 2


@pytest.mark.parametrize(("rule", "number"), [("largest", 2), ("longest", 1), ("central", 3)])
def test_rules_count_frames(rule: Rule, number: int) -> None:
    assert find_person(rule, sized(FRAMES)) == number


def test_one_frame_decides_nothing_against_many() -> None:
    giant = [*FRAMES, frame(5, {4: (100, 50, 199)})]
    assert find_person("largest", sized(giant)) == 2


def test_of_equal_ones_the_first_and_of_nobody_none() -> None:
    assert find_person("longest", sized([frame(0, {7: (1, 1, 1), 3: (9, 9, 9)})])) == 3
    assert find_person("largest", sized([frame(0, {})])) is None


def test_a_frame_of_one_person() -> None:
    alone = of_person(FRAMES[1], 2)
    assert alone.people.track_id.tolist() == [2]
    np.testing.assert_array_equal(alone.xy, FRAMES[1].xy[1:2])
    assert len(of_person(FRAMES[2], 2).people) == len(of_person(FRAMES[2], None).people) == 0


def test_what_is_typed() -> None:
    assert read_person("largest") == "largest"
    assert read_person("12") == 12
    for text in ("", "tall", "0", "-1", "1.5", "Largest"):
        with pytest.raises(BadInput, match="expected largest, longest, central, or a number"):
            read_person(text)
