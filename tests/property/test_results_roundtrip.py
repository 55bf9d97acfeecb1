"""What is written is read: results and boxes round-trip up to their decimals."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.formats.results import ResultWriter, load, read_boxes, write_boxes
from glpose.skeleton import SKELETONS, Skeleton
from glpose.types import BeforeSmoothing, FramePoses, People, VideoInfo

_seed = st.integers(0, 2**32 - 1)
_videos = st.builds(
    VideoInfo,
    name=st.text(max_size=12),
    size_hw=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    rate_hz=st.floats(0, 1000),
    num_frames=st.none() | st.integers(0, 10**9),
    duration_s=st.none() | st.floats(0, 1e6),
    rotation_deg=st.sampled_from((0, 90, 180, 270)),
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


@pytest.mark.slow
@given(_videos, st.sampled_from(sorted(SKELETONS)), _settings, st.integers(0, 4), _seed)
@settings(max_examples=25, deadline=None)
def test_results(video: VideoInfo, name: str, options: dict, num_frames: int, seed: int) -> None:
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
