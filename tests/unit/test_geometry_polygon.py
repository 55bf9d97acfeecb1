"""Points inside polygons: borders, corners, crossings, rounding, and shapely as a witness."""

import importlib
from typing import Any

import numpy as np
import pytest

from glpose.geometry import inside_polygon, outside_all

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float64)


def test_borders_and_corners_are_outside():
    points = np.array([[5, 5], [0, 0], [10, 10], [5, 0], [10, 3], [11, 5], [-1, 0], [5, 10]])
    assert inside_polygon(points.astype(float), SQUARE).tolist() == [True] + [False] * 7
    assert not inside_polygon(np.array([np.nan, np.nan]), SQUARE)


def test_outside_all_are_points_that_are_there_and_in_no_polygon():
    points = np.array([[5, 5], [10, 5], [25, 5], [30, 5], [np.nan, 5]], np.float64)
    polygons = (SQUARE, SQUARE + [20, 0])
    assert outside_all(points, polygons).tolist() == [False, True, False, True, False]
    assert outside_all(points, ()).tolist() == [True] * 4 + [False]


def test_any_axes_and_directions():
    points = np.random.default_rng(0).uniform(-5, 15, (3, 15, 2))
    inside = inside_polygon(points, SQUARE)
    assert inside.shape == (3, 15)
    assert np.array_equal(inside, inside_polygon(points, SQUARE[::-1]))
    assert np.array_equal(inside, ((points > 0) & (points < 10)).all(-1))


def test_a_bow_tie_encloses_two_triangles():
    tie = np.array([[0, 0], [10, 10], [10, 0], [0, 10]], np.float64)
    points = np.array([[9, 5], [1, 5], [5, 9], [5, 1], [5, 5]], np.float64)
    assert inside_polygon(points, tie).tolist() == [True, True, False, False, False]


def test_polygons_without_area_enclose_nothing():
    points = np.array([[5, 5], [0, 0], [2, 2]], np.float64)
    for polygon in (SQUARE[:0], SQUARE[:1], SQUARE[[0, 2]], SQUARE[[0, 0, 0]]):
        assert not inside_polygon(points, polygon).any()


def test_the_side_of_an_edge_is_not_rounded():
    # The third corner of each is one unit in the last place off the line through the other two.
    polygon = np.array([[0.1, 0.1], [0.7, 0.7], [0.1, 0.7]])
    on, above = np.array([0.3, 0.3]), np.array([0.3, np.nextafter(0.3, 1)])
    below = np.array([0.3, np.nextafter(0.3, 0)])
    assert [bool(inside_polygon(p, polygon)) for p in (on, above, below)] == [False, True, False]


def test_as_shapely_says_near_borders_too():
    geometry: Any = pytest.importorskip("shapely.geometry")
    assert importlib.import_module("shapely")
    rng = np.random.default_rng(1)
    for whole in (True, False) * 100:
        num = int(rng.integers(3, 9))
        if whole:
            polygon = rng.integers(0, 6, (num, 2)).astype(float)
            points = rng.integers(0, 13, (40, 2)) / 2
        else:
            polygon, edge = rng.normal(0, 10, (num, 2)), rng.integers(0, num, 40)
            part = rng.random((40, 1))
            points = polygon[edge] * part + polygon[(edge + 1) % num] * (1 - part)
            points[::3] = rng.normal(0, 10, (14, 2))
        region = geometry.Polygon(polygon)
        expected = [region.contains(geometry.Point(p)) for p in points]
        assert inside_polygon(points, polygon).tolist() == expected
