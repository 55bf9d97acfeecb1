"""The window of frames: what a key is given."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import people
from glpose.clip import CropMemory, MemoryEntry
from glpose.runtime.card import KeySlot, NeighbourSlot, SimilarSlot, Starter, StateSlot
from glpose.types import Affine, Frame
from glpose.window import Key, SeenFrame, States, Window, remember, similar_inputs


def seen(frame: int) -> SeenFrame:
    who = people((1, 60, 40))
    given = Frame(frame, frame / 25, None)
    features = np.full((1, 1, 4, 3), frame, np.float32)
    maps = (Affine(np.eye(2, 3)),)
    return SeenFrame(frame, frame / 25, "ok", who, maps, features, features.mean((2, 3)), given)


def turned(frame: int) -> SeenFrame:
    """The same, upside down in the crop."""
    return replace(seen(frame), crop_from_image=(Affine(np.diag([-1.0, -1.0]) @ np.eye(2, 3)),))


def test_a_person_is_found_by_track_id() -> None:
    assert seen(3).row(1) == 0
    assert seen(3).row(2) == -1


def test_an_empty_pool_is_a_pool() -> None:
    """Nobody of the whole video may help: what the past remembers must not take its place."""
    card = tiny_onnx.pose_card(slots=tiny_onnx.slots(num=1, pool="all", min_score=0.6))
    past = CropMemory(8)
    remember(seen(0), card, past)
    assert len(past) == 1
    for pool, expected in ((CropMemory(8), 0), (None, 2)):
        ((_, (key,)),) = Window(card, past, pool).push(seen(1))
        assert len(key.candidates["alike"]) == expected


def test_slots_of_one_kind_may_be_several() -> None:
    slots = (
        *tiny_onnx.slots((-1, 1)),
        *tiny_onnx.slots((-2,), border="reflect")[1:],
    )
    near, far = slots[1:]
    far = type(far)("far", far.offsets, far.border)
    window = Window(tiny_onnx.pose_card(slots=(slots[0], near, far)), CropMemory(8))
    assert (window.lookback, window.lookahead) == (2, 2)
    keys = [key for frame in range(6) for _, own in window.push(seen(frame)) for key in own]
    keys += [key for _, own in window.drain() for key in own]
    filled = [
        {name: [other.frame for other in frames] for name, frames in key.neighbours.items()}
        for key in keys
    ]
    assert filled[0] == {"around": [0, 1], "far": [2]}  # reflected: two frames ahead
    assert filled[3] == {"around": [2, 4], "far": [1]}
    assert filled[5] == {"around": [4, 5], "far": [3]}


@pytest.mark.parametrize(
    ("border", "filled"),
    [("clamp", [1, 2, 3, 3]), ("key", [1, 2, 3, 3]), ("reflect", [1, 2, 2, 1])],
)
def test_a_causal_window_gives_each_frame_at_once_with_what_came_before(
    border: Any, filled: list[int]
) -> None:
    slots = tiny_onnx.slots((-2, -1, 1, 2), border=border)
    window = Window(tiny_onnx.pose_card(slots=slots), CropMemory(8), causal=True)
    assert (window.lookback, window.lookahead) == (2, 0)
    for frame in range(4):
        ((given, (key,)),) = window.push(seen(frame))
        assert given.frame == frame
    assert [other.frame for other in key.neighbours["around"]] == filled
    assert not list(window.drain())


def test_features_of_a_crop_that_is_turned_otherwise_are_left_out() -> None:
    """The nearest one that fits takes their place, as where the person is not in a frame."""
    card = tiny_onnx.pose_card(slots=tiny_onnx.slots((-1, 1)))
    window = Window(card, CropMemory(8))
    frames = [turned(i) if i in (3, 4) else seen(i) for i in range(7)]
    keys = [key for frame in frames for _, own in window.push(frame) for key in own]
    keys += [key for _, own in window.drain() for key in own]
    around = [[other.frame for other in key.neighbours["around"]] for key in keys]
    assert around == [[0, 1], [0, 2], [1, 2], [3, 4], [3, 4], [5, 6], [5, 6]]
    exact = (KeySlot("crop"), NeighbourSlot("around", (-1, 1), box="exact"))  # cut as the key is
    window = Window(tiny_onnx.pose_card(slots=exact), CropMemory(8))
    keys = [key for frame in frames for _, own in window.push(frame) for key in own]
    assert [other.frame for other in keys[3].neighbours["around"]] == [2, 4]


def test_states_of_a_crop_that_is_turned_otherwise_do_not_go_on() -> None:
    for starter in (None, Starter(min_score=0.0, every=9)):
        states = States((StateSlot("count", "next", (1, 1, 1), max_gap=2),), starter)
        given = []
        for frame in (seen(0), seen(1), turned(2), turned(3), seen(4)):
            keys = [Key(frame, 0, {}, {})]
            starts = states.starts(keys)
            given.append(float(states.inputs(keys)["count"][0, 0, 0, 0]))
            assert starts.tolist() == [starter is not None and given[-1] == 0]
            out = {"next": np.full((1, 1, 1, 1), 1 + frame.frame, np.float32)}
            states.keep(keys, out, np.ones((1, 15), np.float32), starts)
        assert given == [0, 1, 0, 3, 0]


def test_only_who_is_sure_enough_for_a_slot_is_remembered() -> None:
    """The limit, the lowest one of all slots, is itself too low."""
    strict = tiny_onnx.slots(num=1, pool="all", min_score=0.6)
    card = tiny_onnx.pose_card(slots=strict)
    for score, kept in ((0.59, 0), (0.6, 0), (0.61, 1), (0.9, 1)):
        frame = seen(0)
        who = replace(frame.people, score=np.array([score], np.float32))
        memory = CropMemory(8)
        remember(replace(frame, people=who), card, memory)
        assert len(memory) == kept, score
    alone = CropMemory(8)
    remember(seen(0), tiny_onnx.pose_card(slots=tiny_onnx.slots((-1, 1))), alone)
    assert len(alone) == 0


def test_the_frame_of_a_key_is_in_the_memory_when_the_key_is_made() -> None:
    """It was remembered before: a pool of all frames holds it, one of other frames does not."""
    for pool, expected in (("all", [0, 1]), ("other_frames", [0])):
        slots = tiny_onnx.slots(num=1, pool=pool, min_score=0.6)
        window = Window(tiny_onnx.pose_card(slots=slots), CropMemory(8))
        list(window.push(seen(0)))
        ((_, (key,)),) = window.push(seen(1))
        assert sorted(c.frame for c in key.candidates["alike"]) == expected


def key_with(embedding: list[float], *candidates: list[float]) -> Key:
    """A key whose features are 9, and candidates whose features are 1, 2, ..."""
    frame = replace(
        seen(9),
        features=np.full((1, 1, 4, 3), 9, np.float32),
        embedding=np.array([embedding], np.float32),
    )
    entries = tuple(
        MemoryEntry(
            i, 1, 0.9, np.full((1, 4, 3), i + 1, np.float16), np.array(candidate, np.float32)
        )
        for i, candidate in enumerate(candidates)
    )
    return Key(frame, 0, {}, {"alike": entries})


ALIKE = ([10.0, 10.0], [1.0, 0.0], [0.0, 1.0])
"""Products with (1, 0): 10, 1, 0; cosines: 0.71, 1, 0."""
SIMILAR: list[tuple[dict[str, Any], list[int], np.ndarray]] = [
    ({}, [1, 2], np.exp([10, 1]) / np.exp([10, 1]).sum()),
    ({"softmax_over": "all"}, [1, 2], np.exp([10, 1]) / np.exp([10, 1, 0]).sum()),
    ({"temperature": 4.0}, [1, 2], np.exp([2.5, 0.25]) / np.exp([2.5, 0.25]).sum()),
    ({"similarity": "cosine"}, [2, 1], np.exp([1, 0.5**0.5]) / np.exp([1, 0.5**0.5]).sum()),
]


@pytest.mark.parametrize(("settings", "features", "weight"), SIMILAR)
def test_similar_crops_come_as_the_slot_says(
    settings: dict[str, Any], features: list[int], weight: np.ndarray
) -> None:
    slot = SimilarSlot("alike", "alikeness", 2, **settings)
    found = similar_inputs([key_with([1, 0], *ALIKE)], slot)
    assert found["alike"].shape == (1, 2, 1, 4, 3)
    assert found["alike"][0, :, 0, 0, 0].tolist() == features
    assert found["alikeness"][0, :, 0] == pytest.approx(weight, abs=1e-7)


@pytest.mark.parametrize(("pad", "filler"), [("repeat", 1), ("key", 9), ("zeros", 0)])
def test_slots_without_a_crop_are_filled_as_the_slot_says(pad: Any, filler: int) -> None:
    keys = [key_with([1, 0], ALIKE[0]), key_with([1, 0], *ALIKE)]
    found = similar_inputs(keys, SimilarSlot("alike", "alikeness", 2, pad=pad))
    assert found["alike"][:, :, 0, 0, 0].tolist() == [[1, filler], [1, 2]]
