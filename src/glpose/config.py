"""Convert frozen dataclasses to and from plain data (JSON, TOML), with strict names and types.

The error for an unknown key suggests the closest known one; that for a wrong type names the key.
"""

import dataclasses
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from glpose.errors import BadConfig, BadInput
from glpose.files import did_you_mean

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Convert dataclasses to dictionaries, tuples to lists, NumPy's values and fractions to Python's.

    For JSON and TOML.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    number = real_number(value)
    return value if number is None else number


def real_number(value: object) -> int | float | None:
    """The value as a number of Python, None if it is none; True and False are none, infinity is one."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return int(value) if isinstance(value, Integral) else number


def checked_truth(value: object, name: str) -> bool:
    """The value as a bool of Python; `name` is for messages. Raises: BadInput for what is none.

    Not what Python takes for true or false: "no" would be true.
    """
    if not isinstance(value, bool | np.bool_):
        raise BadInput(f"{name} is {value!r:.40}; expected True or False")
    return bool(value)


def from_plain(cls: type[T], data: Any, where: str = "") -> T:
    """Build `cls` from plain data. Raises BadConfig with the full name of the offending key."""
    return _build(cls, data, where or cls.__name__)


def with_changes(config: T, changes: Mapping[str, Any]) -> T:
    """A copy with settings changed that are named like "optimizer.lr"; it is checked when all are.

    A table changes the settings it has, and leaves the others as they are if it is of the same type.
    """
    return _changed(config, changes.items(), type(config).__name__)


def _changed(config: Any, changes: Iterable[tuple[str, Any]], where: str) -> Any:
    known, hints = {f.name for f in dataclasses.fields(config)}, get_type_hints(type(config))
    parts: dict[str, list[tuple[str, Any]]] = {}
    for dotted, value in changes:
        name, _, rest = dotted.partition(".")
        if name not in known:
            raise BadConfig(unknown_setting(name, known, where))
        parts.setdefault(name, []).append((rest, value))
    new = {
        name: _new_value(hints[name], getattr(config, name), own, f"{where}.{name}")
        for name, own in parts.items()
    }
    return dataclasses.replace(config, **new)


def _new_value(hint: Any, present: Any, changes: list[tuple[str, Any]], where: str) -> Any:
    """The new value of a setting: each change has a name in it, or "" for it as a whole."""
    value, inner = present, []
    for name, data in changes:
        if name and get_origin(hint) is dict:
            if name not in present:
                raise BadConfig(unknown_setting(name, present, where))
            assert isinstance(value, Mapping)
            value = _build(hint, {**value, name: data}, where)
        elif name and not dataclasses.is_dataclass(value):
            raise BadConfig(f"{where} holds no settings of its own; set it as a whole")
        elif name:
            inner.append((name, data))
        elif dataclasses.is_dataclass(value) and _fits(type(value), data):
            inner += data.items()
        else:
            value, inner = _build(_present_first(hint, value), data, where), []
    return _changed(value, inner, where) if inner else value


def _fits(table: Any, data: Any) -> bool:
    """Whether all keys are of this type of table, and the tag, if there is one."""
    if not isinstance(data, Mapping) or _num_known(table, data) < len(data):
        return False
    return "kind" not in data or data["kind"] in get_args(get_type_hints(table)["kind"])


def _present_first(hint: Any, value: Any) -> Any:
    """The type to build a setting with, given its current value: for tables, also the value's type.

    `Any` and type variables are replaced by the current type; in a union the current type comes
    first, for tables whose keys fit several types.
    """
    if not dataclasses.is_dataclass(value):
        return hint
    present: Any = type(value)
    if hint is Any or isinstance(hint, TypeVar):
        return present
    if get_origin(hint) in (Union, types.UnionType):
        return Union[present, *get_args(hint)]
    return hint


def check_range(where: str, values: Any, least: Any, most: Any) -> None:
    """Raises: BadConfig if a number, or one of a list, is not from `least` to `most`; NaN never is."""
    found = values if isinstance(values, Sequence) else [values]
    if not all(least <= value <= most for value in found):
        raise BadConfig(f"{where} is {values}; expected {least:g} to {most:g}")


def check_ranges(config: Any, where: str = "", /, **ranges: tuple[Any, Any]) -> None:
    """Check settings by their names, each a number or a list of them; `where` goes before the name.

    Raises: BadConfig.
    """
    for name, (least, most) in ranges.items():
        check_range(where + name, getattr(config, name), least, most)


def check_pairs(config: Any, **ranges: tuple[Any, Any]) -> None:
    """Check settings that are a lower and an upper limit. Raises: BadConfig."""
    check_ranges(config, **ranges)
    for name in ranges:
        low, high = getattr(config, name)
        if low > high:
            raise BadConfig(f"{name} is {[low, high]}; expected the lower limit first")


def check_length(where: str, values: Sequence[object], most: int) -> None:
    """Raises: BadConfig if a list is empty, or longer than this."""
    if not 1 <= len(values) <= most:
        raise BadConfig(f"{where} is {list(values)}; expected a list of 1 to {most}")


def unknown_setting(name: str, known: Collection[str], where: str) -> str:
    """The message for an unknown setting, with the closest known one."""
    return f"unknown setting '{name}' in {where}; {did_you_mean(name, sorted(known))}"


def _wrong(where: str, expected: str, found: Any) -> BadConfig:
    return BadConfig(f"{where}: expected {expected}, found {found!r} ({type(found).__name__})")


def _build(hint: Any, data: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _build_union(args, data, where)
    if origin is Literal:
        # Compare types too, since 2.0 == 2 and True == 1.
        if not any(type(data) is type(a) and data == a for a in args):
            raise _wrong(where, " or ".join(repr(a) for a in args), data)
        return data
    if origin is tuple:
        return _build_tuple(args, data, where)
    if origin is dict:
        if not isinstance(data, Mapping):
            raise _wrong(where, "a table", data)
        return {str(k): _build(args[1], v, f"{where}.{k}") for k, v in data.items()}
    if dataclasses.is_dataclass(hint):
        return _build_dataclass(hint, data, where)
    return _build_scalar(hint, data, where)


def _build_union(args: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in args:
        return None
    if isinstance(data, Mapping) and "kind" in data and (tagged := _by_kind(args)):
        if not isinstance(data["kind"], str) or data["kind"] not in tagged:
            expected = " or ".join(repr(kind) for kind in tagged)
            raise _wrong(f"{where}.kind", expected, data["kind"])
        return _build(tagged[data["kind"]], data, where)
    problems: list[BadConfig] = []
    options = [option for option in args if option is not type(None)]
    tables = [option for option in options if dataclasses.is_dataclass(option)]
    if isinstance(data, Mapping) and tables:
        # A table without a tag gets the type that has most of its keys.
        most = max(_num_known(table, data) for table in tables)
        options = [table for table in tables if _num_known(table, data) == most]
    for option in options:
        try:
            return _build(option, data, where)
        except BadConfig as problem:
            problems.append(problem)
    raise problems[0]


def _num_known(table: Any, data: Mapping) -> int:
    return len({f.name for f in dataclasses.fields(table)} & set(data))


def _by_kind(options: tuple[Any, ...]) -> dict[Any, Any]:
    """The dataclasses of a union that have a literal `kind`, keyed by that kind."""
    return {
        kind: option
        for option in options
        if dataclasses.is_dataclass(option)
        for kind in get_args(get_type_hints(option).get("kind"))
    }


def _build_tuple(args: tuple[Any, ...], data: Any, where: str) -> Any:
    if not isinstance(data, list | tuple):
        raise _wrong(where, "a list", data)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_build(args[0], v, f"{where}[{i}]") for i, v in enumerate(data))
    if len(data) != len(args):
        raise _wrong(where, f"{len(args)} values", data)
    return tuple(
        _build(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, data, strict=True))
    )


def _build_dataclass(cls: Any, data: Any, where: str) -> Any:
    if isinstance(data, cls):
        return data
    if not isinstance(data, Mapping):
        raise _wrong(where, "a table", data)
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in data:
        if key not in fields:
            raise BadConfig(unknown_setting(str(key), set(fields), where))
    values = {k: _build(hints[k], v, f"{where}.{k}") for k, v in data.items()}
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise BadConfig(f"{where}: the setting '{name}' is missing")
    return cls(**values)


def _build_scalar(hint: Any, data: Any, where: str) -> Any:
    if hint is Any or hint is object or isinstance(hint, TypeVar):
        return data
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if isinstance(data, bool) and hint is not bool:
        raise _wrong(where, hint.__name__, data)
    if not isinstance(data, hint):
        raise _wrong(where, hint.__name__, data)
    return data
