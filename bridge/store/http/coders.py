"""Coders: each converts the values of one type to JSON and back. Arrays go to columns of a frame beside the JSON.

| type | JSON |
|---|---|
| text, bool, None | the same |
| integer | a number; `{"hex": "0x…"}` beyond 64 bits |
| float | a number; `{"bits": "7ff8000000000000"}`, its 64 bits, if it is NaN or infinite |
| list, tuple, set | a list |
| mapping with texts as keys | an object |
| other mapping | a list of pairs |
| dataclass | an object with its fields; a field that is None or empty, and is so by default, may be missing |
| named tuple | a list of its fields; fields at the end may be missing |
| one of several records | `{"is": <name of the class>, "value": …}` |
| array | the index of a column in the frame; a list of objects is `{"objects": […]}` |

A reader ignores unknown fields of an object, and further values of a named tuple. A missing field gets its default.
"""

from __future__ import annotations

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from bridge.records.views import Array

T = TypeVar("T")


class Arrays:
    """The arrays beside a JSON value: those to send, or those of a received frame."""

    def __init__(self, arrays: Iterable[Array] = ()) -> None:
        self.arrays = list(arrays)

    def add(self, array: Array) -> int:
        """Append an array, and return its index."""
        self.arrays.append(array)
        return len(self.arrays) - 1

    def get(self, index: object) -> Array:
        """Return the array with an index.

        Raises:
            InvalidValue: it does not exist.
        """
        if type(index) is not int or not 0 <= index < len(self.arrays):
            raise InvalidValue("column", shown(index), "must be the index of a column of the frame")
        return self.arrays[index]


class Coder(ABC, Generic[T]):
    """Converts values of one type.

    `plain` contains the Python types whose values are the same in JSON, if the type has no others. Lists of such values
    are converted without a call for each.
    """

    plain: frozenset[type] | None = None
    rule: str

    @abstractmethod
    def fits(self, value: object) -> bool:
        """Return whether a Python value may be of this type. Only the value itself is checked, not its parts."""

    @abstractmethod
    def reads(self, json: object) -> bool:
        """Return whether a JSON value may be of this type."""

    def dump(self, value: T, arrays: Arrays) -> Any:
        """Return a value as JSON.

        Raises:
            InvalidValue: the value does not have this type.
        """
        if not self.fits(value):
            raise InvalidValue("value", value, self.rule)
        return self._dump(value, arrays)

    def load(self, json: Any, arrays: Arrays) -> T:
        """Return the value of JSON.

        Raises:
            InvalidValue: the JSON is not that of a value of this type.
        """
        if not self.reads(json):
            raise InvalidValue("value", shown(json), self.rule)
        return self._load(json, arrays)

    def _dump(self, value: T, arrays: Arrays) -> Any:
        return value

    def _load(self, json: Any, arrays: Arrays) -> T:
        return json  # type: ignore[no-any-return]


class Plain(Coder[Any]):
    """A text, a bool or None."""

    def __init__(self, kind: type, rule: str) -> None:
        self.kind, self.rule = kind, rule
        self.plain = frozenset((kind,))

    def fits(self, value: object) -> bool:
        return isinstance(value, self.kind)

    def reads(self, json: object) -> bool:
        return type(json) is self.kind

    def _dump(self, value: Any, arrays: Arrays) -> Any:
        return str.__str__(value) if self.kind is str else value


class Choice(Coder[Any]):
    """One of several texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = frozenset(texts)
        self.rule = f"must be one of {', '.join(texts)}"

    def fits(self, value: object) -> bool:
        return isinstance(value, str)  # the store refuses another text with an error of its own

    def reads(self, json: object) -> bool:
        return isinstance(json, str) and json in self.texts


class Integer(Coder[int]):
    """An integer of any size."""

    rule = "must be an integer"

    def fits(self, value: object) -> bool:
        return hasattr(value, "__index__") and not isinstance(value, bool)

    def reads(self, json: object) -> bool:
        return type(json) is int or (isinstance(json, dict) and isinstance(json.get("hex"), str))

    def _dump(self, value: int, arrays: Arrays) -> Any:
        number = value.__index__()
        return number if INT64_MIN <= number <= INT64_MAX else {"hex": hex(number)}

    def _load(self, json: Any, arrays: Arrays) -> int:
        if type(json) is int:
            return json
        try:
            return int(json["hex"], 16)
        except ValueError as error:
            raise InvalidValue("value", shown(json), self.rule) from error


class Float(Coder[float]):
    """A float64 with all its bits."""

    rule = "must be a number"

    def fits(self, value: object) -> bool:
        return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))

    def reads(self, json: object) -> bool:
        return type(json) in (float, int) or (isinstance(json, dict) and isinstance(json.get("bits"), str))

    def _dump(self, value: float, arrays: Arrays) -> Any:
        number = float(value)
        return number if math.isfinite(number) else {"bits": struct.pack(">d", number).hex()}

    def _load(self, json: Any, arrays: Arrays) -> float:
        try:
            if isinstance(json, dict):
                return float(struct.unpack(">d", bytes.fromhex(json["bits"]))[0])
            return float(json)
        except (ValueError, OverflowError, struct.error) as error:
            raise InvalidValue("value", shown(json), self.rule) from error


class Many(Coder[Any]):
    """A list, tuple or set of values of one type. `make` makes it of a list."""

    rule = "must be a list"

    def __init__(self, item: Coder[Any], make: Callable[[list[Any]], Any]) -> None:
        self.item, self.make = item, make

    def fits(self, value: object) -> bool:
        return isinstance(value, Iterable) and not isinstance(value, bytes)

    def reads(self, json: object) -> bool:
        return type(json) is list

    def _dump(self, value: Iterable[Any], arrays: Arrays) -> list[Any]:
        values = list(value)
        if self.item.plain is not None and self.item.plain.issuperset(map(type, values)):
            return values
        dump = self.item.dump
        return [dump(one, arrays) for one in values]

    def _load(self, json: list[Any], arrays: Arrays) -> Any:
        if self.item.plain is not None and self.item.plain.issuperset(map(type, json)):
            return self.make(json)
        load = self.item.load
        return self.make([load(one, arrays) for one in json])


class Fixed(Coder[tuple[Any, ...]]):
    """A tuple with a type for each of its values."""

    def __init__(self, items: Sequence[Coder[Any]]) -> None:
        self.items = tuple(items)
        self.rule = f"must be a list of {len(self.items)} values"

    def fits(self, value: object) -> bool:
        return isinstance(value, (tuple, list)) and len(value) == len(self.items)

    def reads(self, json: object) -> bool:
        return type(json) is list and len(json) == len(self.items)

    def _dump(self, value: tuple[Any, ...], arrays: Arrays) -> list[Any]:
        return [item.dump(one, arrays) for item, one in zip(self.items, value, strict=True)]

    def _load(self, json: list[Any], arrays: Arrays) -> tuple[Any, ...]:
        return tuple(item.load(one, arrays) for item, one in zip(self.items, json, strict=True))


class Texted(Coder[Mapping[str, Any]]):
    """A mapping whose keys are texts."""

    rule = "must be an object"

    def __init__(self, item: Coder[Any]) -> None:
        self.item = item

    def fits(self, value: object) -> bool:
        return isinstance(value, Mapping)

    def reads(self, json: object) -> bool:
        return type(json) is dict

    def _dump(self, value: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
        if not all(isinstance(key, str) for key in value):
            raise InvalidValue("keys", list(value), "must be texts")
        if self.item.plain is not None and self.item.plain.issuperset(map(type, value.values())):
            return dict(value)
        dump = self.item.dump
        return {key: dump(one, arrays) for key, one in value.items()}

    def _load(self, json: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
        if self.item.plain is not None and self.item.plain.issuperset(map(type, json.values())):
            return json
        load = self.item.load
        return {key: load(one, arrays) for key, one in json.items()}


class Paired(Coder[Mapping[Any, Any]]):
    """A mapping whose keys are not texts."""

    rule = "must be a list of pairs"

    def __init__(self, key: Coder[Any], item: Coder[Any]) -> None:
        self.pair = Fixed((key, item))

    def fits(self, value: object) -> bool:
        return isinstance(value, Mapping)

    def reads(self, json: object) -> bool:
        return type(json) is list

    def _dump(self, value: Mapping[Any, Any], arrays: Arrays) -> list[Any]:
        return [self.pair.dump(pair, arrays) for pair in value.items()]

    def _load(self, json: list[Any], arrays: Arrays) -> dict[Any, Any]:
        return dict(self.pair.load(pair, arrays) for pair in json)


class Either(Coder[Any]):
    """A value of one of several types, which JSON distinguishes."""

    def __init__(self, options: Sequence[Coder[Any]]) -> None:
        self.options = tuple(options)
        self.rule = ", or ".join(option.rule for option in self.options)
        plains = [option.plain for option in self.options]
        if None not in plains:
            self.plain = frozenset[type]().union(*(plain for plain in plains if plain))

    def fits(self, value: object) -> bool:
        return any(option.fits(value) for option in self.options)

    def reads(self, json: object) -> bool:
        return any(option.reads(json) for option in self.options)

    def _dump(self, value: Any, arrays: Arrays) -> Any:
        return next(option for option in self.options if option.fits(value)).dump(value, arrays)

    def _load(self, json: Any, arrays: Arrays) -> Any:
        return next(option for option in self.options if option.reads(json)).load(json, arrays)


class NumpyArray(Coder[Any]):
    """An array of numpy with one dimension."""

    rule = "must be the index of a column, or a list of objects"

    def fits(self, value: object) -> bool:
        return hasattr(value, "dtype") and getattr(value, "ndim", 0) == 1

    def reads(self, json: object) -> bool:
        return type(json) is int or (isinstance(json, dict) and isinstance(json.get("objects"), list))

    def _dump(self, value: Any, arrays: Arrays) -> Any:
        if value.dtype == object:
            return {"objects": [OBJECT.dump(one, arrays) for one in value.tolist()]}
        return arrays.add(value)

    def _load(self, json: Any, arrays: Arrays) -> Any:
        if type(json) is int:
            return arrays.get(json)
        import numpy

        found = numpy.empty(len(json["objects"]), dtype=object)
        found[:] = [OBJECT.load(one, arrays) for one in json["objects"]]
        return found


TEXT, BOOL = Plain(str, "must be text"), Plain(bool, "must be true or false")
NOTHING = Plain(type(None), "must be null")
OBJECT = Either((BOOL, Integer(), Float(), TEXT, NOTHING))


def is_left_out(value: object, default: object) -> bool:
    """Return whether a field need not be sent: it is None or empty, and so is its default."""
    if value is None:
        return default is None
    return not default and type(default) in (tuple, dict, str) and type(value) is type(default) and not value


def shown(json: object) -> object:
    """Return a short description of a JSON value for the text of an error."""
    if isinstance(json, list):
        return f"a list of {len(json)} values"
    if isinstance(json, dict):
        return f"an object with {len(json)} fields"
    return json[:200] if isinstance(json, str) else json
