"""What is written is read: results and boxes round-trip up to their decimals."""

import json
import math
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.config import real_number
from glpose.errors import BadInput
from glpose.formats.results import ResultWriter, header, load, read_boxes, write_boxes
from glpose.skeleton import SKELETONS, Skeleton
from glpose.types import BeforeSmoothing, FramePoses, People, PosesInSpace, VideoInfo

_seed = st.integers(0, 2**32 - 1)
# Made in the test: the check of its types takes one of several items by `random`.
_videos = st.fixed_dictionaries(
    {
        "name": st.text(max_size=12),
        "size_hw": st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
        "rate_hz": st.floats(0, 1000),
        "num_frames": st.none() | st.integers(0, 10**9),
        "duration_s": st.none() | st.floats(0, 1e6),
        "rotation_deg": st.sampled_from((0, 90, 180, 270)),
    }
)
_settings = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5), max_size=3
)


def people(rng: np.random.Generator) -> People:
    n = int(rng.integers(0, 4))
    low = rng.uniform(-500, 5000, (n, 2))
    xyxy = np.concatenate([low, low + rng.uniform(1, 2000, (n, 2))], 1).astype(np.float32)
    track_id = np.sort(rng.permutation(50)[:n]).astype(np.int64) + 1
    return People(xyxy, rng.random(n, np.float32), track_id)


def poses(frame: int, skeleton: Skeleton, rng: np.random.Generator) -> FramePoses:
    who = people(rng)
    xy = rng.uniform(-500, 5000, (len(who), len(skeleton.joints), 2)).astype(np.float32)
    score = rng.random(xy.shape[:2], np.float32)
    missing = rng.random(score.shape) < 0.2
    xy[missing], score[missing] = np.nan, 0
    before = None
    if len(who) and rng.random() < 0.5:
        filled, outlier = rng.random((2, *score.shape)) < 0.1
        before = BeforeSmoothing(np.where(filled[..., None], np.nan, xy + 1), filled, outlier)
    return FramePoses(frame, frame / 30, who, xy, score, before=before)


def same_people(a: People, b: People) -> None:
    np.testing.assert_array_equal(a.track_id, b.track_id)
    np.testing.assert_allclose(a.xyxy, b.xyxy, rtol=0, atol=0.006)
    np.testing.assert_allclose(a.score, b.score, rtol=0, atol=0.51e-4)


@given(
    st.floats() | st.fractions() | st.none(),
    st.none() | st.floats(),
    st.floats() | st.fractions() | st.floats(width=32).map(np.float32) | st.just(Path("a")),
)
@settings(deadline=None)
def test_any_header_is_read(rate_hz: Any, duration_s: float | None, setting: Any) -> None:
    video = object.__new__(VideoInfo)  # whatever a source says
    parts = {"rate_hz": rate_hz, "duration_s": duration_s, "name": "a", "size_hw": (8, 8)}
    for part in fields(VideoInfo):
        object.__setattr__(video, part.name, parts.get(part.name, part.default))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "poses.jsonl")
        first = header(video, SKELETONS["coco17"], {}, {"a": setting})
        path.write_text(json.dumps(first, allow_nan=False))
        result = load(path)
    known = real_number(rate_hz)
    if known is None or not abs(known) < 1e300:
        assert math.isnan(result.video.rate_hz)
    else:
        assert result.video.rate_hz == known


def test_what_would_not_be_read_is_not_written() -> None:
    skeleton = SKELETONS["coco17"]
    who = People(np.array([[0, 0, 8, 8]], np.float32), np.ones(1, np.float32), np.array([1]))
    near, score = np.full((1, 17, 2), 1e6, np.float32), np.ones((1, 17), np.float32)
    far, at_s = near + 1, (0.0, 1.0, 2.0, math.nan, math.inf)
    kept = (
        FramePoses(0, at_s[0], who, near, score),
        FramePoses(1, at_s[1], who, np.full_like(near, np.nan), score),
    )
    nothing = np.zeros((1, 17), bool)
    bad = (
        FramePoses(2, at_s[2], who, far, score),
        FramePoses(2, at_s[2], who, near, score, before=BeforeSmoothing(far, nothing, nothing)),
        FramePoses(
            2, at_s[2], who, near, score,
            lifted=PosesInSpace(np.full((1, 17, 3), -2e6, np.float32), nothing[:, 0], nothing[:, 0]),
        ),
        FramePoses(2, at_s[3], who, near, score),
        FramePoses(2, at_s[4], who, near, score),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "poses.jsonl")
        with ResultWriter(path, VideoInfo("a", (8, 8), 25.0), skeleton) as writer:
            for frame in kept:
                writer.write(frame)
            for frame in bad:
                with pytest.raises(BadInput, match=r"frame 2 .*expected"):
                    writer.write(frame)
        assert len(load(path).frames) == 2


@pytest.mark.slow
@given(_videos, st.sampled_from(sorted(SKELETONS)), _settings, st.integers(0, 4), _seed)
@settings(max_examples=25, deadline=None)
def test_results(of: dict, name: str, options: dict, num_frames: int, seed: int) -> None:
    video = VideoInfo(**of)
    rng = np.random.default_rng(seed)
    skeleton = SKELETONS[name]
    frames = [poses(3 * i + int(rng.integers(0, 3)), skeleton, rng) for i in range(num_frames)]
    with tempfile.TemporaryDirectory() as folder:
        path, again = Path(folder, "poses.jsonl"), Path(folder, "again.jsonl")
        with ResultWriter(path, video, skeleton, {}, options) as writer:
            for frame in frames:
                writer.write(frame)
        result = load(path)
        with ResultWriter(again, result.video, result.skeleton, {}, result.settings) as writer:
            for frame in result.frames:
                writer.write(frame)
        assert again.read_bytes() == path.read_bytes(), "writing what was read changes nothing"
        boxes = read_boxes(path)
    assert result.video == video
    assert result.skeleton is skeleton
    assert result.settings == options
    for before, after in zip(frames, result.frames, strict=True):
        assert before.frame == after.frame
        assert abs(before.time_s - after.time_s) <= 1e-6
        same_people(before.people, after.people)
        same_people(before.people, boxes[before.frame])
        np.testing.assert_allclose(before.xy, after.xy, rtol=0, atol=0.006)
        np.testing.assert_allclose(before.score, after.score, rtol=0, atol=0.51e-4)
        if before.before is None or after.before is None:
            assert before.before is after.before
            continue
        np.testing.assert_allclose(before.before.xy, after.before.xy, rtol=0, atol=0.006)
        np.testing.assert_array_equal(before.before.is_filled, after.before.is_filled)
        np.testing.assert_array_equal(before.before.is_outlier, after.before.is_outlier)


@given(st.sets(st.integers(0, 10**6), max_size=5), _seed)
@settings(max_examples=25, deadline=None)
def test_boxes(frames: set[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = {frame: people(rng) for frame in frames}
    with tempfile.TemporaryDirectory() as folder:
        write_boxes(Path(folder, "boxes.jsonl"), before)
        after = read_boxes(Path(folder, "boxes.jsonl"))
    assert sorted(after) == sorted(before)
    for frame in frames:
        same_people(before[frame], after[frame])
