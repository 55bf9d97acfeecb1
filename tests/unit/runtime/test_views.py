"""Views of crops, turned and scaled: what is turned, divided and averaged."""

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, maps, run, same, video
from glpose.crop import cut, view_from_crop
from glpose.errors import BadConfig
from glpose.runtime.card import KeySlot, NeighbourSlot, Slot, StateSlot
from glpose.runtime.flip import Mirrored
from glpose.runtime.options import PoseOptions, View
from glpose.runtime.protocols import Encoded
from glpose.runtime.views import Viewed, with_views

VIEWS = (View(-20.0), View(20.0, 1.2), View(0.0, 0.9))


class Answering(FakeEstimator):
    """Also answers from each crop alone: the brightness, for every joint."""

    def encode(self, crops: np.ndarray) -> Encoded:
        encoded = super().encode(crops)
        maps = encoded.features.repeat(len(self.card.joints.joints), 1)
        return Encoded(encoded.features, encoded.embedding, {"heatmaps": maps})


def blobs(num: int = 3) -> np.ndarray:
    """Crops with a bright, smooth blob off the centre."""
    height, width = tiny_onnx.CROP_HW
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(0)
    centres = rng.uniform(0.35, 0.65, (num, 2)) * [height, width]
    squares = ((y - a) ** 2 + (x - b) ** 2 for a, b in centres)
    grey = np.stack([250 * np.exp(-d / (2 * 36.0)) for d in squares])
    return grey[..., None].repeat(3, -1).astype(np.uint8)


def test_who_sees_turned_crops_as_they_are_is_not_changed() -> None:
    """All slots are turned with the key: with one that is not, the blobs would not be one place."""
    inner = FakeEstimator()
    turns = tuple(View(view.turn_deg) for view in VIEWS)  # scaled ones make blobs of other sizes
    once, often = maps(inner, blobs()), maps(Viewed(FakeEstimator(), turns), blobs())
    np.testing.assert_allclose(often, once, atol=0.02 * once.max())


def test_the_answer_is_the_mean_of_the_crop_and_of_all_views() -> None:
    spec, pictures = tiny_onnx.pose_card().crop, blobs()

    class Gives(Answering):
        """Answers what it has seen, so that each view can be told."""

        seen: list[np.ndarray]

        def encode(self, crops: np.ndarray) -> Encoded:
            self.seen = [*getattr(self, "seen", []), crops]
            return super().encode(crops)

    inner = Gives()
    encoded = Viewed(inner, VIEWS).encode(pictures)
    turned = [view_from_crop(spec, view.turn_deg, view.scale) for view in VIEWS]
    np.testing.assert_array_equal(inner.seen[0], pictures)
    for seen, turn in zip(inner.seen[1:], turned, strict=True):
        np.testing.assert_array_equal(seen, np.stack([cut(p, turn, spec) for p in pictures]))
    assert encoded.features.shape[1] == 4
    plain = Answering().encode(pictures)
    assert encoded.maps is not None
    assert plain.maps is not None
    np.testing.assert_array_equal(encoded.embedding, plain.embedding)
    whole = plain.maps["heatmaps"]
    np.testing.assert_allclose(encoded.maps["heatmaps"], whole, atol=0.02 * whole.max())


def test_each_place_has_the_mean_of_the_views_that_show_it() -> None:
    class Same(FakeEstimator):
        """Sees the same everywhere."""

        def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"heatmaps": np.ones_like(super().solve(inputs)["heatmaps"])}

    found = maps(Viewed(Same(), (View(-20.0, 0.8), View(20.0, 1.3))), blobs())
    np.testing.assert_allclose(found, 1.0, atol=1e-4)


def test_views_are_put_together_and_change_the_poses() -> None:
    both = PoseOptions(flip=True, views=VIEWS)
    look = with_views(FakeEstimator(), both)
    assert isinstance(look, Viewed)
    assert look.encode(blobs()).features.shape[1] == 8
    by_hand = run(video(4), Viewed(Mirrored(FakeEstimator()), VIEWS))  # type: ignore[arg-type]
    same(run(video(4), FakeEstimator(), options=both), by_hand)
    plain = run(video(4), FakeEstimator(), options=PoseOptions(flip=True))
    assert not np.array_equal(plain[0].score, by_hand[0].score)


STATE = (KeySlot("crop"), StateSlot("state", "next", (1, 4, 4)))
FLOW = (KeySlot("crop"), NeighbourSlot("around", (-1, 1), box="exact", flow="flow"))


@pytest.mark.parametrize("slots", [STATE, FLOW])
def test_states_and_flow_cannot_be_viewed(slots: tuple[Slot, ...]) -> None:
    estimate = FakeEstimator()
    order = "in_time" if slots is STATE else "any"
    estimate.card = tiny_onnx.pose_card(slots=slots, order=order)
    with pytest.raises(BadConfig, match=r"views are 3, but '.*' has states or flow; expected none"):
        with_views(estimate, PoseOptions(views=VIEWS))
