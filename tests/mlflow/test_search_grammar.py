"""Our parser of filters and orders agrees with MLflow's own, and refuses what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from filters import SQL_IN_ORDER, any_filters, likely_filters, orders, soup
from hypothesis import example, given, settings
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import (
    _get_orderby_clauses,
    _get_search_experiments_filter_clauses,
    _get_search_experiments_order_by_clauses,
    _get_sqlalchemy_filter_clauses,
)
from mlflow.utils.search_utils import SearchExperimentsUtils, SearchUtils
from sqlalchemy.orm import Session

from bridge.errors import InvalidValue
from bridge.records.search import Comparison, Ordering
from bridge.records.search_grammar import (
    parse_experiment_filter,
    parse_experiment_order,
    parse_run_filter,
    parse_run_order,
)

pytestmark = pytest.mark.rules

ENTITIES = {"parameter": "param"}
ATTRIBUTES = {
    "run_name": "display_name", "run name": "display_name", "Run name": "display_name", "Run Name": "display_name",
    "user_id": "user", "created": "start_time", "Created": "start_time",
}  # fmt: skip

STRICTER = (
    "for a list of values: use IN or NOT IN",  # MLflow's database refuses it
    "artifact_uri cannot be used in a filter or order",
    "ill-formed list",  # MLflow evaluates lists as Python: 'a' 'b' means 'ab'
)
"""Filters that we refuse, although MLflow's parser accepts them."""

KEYS_WITH_BLANKS = ("a b", "Run Name", "run name")


def of_mlflow(clause: dict[str, Any]) -> Comparison:
    """Return our form of MLflow's clause."""
    entity = ENTITIES.get(clause["type"], clause["type"])
    key, comparator, value = clause["key"], clause["comparator"].upper(), clause["value"]
    if entity == "attribute":
        key = ATTRIBUTES.get(key, key)
        if key == "experiment_id":
            value = tuple(str(int(id)) for id in value) if isinstance(value, tuple) else str(int(value))
    return Comparison(entity, key, comparator, float(value) if entity == "metric" else value)


def mlflow_run_filter(text: str) -> list[dict[str, Any]] | str:
    """Return MLflow's clauses of a filter of runs, or its error message."""
    try:
        clauses = SearchUtils.parse_search_filter(text)
        _get_sqlalchemy_filter_clauses(clauses, Session(), "sqlite")
    except MlflowException as error:
        return error.message
    except ValueError as error:  # a list that is not a Python literal
        return str(error)
    return cast("list[dict[str, Any]]", clauses)


def mlflow_experiment_filter(text: str) -> list[dict[str, Any]] | str:
    """Return MLflow's clauses of a filter of experiments, or its error message."""
    try:
        clauses = SearchExperimentsUtils.parse_search_filter(text)
        _get_search_experiments_filter_clauses(clauses, "sqlite")
    except MlflowException as error:
        return error.message
    except ValueError as error:
        return str(error)
    return cast("list[dict[str, Any]]", clauses)


def is_looser(text: str) -> bool:
    """Return whether MLflow takes `parameters` for an SQL keyword, because no letter follows its dot."""
    return re.search(r"parameters?\.\d", text) is not None


def is_misread(clauses: list[dict[str, Any]]) -> bool:
    """Return whether MLflow has read two identifiers as one with an alias, so that its key has unquoted blanks."""
    return any(" " in clause["key"] and clause["key"] not in KEYS_WITH_BLANKS for clause in clauses)


def assert_agrees(text: str, theirs: list[dict[str, Any]] | str, ours: Sequence[Comparison] | InvalidValue) -> None:
    if isinstance(theirs, str):
        assert isinstance(ours, InvalidValue) or is_looser(text), (text, theirs, ours)
    elif isinstance(ours, InvalidValue):
        assert any(reason in ours.rule for reason in STRICTER) or is_misread(theirs), (text, theirs, ours.rule)
    else:
        assert [of_mlflow(clause) for clause in theirs] == list(ours), text


def our_run_filter(text: str) -> tuple[Comparison, ...] | InvalidValue:
    try:
        return parse_run_filter(text)
    except InvalidValue as error:
        return error


def our_experiment_filter(text: str) -> tuple[Comparison, ...] | InvalidValue:
    try:
        return parse_experiment_filter(text)
    except InvalidValue as error:
        return error


@settings(max_examples=200)
@given(likely_filters | any_filters | soup)
@example("parameters.a = 'x'AND params.b='y'")
@example("metric.@ab > 1 and tags.##abc = 'x' and params.@a = 'x'")
@example("metrics.a. > 1 and tags..a = 'x' and params.* != ''")
def test_filters_of_runs_agree(text: str) -> None:
    assert_agrees(text, mlflow_run_filter(text), our_run_filter(text))


@settings(max_examples=120)
@given(likely_filters | any_filters | soup)
def test_filters_of_experiments_agree(text: str) -> None:
    assert_agrees(text, mlflow_experiment_filter(text), our_experiment_filter(text))


SAME_SENTENCE = (
    "run_id = 'a' OR run_id = 'b'", "metrics.a BETWEEN 1 AND 2", "NOT metrics.a = 1", "(metrics.a = 1)",
    "metrics.a = 1;", "metrics.a =", "  ", "metrics.a = 1; metrics.b = 2", "metrics.val-loss = 1", "'run_id' = 'x'",
    "foo.a = 'x'", "experiment_id = '1'", "lifecycle_stage = 'active'", "duration > 1",
    "metrics.a = 'x'", "metrics.a = NaN", "metrics.a = 1_0", "metrics.a IN ('x')", "start_time = '1'",
    "params.a = 1", "tags.a = 1", "tags.a = NULL", "params.a IN ('x')", "params.a = foo", "tags.a = `b`", "status = 1",
    "dataset.name = 1", "dataset.source = 'x'", "status IN ('x')", "run_id IN ()", "metrics.a IS NULL",
    "end_time IS NOT NULL", "dataset.name IS NULL", "metrics.a LIKE 1", "params.a > 'x'", "tags.a == 'x'",
    "status > 'x'", "start_time LIKE 1", "dataset.name < 'x'",
)  # fmt: skip
SAME_EXPERIMENT_SENTENCE = (
    "params.a = 'x'", "attributes.name = 'x'", "attr.name = 'x'", "lifecycle_stage = 'x'", "name = 'x' OR name = 'y'",
    "name like 'x'", "name > 'x'", "name IN ('x')", "experiment_id = 1", "experiment_id LIKE '1'",
    "experiment_id in ('1')", "experiment_id = 'abc'", "experiment_id IN ('1.0')", "creation_time = 1.5",
    "creation_time = '1'", "creation_time LIKE 1", "tags.a > 'x'", "tags.a like 'x'", "name IS NULL",
)  # fmt: skip


def without_order(sentence: str) -> str:
    """Return a sentence with the words between braces sorted, because MLflow prints sets."""
    return re.sub(r"\{(.*?)\}", lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", sentence)


@pytest.mark.parametrize("text", SAME_SENTENCE)
def test_a_filter_of_runs_is_refused_with_the_same_message(text: str) -> None:
    theirs, ours = mlflow_run_filter(text), our_run_filter(text)
    assert isinstance(theirs, str) and isinstance(ours, InvalidValue)
    assert without_order(ours.rule) == without_order(theirs)


@pytest.mark.parametrize("text", SAME_EXPERIMENT_SENTENCE)
def test_a_filter_of_experiments_is_refused_with_the_same_message(text: str) -> None:
    theirs, ours = mlflow_experiment_filter(text), our_experiment_filter(text)
    assert isinstance(theirs, str) and isinstance(ours, InvalidValue)
    assert without_order(ours.rule) == without_order(theirs)


def of_mlflow_order(entity: str, key: str, ascending: bool) -> Ordering:
    entity = ENTITIES.get(entity, entity)
    return Ordering(cast(Any, entity), ATTRIBUTES.get(key, key) if entity == "attribute" else key, ascending)


def mlflow_order(clause: str) -> Ordering | str:
    try:
        order = of_mlflow_order(*SearchUtils.parse_order_by_for_search_runs(clause))
        _get_orderby_clauses([clause], Session())
    except MlflowException as error:
        return error.message
    return order


def mlflow_experiment_order(clause: str) -> Ordering | str:
    try:
        order = of_mlflow_order(*SearchExperimentsUtils.parse_order_by_for_search_experiments(clause))
        _get_search_experiments_order_by_clauses([clause])
    except MlflowException as error:
        return error.message
    return order


def our_order(clause: str, parse: Callable[[Sequence[str]], tuple[Ordering, ...]]) -> Ordering | str:
    try:
        (order,) = parse([clause])
    except InvalidValue as error:
        return error.rule
    return order


def assert_orders_agree(clause: str, theirs: Ordering | str, ours: Ordering | str) -> None:
    if isinstance(ours, str):
        # MLflow accepts the number in `metrics.1` as a key only if a direction follows.
        known = any(reason in ours for reason in STRICTER) or re.search(r"\.\d\w*\s", clause)
        known = known or SQL_IN_ORDER.search(clause.strip())
        assert isinstance(theirs, str) or known, (theirs, ours)
    else:
        assert theirs == ours or (isinstance(theirs, str) and is_looser(clause)), (clause, theirs)


@example("metric.@ab DESC")
@example("metrics.##ab")
@example("params.#a1 ASC")
@example("metrics.@a DESC")
@settings(max_examples=120)
@given(orders)
def test_orders_of_runs_agree(clause: str) -> None:
    assert_orders_agree(clause, mlflow_order(clause), our_order(clause, parse_run_order))


@settings(max_examples=80)
@given(orders)
def test_orders_of_experiments_agree(clause: str) -> None:
    assert_orders_agree(clause, mlflow_experiment_order(clause), our_order(clause, parse_experiment_order))


@pytest.mark.parametrize(
    "clause",
    ["", " run_id", "run_id ", "metrics.a, metrics.b", "metrics.a foo", "metrics.a DESC foo", "duration", "foo.a",
     "dataset.name", "`Run Name`", "metrics.val-loss", "metrics.a NULLS LAST"],
)  # fmt: skip
def test_an_order_of_runs_is_refused_with_the_same_message(clause: str) -> None:
    theirs, ours = mlflow_order(clause), our_order(clause, parse_run_order)
    assert isinstance(theirs, str) and isinstance(ours, str)
    assert without_order(ours) == without_order(theirs)


@pytest.mark.parametrize("clause", ["", "tags.a", "attributes.name", "lifecycle_stage", "name foo", "name DESC foo"])
def test_an_order_of_experiments_is_refused_with_the_same_message(clause: str) -> None:
    theirs, ours = mlflow_experiment_order(clause), our_order(clause, parse_experiment_order)
    assert isinstance(theirs, str) and isinstance(ours, str)
    assert without_order(ours) == without_order(theirs)


def test_two_orders_by_one_field_are_refused_with_the_same_message() -> None:
    clauses = ["created", "metrics.a", "start_time DESC"]
    with pytest.raises(MlflowException) as theirs:
        _get_orderby_clauses(clauses, Session())
    with pytest.raises(InvalidValue) as ours:
        parse_run_order(clauses)
    assert ours.value.rule == theirs.value.message
