"""Settings from and to plain data: what is refused, with which words, and what comes back."""

import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest

from glpose.config import checked_truth, from_plain, real_number, to_plain, with_changes
from glpose.errors import BadConfig, BadInput
from glpose.types import CropSpec, HeatmapSpec


@dataclass(frozen=True, slots=True)
class Inner:
    """A table."""

    rate: float = 0.5
    mode: Literal["fast", "slow"] = "fast"
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Outer:
    """A table of all kinds of settings."""

    name: str
    inner: Inner = Inner()
    pair: tuple[int, float] = (1, 2.0)
    maybe: Inner | None = None
    notes: dict[str, str] | None = None
    many: tuple[Inner, ...] = ()
    on: bool = False
    free: Any = None
    stage: Literal[1, 2] = 1


FULL = Outer(
    "x",
    Inner(1.0, "slow", (3,)),
    (4, 5.5),
    Inner(),
    {"a": "b"},
    (Inner(), Inner(2.0)),
    True,
)


def test_round_trip_through_json() -> None:
    assert from_plain(Outer, json.loads(json.dumps(to_plain(FULL)))) == FULL


def test_what_is_left_out_has_its_default() -> None:
    assert from_plain(Outer, {"name": "x", "inner": {"rate": 2}}) == Outer("x", Inner(rate=2.0))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "x", "iner": {}}, r"unknown setting 'iner' in Outer; did you mean 'inner'\?"),
        (
            {"name": "x", "inner": {"ratee": 1}},
            r"unknown setting 'ratee' in Outer.inner; did you mean 'rate'\?",
        ),
        ({"name": "x", "zzz": 1}, r"unknown setting 'zzz' in Outer; known: free, inner"),
        ({}, "Outer: the setting 'name' is missing"),
        ({"name": 3}, r"Outer.name: expected str, found 3 \(int\)"),
        ({"name": None}, r"Outer.name: expected str, found None"),
        ({"name": "x", "inner": []}, r"Outer.inner: expected a table, found \[\]"),
        ({"name": "x", "inner": {"rate": "1"}}, r"Outer.inner.rate: expected float, found '1'"),
        ({"name": "x", "inner": {"rate": True}}, "Outer.inner.rate: expected float, found True"),
        (
            {"name": "x", "inner": {"mode": "quick"}},
            "Outer.inner.mode: expected 'fast' or 'slow', found 'quick'",
        ),
        (
            {"name": "x", "inner": {"mode": ["fast"]}},
            "Outer.inner.mode: expected 'fast' or 'slow'",
        ),
        (
            {"name": "x", "inner": {"sizes": [1, 2.5]}},
            r"Outer.inner.sizes\[1\]: expected int, found 2.5",
        ),
        ({"name": "x", "inner": {"sizes": 3}}, "Outer.inner.sizes: expected a list, found 3"),
        ({"name": "x", "pair": [1]}, r"Outer.pair: expected 2 values, found \[1\]"),
        ({"name": "x", "maybe": 4}, "Outer.maybe: expected a table, found 4"),
        ({"name": "x", "notes": {"a": 1}}, "Outer.notes.a: expected str, found 1"),
        ({"name": "x", "notes": 1}, "Outer.notes: expected a table, found 1"),
        ({"name": "x", "many": [{}, {"mod": "fast"}]}, r"in Outer.many\[1\]; did you mean 'mode'"),
        ({"name": "x", "stage": 2.0}, r"Outer.stage: expected 1 or 2, found 2.0 \(float\)"),
        ({"name": "x", "stage": True}, r"Outer.stage: expected 1 or 2, found True \(bool\)"),
        ({"name": "x", "on": 1}, r"Outer.on: expected bool, found 1 \(int\)"),
        (7, "Outer: expected a table, found 7"),
    ],
)
def test_wrong_data_is_refused_by_the_full_name_of_the_key(data: Any, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        from_plain(Outer, data)


def test_changes_reach_one_setting() -> None:
    assert with_changes(FULL, {"inner.rate": 3}) == Outer(
        "x", Inner(3.0, "slow", (3,)), (4, 5.5), Inner(), {"a": "b"}, (Inner(), Inner(2.0)), True
    )
    assert FULL.inner.rate == 1.0
    assert with_changes(FULL, {"many": [{"rate": 7}]}).many == (Inner(rate=7.0),)


@pytest.mark.parametrize(
    ("dotted", "value", "words"),
    [
        ("inner.ratee", 1, r"unknown setting 'ratee' in Outer\.inner; did you mean 'rate'\?"),
        ("iner.rate", 1, r"unknown setting 'iner' in Outer; did you mean 'inner'\?"),
        ("inner.rate", "fast", "Outer.inner.rate: expected float, found 'fast'"),
        ("inner.sizes.0", 1, "Outer.inner.sizes holds no settings of its own"),
        ("name.x", 1, "Outer.name holds no settings of its own"),
        ("notes.a", "c", "Outer.notes holds no settings of its own"),
    ],
)
def test_changes_are_refused_like_from_plain(dotted: str, value: Any, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        with_changes(FULL, {dotted: value})


def test_a_table_under_a_free_type_keeps_its_type() -> None:
    config = Outer("x", free=Inner())
    assert with_changes(config, {"free": {"rate": 2}}).free == Inner(rate=2.0)
    assert with_changes(config, {"free.rate": 2}).free == Inner(rate=2.0)
    with pytest.raises(BadConfig, match=r"Outer.free: expected a table, found 3"):
        with_changes(config, {"free": 3})


@dataclass(frozen=True, slots=True)
class Round:
    """One of two tables that are told apart by a tag."""

    kind: Literal["round"] = "round"
    size: int = 1
    edge: int = 0


@dataclass(frozen=True, slots=True)
class Square:
    """The other one."""

    kind: Literal["square"] = "square"
    size: int = 2


@dataclass(frozen=True, slots=True)
class Shaped:
    """A table of tables, whose numbers must be one after the other."""

    shape: Round | Square = Round()
    outer: Outer = FULL
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise BadConfig("low is not below high")


@dataclass(frozen=True, slots=True)
class Whole:
    """What holds it all."""

    shaped: Shaped = Shaped(Round(size=7, edge=8))


def test_a_table_changes_only_the_settings_that_it_has() -> None:
    assert with_changes(FULL, {"inner": {"rate": 3}}).inner == Inner(3.0, "slow", (3,))
    assert with_changes(FULL, {"inner": {}}) == FULL
    nested = {"outer": {"inner": {"mode": "fast"}}, "low": 5, "high": 6}
    found = with_changes(Whole(), {"shaped": nested}).shaped
    assert found.outer == with_changes(FULL, {"inner.mode": "fast"})
    assert (found.shape, found.low, found.high) == (Round(size=7, edge=8), 5, 6)
    with pytest.raises(BadConfig, match=r"unknown setting 'ratee' in Outer\.inner"):
        with_changes(FULL, {"inner": {"rate": 1, "ratee": 3}})
    with pytest.raises(BadConfig, match=r"Outer\.inner\.rate: expected float, found 'x'"):
        with_changes(FULL, {"inner": {"rate": "x"}})


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ({"size": 3}, Round(size=3, edge=8)),
        ({"kind": "round", "size": 3}, Round(size=3, edge=8)),
        ({"kind": "square"}, Square()),
        ({"kind": "square", "size": 3}, Square(size=3)),
    ],
)
def test_a_table_of_another_type_replaces_the_present_one(given: dict, shape: object) -> None:
    assert with_changes(Whole().shaped, {"shape": given}).shape == shape
    with pytest.raises(BadConfig, match=r"Shaped\.shape\.kind: expected 'round' or 'square'"):
        with_changes(Whole().shaped, {"shape": {**given, "kind": "oval"}})


def test_specs_check_their_words() -> None:
    assert from_plain(CropSpec, {"size_hw": [4, 3]}) == CropSpec((4, 3))
    with pytest.raises(BadConfig, match=r"HeatmapSpec\.decode: expected 'argmax' or 'quarter'"):
        from_plain(HeatmapSpec, {"size_hw": [4, 3], "sigma_px": 2, "decode": "darkest"})


def test_values_of_numpy_become_those_of_python() -> None:
    given = {
        "one": np.float32(0.5),
        "whole": np.int64(3),
        "truth": np.bool_(True),
        "more": (np.int64(1), np.arange(2), Inner(sizes=(np.uint8(7),))),  # type: ignore[arg-type]
    }
    assert json.loads(json.dumps(to_plain(given))) == {
        "one": 0.5,
        "whole": 3,
        "truth": True,
        "more": [1, [0, 1], {"rate": 0.5, "mode": "fast", "sizes": [7]}],
    }


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (np.int64(3), 3),
        (2.5, 2.5),
        (np.float32(2.5), 2.5),
        (np.float64(2.5), 2.5),
        (Fraction(5, 2), 2.5),
        (float("inf"), float("inf")),
        (True, None),
        (np.bool_(True), None),
        ("3", None),
        (None, None),
        (3j, None),
        (Decimal(3), None),
        (np.array([3.0]), None),
        (10**400, None),
    ],
)
def test_what_a_number_is(value: object, number: float | None) -> None:
    found = real_number(value)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_true_and_false_are_those_of_python(value: object) -> None:
    assert checked_truth(value, "x") is bool(value)


@pytest.mark.parametrize("value", ["false", "no", "0", "", 0, 1, None, []])
def test_what_python_takes_for_true_or_false_is_neither(value: object) -> None:
    with pytest.raises(BadInput, match=r"^x is .*; expected True or False$"):
        checked_truth(value, "x")


def test_settings_that_belong_together_are_checked_together() -> None:
    for changes in ({"low": 5, "high": 6}, {"high": 6, "low": 5}):
        assert with_changes(Whole().shaped, changes).low == 5
        dotted = {f"shaped.{name}": value for name, value in changes.items()}
        assert with_changes(Whole(), {**dotted, "shaped.shape.size": 2}).shaped.high == 6
        with pytest.raises(BadConfig, match="low is not below high"):
            with_changes(Whole(), {**dotted, "shaped": {"high": 5}})


def test_a_table_and_single_settings_count_in_their_order() -> None:
    whole = {"kind": "square", "size": 3}
    given = {"shaped.shape": whole, "shaped.shape.size": 4}
    assert with_changes(Whole(), given).shaped.shape == Square(size=4)
    given = {"shaped.shape.edge": 4, "shaped.shape": whole}
    assert with_changes(Whole(), given).shaped.shape == Square(size=3)
    given = {"shaped.shape.edge": 4, "shaped.shape": {"size": 3}}
    assert with_changes(Whole(), given).shaped.shape == Round(size=3, edge=4)
    with pytest.raises(BadConfig, match=r"unknown setting 'edge' in Whole\.shaped\.shape"):
        with_changes(Whole(), {"shaped.shape": whole, "shaped.shape.edge": 4})
