"""Laws of crops: they can be undone, and mirroring twice changes nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.crop import crop_from_image
from glpose.skeleton import SKELETONS
from glpose.types import CropSpec

coordinates = st.floats(-500, 4000)


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    x, y = draw(coordinates), draw(coordinates)
    return np.array([x, y, x + draw(st.floats(0, 2000)), y + draw(st.floats(0, 2000))])


specs = st.builds(
    CropSpec,
    st.tuples(st.integers(16, 400), st.integers(16, 400)),
    st.floats(1, 2),
    st.sampled_from(["centre", "msra"]),
)
angles, scales = st.floats(-180, 180), st.floats(0.5, 2)


@settings(max_examples=60, deadline=None)
@given(boxes(), specs, scales, angles, st.booleans())
def test_uncropping_gives_the_points_back(
    box: np.ndarray, spec: CropSpec, scale: float, angle: float, mirror: bool
) -> None:
    to_crop = crop_from_image(box, spec, scale=scale, rotation_deg=angle, mirror=mirror)
    points = np.array([box[:2], box[2:], [0.0, 0.0]])
    assert np.allclose(to_crop.inverse().apply(to_crop.apply(points)), points, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(boxes(), specs)
def test_the_whole_box_is_shown(box: np.ndarray, spec: CropSpec) -> None:
    corners = np.array([box[:2], box[2:]])
    found = crop_from_image(box, spec).apply(corners)
    height, width = spec.size_hw
    assert (found >= -0.5 - 1e-6).all()
    assert (found <= [width + 1e-6, height + 1e-6]).all()


@settings(max_examples=60, deadline=None)
@given(boxes(), specs, scales, angles)
def test_mirror_reflects_about_the_anchor(
    box: np.ndarray, spec: CropSpec, scale: float, angle: float
) -> None:
    plain = crop_from_image(box, spec, scale=scale, rotation_deg=angle)
    mirrored = crop_from_image(box, spec, scale=scale, rotation_deg=angle, mirror=True)
    points = np.array([box[:2], box[2:], [7.0, 11.0]])
    anchor_x = plain.apply((box[:2] + box[2:]) / 2)[0]
    a, b = plain.apply(points), mirrored.apply(points)
    assert np.allclose(a[:, 0] + b[:, 0], 2 * anchor_x, atol=1e-6)
    assert np.allclose(a[:, 1], b[:, 1], atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(SKELETONS)), st.integers(0, 2**32 - 1))
def test_mirroring_joints_twice_changes_nothing(name: str, seed: int) -> None:
    skeleton, width = SKELETONS[name], 48
    mirror = np.array(skeleton.mirror)
    xy = np.random.default_rng(seed).uniform(0, 47, (len(mirror), 2))

    def mirrored(points: np.ndarray) -> np.ndarray:
        return np.stack([width - 1 - points[mirror, 0], points[mirror, 1]], -1)

    assert np.allclose(mirrored(mirrored(xy)), xy)
