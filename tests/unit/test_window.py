"""The window of frames: what a key is given."""

from dataclasses import replace

import numpy as np

import tiny_onnx
from fake_estimator import people
from glpose.clip import CropMemory
from glpose.types import Affine, Frame
from glpose.window import SeenFrame, Window, remember


def seen(frame: int) -> SeenFrame:
    who = people((1, 60, 40))
    given = Frame(frame, frame / 25, None)
    features = np.full((1, 1, 4, 3), frame, np.float32)
    maps = (Affine(np.eye(2, 3)),)
    return SeenFrame(frame, frame / 25, "ok", who, maps, features, features.mean((2, 3)), given)


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


def test_only_who_is_sure_enough_for_a_slot_is_remembered() -> None:
    """The limit is inclusive, and the lowest one of all slots."""
    strict = tiny_onnx.slots(num=1, pool="all", min_score=0.6)
    card = tiny_onnx.pose_card(slots=strict)
    for score, kept in ((0.59, 0), (0.6, 1), (0.9, 1)):
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
