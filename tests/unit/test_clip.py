"""Slots, weights, borders, the crop memory and the ranking, against hand cases."""

import numpy as np
import pytest

from glpose.clip import (
    CropMemory,
    MemoryEntry,
    evenly_spaced,
    global_slots,
    local_frames,
    local_offsets,
    local_weights,
    pad_rows,
    rank,
)


def test_offsets_are_in_order_of_time_without_the_key() -> None:
    assert local_offsets(0) == ()
    assert local_offsets(2) == (-2, -1, 1, 2)
    assert local_offsets(2, 3) == (-6, -3, 3, 6)


def test_linear_weights_for_k_4_fall_by_a_twentieth_a_frame() -> None:
    expected = [0.05, 0.10, 0.15, 0.20, 0.20, 0.15, 0.10, 0.05]
    assert local_weights(local_offsets(4), "linear") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "one_to_two"),
    [("linear", 2.0), ("inverse", 2.0), ("exp", 2.0), ("softmax", np.e), ("ones", 1.0)],
)
def test_weights_fall_with_distance_as_named(kind: str, one_to_two: float) -> None:
    weight = local_weights(local_offsets(2), kind)  # type: ignore[arg-type]
    assert weight[1] / weight[0] == pytest.approx(one_to_two)
    assert weight == pytest.approx(weight[::-1])
    assert sum(weight) == pytest.approx(4 if kind == "ones" else 1)


def test_no_slots_have_no_weights() -> None:
    assert local_weights((), "linear") == ()


BORDERS = [
    # At the start of a video of 10 frames; in its middle; at its end.
    (0, "clamp", [0, 0, 1, 2]),
    (0, "key", [0, 0, 1, 2]),
    (0, "reflect", [2, 1, 1, 2]),
    (1, "clamp", [0, 0, 2, 3]),
    (1, "key", [1, 0, 2, 3]),
    (1, "reflect", [3, 0, 2, 3]),
    (5, "clamp", [3, 4, 6, 7]),
    (5, "key", [3, 4, 6, 7]),
    (5, "reflect", [3, 4, 6, 7]),
    (9, "clamp", [7, 8, 9, 9]),
    (9, "key", [7, 8, 9, 9]),
    (9, "reflect", [7, 8, 8, 7]),
]


@pytest.mark.parametrize(("key", "border", "expected"), BORDERS)
def test_borders_of_a_video(key: int, border: str, expected: list[int]) -> None:
    found = local_frames(key, local_offsets(2), lambda f: 0 <= f < 10, border)  # type: ignore[arg-type]
    assert found == expected


def test_a_gap_of_the_track_is_filled_like_a_border() -> None:
    present = {3, 5, 6, 8}.__contains__
    assert local_frames(5, local_offsets(2), present, "clamp") == [3, 5, 6, 6]
    assert local_frames(5, local_offsets(2), present, "key") == [3, 5, 6, 5]
    assert local_frames(5, local_offsets(2), present, "reflect") == [3, 6, 6, 3]


@pytest.mark.parametrize("border", ["clamp", "key", "reflect"])
def test_a_lone_frame_helps_itself(border: str) -> None:
    found = local_frames(7, local_offsets(3), lambda f: f == 7, border)  # type: ignore[arg-type]
    assert found == [7] * 6


def entry(frame: int, track_id: int = 1, score: float = 0.9) -> MemoryEntry:
    empty = np.zeros((1, 1, 1), np.float32)
    return MemoryEntry(frame, track_id, score, empty, np.array([frame], np.float32))


ENTRIES = [entry(frame) for frame in range(500)]


def memory_of(num: int, capacity: int, seed: int = 0) -> CropMemory:
    memory = CropMemory(capacity, seed)
    for offered in ENTRIES[:num]:
        memory.add(offered)
    return memory


def frames_of(entries: list[MemoryEntry]) -> list[int]:
    return [e.frame for e in entries]


def test_memory_is_bounded_and_repeats_with_its_seed() -> None:
    memory = memory_of(500, 20)
    assert len(memory) == 20
    everything = frames_of(memory.draw(-1, 0, 100, 0.0, "all"))
    assert everything == frames_of(memory_of(500, 20).draw(-1, 0, 100, 0.0, "all"))
    assert everything != frames_of(memory_of(500, 20, seed=1).draw(-1, 0, 100, 0.0, "all"))


def test_without_a_seed_the_seed_is_0() -> None:
    plain = CropMemory(20)
    for offered in ENTRIES:
        plain.add(offered)
    seeded = memory_of(500, 20, seed=0)
    assert frames_of(plain.draw(3, 1, 5, 0.0, "all")) == frames_of(seeded.draw(3, 1, 5, 0.0, "all"))


def test_every_crop_has_the_same_chance_to_be_kept() -> None:
    kept = np.zeros(30)
    for seed in range(300):
        kept[frames_of(memory_of(30, 10, seed).draw(-1, 0, 100, 0.0, "all"))] += 1
    # Binomial(300, 1/3): 100 with a standard deviation of 8.2.
    assert kept.sum() == 3000
    assert np.abs(kept - 100).max() < 4 * 8.2


def test_of_two_crops_the_second_takes_the_only_place_half_of_the_time() -> None:
    kept = [frames_of(memory_of(2, 1, seed).draw(-1, 0, 1, 0.0, "all")) for seed in range(300)]
    # Binomial(300, 1/2): 150 with a standard deviation of 8.7.
    assert abs(kept.count([1]) - 150) < 4 * 8.7


def test_a_draw_does_not_depend_on_earlier_draws() -> None:
    memory = memory_of(50, 40)
    first = frames_of(memory.draw(3, 1, 8, 0.0, "other_frames"))
    for key in range(10):
        memory.draw(key, 2, 5, 0.0, "all")
    assert frames_of(memory.draw(3, 1, 8, 0.0, "other_frames")) == first
    assert frames_of(memory.draw(4, 1, 8, 0.0, "other_frames")) != first
    assert len(set(first)) == 8


def test_pools_leave_out_the_key_frame_or_only_the_key_crop() -> None:
    memory = CropMemory(10)
    for frame, track in ((0, 1), (0, 2), (1, 1), (1, 2)):
        memory.add(entry(frame, track))

    def drawn(pool: str) -> list[tuple[int, int]]:
        found = memory.draw(0, 1, 10, 0.0, pool)  # type: ignore[arg-type]
        return [(e.frame, e.track_id) for e in found]

    assert drawn("other_frames") == [(1, 1), (1, 2)]
    assert drawn("other_crops") == [(0, 2), (1, 1), (1, 2)]
    assert drawn("all") == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_weak_boxes_are_not_drawn() -> None:
    """As in the group's code the limit itself is too low, also in single precision."""
    memory = CropMemory(10)
    for frame, score in enumerate((0.3, 0.6, float(np.float32(0.6)), 0.8)):
        memory.add(entry(frame, score=score))
    assert frames_of(memory.draw(9, 1, 10, 0.6, "other_frames")) == [3]
    assert [e.frame for e in memory] == [0, 1, 2, 3]


KEY = np.array([1.0, 2.0], np.float32)
CANDIDATES = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 2.0], [0.0, 0.0]], np.float32)
DOT = np.array([1.0, 6.0, 6.0, 0.0])  # ties keep their order


def softmax(x: np.ndarray, axis: int = 0) -> np.ndarray:
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


def test_rank_keeps_the_most_similar_best_first() -> None:
    kept, weight = rank(KEY, CANDIDATES, 3)
    assert kept.tolist() == [1, 2, 0]
    assert weight[:, 0] == pytest.approx(softmax(DOT[[1, 2, 0]]))
    assert weight.shape == (3, 1)


def test_many_equally_similar_candidates_keep_their_order() -> None:
    # Sorting of fewer than 16 happens to be stable whatever is asked for.
    alike = np.ones((60, 2), np.float32)
    alike[::7] *= 2
    kept, _ = rank(KEY, alike, 60)
    assert kept.tolist() == [*range(0, 60, 7), *(i for i in range(60) if i % 7)]


def test_softmax_over_all_leaves_less_to_the_kept() -> None:
    _, weight = rank(KEY, CANDIDATES, 2, temperature=2.0, softmax_over="all")
    assert weight[:, 0] == pytest.approx(softmax(DOT / 2)[[1, 2]])
    assert weight.sum() < 1


def test_cosine_ignores_lengths() -> None:
    kept, weight = rank(KEY, CANDIDATES, 4, similarity="cosine")
    cosine = np.array([1, 6, 6, 0]) / np.sqrt(5) / np.array([1, 3, np.sqrt(8), 1])
    assert kept.tolist() == [2, 1, 0, 3]
    assert weight[:, 0] == pytest.approx(softmax(cosine[[2, 1, 0, 3]]))
    _, of_short = rank(KEY / 1000, CANDIDATES / 1000, 4, similarity="cosine")
    assert of_short == pytest.approx(weight)


def test_channel_weights_sum_to_1_in_each_channel() -> None:
    kept, weight = rank(KEY, CANDIDATES, 3, similarity="channel")
    product = (CANDIDATES * KEY)[kept]
    assert weight == pytest.approx(softmax(product, 0))
    assert weight.sum(0) == pytest.approx([1, 1])


def test_over_channels_weights_sum_to_1_in_each_crop() -> None:
    kept, weight = rank(KEY, CANDIDATES, 3, similarity="over_channels", temperature=0.5)
    assert weight == pytest.approx(softmax((CANDIDATES * KEY)[kept] / 0.5, 1))


@pytest.mark.parametrize("similarity", ["dot", "cosine", "channel", "over_channels"])
def test_few_or_no_candidates_give_few_or_no_rows(similarity: str) -> None:
    columns = 1 if similarity in ("dot", "cosine") else 2
    for num in (0, 1, 2):
        kept, weight = rank(KEY, CANDIDATES[:num], 6, similarity)  # type: ignore[arg-type]
        assert len(kept) == num
        assert weight.shape == (num, columns)


def test_large_similarities_do_not_overflow() -> None:
    _, weight = rank(KEY * 1e4, CANDIDATES * 1e4, 2)
    assert weight[:, 0] == pytest.approx([0.5, 0.5])
    one_large = np.array([1e4, 1.0], np.float32)
    _, weight = rank(one_large, np.ones((2, 2), np.float32), 2, similarity="channel")
    assert weight == pytest.approx(np.full((2, 2), 0.5))


@pytest.mark.parametrize(
    ("num", "pad", "expected"),
    [
        (2, "repeat", [0, 1, 0, 1, 0]),
        (2, "key", [0, 1, -1, -1, -1]),
        (2, "zeros", [0, 1, -2, -2, -2]),
        (1, "repeat", [0] * 5),
        (0, "repeat", [-1] * 5),
        (0, "key", [-1] * 5),
        (0, "zeros", [-2] * 5),
        (7, "repeat", [0, 1, 2, 3, 4]),
        (7, "zeros", [0, 1, 2, 3, 4]),
    ],
)
def test_pad_rows(num: int, pad: str, expected: list[int]) -> None:
    assert pad_rows(num, 5, pad).tolist() == expected  # type: ignore[arg-type]


def test_enough_candidates_are_just_ranked() -> None:
    rows, weight = global_slots(KEY, CANDIDATES, 3, pad="zeros")
    kept, expected = rank(KEY, CANDIDATES, 3)
    assert rows.tolist() == kept.tolist()
    assert (weight == expected).all()


def test_slots_weigh_as_the_softmax_is_asked_for() -> None:
    _, weight = global_slots(KEY, CANDIDATES, 2, temperature=2.0, softmax_over="all")
    assert weight[:, 0] == pytest.approx(softmax(DOT / 2)[[1, 2]])


def test_filled_slots_share_the_weight() -> None:
    a, b = softmax(np.array([6.0, 1.0]))  # of candidates 1 and 0
    rows, weight = global_slots(KEY, CANDIDATES[:2], 3, pad="repeat")
    assert rows.tolist() == [1, 0, 1]
    assert weight[:, 0] == pytest.approx(np.array([a, b, a]) / (2 * a + b))
    rows, weight = global_slots(KEY, CANDIDATES[:2], 3, pad="key")
    assert rows.tolist() == [1, 0, -1]
    assert weight[:, 0] == pytest.approx(np.array([a, b, 0.5]) / 1.5)
    rows, weight = global_slots(KEY, CANDIDATES[:2], 3, pad="zeros")
    assert rows.tolist() == [1, 0, -2]
    assert weight[:, 0] == pytest.approx([a, b, 0])


@pytest.mark.parametrize("similarity", ["dot", "cosine", "channel", "over_channels"])
@pytest.mark.parametrize(("pad", "row"), [("repeat", -1), ("key", -1), ("zeros", -2)])
@pytest.mark.parametrize("num", [1, 4])
def test_without_candidates_the_key_or_nothing_fills_all_slots(
    similarity: str, pad: str, row: int, num: int
) -> None:
    rows, weight = global_slots(KEY, CANDIDATES[:0], num, similarity=similarity, pad=pad)  # type: ignore[arg-type]
    assert rows.tolist() == [row] * num
    assert np.isfinite(weight).all()
    if pad == "zeros":
        assert (weight == 0).all()
    else:
        total = weight.sum(1 if similarity == "over_channels" else 0)
        assert total == pytest.approx(np.ones_like(total))


def test_even_candidates_are_spread_over_time_however_they_came() -> None:
    memory = CropMemory(20, sampling="even")
    for frame in (5, 0, 9, 3, 1, 8, 2, 7, 4, 6):
        memory.add(entry(frame))
    assert frames_of(memory.draw(-1, 0, 4, 0.0, "all")) == [0, 3, 6, 9]
    assert frames_of(memory.draw(0, 1, 3, 0.0, "other_frames")) == [1, 5, 9]
    assert sorted(frames_of(memory.draw(0, 1, 9, 0.0, "other_frames"))) == list(range(1, 10))


@pytest.mark.parametrize(("num", "want"), [(5, 5), (100, 20), (21, 20), (3, 1), (1, 0)])
def test_evenly_spaced_places_are_different(num: int, want: int) -> None:
    places = evenly_spaced(num, want)
    assert len({*places.tolist()}) == want
    assert (places < num).all()
