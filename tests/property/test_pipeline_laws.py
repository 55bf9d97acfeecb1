"""Laws of the main path, for all patterns of people, gaps and settings."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_onnx
from fake_estimator import FakeEstimator, people, picture, run, same
from glpose.clip import Border, Pad, Pool, Sampling, local_offsets
from glpose.pipeline import estimate_poses
from glpose.runtime.card import NeighbourBox, Slot
from glpose.runtime.options import Neighbours, PoseOptions
from glpose.types import Frame, FramePoses, People

Pattern = list[list[int] | None]
"""For each frame who is in it, None for a frame that cannot be decoded."""

patterns = st.lists(
    st.one_of(st.none(), st.lists(st.integers(1, 3), unique=True, max_size=3)), max_size=14
)
# Plain settings: a card made inside a strategy would have its types checked there, at random.
cards = st.fixed_dictionaries(
    {
        "offsets": st.sampled_from([local_offsets(k) for k in range(4)] + [(-3, 1), (2,)]),
        "num_global": st.integers(0, 3),
        "num_candidates": st.integers(3, 6),
        "border": st.sampled_from(get_args(Border)),
        "pool": st.sampled_from(get_args(Pool)),
        "pad": st.sampled_from(get_args(Pad)),
        "box": st.sampled_from(get_args(NeighbourBox)),
    }
)


def frames_of(pattern: Pattern) -> list[Frame]:
    return [Frame(i, i / 25, None if who is None else picture(i)) for i, who in enumerate(pattern)]


# What is built of them is checked by types, which draws random numbers: not while hypothesis draws.
options = st.fixed_dictionaries(
    {
        "flip": st.booleans(),
        "neighbours": st.sampled_from(get_args(Neighbours)),
        "sampling": st.sampled_from(get_args(Sampling)),
        "causal": st.booleans(),
    }
)


def poses_of(
    pattern: Pattern, card: tuple[Slot, ...], block: int, options: PoseOptions
) -> list[FramePoses]:
    def people_of(frame: Frame) -> People:
        who = pattern[frame.index] or []
        return people(*((t, 20 + 25 * t + frame.index, 40) for t in who))

    estimate = FakeEstimator(card)
    return run(
        frames_of(pattern),
        estimate,
        people_of,
        options=options,
        block_frames=block,
        memory_crops=5,
    )


@pytest.mark.slow
@given(patterns, cards, st.integers(2, 9), options)
@settings(max_examples=30, deadline=None)
def test_every_frame_once_in_order_and_blocks_change_nothing(
    pattern: Pattern, settings_: dict[str, Any], block: int, options: dict[str, Any]
) -> None:
    card, how = tiny_onnx.slots(**settings_), PoseOptions(**options)
    one = poses_of(pattern, card, 1, how)
    assert [p.frame for p in one] == list(range(len(pattern)))
    assert [p.status == "undecodable" for p in one] == [who is None for who in pattern]
    assert [p.people.track_id.tolist() for p in one] == [who or [] for who in pattern]
    same(one, poses_of(pattern, card, block, how))


@pytest.mark.slow
@given(patterns, patterns, cards, st.integers(1, 9), options)
@settings(max_examples=30, deadline=None)
def test_what_comes_later_changes_nothing_where_the_past_decides(
    pattern: Pattern, more: Pattern, settings_: dict[str, Any], block: int, options: dict[str, Any]
) -> None:
    card, how = tiny_onnx.slots(**settings_), PoseOptions(**{**options, "causal": True})
    longer = poses_of(pattern + more, card, block, how)
    same(longer[: len(pattern)], poses_of(pattern, card, 1, how))


@given(
    st.lists(
        st.tuples(st.floats(30, 90), st.floats(25, 55), st.floats(-5, 5), st.floats(-5, 5)),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.7, 2),
)
@settings(max_examples=25, deadline=None)
def test_a_moving_dot_is_recovered_within_a_heatmap_cell(
    path: list[tuple[float, float, float, float]], size: float
) -> None:
    def box(index: int) -> np.ndarray:
        x, y, dx, dy = path[index]
        half = size * np.array([12, 16])
        middle = np.array([x + dx, y + dy])
        return np.concatenate([middle - half, middle + half]).astype(np.float32)

    def frame(index: int) -> Frame:
        rows, columns = np.mgrid[:80, :120]
        x, y, _, _ = path[index]
        dot = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
        return Frame(index, index / 25, np.repeat(dot[..., None], 3, 2).astype(np.uint8))

    def people_of(frame: Frame) -> People:
        return People(box(frame.index)[None], np.ones(1, np.float32), np.ones(1, np.int64))

    estimate = FakeEstimator()
    got = list(estimate_poses(map(frame, range(len(path))), people_of, estimate))
    for (_, poses), (x, y, _, _) in zip(got, path, strict=True):
        cell_px = 4 * size * 24 * 1.25 / 48  # 4 crop pixels, seen in the picture
        assert np.abs(poses.xy[0, 0] - [x, y]).max() < cell_px
