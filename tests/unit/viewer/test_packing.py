"""Packed arrays come back within half a quantum, by a reader that is written anew here."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from glpose.errors import BadInput
from glpose.viewer.packing import Packing


def unpacked(text: str, form: dict[str, int | float]) -> np.ndarray:
    data = zlib.decompress(base64.b64decode(text))
    rows, channels = int(form["rows"]), int(form["channels"])
    at, num = int(form["at"]), rows * channels
    out = np.full((rows, channels), np.nan)
    for channel in range(channels):
        value = 0
        for row in range(rows):
            place = at + channel * rows + row
            planes = range(int(form["planes"]))
            code = sum(data[place + plane * num] << (8 * plane) for plane in planes)
            if code:
                zigzag = code - 1
                value += -(zigzag + 1) // 2 if zigzag % 2 else zigzag // 2
                out[row, channel] = value * form["quantum"]
    return out


VALUES = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)),
)


@given(VALUES, st.sampled_from([0.01, 0.1, 1.0]))
def test_values_come_back_within_half_a_quantum_and_missing_ones_stay_missing(
    values: np.ndarray, quantum: float
) -> None:
    packing = Packing()
    form = packing.add(values, quantum)
    back = unpacked(packing.text(), form)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(values))
    np.testing.assert_allclose(back, values, rtol=0, atol=quantum / 2 * (1 + 1e-6))


def test_several_arrays_share_a_text() -> None:
    packing = Packing()
    some = [np.arange(12.0).reshape(4, 3), np.zeros((0, 2)), np.full((3, 1), np.nan)]
    some.append(np.array([[1e9], [-1e9], [np.nan], [0.5]]))
    forms = [packing.add(values, 0.5) for values in some]
    text = packing.text()
    for values, form in zip(some, forms, strict=True):
        np.testing.assert_array_equal(unpacked(text, form), values)


def test_what_is_steady_takes_a_byte_and_then_almost_nothing() -> None:
    packing = Packing()
    walk = np.cumsum(np.full((10_000, 4), 3.0), axis=0)
    assert packing.add(walk, 0.1)["planes"] == 1
    assert len(packing.text()) < 400


def test_values_that_no_video_has_are_refused() -> None:
    with pytest.raises(BadInput, match=r"found the value 1e\+300"):
        Packing().add(np.array([[0.0], [1e300]]), 1e-5)
