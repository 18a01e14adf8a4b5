"""Converts the points of `TrackingStore.log_points` to JSON and columns, and back.

Points that are columns of numbers are an object. `keys` is a list of texts. Without `codes`, it contains the key of
each point, or only one key for all. `codes` is the index of a column with the index of each point's key in `keys`.
`values` (`f8`), `timestamps` (`i8`), `steps` (`i8`) and `flags` (`u1`) are indexes of columns, with one value for each
point, or only one value for all. `steps` and `flags` may be missing.
Other points are a list: each is the list of the fields of a `Point`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue
from bridge.records.point_columns import IMPRECISE, IS_INT, PointColumns
from bridge.records.series import Point
from bridge.store.http.coders import Arrays, Coder, Many

if TYPE_CHECKING:
    from bridge.records.views import Array

CODES_FROM = 100
"""The number of points from which the keys are sent as codes."""

MOST_REMEMBERED = 5_000
"""The greatest number of points whose keys are remembered for the next request."""


class Points(Coder[Sequence[Point]]):
    """A sequence of points."""

    rule = "must be a list of points, or an object with columns"

    def __init__(self, one: Coder[Any]) -> None:
        self._list = Many(one, list)

    def fits(self, value: object) -> bool:
        return isinstance(value, Iterable)

    def reads(self, json: object) -> bool:
        return isinstance(json, (list, dict))

    def _dump(self, value: Sequence[Point], arrays: Arrays) -> Any:
        return _dump_columns(value, arrays) if type(value) is PointColumns else self._list.dump(value, arrays)

    def _load(self, json: Any, arrays: Arrays) -> Sequence[Point]:
        return _load_columns(json, arrays) if isinstance(json, dict) else self._list.load(json, arrays)


def _dump_columns(points: PointColumns, arrays: Arrays) -> dict[str, Any]:
    import numpy

    def column(values: Any, type_name: str) -> int:
        if isinstance(values, int):
            return arrays.add(numpy.array([values], type_name))
        return arrays.add(numpy.frombuffer(values, type_name))

    found: dict[str, Any] = {"keys": points.keys}
    if len(points.keys) >= CODES_FROM:
        numbers: dict[str, int] = {}
        codes = [numbers.setdefault(key, len(numbers)) for key in points.keys]
        found = {"keys": list(numbers), "codes": arrays.add(numpy.array(codes, "<u4"))}
    found |= {"values": column(points.values, "<f8"), "timestamps": column(points.timestamps, "<i8")}
    if points.steps is not None:
        found["steps"] = column(points.steps, "<i8")
    if not isinstance(points.flags, int) or points.flags:
        found["flags"] = column(points.flags, "|u1")
    return found


def _load_columns(json: Mapping[str, Any], arrays: Arrays) -> PointColumns:
    values = _column(json, arrays, "values", "<f8")
    count = len(values)
    keys = json.get("keys")
    if not isinstance(keys, list) or set(map(type, keys)) != {str}:
        raise InvalidValue("keys", None, "must be a list of texts, and not empty")
    if "codes" in json:
        keys = _coded(keys, _column(json, arrays, "codes", "<u4"))
    if len(keys) not in (1, count) or not count:
        raise InvalidValue("keys", len(keys), f"must be 1 or {count} keys, and at least one point")
    flags = _one_or_each(json, arrays, "flags", "|u1", count) if "flags" in json else 0
    if _greatest(flags) > IS_INT | IMPRECISE:
        raise InvalidValue("flags", _greatest(flags), f"must be at most {IS_INT | IMPRECISE}")
    return PointColumns(
        tuple(keys),
        _bytes_of(values),
        _one_or_each(json, arrays, "timestamps", "<i8", count),
        _one_or_each(json, arrays, "steps", "<i8", count) if "steps" in json else None,
        flags,
    )


def _column(json: Mapping[str, Any], arrays: Arrays, name: str, type_name: str) -> Array:
    found = arrays.get(json.get(name))
    if found.dtype != type_name:
        raise InvalidValue(name, str(found.dtype), f"must have the type {type_name}")
    return found


def _one_or_each(json: Mapping[str, Any], arrays: Arrays, name: str, type_name: str, count: int) -> Any:
    """Return the value that all points share, or the bytes of a column."""
    found = _column(json, arrays, name, type_name)
    if len(found) == 1:
        return int(found[0])
    if len(found) != count:
        raise InvalidValue(name, len(found), f"must have 1 or {count} values")
    return _bytes_of(found)


def _bytes_of(column: Any) -> memoryview:
    return memoryview(column).cast("B")


def _coded(words: Sequence[str], codes: Array) -> tuple[str, ...]:
    if len(codes) and int(codes.max()) >= len(words):
        raise InvalidValue("codes", int(codes.max()), f"must be less than {len(words)}, the number of keys")
    if len(codes) > MOST_REMEMBERED:
        return tuple(map(words.__getitem__, codes.tolist()))
    return _remembered(tuple(words), codes.tobytes())


@lru_cache(64)
def _remembered(words: tuple[str, ...], codes: bytes) -> tuple[str, ...]:
    """Return the key of each point. Most clients send the same keys again and again.

    The result is then the same object, which the journal finds faster than an equal one.
    """
    return tuple(map(words.__getitem__, memoryview(codes).cast("I")))


def _greatest(flags: Any) -> int:
    return flags if isinstance(flags, int) else max(flags)
