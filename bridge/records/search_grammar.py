"""MLflow's grammar of filters and orders, turned into the values that a store is asked with.

What MLflow refuses is refused with MLflow's sentence as the `rule` of an `InvalidValue`.
Where MLflow accepts a text and means something that its writer cannot (a list compared by `=`, an operator inside a
key, a missing AND before IS NULL), this refuses it too.

Source: MLflow 3.17.2, `mlflow/utils/search_utils.py` and `SqlAlchemyStore`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from bridge.errors import InvalidValue
from bridge.records.search import (
    DATASET_ATTRIBUTES,
    LIST_COMPARATORS,
    NULL_COMPARATORS,
    NUMBER_COMPARATORS,
    TEXT_COMPARATORS,
    Comparator,
    Comparison,
    Entity,
    Operand,
    Ordering,
)
from bridge.records.search_tokens import OPERANDS, ORDER, Token, tokens_of

ENTITIES: dict[str, Entity] = {
    "metric": "metric", "metrics": "metric",
    "parameter": "param", "parameters": "param", "param": "param", "params": "param",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
EXPERIMENT_ENTITIES = ("attribute", "tag", "tags")
RUN_ORDER_ATTRIBUTES = {
    "run_id": "run_id", "run_name": "display_name", "status": "status", "user_id": "user",
    "artifact_uri": "artifact_uri", "start_time": "start_time", "end_time": "end_time",
    "created": "start_time", "Created": "start_time",
}  # fmt: skip
RUN_ATTRIBUTES = RUN_ORDER_ATTRIBUTES | dict.fromkeys(("run name", "Run name", "Run Name"), "display_name")
EXPERIMENT_ATTRIBUTES = {key: key for key in ("name", "experiment_id", "creation_time", "last_update_time")}
NUMBERS = frozenset({"start_time", "end_time", "creation_time", "last_update_time"})

TYPE_NAMES: dict[Entity, str] = {"param": "parameter"}
"""MLflow's word for an entity, where it is another than ours."""

UNQUOTED = (
    "Parameter value is either not quoted or unidentified quote types used for string value {}. "
    "Use either single or double quotes."
)
LIST = "While parsing a list in the query, expected "
EMPTY_LIST = LIST + "a non-empty list of string values, but got empty list"
ILL_FORMED_LIST = LIST + "a non-empty list of string values, but got ill-formed list."
NO_TEXT_IN_LIST = LIST + "string value, punctuation, or whitespace, but got different type in list: {}"
ARTIFACT_URI = "artifact_uri cannot be searched by: a run's artifacts are found from its id, wherever the workspace is"


class Refused(Exception):
    """A part of a filter or order is not accepted; says by which rule."""


@dataclass(frozen=True)
class _Key:
    """What a clause or order is about: `spelled` is MLflow's key, `key` ours."""

    entity: Entity
    spelled: str
    key: str

    @property
    def is_number(self) -> bool:
        return self.entity == "metric" or (self.entity == "attribute" and self.key in NUMBERS)


class _Clause(NamedTuple):
    name: Token
    comparator: str
    value: Token | None


def parse_run_filter(text: str | None) -> tuple[Comparison, ...]:
    """The clauses of a filter of runs, such as `metrics.loss < 0.3 and tags.team LIKE 'vis%'`; None and "": none.

    MLflow's `run_name` is our `display_name`, its `user_id` our `user`.
    The words of `status` stay as they are: whoever asks in MLflow's words translates them.

    Raises:
        InvalidValue: the filter is not accepted.
    """
    return _parse_filter(text, _run_clause, "'{}'")


def parse_experiment_filter(text: str | None) -> tuple[Comparison, ...]:
    """The clauses of a filter of experiments, where LIKE and IN are upper case only and ids are quoted.

    Raises:
        InvalidValue: the filter is not accepted.
    """
    return _parse_filter(text, _experiment_clause, "{}")


def parse_run_order(clauses: Sequence[str]) -> tuple[Ordering, ...]:
    """An order of runs, each clause such as `metrics.loss DESC`.

    Raises:
        InvalidValue: a clause is not accepted, or two are about one field.
    """
    order = tuple(_parse_order(clause, _run_order_key) for clause in clauses)
    if len({(ordering.entity, ordering.key) for ordering in order}) < len(order):
        raise InvalidValue("order_by", clauses, f"`order_by` contains duplicate fields: {list(clauses)}")
    return order


def parse_experiment_order(clauses: Sequence[str]) -> tuple[Ordering, ...]:
    """An order of experiments, each clause such as `last_update_time DESC`.

    Raises:
        InvalidValue: a clause is not accepted.
    """
    return tuple(_parse_order(clause, _experiment_order_key) for clause in clauses)


# Filters


def _parse_filter(text: str | None, read: Callable[[_Clause], Comparison], listed: str) -> tuple[Comparison, ...]:
    if not text:
        return ()
    try:
        tokens = tokens_of(text)
        if not tokens:
            raise Refused(f"Invalid filter '{text}'. Could not be parsed.")
        if any(token.text == ";" for token in tokens[:-1]):
            raise Refused(f"Search filter contained multiple expression {text!r}. Provide AND-ed expression list.")
        return tuple([read(clause) for clause in _clauses(tokens, listed)])
    except Refused as refusal:
        raise InvalidValue("filter", text, str(refusal)) from None


def _clauses(tokens: Sequence[Token], listed: str) -> list[_Clause]:
    """The clauses that the tokens form; AND may lack or be doubled between them."""
    clauses: list[_Clause] = []
    refused: list[str] = []
    position, joined = 0, True
    while position < len(tokens):
        clause, length = _clause_at(tokens, position, joined)
        if clause:
            clauses.append(clause)
        elif not tokens[position].is_keyword("AND"):
            refused.append(listed.format(tokens[position].text))
        # Behind a value MLflow takes a name for its alias, so only IS NULL needs no AND after it.
        joined = clause is None or clause.value is None
        position += length
    if refused:
        raise Refused(f"Invalid clause(s) in filter string: {', '.join(refused)}")
    return clauses


def _clause_at(tokens: Sequence[Token], position: int, joined: bool) -> tuple[_Clause | None, int]:
    """The clause that begins at a position, if one does, and how many tokens it has."""
    first, *rest = tokens[position : position + 4]
    if len(rest) > 1 and rest[0].kind == "comparator" and first.kind in OPERANDS:
        if rest[1].kind in OPERANDS or rest[1].is_keyword("NULL"):
            return _Clause(first, rest[0].text, rest[1]), 3
    elif len(rest) > 1 and first.kind == "name" and joined:
        if rest[0].is_keyword("IN") and rest[1].kind == "list":
            return _Clause(first, rest[0].text, rest[1]), 3
        if rest[0].is_keyword("IS") and (rest[1].is_keyword("NULL") or rest[1].is_keyword("NOT NULL")):
            return _Clause(first, f"IS {rest[1].text.upper()}", None), 3
        if rest[0].is_keyword("NOT") and rest[1].is_keyword("IN") and len(rest) > 2 and rest[2].kind == "list":
            return _Clause(first, "NOT IN", rest[2]), 4
    return None, 1


def _run_clause(clause: _Clause) -> Comparison:
    key = _run_key(_name_of(clause), RUN_ATTRIBUTES)
    comparator = clause.comparator.upper()
    if clause.value is None:
        if key.entity not in ("tag", "param"):
            word = TYPE_NAMES.get(key.entity, key.entity)
            raise Refused(
                f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{word}' '{key.spelled}'"
            )
        return Comparison(key.entity, key.key, cast(Comparator, comparator))
    operand = _run_value(key, clause.value)
    _check_run_comparator(key, comparator)
    return _comparison(key, comparator, operand)


def _run_value(key: _Key, value: Token) -> Operand:
    if key.is_number:
        return _number(key, value)
    if value.kind in ("text", "name"):
        return _unquoted(value.text)
    if key.entity in ("param", "tag"):
        word = TYPE_NAMES.get(key.entity, key.entity)
        raise Refused(f"Expected a quoted string value for {word} (e.g. 'my-value'). Got value {value.text}")
    if value.kind != "list":
        what = "attributes" if key.entity == "attribute" else "dataset attributes"
        raise Refused(f"Expected a quoted string value for {what}. Got value {value.text}")
    if key.entity == "attribute" and key.key != "run_id":
        raise Refused("Only ['run_id'] attributes support comparison with a list of quoted string values.")
    return _list(value)


def _check_run_comparator(key: _Key, comparator: str) -> None:
    texts = TEXT_COMPARATORS + (NULL_COMPARATORS if key.entity in ("param", "tag") else LIST_COMPARATORS)
    if comparator not in (NUMBER_COMPARATORS if key.is_number else texts):
        # MLflow names the comparators of texts for its numeric attributes too, and closes the quote at two places.
        named = NUMBER_COMPARATORS if key.entity == "metric" else texts
        if key.entity == "attribute" and key.is_number:
            named = TEXT_COMPARATORS + LIST_COMPARATORS
        closed = key.entity == "param" or (key.entity == "attribute" and not key.is_number)
        raise Refused(f"Invalid comparator '{comparator}' not one of '{_set_of(named)}{chr(39) * closed}")


def _experiment_clause(clause: _Clause) -> Comparison:
    key = _experiment_key(_name_of(clause), EXPERIMENT_ATTRIBUTES)
    if clause.value is None:
        if key.entity != "tag":
            raise Refused(f"IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key.spelled}'")
        return Comparison("tag", key.key, cast(Comparator, clause.comparator))
    operand = _experiment_value(key, clause.value)
    _check_experiment_comparator(key, clause.comparator)
    if key.key == "experiment_id" and key.entity == "attribute":
        operand = tuple(_experiment_id(id) for id in operand) if isinstance(operand, tuple) else _experiment_id(operand)
    if isinstance(operand, float):
        raise Refused(f"Invalid value for numeric attribute '{key.spelled}': {str(operand)!r}")
    return _comparison(key, clause.comparator, operand)


def _experiment_value(key: _Key, value: Token) -> Operand:
    if value.kind == "list" and key.entity == "attribute" and not key.is_number:
        if key.key != "experiment_id":
            raise Refused("Only ['experiment_id'] attributes support comparison with a list of quoted string values.")
        return _list(value)
    return _run_value(key, value)


def _check_experiment_comparator(key: _Key, comparator: str) -> None:
    accepted: Sequence[str]
    if key.entity == "tag":
        what, accepted = "tag", TEXT_COMPARATORS
    elif key.key == "experiment_id":
        what, accepted = "experiment_id", ("=", "!=", *LIST_COMPARATORS)
    else:
        accepted = NUMBER_COMPARATORS if key.is_number else TEXT_COMPARATORS
        if comparator not in accepted and comparator not in LIST_COMPARATORS:
            closed = not key.is_number
            named = _set_of(TEXT_COMPARATORS + LIST_COMPARATORS)
            raise Refused(f"Invalid comparator '{comparator}' not one of '{named}{chr(39) * closed}")
        what = "numeric attribute" if key.is_number else "string attribute"
    if comparator not in accepted:
        raise Refused(f"Invalid comparator for {what}: {comparator}")


def _comparison(key: _Key, comparator: str, operand: Operand) -> Comparison:
    if isinstance(operand, tuple) and comparator not in LIST_COMPARATORS:
        raise Refused(f"Invalid comparator '{comparator}' for a list of values: use IN or NOT IN")
    if key.key == "artifact_uri" and key.entity == "attribute":
        raise Refused(ARTIFACT_URI)
    try:
        return Comparison(key.entity, key.key, cast(Comparator, comparator), operand)
    except InvalidValue as error:
        raise Refused(error.rule) from None


# Identifiers


def _name_of(clause: _Clause) -> str:
    if clause.name.kind != "name":
        raise Refused(f"Invalid comparison clause. Expected 'Identifier' found '{clause.name.text}'")
    return clause.name.text


def _run_key(name: str, attributes: Mapping[str, str]) -> _Key:
    kind, key = _split(name)
    kind = _stripped(kind, "`")
    if kind not in ENTITIES:
        known = ["metric", "parameter", "tag", "attribute", "dataset"]
        raise Refused(f"Invalid entity type '{kind}'. Valid values are {known}")
    return _known_key(ENTITIES[kind], key, attributes)


def _experiment_key(name: str, attributes: Mapping[str, str]) -> _Key:
    kind, key = _split(name)
    if kind not in EXPERIMENT_ENTITIES:
        raise Refused(f"Invalid entity type '{kind}'. Valid entity types are {EXPERIMENT_ENTITIES}")
    return _known_key(ENTITIES[kind], key, attributes)


def _split(name: str) -> tuple[str, str]:
    kind, dot, key = name.partition(".")
    return (kind, key) if dot else ("attribute", kind)


def _known_key(entity: Entity, text: str, attributes: Mapping[str, str]) -> _Key:
    key = _stripped(_stripped(text, "'", '"'), "`")
    if entity == "attribute" and key not in attributes:
        raise Refused(f"Invalid attribute key '{key}' specified. Valid keys are '{_set_of(attributes)}'")
    if entity == "dataset" and key not in DATASET_ATTRIBUTES:
        raise Refused(f"Invalid dataset key '{key}' specified. Valid keys are '{_set_of(DATASET_ATTRIBUTES)}'")
    return _Key(entity, key, attributes[key] if entity == "attribute" else key)


# Values


def _number(key: _Key, value: Token) -> float | int:
    """A metric is compared with a float64, an attribute with an integer where one is given."""
    if value.kind != "number":
        what = "metric" if key.entity == "metric" else f"numeric attribute: {key.spelled}"
        raise Refused(f"Expected numeric value type for {what}. Found {value.text}")
    whole = key.entity == "attribute" and re.fullmatch(r"-?\d{1,400}", value.text)
    return int(value.text) if whole else float(value.text)


def _unquoted(text: str) -> str:
    """A value without its quotes; nothing inside is an escape."""
    if _stripped(text, "'", '"') == text:
        raise Refused(UNQUOTED.format(text))
    return text[1:-1]


def _list(value: Token) -> tuple[str, ...]:
    """The texts of a list such as `('a', "b",)`."""
    if not value.items:
        raise Refused(EMPTY_LIST)
    items, commas = value.items[::2], value.items[1::2]
    if any(comma.text != "," for comma in commas):
        raise Refused(ILL_FORMED_LIST)
    if any(item.kind == "number" for item in items):
        raise Refused(NO_TEXT_IN_LIST.format(value.text))
    return tuple(_list_item(item) for item in items)


def _list_item(item: Token) -> str:
    """One text of a list; MLflow reads lists as Python, so what Python would read as something else is refused."""
    text = item.text[1:-1]
    if _stripped(item.text, "'", '"') == item.text or re.search(r"[\\\r\n]", text) or item.text[0] in text:
        raise Refused(ILL_FORMED_LIST)
    return text


def _experiment_id(operand: Operand) -> str:
    try:
        return str(int(cast(str, operand)))
    except ValueError:
        raise Refused(f"Invalid experiment ID '{operand}'. Experiment ID must be a valid integer.") from None


def _stripped(text: str, *quotes: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in quotes
    return text[1:-1] if quoted else text


def _set_of(words: Sequence[str] | Mapping[str, str]) -> str:
    return "{" + ", ".join(repr(word) for word in words) + "}"


# Orders


def _parse_order(clause: str, read: Callable[[str], _Key]) -> Ordering:
    try:
        name, ascending = _order_parts(clause)
        key = read(name)
        if key.key == "artifact_uri" and key.entity == "attribute":
            raise Refused(ARTIFACT_URI)
        return Ordering(key.entity, key.key, ascending)
    except Refused as refusal:
        raise InvalidValue("order_by", clause, str(refusal)) from None


def _order_parts(clause: str) -> tuple[str, bool]:
    """The identifier of an order clause, and whether it ascends."""
    unparsed = f"Invalid order_by clause '{clause}'. Could not be parsed."
    if not ORDER.fullmatch(clause):
        raise Refused(unparsed)
    try:
        words = shlex.split(clause.replace("`", '"'))
    except ValueError:
        raise Refused(unparsed) from None
    if len(words) == 1:
        return clause, True
    if len(words) != 2:
        raise Refused(unparsed)
    if words[1].lower() not in ("asc", "desc"):
        raise Refused(f"Invalid ordering key in order_by clause '{clause}'.")
    return words[0].strip(), words[1].lower() == "asc"


def _run_order_key(name: str) -> _Key:
    key = _run_key(name, RUN_ORDER_ATTRIBUTES)
    if key.entity == "dataset":
        raise Refused("Invalid identifier type 'dataset'")
    return key


def _experiment_order_key(name: str) -> _Key:
    key = _experiment_key(name, EXPERIMENT_ATTRIBUTES)
    if key.entity == "tag":
        raise Refused("Invalid order_by entity: tag")
    return key
