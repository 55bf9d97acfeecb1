"""Laws of overlap and pose similarity."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.geometry import box_iou, oks, suppress
from glpose.skeleton import POSETRACK15


@st.composite
def scored_boxes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    num = draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = rng.uniform(0, 50, (num, 2))
    size = rng.uniform(0, 60, (num, 2)) * (rng.random((num, 1)) > 0.1)
    xyxy = np.concatenate([corner, corner + size], 1).astype(np.float32)
    return xyxy, rng.random(num).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(scored_boxes(), scored_boxes())
def test_iou_is_symmetric_and_bounded(
    a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]
) -> None:
    iou = box_iou(a[0], b[0])
    assert iou.shape == (len(a[0]), len(b[0]))
    assert ((iou >= 0) & (iou <= 1 + 1e-6)).all()
    assert np.allclose(iou, box_iou(b[0], a[0]).T)


@settings(max_examples=60, deadline=None)
@given(scored_boxes(), st.floats(0, 0.9))
def test_suppression_keeps_the_best_of_every_heap(
    boxes: tuple[np.ndarray, np.ndarray], limit: float
) -> None:
    xyxy, score = boxes
    kept = suppress(xyxy, score, limit)
    assert (np.diff(score[kept]) <= 0).all()
    iou = box_iou(xyxy[kept], xyxy[kept])
    assert (iou[np.triu_indices(len(kept), 1)] <= limit).all()
    for i in set(range(len(xyxy))) - set(kept.tolist()):
        better = kept[score[kept] >= score[i]]
        assert (box_iou(xyxy[i : i + 1], xyxy[better]) > limit).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1, 1e5), st.floats(1, 1e5))
def test_oks_is_symmetric_bounded_and_best_for_the_same_pose(
    seed: int, area: float, other: float
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0, 300, (2, 3, 15, 2))
    a[rng.random((3, 15)) < 0.3] = np.nan
    sigma, areas, others = POSETRACK15.oks_sigma, np.full(3, area), np.full(3, other)
    similarity = oks(a, b, areas, others, sigma)
    assert ((similarity >= 0) & (similarity <= 1)).all()
    assert (similarity == oks(b, a, others, areas, sigma).T).all()
    has_joints = np.isfinite(a).all(-1).any(-1)
    assert (np.diag(oks(a, a, areas, others, sigma)) == has_joints).all()
    near, far = (np.diag(oks(a, a + step, areas, others, sigma)) for step in (1, 2))
    assert (near >= far).all()
