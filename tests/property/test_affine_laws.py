"""Laws of the maps between frames of reference."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.types import Affine

POINTS = np.array([[0.0, 0.0], [100.0, -3.0], [17.5, 999.0]])


@st.composite
def affines(draw: st.DrawFn) -> Affine:
    zoom = draw(st.floats(0.05, 20))
    angle = draw(st.floats(-4, 4))
    stretch = draw(st.floats(0.5, 2)) * draw(st.sampled_from([1, -1]))
    shift = [draw(st.floats(-1000, 1000)) for _ in range(2)]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Affine(np.column_stack([zoom * turn @ np.diag([1, stretch]), shift]))


@settings(max_examples=50, deadline=None)
@given(affines())
def test_inverse_undoes_apply(a: Affine) -> None:
    assert np.allclose(a.inverse().apply(a.apply(POINTS)), POINTS, atol=1e-6)
    assert np.allclose((a.inverse() @ a).matrix, np.eye(2, 3), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(affines(), affines())
def test_a_product_applies_the_right_one_first(a: Affine, b: Affine) -> None:
    assert np.allclose((a @ b).apply(POINTS), a.apply(b.apply(POINTS)), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(affines(), affines(), affines())
def test_products_associate(a: Affine, b: Affine, c: Affine) -> None:
    assert np.allclose(((a @ b) @ c).apply(POINTS), (a @ (b @ c)).apply(POINTS), rtol=1e-6)


@settings(max_examples=10, deadline=None)
@given(affines())
def test_nan_stays_nan_and_shapes_are_kept(a: Affine) -> None:
    points = np.full((2, 3, 2), np.nan)
    points[0, 0] = 1
    mapped = a.apply(points)
    assert mapped.shape == points.shape
    assert (np.isnan(mapped) == np.isnan(points)).all()
