"""Flow inputs: where what a key shows is in the maps of its neighbours."""

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, one_person, people, run, same, video
from glpose.alignment import Alignment
from glpose.crop import crop_from_image
from glpose.flow import Motions
from glpose.runtime.card import NeighbourSlot
from glpose.runtime.flip import Mirrored
from glpose.types import Frame, People
from glpose.window import Key, SeenFrame

CARD = tiny_onnx.pose_card()
SLOT = NeighbourSlot("around", (-1, 1), flow="gone")
MOVED = np.array([6.0, -3.0])


def constant(moved: np.ndarray) -> object:
    """A flow by which everything moves alike; it counts how often it is asked."""

    def flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        flow.asked += 1  # type: ignore[attr-defined]
        return np.broadcast_to(moved, (*a.shape[:2], 2)).astype(np.float32)

    flow.asked = 0  # type: ignore[attr-defined]
    return flow


def seen(index: int, people_of: People, size_hw: tuple[int, int] | None = (80, 120)) -> SeenFrame:
    rgb = None if size_hw is None else np.zeros((*size_hw, 3), np.uint8)
    maps = tuple(crop_from_image(xyxy, CARD.crop) for xyxy in people_of.xyxy)
    features = np.zeros((len(people_of), 1, *tiny_onnx.MAP_HW), np.float32)
    frame = Frame(index, index / 25, rgb)
    return SeenFrame(
        index, frame.time_s, frame.status, people_of, maps, features, features[:, 0, 0], frame, rgb
    )


def key(frames: list[SeenFrame], at: int = 0, row: int = 0) -> Key:
    return Key(frames[at], row, {"around": tuple(frames[1:])}, {})


def zoom() -> np.ndarray:
    """Map pixels for each pixel of the picture."""
    xyxy = people((7, 50, 40)).xyxy[0]
    to_map = CARD.codec.crop_from_map(CARD.crop).inverse() @ crop_from_image(xyxy, CARD.crop)
    return to_map.matrix[[0, 1], [0, 1]]


def test_with_the_box_of_the_key_a_map_moves_as_the_picture_does() -> None:
    frames = [seen(i, people((7, 50, 40))) for i in range(3)]
    align = Alignment(CARD.crop, CARD.codec, Motions(constant(MOVED)))  # type: ignore[arg-type]
    found = align.inputs([key(frames)], SLOT, exact=True)
    assert found.shape == (1, 2, 2, *tiny_onnx.MAP_HW)
    np.testing.assert_allclose(found[0, 0, 0], MOVED[0] * zoom()[0], rtol=1e-5)
    np.testing.assert_allclose(found[0, 1, 1], MOVED[1] * zoom()[1], rtol=1e-5)


def test_a_box_that_goes_with_the_person_leaves_nothing_to_move() -> None:
    frames = [seen(0, people((7, 50, 40))), *(seen(i, people((7, 56, 37))) for i in (1, 2))]
    align = Alignment(CARD.crop, CARD.codec, Motions(constant(MOVED)))  # type: ignore[arg-type]
    np.testing.assert_allclose(align.inputs([key(frames)], SLOT, exact=False), 0, atol=1e-4)


def test_without_flow_only_the_crops_differ() -> None:
    """Where a neighbour cannot be decoded or is of another size."""
    for size_hw in (None, (60, 120)):
        frames = [
            seen(0, people((7, 50, 40))),
            *(seen(i, people((7, 56, 37)), size_hw) for i in (1, 2)),
        ]
        flow = constant(MOVED)
        align = Alignment(CARD.crop, CARD.codec, Motions(flow))  # type: ignore[arg-type]
        found = align.inputs([key(frames)], SLOT, exact=False)
        np.testing.assert_allclose(found[0, 0, 0], -MOVED[0] * zoom()[0], rtol=1e-4)
        assert flow.asked == 0  # type: ignore[attr-defined]


def test_the_key_itself_does_not_move_and_each_pair_is_searched_once() -> None:
    two = people((7, 50, 40), (8, 80, 40))
    frames = [seen(i, two) for i in (0, 2)]  # two apart, so that no other caller asks
    flow = constant(MOVED)
    align = Alignment(CARD.crop, CARD.codec, Motions(flow))  # type: ignore[arg-type]
    keys = [Key(frames[0], row, {"around": (frames[0], frames[1])}, {}) for row in (0, 1)]
    found = align.inputs(keys, SLOT, exact=False)
    assert not found[:, 0].any()
    assert found[:, 1].all()
    align.inputs(keys, SLOT, exact=False)
    assert flow.asked == 1  # type: ignore[attr-defined]


def test_keys_of_two_frames_have_flow_of_their_own_to_a_shared_neighbour() -> None:
    frames = [seen(i, people((7, 50, 40))) for i in range(3)]
    for number, frame in enumerate(frames):
        assert frame.rgb is not None
        frame.rgb[:] = number

    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        return np.full((*a.shape[:2], 2), 1 + a[0, 0, 0], np.float32)

    align = Alignment(CARD.crop, CARD.codec, Motions(flow))
    keys = [Key(frames[i], 0, {"around": (frames[2], frames[2])}, {}) for i in (0, 1)]
    found = align.inputs(keys, SLOT, exact=True)
    for one, moved in zip(found, (1, 2), strict=True):
        np.testing.assert_allclose(one[:, 0], moved * zoom()[0], rtol=1e-5)


@pytest.mark.parametrize("box", ["own", "exact"])
def test_the_pipeline_fills_flow_inputs_and_blocks_change_nothing(box: str) -> None:
    slots = (
        tiny_onnx.SLOTS[0],
        NeighbourSlot("around", (-1, 1), box=box, flow="gone"),  # type: ignore[arg-type]
    )
    one = run(video(7, bad=(3,)), FakeEstimator(slots), one_person, block_frames=1)
    same(one, run(video(7, bad=(3,)), FakeEstimator(slots), one_person, block_frames=5))
    without = (slots[0], NeighbourSlot("around", (-1, 1), box=box))  # type: ignore[arg-type]
    plain = run(video(7, bad=(3,)), FakeEstimator(without), one_person)
    assert any(not np.allclose(a.xy, b.xy, equal_nan=True) for a, b in zip(one, plain, strict=True))


def test_in_a_mirror_what_moves_right_moves_left() -> None:
    estimate = FakeEstimator((tiny_onnx.SLOTS[0], SLOT))
    assert estimate.card.inputs == ("crop", "around", "gone")
    given = []
    estimate.solve = lambda inputs: (
        given.append(inputs)
        or {  # type: ignore[method-assign]
            "heatmaps": np.zeros((1, 15, *tiny_onnx.MAP_HW), np.float32)
        }
    )
    gone = np.random.default_rng(0).normal(size=(1, 2, 2, *tiny_onnx.MAP_HW)).astype(np.float32)
    features = np.zeros((1, 2, *tiny_onnx.MAP_HW), np.float32)
    around = np.zeros((1, 2, 2, *tiny_onnx.MAP_HW), np.float32)
    Mirrored(estimate).solve({"crop": features, "around": around, "gone": gone})
    plain, mirrored = (inputs["gone"] for inputs in given)
    np.testing.assert_array_equal(plain, gone)
    np.testing.assert_array_equal(mirrored[:, :, 0], -gone[:, :, 0, :, ::-1])
    np.testing.assert_array_equal(mirrored[:, :, 1], gone[:, :, 1, :, ::-1])
