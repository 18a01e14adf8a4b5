"""Reads the values in a filter of MLflow's search grammar: numbers, texts and lists of texts."""

from __future__ import annotations

import re
from typing import cast

from bridge.records.search import Operand
from bridge.records.search_keys import Refused, SearchKey, stripped
from bridge.records.search_tokens import Token

UNQUOTED = (
    "Parameter value is either not quoted or unidentified quote types used for string value {}. "
    "Use either single or double quotes."
)
LIST = "While parsing a list in the query, expected "
EMPTY_LIST = LIST + "a non-empty list of string values, but got empty list"
ILL_FORMED_LIST = LIST + "a non-empty list of string values, but got ill-formed list."
NO_TEXT_IN_LIST = LIST + "string value, punctuation, or whitespace, but got different type in list: {}"


def run_value(key: SearchKey, value: Token) -> Operand:
    """Return the value with which a clause compares a key of a run.

    Raises:
        Refused: the key cannot be compared with this value.
    """
    if key.is_number:
        return _number(key, value)
    if value.kind in ("text", "name"):
        return _unquoted(value.text)
    if key.entity in ("param", "tag"):
        raise Refused(f"Expected a quoted string value for {key.word} (e.g. 'my-value'). Got value {value.text}")
    if value.kind != "list":
        what = "attributes" if key.entity == "attribute" else "dataset attributes"
        raise Refused(f"Expected a quoted string value for {what}. Got value {value.text}")
    if key.entity == "attribute" and key.key != "run_id":
        raise Refused("Only ['run_id'] attributes support comparison with a list of quoted string values.")
    return _list(value)


def experiment_value(key: SearchKey, value: Token) -> Operand:
    """Return the value with which a clause compares a key of an experiment.

    Raises:
        Refused: the key cannot be compared with this value.
    """
    if value.kind == "list" and key.entity == "attribute" and not key.is_number:
        if key.key != "experiment_id":
            raise Refused("Only ['experiment_id'] attributes support comparison with a list of quoted string values.")
        return _list(value)
    return run_value(key, value)


def experiment_ids(operand: Operand) -> Operand:
    """Return one or several experiment ids without leading zeros.

    Raises:
        Refused: an id is not an integer.
    """
    return tuple(_experiment_id(id) for id in operand) if isinstance(operand, tuple) else _experiment_id(operand)


def _experiment_id(operand: Operand) -> str:
    try:
        return str(int(cast(str, operand)))
    except ValueError:
        raise Refused(f"Invalid experiment ID '{operand}'. Experiment ID must be a valid integer.") from None


def _number(key: SearchKey, value: Token) -> float | int:
    """Return the number of a token. It is an int only if the key is an attribute and the number has no fraction."""
    if value.kind != "number":
        what = "metric" if key.entity == "metric" else f"numeric attribute: {key.spelled}"
        raise Refused(f"Expected numeric value type for {what}. Found {value.text}")
    whole = key.entity == "attribute" and re.fullmatch(r"-?\d{1,400}", value.text)
    return int(value.text) if whole else float(value.text)


def _unquoted(text: str) -> str:
    """Return a value without the quotes around it. A backslash in the value is not an escape character."""
    if stripped(text, "'", '"') == text:
        raise Refused(UNQUOTED.format(text))
    return text[1:-1]


def _list(value: Token) -> tuple[str, ...]:
    """Return the texts of a list such as `('a', "b",)`."""
    if not value.items:
        raise Refused(EMPTY_LIST)
    items, commas = value.items[::2], value.items[1::2]
    if any(comma.text != "," for comma in commas):
        raise Refused(ILL_FORMED_LIST)
    if any(item.kind == "number" for item in items):
        raise Refused(NO_TEXT_IN_LIST.format(value.text))
    return tuple(_list_item(item) for item in items)


def _list_item(item: Token) -> str:
    """Return one text of a list.

    MLflow parses a list as Python code. A text is refused if it would have another meaning in Python code, for example
    because it contains a backslash.
    """
    text = item.text[1:-1]
    if stripped(item.text, "'", '"') == item.text or re.search(r"[\\\r\n]", text) or item.text[0] in text:
        raise Refused(ILL_FORMED_LIST)
    return text
