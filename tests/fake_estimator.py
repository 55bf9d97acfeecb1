"""An estimator without networks, and small videos and people for it."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import tiny_onnx
from glpose.pipeline import PeopleOf, estimate_poses
from glpose.runtime.card import PoseCard, Slot
from glpose.runtime.protocols import Encoded, Estimator
from glpose.types import Frame, FramePoses, People

SIZE_HW = (80, 120)


@dataclass
class FakeEstimator:
    """Features are the crop's brightness over 4x4 pixels; joint 0 is the key's, the others mixed.

    The mixture depends on every slot, its order and its weight, so that any change of what a key
    is given shows in the heatmaps.
    """

    slots: tuple[Slot, ...] = tiny_onnx.SLOTS
    encoded: list[int] = field(default_factory=list)
    card: PoseCard = field(init=False)

    def __post_init__(self) -> None:
        self.card = tiny_onnx.pose_card(slots=self.slots)

    def encode(self, crops: np.ndarray) -> Encoded:
        self.encoded.append(len(crops))
        n, h, w, _ = crops.shape
        grey = crops.astype(np.float32).mean(-1) / 255
        features = grey.reshape(n, 1, h // 4, 4, w // 4, 4).mean((3, 5))
        return Encoded(features, np.concatenate([features.mean((2, 3)), features.std((2, 3))], 1))

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert set(inputs) == set(self.card.inputs)
        key = inputs[self.card.slots[0].name]
        mixed = key[:, 0].copy()
        arrays = []
        for slot in self.card.neighbours:
            assert inputs[slot.name].shape[:2] == (len(key), len(slot.offsets))
            arrays.append(inputs[slot.name][:, :, 0])
            if slot.flow:
                arrays.append(np.hypot(*np.moveaxis(inputs[slot.flow], 2, 0)))
        for slot in self.card.similar:
            weight = inputs[slot.weight]
            assert inputs[slot.name].shape[:2] == weight.shape[:2] == (len(key), slot.num)
            arrays.append(inputs[slot.name][:, :, 0] * weight[:, :, :1, None])
        for slots in arrays:
            for number in range(slots.shape[1]):
                mixed += 0.1 * (number + 1) * slots[:, number]
        others = [mixed / 4] * (len(self.card.joints.joints) - 1)
        return {"heatmaps": np.stack([key[:, 0], *others], 1).astype(np.float32)}


def people(*boxes: tuple[int, float, float], score: float = 0.9) -> People:
    """People of 24x32 pixels: (track_id, centre x, centre y)."""
    xyxy = [[x - 12, y - 16, x + 12, y + 16] for _, x, y in boxes]
    track_id = np.array([number for number, _, _ in boxes], np.int64)
    return People(
        np.array(xyxy, np.float32).reshape(-1, 4), np.full(len(boxes), score, np.float32), track_id
    )


@cache
def picture(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (*SIZE_HW, 3), np.uint8)


def video(num: int, *, bad: tuple[int, ...] = (), first: int = 0) -> list[Frame]:
    return [Frame(i, i / 25, None if i in bad else picture(i)) for i in range(first, first + num)]


def one_person(frame: Frame) -> People:
    return people((7, 50 + frame.index, 40))


def run(
    frames: list[Frame], estimate: FakeEstimator, people_of: PeopleOf = one_person, **more: Any
) -> list[FramePoses]:
    return [poses for _, poses in estimate_poses(frames, people_of, estimate, **more)]


def same(a: list[FramePoses], b: list[FramePoses]) -> None:
    assert [p.frame for p in a] == [p.frame for p in b]
    for one, two in zip(a, b, strict=True):
        assert one.status == two.status
        np.testing.assert_array_equal(one.people.track_id, two.people.track_id)
        np.testing.assert_array_equal(one.xy, two.xy)
        np.testing.assert_array_equal(one.score, two.score)


def maps(estimate: Estimator, pictures: np.ndarray) -> np.ndarray:
    """Heatmaps of the crops themselves; as many slots as the card wants, of the same crops."""
    key = estimate.encode(pictures).features
    inputs = {estimate.card.slots[0].name: key}
    for slot in estimate.card.neighbours:
        inputs[slot.name] = np.stack([np.roll(key, i + 1, 0) for i in range(len(slot.offsets))], 1)
    for slot in estimate.card.similar:
        inputs[slot.name] = np.stack([np.roll(key, -i - 1, 0) for i in range(slot.num)], 1)
        inputs[slot.weight] = np.full((len(key), slot.num, 1), 0.5, np.float32)
    return estimate.solve(inputs)["heatmaps"]
