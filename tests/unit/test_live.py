"""A live source: every push is answered at once, as a run over the same pictures answers."""

import math
import subprocess
import sys
import weakref
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glpose
import tiny_onnx
from fake_estimator import same
from glpose.errors import BadInput
from glpose.live import Live
from glpose.types import Frame, FramePoses

SIZE_HW = (96, 128)
Pictures = list[np.ndarray | None]


def spot(index: int, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """A spot that moves and fades on a grey ground: no cut, and no frame is like another."""
    rgb = np.full((*size_hw, 3), 40, np.uint8)
    rgb[40:60, 50 + index : 70 + index] = 255 - 3 * index
    return rgb


def times(num: int) -> list[float]:
    return [10 + 0.04 * i for i in range(num)]


def pushed(live: Live, pictures: Pictures, times_s: list[float]) -> list[FramePoses]:
    return [live.push(*pair) for pair in zip(pictures, times_s, strict=True)]


@pytest.fixture
def how(tiny_weights: Path) -> dict:
    return {"weights": tiny_weights / "tiny.encoder.onnx", "detector": tiny_weights / "finder.onnx"}


SLOTS = {
    "followed": {"answers": True},
    "detected": {},
    "exact": {"answers": True, "slots": tiny_onnx.slots((-2, -1, 1, 2), box="exact")},
    "reflected": {"slots": tiny_onnx.slots((-2, 1, 2), border="reflect", num=2, min_score=0.1)},
}


@pytest.mark.parametrize("name", SLOTS)
def test_pushes_are_answered_as_a_causal_run_answers_and_the_memory_may_be_reused(
    name: str, how: dict, tmp_path: Path
) -> None:
    how["detect_every"] = 3 if "answers" in SLOTS[name] else 1
    how["weights"] = tiny_onnx.write_pose(tmp_path, **SLOTS[name])
    pictures: Pictures = [spot(i) for i in range(14)]
    for lost in (0, 1, 7):
        pictures[lost] = None
    source = glpose.ArraySource(pictures, times_s=times(14))
    wanted = list(glpose.run(source, causal=True, **how))
    live, buffer, found = Live(**how), np.empty((*SIZE_HW, 3), np.uint8), []
    for picture, time_s in zip(pictures, times(14), strict=True):
        if picture is not None:
            buffer[...] = picture
        found.append(live.push(None if picture is None else buffer, time_s))
    same(found, wanted)
    assert [p.time_s for p in found] == times(14)
    assert [p.frame for p in found if p.status == "undecodable"] == [0, 1, 7]
    assert sum(len(p.people) for p in found) >= 10
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.people.xyxy, two.people.xyxy)
        if len(one.people):
            np.testing.assert_array_equal(one.unsure_sides, two.unsure_sides)


def arrays_of(part: object) -> Iterator[np.ndarray]:
    """All arrays of a data type, those of its parts too."""
    if isinstance(part, np.ndarray):
        yield part
    elif is_dataclass(part) and not isinstance(part, glpose.Skeleton):  # one for all
        for inner in fields(part):
            yield from arrays_of(getattr(part, inner.name))


BOX = glpose.People(np.array([[40, 30, 90, 70]], np.float32), np.ones(1, np.float32), np.array([4]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["found", "causal", "given", "live"])
@pytest.mark.parametrize("name", ["followed", "detected"])
def test_who_gets_poses_may_write_into_them(
    name: str, kind: str, how: dict, tmp_path: Path
) -> None:
    """Neither what was given, nor what came before or comes later, is changed by that."""
    how["weights"] = tiny_onnx.write_pose(tmp_path, **SLOTS[name])
    pictures = [spot(i) for i in range(14)]

    def poses() -> Iterator[glpose.Poses]:
        if kind == "live":
            live = Live(**how)
            return (live.push(*pair) for pair in zip(pictures, times(14), strict=True))
        boxes = dict.fromkeys(range(14), BOX) if kind == "given" else None
        return glpose.run(pictures, boxes=boxes, causal=kind == "causal", **how)

    wanted, before, found = list(poses()), deepcopy(BOX), []
    for one in poses():
        found.append(deepcopy(one))
        for array in arrays_of(one):
            array[...] = 77
    for one, two in zip((*found, BOX), (*wanted, before), strict=True):
        for a, b in zip(arrays_of(one), arrays_of(two), strict=True):
            np.testing.assert_array_equal(a, b)
    for one, two in pairwise(wanted):
        for a, b in product(arrays_of(one), arrays_of(two)):
            assert not np.shares_memory(a, b)


def test_boxes_may_change_while_poses_are_read(how: dict) -> None:
    pictures, box = [spot(i) for i in range(14)], deepcopy(BOX)
    for poses in glpose.run(pictures, boxes=dict.fromkeys(range(14), box), **how):
        box.xyxy[:] = 3
        np.testing.assert_array_equal(poses.people.xyxy, BOX.xyxy)


def test_after_a_reset_or_a_stall_all_is_new_but_numbers_go_on(how: dict, tmp_path: Path) -> None:
    how["weights"] = tiny_onnx.write_pose(tmp_path, answers=True)
    live = Live(stall_s=1.0, **how)
    parts = [
        pushed(live, [spot(i) for i in range(4)], [5.0, 5.9, 6.8, 7.7]),
        pushed(live, [spot(9), spot(8)], [8.75, 8.8]),  # after more than a second
    ]
    live.reset()
    size_hw = (120, 100)
    parts.append(pushed(live, [None, spot(5, size_hw), spot(6, size_hw)], [0.0, 0.5, 0.6]))
    assert [p.frame for part in parts for p in part] == list(range(9))
    assert [set(np.concatenate([p.people.track_id for p in part])) for part in parts] == [
        {1}, {2}, {3},
    ]  # fmt: skip
    alone = pushed(Live(**how), [spot(9), spot(8)], [0.0, 0.1])
    for one, two in zip(parts[1], alone, strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)


AFTER_A_GAP = [0.04 * i + 60 * (i >= 4) for i in range(8)], [[1]] * 4 + [[2]] * 4
AWAY_FOR_HALF_A_SECOND = [i / 120 for i in range(80)], [[1]] * 20 + [[]] * 56 + [[1]] * 4


@pytest.mark.parametrize(
    ("name", "times_s", "ids"),
    [
        ("followed", *AFTER_A_GAP),
        ("detected", *AFTER_A_GAP),
        ("detected", *AWAY_FOR_HALF_A_SECOND),
    ],
)
def test_a_gap_and_a_high_rate_are_the_same_for_a_run(
    name: str, times_s: list[float], ids: list[list[int]], how: dict, tmp_path: Path
) -> None:
    how["weights"] = tiny_onnx.write_pose(tmp_path, **SLOTS[name])
    pictures: Pictures = [spot(0) if expected else None for expected in ids]
    source = glpose.ArraySource(pictures, times_s=times_s)
    wanted = list(glpose.run(source, causal=True, **how))
    found = pushed(Live(**how), pictures, times_s)
    assert [p.people.track_id.tolist() for p in wanted] == ids
    assert [p.people.track_id.tolist() for p in found] == ids


def test_a_short_gap_and_a_source_that_loses_pictures_are_no_stall(how: dict) -> None:
    live = Live(stall_s=1.0, **how)
    pictures: Pictures = [spot(0), None, None, spot(1), spot(2)]
    found = pushed(live, pictures, [0.0, 0.9, 1.8, 2.7, 3.7])
    assert [p.people.track_id.tolist() for p in found] == [[1], [], [], [1], [1]]
    slow = Live(stall_s=math.inf, **how)
    found = pushed(slow, [spot(0), spot(1)], [0.0, 3600.0])
    assert [p.people.track_id.tolist() for p in found] == [[1], [1]]


def refused(live: Live, rgb: np.ndarray | None, time_s: float, words: str) -> None:
    with pytest.raises(BadInput) as found:
        live.push(rgb, time_s)
    assert str(found.value) == words


def test_bad_pictures_and_times_are_refused_in_a_line_and_do_not_count(how: dict) -> None:
    live, good = Live(**how), Live(**how)
    one = [live.push(spot(0), 1.0)]
    expected = "expected seconds that increase, up to 1e+12, or reset() where a source starts anew"
    for time_s in (1.0, 0.5, 1e300, math.nan, math.inf, -math.inf):
        refused(
            live, spot(1), time_s, f"picture 1 is at {time_s} s, after one at 1.0 s; {expected}"
        )
    of_rgb = "expected RGB, uint8 of height x width x 3"
    grey, real = np.zeros(SIZE_HW, np.uint8), np.zeros((*SIZE_HW, 3), np.float32)
    refused(live, grey, 1.04, f"picture 1 is an array of uint8 and shape (96, 128); {of_rgb}")
    refused(live, real, 1.04, f"picture 1 is an array of float32 and shape (96, 128, 3); {of_rgb}")
    refused(
        live,
        spot(1, (128, 96)),
        1.04,
        "picture 1 has 96 x 128 pixels, after one of 128 x 96; expected one size, or reset() "
        "where a source changes",
    )
    for time_s in (math.nan, -1e308):
        refused(Live(**how), spot(0), time_s, f"picture 0 is at {time_s} s; {expected}")
    one += pushed(live, [spot(1), spot(2)], [1.04, 1.08])
    same(one, pushed(good, [spot(0), spot(1), spot(2)], [1.0, 1.04, 1.08]))


def test_what_is_refused_after_a_gap_does_not_count_either(how: dict, tmp_path: Path) -> None:
    how["weights"] = tiny_onnx.write_pose(tmp_path, answers=True)
    live, grey = Live(stall_s=1.0, **how), np.zeros(SIZE_HW, np.uint8)
    assert live.push(spot(0), 5.0).people.track_id.tolist() == [1]
    with pytest.raises(BadInput, match="expected RGB"):
        live.push(grey, 1e6)
    with pytest.raises(BadInput, match=r"picture 1 is at 4\.0 s, after one at 5\.0 s"):
        live.push(spot(1), 4.0)
    assert live.push(spot(1), 5.04).people.track_id.tolist() == [1]
    # Another size after a gap is right, since the source starts anew.
    assert live.push(spot(1, (120, 100)), 1e6).people.track_id.tolist() == [2]


@pytest.mark.slow
def test_what_is_no_picture_or_no_number_is_refused(how: dict) -> None:
    code = (  # in a process without type checks, which would refuse them first
        "import glpose, numpy, sys\n"
        "live = glpose.Live(weights=sys.argv[1], detector=sys.argv[2])\n"
        "rgb = numpy.zeros((8, 8, 3), 'uint8')\n"
        "for given, time_s in (('a.png', 0), (rgb, 'now'), (rgb, 10**400)):\n"
        "    try:\n"
        "        live.push(given, time_s)\n"
        "    except glpose.GLPoseError as problem:\n"
        "        print(problem)\n"
        "try:\n"
        "    glpose.Live(stall_s='2')\n"
        "except glpose.GLPoseError as problem:\n"
        "    print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, how.values())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second, huge, third = done.stdout.splitlines()
    assert first.startswith("picture 0 is str; expected RGB")
    assert second.startswith("picture 0 is at now s; expected seconds that increase")
    assert huge.startswith("picture 0 is at 1000")
    assert third == "stall_s is '2'; expected seconds above 0"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stall_s": 0.0}, "stall_s is 0.0; expected seconds above 0"),
        ({"stall_s": math.nan}, "stall_s is nan; expected seconds above 0"),
        ({"detect_every": 0}, "detect_every is 0; expected 1 or more"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, words: str, how: dict) -> None:
    with pytest.raises(BadInput, match=words):
        Live(**settings, **how)


def test_after_a_failure_of_the_networks_the_source_starts_anew(
    how: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(**how)
    live.push(spot(0), 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(
            type(live._models.estimate), "encode", lambda *_: (_ for _ in ()).throw(MemoryError)
        )
        with pytest.raises(MemoryError):
            live.push(spot(1), 0.04)
    after = live.push(spot(1), 0.04)
    assert (after.frame, after.people.track_id.tolist()) == (1, [2])


def test_numbers_may_become_too_small_whatever_the_caller_has_set(
    how: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(**how)
    kind = type(live._models.estimate)
    encode = kind.encode

    def shrinks(*given: Any) -> Any:
        assert np.exp(np.float64(-1e3)) == 0
        return encode(*given)

    monkeypatch.setattr(kind, "encode", shrinks)
    with np.errstate(under="raise"):
        assert len(live.push(spot(0), 0.0).people) == 1


def test_memory_does_not_grow_with_the_pictures(
    how: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how["weights"] = tiny_onnx.write_pose(tmp_path, **SLOTS["exact"])
    alive: set[int] = set()

    def watched(index: int, time_s: float, rgb: np.ndarray) -> Frame:
        alive.add(index)
        weakref.finalize(rgb, alive.discard, index)
        return Frame(index, time_s, rgb)

    monkeypatch.setattr("glpose.live.Frame", watched)
    live, most = Live(**how), 0
    for index, time_s in enumerate(times(20)):
        live.push(spot(index), time_s)
        most = max(most, len(alive))
    assert 3 <= most <= 4  # the key and two before it, as the slot asks
