"""The window of frames: what a key is given."""

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
