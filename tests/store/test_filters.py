"""Filters and orders are parsed by MLflow's grammar, and refused with MLflow's error messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from bridge.errors import InvalidValue
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.search_grammar import (
    parse_experiment_filter,
    parse_experiment_order,
    parse_run_filter,
    parse_run_order,
)

ACCEPTED = {
    "metrics.loss < 0.3 and params.model = 'cnn'": [
        Comparison("metric", "loss", "<", 0.3),
        Comparison("param", "model", "=", "cnn"),
    ],
    "metric.a=1": [Comparison("metric", "a", "=", 1.0)],
    "metrics.a = 1. AND metrics.a = .5 AND metrics.a > -1.5e-3": [
        Comparison("metric", "a", "=", 1.0),
        Comparison("metric", "a", "=", 0.5),
        Comparison("metric", "a", ">", -0.0015),
    ],
    "metrics.a < 1e400": [Comparison("metric", "a", "<", math.inf)],
    "metrics.`val/loss` > 1": [Comparison("metric", "val/loss", ">", 1.0)],
    'metrics."val loss" > 1': [Comparison("metric", "val loss", ">", 1.0)],
    "metrics.'val loss' > 1": [Comparison("metric", "val loss", ">", 1.0)],
    "`metrics`.a.b != 2": [Comparison("metric", "a.b", "!=", 2.0)],
    "parameter.x LIKE 'vis%'": [Comparison("param", "x", "LIKE", "vis%")],
    'tags.x ilike "a\'b"': [Comparison("tag", "x", "ILIKE", "a'b")],
    "params.x = 'it''s'": [Comparison("param", "x", "=", "it''s")],
    r"params.x = 'a\b'": [Comparison("param", "x", "=", r"a\b")],
    "tags.`mlflow.parentRunId` is not null": [Comparison("tag", "mlflow.parentRunId", "IS NOT NULL")],
    "params.x IS NULL params.y IS NULL": [Comparison("param", "x", "IS NULL"), Comparison("param", "y", "IS NULL")],
    "run_id IN ('a', \"b\",)": [Comparison("attribute", "run_id", "IN", ("a", "b"))],
    "attribute.run_id not in('a')": [Comparison("attribute", "run_id", "NOT IN", ("a",))],
    "`Run name` = 'x' and run.run_name = 'x'": [Comparison("attribute", "display_name", "=", "x")] * 2,
    "user_id = 'x' AND status != 'FINISHED'": [
        Comparison("attribute", "user", "=", "x"),
        Comparison("attribute", "status", "!=", "FINISHED"),
    ],
    "created > 1 and attr.Created >= 1.5 and end_time <= 9007199254740993": [
        Comparison("attribute", "start_time", ">", 1),
        Comparison("attribute", "start_time", ">=", 1.5),
        Comparison("attribute", "end_time", "<=", 9007199254740993),
    ],
    "dataset.name IN ('a') datasets.context LIKE 'tr%'": [
        Comparison("dataset", "name", "IN", ("a",)),
        Comparison("dataset", "context", "LIKE", "tr%"),
    ],
    " AND metrics.a = 1 and and metrics.b = 2 AND": [
        Comparison("metric", "a", "=", 1.0),
        Comparison("metric", "b", "=", 2.0),
    ],
    "metrics.a = 1 metrics.b = 2": [Comparison("metric", "a", "=", 1.0), Comparison("metric", "b", "=", 2.0)],
    "": [],
}

REFUSED = {
    "run_id = 'a' OR run_id = 'b'": "Invalid clause(s) in filter string: 'OR'",
    "metrics.a BETWEEN 1 AND 2": "Invalid clause(s) in filter string: 'metrics.a', 'BETWEEN', '1', '2'",
    "NOT metrics.a = 1": "Invalid clause(s) in filter string: 'NOT'",
    "(metrics.a = 1)": "Invalid clause(s) in filter string: '(metrics.a = 1)'",
    "metrics.a = 1;": "Invalid clause(s) in filter string: ';'",
    "metrics.a = 1 -- more": "Invalid clause(s) in filter string: '-- more'",
    "metrics.a =": "Invalid clause(s) in filter string: 'metrics.a', '='",
    "metrics.a": "Invalid clause(s) in filter string: 'metrics.a'",
    "params.x = 'a' params.y IS NULL": "Invalid clause(s) in filter string: 'params.y', 'IS', 'NULL'",
    "   ": "Invalid filter '   '. Could not be parsed.",
    "metrics.a = 1; metrics.b = 2": "Search filter contained multiple expression 'metrics.a = 1; metrics.b = 2'. "
    "Provide AND-ed expression list.",
    "metrics.val-loss = 1": "Invalid comparison clause. Expected 'Identifier' found 'metrics.val-loss'",
    "'run_id' = 'x'": "Invalid comparison clause. Expected 'Identifier' found ''run_id''",
    "foo.a = 'x'": "Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
    "Metrics.a = 1": "Invalid entity type 'Metrics'. "
    "Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
    "metrics.a = 'x'": "Expected numeric value type for metric. Found 'x'",
    "metrics.a = NaN": "Expected numeric value type for metric. Found NaN",
    "metrics.a = 1_0": "Expected numeric value type for metric. Found 1_0",
    "metrics.a IN ('x')": "Expected numeric value type for metric. Found ('x')",
    "start_time = '1'": "Expected numeric value type for numeric attribute: start_time. Found '1'",
    "params.a = 1": "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1",
    "tags.a = 1": "Expected a quoted string value for tag (e.g. 'my-value'). Got value 1",
    "params.a IN ('x')": "Expected a quoted string value for parameter (e.g. 'my-value'). Got value ('x')",
    "params.a = foo": "Parameter value is either not quoted or unidentified quote types used for string value foo. "
    "Use either single or double quotes.",
    "status = 1": "Expected a quoted string value for attributes. Got value 1",
    "dataset.name = 1": "Expected a quoted string value for dataset attributes. Got value 1",
    "status IN ('x')": "Only ['run_id'] attributes support comparison with a list of quoted string values.",
    "run_id IN ()": "While parsing a list in the query, expected a non-empty list of string values, but got empty list",
    "run_id IN (1)": "While parsing a list in the query, expected string value, punctuation, or whitespace, "
    "but got different type in list: (1)",
    r"run_id IN ('a\n')": "While parsing a list in the query, expected a non-empty list of string values, "
    "but got ill-formed list.",
    "run_id = ('x')": "Invalid comparator '=' for a list of values: use IN or NOT IN",
    "metrics.a IS NULL": "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' 'a'",
    "end_time IS NULL": "IS NULL / IS NOT NULL is only supported for tags and params, not for 'attribute' 'end_time'",
    "metrics.a LIKE 1": "Invalid comparator 'LIKE' not one of '{'=', '!=', '<', '<=', '>', '>='}",
    "params.a > 'x'": "Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}'",
    "tags.a == 'x'": "Invalid comparator '==' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}",
    "status not like 'x'": "Invalid comparator 'NOT LIKE' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'}'",
    "artifact_uri = 's3://b'": "artifact_uri cannot be used in a filter or order, because Runbridge does not store "
    "it: it is computed from the folder of the workspace and the id of the run",
}

EXPERIMENTS_ACCEPTED = {
    "name LIKE 'a%' AND attribute.name != 'b'": [
        Comparison("attribute", "name", "LIKE", "a%"),
        Comparison("attribute", "name", "!=", "b"),
    ],
    "experiment_id IN ('1', ' 02 ') and experiment_id != '٣'": [
        Comparison("attribute", "experiment_id", "IN", ("1", "2")),
        Comparison("attribute", "experiment_id", "!=", "3"),
    ],
    "last_update_time < 5": [Comparison("attribute", "last_update_time", "<", 5)],
    "tags.`mlflow.experiment.isGateway` IS NULL": [Comparison("tag", "mlflow.experiment.isGateway", "IS NULL")],
}

EXPERIMENTS_REFUSED = {
    "params.a = 'x'": "Invalid entity type 'params'. Valid entity types are ('attribute', 'tag', 'tags')",
    "attributes.name = 'x'": "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')",
    "name = 'x' OR name = 'y'": "Invalid clause(s) in filter string: OR",
    "name like 'x'": "Invalid comparator 'like' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'}'",
    "name IN ('x')": "Only ['experiment_id'] attributes support comparison with a list of quoted string values.",
    "experiment_id = 1": "Expected a quoted string value for attributes. Got value 1",
    "experiment_id LIKE '1'": "Invalid comparator for experiment_id: LIKE",
    "experiment_id = 'abc'": "Invalid experiment ID 'abc'. Experiment ID must be a valid integer.",
    "creation_time = 1.5": "Invalid value for numeric attribute 'creation_time': '1.5'",
    "creation_time = '1'": "Expected numeric value type for numeric attribute: creation_time. Found '1'",
    "tags.a > 'x'": "Invalid comparator for tag: >",
    "name IS NULL": "IS NULL / IS NOT NULL is only supported for tags, not for attribute 'name'",
}

ORDERS = {
    "metrics.loss": Ordering("metric", "loss"),
    "metrics.`val loss` desc": Ordering("metric", "val loss", False),
    "params.a  ASC": Ordering("param", "a"),
    "attribute.Created DESC": Ordering("attribute", "start_time", False),
    "run_name": Ordering("attribute", "display_name"),
}

ORDERS_REFUSED = {
    " metrics.loss": "Invalid order_by clause ' metrics.loss'. Could not be parsed.",
    "": "Invalid order_by clause ''. Could not be parsed.",
    "metrics.a, metrics.b": "Invalid order_by clause 'metrics.a, metrics.b'. Could not be parsed.",
    "metrics.a DESC foo": "Invalid order_by clause 'metrics.a DESC foo'. Could not be parsed.",
    "metrics.a foo": "Invalid ordering key in order_by clause 'metrics.a foo'.",
    "dataset.name": "Invalid identifier type 'dataset'",
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_filter_of_runs_is_parsed(text: str) -> None:
    assert list(parse_run_filter(text)) == ACCEPTED[text]


@pytest.mark.parametrize("text", EXPERIMENTS_ACCEPTED)
def test_a_filter_of_experiments_is_parsed(text: str) -> None:
    assert list(parse_experiment_filter(text)) == EXPERIMENTS_ACCEPTED[text]


def assert_refused(parse: Callable[[Any], object], text: Any, sentence: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse(text)
    assert refusal.value.rule == sentence


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_filter_of_runs_is_refused_in_mlflows_words(text: str) -> None:
    assert_refused(parse_run_filter, text, REFUSED[text])


@pytest.mark.parametrize("text", EXPERIMENTS_REFUSED)
def test_a_wrong_filter_of_experiments_is_refused_in_mlflows_words(text: str) -> None:
    assert_refused(parse_experiment_filter, text, EXPERIMENTS_REFUSED[text])


@pytest.mark.parametrize("clause", ORDERS)
def test_an_order_is_parsed(clause: str) -> None:
    assert parse_run_order([clause]) == (ORDERS[clause],)


@pytest.mark.parametrize("clause", ORDERS_REFUSED)
def test_a_wrong_order_is_refused_in_mlflows_words(clause: str) -> None:
    assert_refused(parse_run_order, [clause], ORDERS_REFUSED[clause])


def test_runs_are_ordered_by_a_field_once_and_experiments_by_attributes() -> None:
    twice = ["created", "start_time DESC"]
    assert_refused(parse_run_order, twice, f"`order_by` contains duplicate fields: {twice}")
    assert_refused(parse_experiment_order, ["tags.a"], "Invalid order_by entity: tag")
    assert parse_experiment_order(["name", "name DESC"]) == (
        Ordering("attribute", "name"),
        Ordering("attribute", "name", False),
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Comparison("metric", "a", "LIKE", "x"),
        lambda: Comparison("metric", "a", "<", "x"),
        lambda: Comparison("param", "a", "<", "x"),
        lambda: Comparison("param", "a", "=", 1),
        lambda: Comparison("param", "a", "IN", "x"),
        lambda: Comparison("tag", "a", "IS NULL", "x"),
        lambda: Comparison("tag", "a", "LIKE", "x" * 12_001),
        lambda: Comparison("tag", "\ud800", "=", "x"),
        lambda: Comparison("tag", "a", "=", "\ud800"),
        lambda: Comparison("dataset", "source", "=", "x"),
        lambda: RunQuery(("1",), (Comparison("attribute", "name", "=", "x"),)),
        lambda: RunQuery(("1",), order=(Ordering("dataset", "name"),)),
        lambda: RunQuery(("1",), (Comparison("tag", "a", "=", "x"),) * 501),
        lambda: RunQuery(("1",), (Comparison("tag", "a", "IN", ("x",) * 10_001),)),
        lambda: RunQuery(("1",), max_results=0),
        lambda: ExperimentQuery((Comparison("metric", "a", "=", 1),)),
        lambda: ExperimentQuery((Comparison("attribute", "experiment_id", "LIKE", "1"),)),
        lambda: ExperimentQuery(order=(Ordering("tag", "a"),)),
    ],
)
def test_a_query_that_no_store_could_answer_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidValue):
        make()
