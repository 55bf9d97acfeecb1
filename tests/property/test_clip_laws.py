"""Laws of slots and ranking."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.clip import (
    CropMemory,
    MemoryEntry,
    global_slots,
    local_frames,
    local_offsets,
    local_weights,
    pad_rows,
    rank,
)

borders = st.sampled_from(["clamp", "key", "reflect"])
similarities = st.sampled_from(["dot", "cosine", "channel", "over_channels"])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 6), st.sets(st.integers(0, 30)), borders)
def test_slots_hold_only_frames_where_the_person_is(
    key: int, k: int, present: set[int], border: str
) -> None:
    there = present | {key}
    offsets = local_offsets(k)
    frames = local_frames(key, offsets, there.__contains__, border)  # type: ignore[arg-type]
    assert len(frames) == 2 * k
    assert set(frames) <= there
    for frame, offset in zip(frames, offsets, strict=True):
        assert abs(frame - key) <= abs(offset)
        if key + offset in there:
            assert frame == key + offset


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.sampled_from(["linear", "inverse", "exp", "softmax"]))
def test_weights_are_positive_fall_with_distance_and_sum_to_1(k: int, kind: str) -> None:
    weight = np.array(local_weights(local_offsets(k), kind))  # type: ignore[arg-type]
    assert (weight > 0).all()
    assert (np.diff(weight[:k]) > 0).all()
    assert np.isclose(weight.sum(), 1)


@st.composite
def embeddings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num = draw(st.integers(0, 8))
    return (
        rng.uniform(0, 3, 5).astype(np.float32),
        rng.uniform(0, 3, (num, 5)).astype(np.float32),
    )


@settings(max_examples=60, deadline=None)
@given(embeddings(), st.integers(0, 9), similarities, st.floats(0.05, 20))
def test_kept_weights_are_a_distribution_over_distinct_candidates(
    pair: tuple[np.ndarray, np.ndarray], num: int, similarity: str, temperature: float
) -> None:
    key, candidates = pair
    kept, weight = rank(key, candidates, num, similarity, temperature)  # type: ignore[arg-type]
    assert len(kept) == len(set(kept.tolist())) == min(num, len(candidates))
    if len(kept):
        total = weight.sum(1 if similarity == "over_channels" else 0)
        assert np.allclose(total, 1, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(embeddings(), st.integers(0, 2**32 - 1), similarities)
def test_rank_does_not_depend_on_the_order_of_candidates(
    pair: tuple[np.ndarray, np.ndarray], seed: int, similarity: str
) -> None:
    key, candidates = pair
    order = np.random.default_rng(seed).permutation(len(candidates))
    kept, weight = rank(key, candidates, 4, similarity)  # type: ignore[arg-type]
    again, weight_again = rank(key, candidates[order], 4, similarity)  # type: ignore[arg-type]
    assert order[again].tolist() == kept.tolist()
    assert np.allclose(weight, weight_again)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["repeat", "key", "zeros"]))
def test_pad_rows_uses_every_row_once_before_it_fills_up(num: int, want: int, pad: str) -> None:
    rows = pad_rows(num, want, pad)  # type: ignore[arg-type]
    assert len(rows) == want
    assert rows[: min(num, want)].tolist() == list(range(min(num, want)))
    assert (rows < max(num, 1)).all()


@settings(max_examples=60, deadline=None)
@given(embeddings(), st.integers(1, 9), similarities, st.sampled_from(["repeat", "key", "zeros"]))
def test_global_slots_are_always_filled_with_weights_that_sum_to_1(
    pair: tuple[np.ndarray, np.ndarray], num: int, similarity: str, pad: str
) -> None:
    key, candidates = pair
    rows, weight = global_slots(key, candidates, num, similarity=similarity, pad=pad)  # type: ignore[arg-type]
    assert len(rows) == len(weight) == num
    assert (rows < max(len(candidates), 1)).all()
    assert np.isfinite(weight).all()
    empty = rows == -2
    assert (weight[empty] == 0).all()
    if not empty.all():
        total = weight[~empty].sum(1) if similarity == "over_channels" else weight.sum(0)
        assert np.allclose(total, 1, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(0, 60), st.integers(0, 30), st.integers(0, 99))
def test_memory_is_bounded_and_draws_other_frames_without_repetition(
    capacity: int, offered: int, num: int, seed: int
) -> None:
    memory = CropMemory(capacity, seed)
    for frame in range(offered):
        features = np.zeros((1, 1, 1), np.float32)
        memory.add(MemoryEntry(frame, 1, 1.0, features, np.zeros(1, np.float32)))
        assert len(memory) == min(frame + 1, capacity)
    drawn = [e.frame for e in memory.draw(3, 1, num, 0.5, "other_frames")]
    assert len(drawn) == len(set(drawn)) <= num
    assert 3 not in drawn
