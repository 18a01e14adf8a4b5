"""Converts the calls of stores, and their results, to the bodies of HTTP requests and answers, and back.

The type hints of the interfaces determine the form of each value; see `bridge.store.http.coders`. A body without arrays
is JSON. A body with arrays is a frame (`bridge.store.frames`) whose head contains the JSON as `body`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin

from bridge.errors import InvalidValue
from bridge.records.series import Point
from bridge.store.http.coders import (
    BOOL,
    NOTHING,
    TEXT,
    Arrays,
    Choice,
    Coder,
    Either,
    Fixed,
    Float,
    Integer,
    Many,
    NumpyArray,
    Paired,
    Texted,
    is_left_out,
    shown,
)
from bridge.store.http.hints import REQUIRED, ArrayHint, Field, arguments_of, fields_of
from bridge.store.http.points import Points
from bridge.store.json_text import as_json, read_json

if TYPE_CHECKING:
    from bridge.records.views import Array

JSON_TYPE, FRAME_TYPE = "application/json", "application/vnd.runbridge.frame"

FRAME_TYPES = {"float64": "f8", "int64": "i8", "int32": "i4", "uint32": "u4", "uint8": "u1", "bool": "b1"}
"""The types of columns of a frame for each dtype of numpy."""

SIMPLE: dict[Any, Coder[Any]] = {
    str: TEXT,
    bool: BOOL,
    NoneType: NOTHING,
    int: Integer(),
    float: Float(),
    ArrayHint: NumpyArray(),
}

SEQUENCES: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    set: set,
    tuple: tuple,
    Sequence: tuple,
    Collection: tuple,
}


class Body(NamedTuple):
    """The body of a request or an answer, and its media type."""

    content: bytes | memoryview
    media_type: str


class Record(Coder[Any]):
    """A dataclass."""

    def __init__(self, hint: Any) -> None:
        self.kind: type[Any] = get_origin(hint) or hint
        self.rule = f"must be an object with the fields of {self.kind.__name__}"
        fields: Mapping[str, Field] = fields_of(hint)
        self.fields = {name: (coder_of(one.hint), one.default) for name, one in fields.items()}

    def fits(self, value: object) -> bool:
        return isinstance(value, self.kind)

    def reads(self, json: object) -> bool:
        return type(json) is dict

    def _dump(self, value: Any, arrays: Arrays) -> dict[str, Any]:
        found = {}
        for name, (coder, default) in self.fields.items():
            field = getattr(value, name)
            if not is_left_out(field, default):
                found[name] = coder.dump(field, arrays)
        return found

    def _load(self, json: dict[str, Any], arrays: Arrays) -> Any:
        fields = self.fields
        missing = [name for name, (_, default) in fields.items() if default is REQUIRED and name not in json]
        if missing:
            raise InvalidValue("value", shown(json), f"must have the field {missing[0]}")
        return self.kind(**{name: fields[name][0].load(one, arrays) for name, one in json.items() if name in fields})


class NamedFields(Coder[Any]):
    """A named tuple."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind
        self.rule = f"must be a list of the fields of {kind.__name__}"
        hint: Any = kind
        fields = fields_of(hint).values()
        self.coders = [coder_of(one.hint) for one in fields]
        self.needed = sum(one.default is REQUIRED for one in fields)

    def fits(self, value: object) -> bool:
        return isinstance(value, tuple) and len(value) == len(self.coders)

    def reads(self, json: object) -> bool:
        return type(json) is list and len(json) >= self.needed

    def _dump(self, value: Any, arrays: Arrays) -> list[Any]:
        return [coder.dump(one, arrays) for coder, one in zip(self.coders, value, strict=True)]

    def _load(self, json: list[Any], arrays: Arrays) -> Any:
        return self.kind(*(coder.load(one, arrays) for coder, one in zip(self.coders, json, strict=False)))


class Tagged(Coder[Any]):
    """A record with the name of its class, where values of several classes are possible."""

    def __init__(self, of: Record | NamedFields) -> None:
        self.of, self.name = of, of.kind.__name__
        self.rule = f"must be the object of a {self.name}"

    def fits(self, value: object) -> bool:
        return isinstance(value, self.of.kind)

    def reads(self, json: object) -> bool:
        return isinstance(json, dict) and json.get("is") == self.name

    def _dump(self, value: Any, arrays: Arrays) -> dict[str, Any]:
        return {"is": self.name, "value": self.of.dump(value, arrays)}

    def _load(self, json: dict[str, Any], arrays: Arrays) -> Any:
        return self.of.load(json.get("value"), arrays)


@cache
def coder_of(hint: Any) -> Coder[Any]:
    """Return the coder of a type.

    Raises:
        TypeError: no coder exists for it.
    """
    simple = SIMPLE.get(hint)
    if simple is not None:
        return simple
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return Choice(arguments)
    if origin in (Union, UnionType):
        return _either([coder_of(one) for one in arguments])
    if hint == Sequence[Point]:
        return Points(coder_of(Point))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return Fixed([coder_of(one) for one in arguments])
    if origin in SEQUENCES:
        return Many(coder_of(arguments[0]), SEQUENCES[origin])
    if origin in (dict, Mapping):
        key, value = map(coder_of, arguments)
        return Texted(value) if key is TEXT else Paired(key, value)
    if dataclasses.is_dataclass(origin or hint):
        return Record(hint)
    if isinstance(hint, type) and issubclass(hint, tuple):
        return NamedFields(hint)
    raise TypeError(f"No coder exists for {hint}")


def _either(options: Sequence[Coder[Any]]) -> Coder[Any]:
    records = [option for option in options if isinstance(option, (Record, NamedFields))]
    if len(records) > 1:
        options = [Tagged(one) if isinstance(one, (Record, NamedFields)) else one for one in options]
    # A bool is no integer, and an integer is no float, if the type has both.
    order = {type(BOOL): 0, Integer: 1, Float: 2}
    return Either(sorted(options, key=lambda option: order.get(type(option), 3)))


def dump_call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Body:
    """Return the body of a request for a call of a method of an interface.

    Raises:
        InvalidValue: an argument does not have the type of its hint.
    """
    hints, _ = arguments_of(function)
    arrays, found = Arrays(), {}
    for name, value in arguments.items():
        try:
            found[name] = coder_of(hints[name].hint).dump(value, arrays)
        except InvalidValue as error:
            raise _about(name, error) from error
    return body_of(found, arrays)


def load_call(function: Callable[..., Any], media_type: str, content: bytes) -> dict[str, Any]:
    """Return the arguments of a call from the body of a request. Unknown arguments are ignored.

    Raises:
        InvalidValue: an argument is missing, or does not have the type of its hint.
    """
    sent, arrays = value_of(media_type, content)
    if not isinstance(sent, dict):
        raise InvalidValue("body", shown(sent), "must be an object with the arguments")
    found = {}
    for name, (hint, default) in arguments_of(function)[0].items():
        if name in sent:
            try:
                found[name] = coder_of(hint).load(sent[name], arrays)
            except InvalidValue as error:
                raise _about(name, error) from error
        elif default is REQUIRED:
            raise InvalidValue("body", shown(sent), f"must have the argument {name}")
    return found


def _about(name: str, error: InvalidValue) -> InvalidValue:
    """Return an error that names the argument."""
    return error if error.key != "value" else InvalidValue(name, error.value, error.rule)


def dump_result(function: Callable[..., Any], value: Any) -> Body:
    """Return the body of the answer to a call."""
    arrays = Arrays()
    return body_of({"result": coder_of(arguments_of(function)[1]).dump(value, arrays)}, arrays)


def load_result(function: Callable[..., Any], media_type: str, content: bytes) -> Any:
    """Return the result of a call from the body of an answer.

    Raises:
        InvalidValue: the body is not that of a result of this method.
    """
    sent, arrays = value_of(media_type, content)
    if not isinstance(sent, dict):
        raise InvalidValue("answer", shown(sent), "must be an object with the result")
    return coder_of(arguments_of(function)[1]).load(sent.get("result"), arrays)


def body_of(value: Any, arrays: Arrays) -> Body:
    """Return a JSON value and arrays as a body."""
    if not arrays.arrays:
        return Body(as_json(value), JSON_TYPE)
    from bridge.store.frames import Frame

    frame = Frame(body=value)
    for number, array in enumerate(arrays.arrays):
        frame.add(str(number), _type_of(array), array)
    return Body(frame.to_buffer(), FRAME_TYPE)


def value_of(media_type: str, content: bytes) -> tuple[Any, Arrays]:
    """Return the JSON value and the arrays of a body.

    Raises:
        InvalidValue: the body is neither JSON nor a frame.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        return read_json(content), Arrays()
    if kind != FRAME_TYPE:
        raise InvalidValue("Content-Type", kind[:200], f"must be {JSON_TYPE} or {FRAME_TYPE}")
    from bridge.store.frames import read_frame

    head, columns = read_frame(content)
    return head.get("body"), Arrays(columns.values())


def _type_of(array: Array) -> str:
    found = FRAME_TYPES.get(array.dtype.name)
    if found is None:
        raise InvalidValue("array", array.dtype.name, f"must be of one of the types {', '.join(FRAME_TYPES)}")
    return found
