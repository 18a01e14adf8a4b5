"""Reads a message from JSON by the rules of protobuf.

As in MLflow's server, a value that protobuf refuses ends the reading, and the fields before it keep their values.

Source: protobuf 7.36, `google.protobuf.json_format`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge_mlflow.server.hot.messages import Field, Kind, Message
from bridge_mlflow.translate.refusals import Refusal

EXTENSION = re.compile(r"\[[a-zA-Z0-9\._]*\]$")
INT32_MAX = 2**31 - 1


class Unparsable(Exception):
    """A value that protobuf refuses."""


class Ignored(Exception):
    """A name of an enum that protobuf ignores, because it does not know the name."""


def parse(given: Mapping[str, Any], message: Message) -> tuple[dict[str, Any], bool]:
    """Return the values of a message by the names of the fields, and whether all of them could be read.

    Fields that were not given are absent. The message in a field is a dict of the same form.
    """
    values: dict[str, Any] = {}
    try:
        _fill(values, given, message)
    except (Unparsable, ValueError, TypeError):
        return values, False
    return values, True


def check_aliases(given: Any, message: Message) -> None:
    """Check that no object has a field under both of its names.

    Raises:
        Refusal: an object has one.
    """
    if not isinstance(given, dict):
        return
    for field in message.fields:
        if field.name != field.json_name and field.name in given and field.json_name in given:
            raise Refusal(f"Request specifies both '{field.name}' and '{field.json_name}'; provide only one of them.")
        if field.message is not None:
            value = given.get(field.name, given.get(field.json_name))
            for item in value if isinstance(value, list) else (value,):
                check_aliases(item, field.message)


def _fill(values: dict[str, Any], given: Any, message: Message) -> None:
    for name in given:
        field = message.by_name.get(name)
        if field is None:
            if EXTENSION.match(name):
                raise Unparsable(name)
            continue
        value = given[name]
        if value is None:
            values.pop(field.name, None)
        elif field.is_repeated:
            _fill_list(values, value, field)
        elif field.message is not None:
            _fill(values.setdefault(field.name, {}), value, field.message)
        else:
            try:
                values[field.name] = _scalar(value, field)
            except Ignored:
                continue


def _fill_list(values: dict[str, Any], given: Any, field: Field) -> None:
    items: list[Any] = []
    values[field.name] = items
    if not isinstance(given, list):
        raise Unparsable(field.name)
    for item in given:
        if field.message is None:
            if item is None:
                raise Unparsable(field.name)
            items.append(_scalar(item, field))
            continue
        made: dict[str, Any] = {}
        items.append(made)  # first, because a message that is read in part is kept
        if item is None:
            raise Unparsable(field.name)
        _fill(made, item, field.message)


def _scalar(value: Any, field: Field) -> Any:
    return _enum(value, field) if field.kind == "enum" else READERS[field.kind](value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unparsable(value)
    value.encode()  # a surrogate is refused with a UnicodeEncodeError, which is a ValueError
    return value


def _integer(value: Any) -> int:
    is_fraction = isinstance(value, float) and not value.is_integer()
    if is_fraction or isinstance(value, bool) or (isinstance(value, str) and " " in value):
        raise Unparsable(value)
    try:
        return int(value)
    except ValueError:
        number = float(value)
        if not number.is_integer():
            raise
        return int(number)


def _int64(value: Any) -> int:
    number = _integer(value)
    if not INT64_MIN <= number <= INT64_MAX:
        raise Unparsable(value)
    return number


def _int32(value: Any) -> int:
    number = _integer(value)
    if not -INT32_MAX - 1 <= number <= INT32_MAX:
        raise Unparsable(value)
    return number


def _double(value: Any) -> float:
    if (isinstance(value, float) and not math.isfinite(value)) or value == "nan":
        raise Unparsable(value)
    try:
        return float(value)
    except OverflowError:
        # MLflow's server fails here, with a page of HTML.
        raise Refusal(
            "Invalid value for parameter 'value' supplied: the integer is beyond the range of a double."
        ) from None


def _enum(value: Any, field: Field) -> int:
    number = field.numbers.get(value)
    if number is None:
        try:
            number = int(value)
        except ValueError as error:
            raise Ignored(value) from error
        except OverflowError as error:
            raise Unparsable(value) from error
        if number not in field.numbers.values():
            raise Unparsable(value)
    return number


READERS: Mapping[Kind, Callable[[Any], Any]] = {
    "string": _text,
    "int64": _int64,
    "int32": _int32,
    "double": _double,
}
