"""Parses filters and orders in MLflow's search grammar into the clauses of a query.

If MLflow refuses a text, it is refused here too, with MLflow's error message as the `rule` of an `InvalidValue`.
A few texts are refused here although MLflow accepts them, because MLflow gives them a meaning that no author intends.
Examples are a list compared by `=`, an operator inside a key, and a missing AND before a clause with IS NULL.

Source: MLflow 3.17.2, `mlflow/utils/search_utils.py` and `SqlAlchemyStore`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from bridge.errors import InvalidValue
from bridge.records.search import (
    LIST_COMPARATORS,
    NULL_COMPARATORS,
    NUMBER_COMPARATORS,
    TEXT_COMPARATORS,
    Comparator,
    Comparison,
    Operand,
    Ordering,
)
from bridge.records.search_keys import (
    Refused,
    SearchKey,
    experiment_key,
    experiment_order_key,
    run_key,
    run_order_key,
    shown_set,
)
from bridge.records.search_tokens import OPERANDS, ORDER, Token, tokens_of
from bridge.records.search_values import experiment_ids, experiment_value, run_value

ARTIFACT_URI = (
    "artifact_uri cannot be used in a filter or order, because Runbridge does not store it:"
    " it is computed from the folder of the workspace and the id of the run"
)


class _Clause(NamedTuple):
    """A clause of a filter. `value` is None if the comparator is IS NULL or IS NOT NULL."""

    name: Token
    comparator: str
    value: Token | None


def parse_run_filter(text: str | None) -> tuple[Comparison, ...]:
    """Return the clauses of a filter of runs, such as `metrics.loss < 0.3 and tags.team LIKE 'vis%'`.

    The filters None and "" have no clauses. MLflow's keys `run_name` and `user_id` become `display_name` and `user`.
    Values of `status` are not translated. A caller that accepts MLflow's statuses must translate them.

    Raises:
        InvalidValue: the filter is not valid.
    """
    return _parse_filter(text, _run_clause, "'{}'")


def parse_experiment_filter(text: str | None) -> tuple[Comparison, ...]:
    """Return the clauses of a filter of experiments, such as `name LIKE 'vis%'`.

    Comparators such as LIKE must be in upper case, which is not necessary in a filter of runs.
    Experiment ids must be quoted.

    Raises:
        InvalidValue: the filter is not valid.
    """
    return _parse_filter(text, _experiment_clause, "{}")


def parse_run_order(clauses: Sequence[str]) -> tuple[Ordering, ...]:
    """Return an order of runs, given clauses such as `metrics.loss DESC`.

    Raises:
        InvalidValue: a clause is not valid, or two clauses have the same key.
    """
    order = tuple(_parse_order(clause, run_order_key) for clause in clauses)
    if len({(ordering.entity, ordering.key) for ordering in order}) < len(order):
        raise InvalidValue("order_by", clauses, f"`order_by` contains duplicate fields: {list(clauses)}")
    return order


def parse_experiment_order(clauses: Sequence[str]) -> tuple[Ordering, ...]:
    """Return an order of experiments, given clauses such as `last_update_time DESC`.

    Raises:
        InvalidValue: a clause is not valid.
    """
    return tuple(_parse_order(clause, experiment_order_key) for clause in clauses)


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
    """Return the clauses that the tokens form.

    As in MLflow, AND may be missing or repeated between two clauses. But before a clause with IN or IS, it may
    be missing only if the previous clause has no value (IS NULL).
    """
    clauses: list[_Clause] = []
    refused: list[str] = []
    position, joined = 0, True
    while position < len(tokens):
        clause, length = _clause_at(tokens, position, joined)
        if clause:
            clauses.append(clause)
        elif not tokens[position].is_keyword("AND"):
            refused.append(listed.format(tokens[position].text))
        # If AND is missing between a value and such a clause, MLflow's parser reads the name in the clause as an alias
        # of the value, as in SQL.
        joined = clause is None or clause.value is None
        position += length
    if refused:
        raise Refused(f"Invalid clause(s) in filter string: {', '.join(refused)}")
    return clauses


def _clause_at(tokens: Sequence[Token], position: int, joined: bool) -> tuple[_Clause | None, int]:
    """Return the clause that starts at a position, or None if no clause does, and the number of its tokens."""
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


def _name_of(clause: _Clause) -> str:
    if clause.name.kind != "name":
        raise Refused(f"Invalid comparison clause. Expected 'Identifier' found '{clause.name.text}'")
    return clause.name.text


def _run_clause(clause: _Clause) -> Comparison:
    key = run_key(_name_of(clause))
    comparator = clause.comparator.upper()
    if clause.value is None:
        if key.entity not in ("tag", "param"):
            raise Refused(
                f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{key.word}' '{key.spelled}'"
            )
        return Comparison(key.entity, key.key, cast(Comparator, comparator))
    operand = run_value(key, clause.value)
    _check_run_comparator(key, comparator)
    return _comparison(key, comparator, operand)


def _check_run_comparator(key: SearchKey, comparator: str) -> None:
    texts = TEXT_COMPARATORS + (NULL_COMPARATORS if key.entity in ("param", "tag") else LIST_COMPARATORS)
    if comparator not in (NUMBER_COMPARATORS if key.is_number else texts):
        # MLflow's message has two errors, and this message has the same ones. For a numeric attribute, it lists the
        # comparators of text. The quote character after the list is missing except for params and text attributes.
        named = NUMBER_COMPARATORS if key.entity == "metric" else texts
        if key.entity == "attribute" and key.is_number:
            named = TEXT_COMPARATORS + LIST_COMPARATORS
        closed = key.entity == "param" or (key.entity == "attribute" and not key.is_number)
        raise Refused(f"Invalid comparator '{comparator}' not one of '{shown_set(named)}{chr(39) * closed}")


def _experiment_clause(clause: _Clause) -> Comparison:
    key = experiment_key(_name_of(clause))
    if clause.value is None:
        if key.entity != "tag":
            raise Refused(f"IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key.spelled}'")
        return Comparison("tag", key.key, cast(Comparator, clause.comparator))
    operand = experiment_value(key, clause.value)
    _check_experiment_comparator(key, clause.comparator)
    if key.key == "experiment_id" and key.entity == "attribute":
        operand = experiment_ids(operand)
    if isinstance(operand, float):
        raise Refused(f"Invalid value for numeric attribute '{key.spelled}': {str(operand)!r}")
    return _comparison(key, clause.comparator, operand)


def _check_experiment_comparator(key: SearchKey, comparator: str) -> None:
    accepted: Sequence[str]
    if key.entity == "tag":
        what, accepted = "tag", TEXT_COMPARATORS
    elif key.key == "experiment_id":
        what, accepted = "experiment_id", ("=", "!=", *LIST_COMPARATORS)
    else:
        accepted = NUMBER_COMPARATORS if key.is_number else TEXT_COMPARATORS
        if comparator not in accepted and comparator not in LIST_COMPARATORS:
            closed = not key.is_number
            named = shown_set(TEXT_COMPARATORS + LIST_COMPARATORS)
            raise Refused(f"Invalid comparator '{comparator}' not one of '{named}{chr(39) * closed}")
        what = "numeric attribute" if key.is_number else "string attribute"
    if comparator not in accepted:
        raise Refused(f"Invalid comparator for {what}: {comparator}")


def _comparison(key: SearchKey, comparator: str, operand: Operand) -> Comparison:
    if isinstance(operand, tuple) and comparator not in LIST_COMPARATORS:
        raise Refused(f"Invalid comparator '{comparator}' for a list of values: use IN or NOT IN")
    if key.key == "artifact_uri" and key.entity == "attribute":
        raise Refused(ARTIFACT_URI)
    try:
        return Comparison(key.entity, key.key, cast(Comparator, comparator), operand)
    except InvalidValue as error:
        raise Refused(error.rule) from None


# Orders


def _parse_order(clause: str, read: Callable[[str], SearchKey]) -> Ordering:
    try:
        name, ascending = _order_parts(clause)
        key = read(name)
        if key.key == "artifact_uri" and key.entity == "attribute":
            raise Refused(ARTIFACT_URI)
        return Ordering(key.entity, key.key, ascending)
    except Refused as refusal:
        raise InvalidValue("order_by", clause, str(refusal)) from None


def _order_parts(clause: str) -> tuple[str, bool]:
    """Return the identifier of an order clause, and whether the order is ascending."""
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
