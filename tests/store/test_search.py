"""A search has one result: SQL and the evaluation of records agree, and both follow MLflow's rules."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from longer import SCALE
from search_database import assert_pages, database, filled, insert, make_wait

from bridge.records.experiment import ExperimentRecord
from bridge.records.run import Dataset, DatasetInput, RunRecord
from bridge.records.search import NUMBER_COMPARATORS, RUN_ATTRIBUTES, Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.search_grammar import (
    parse_run_filter,
    parse_run_order,
)
from bridge.records.series import BIG, Latest
from bridge.store.sql.search.experiments import search_experiment_ids
from bridge.store.sql.search.limits import Limits
from bridge.store.sql.search.runs import search_run_keys
from bridge.testing.oracle.search import DATASET_CONTEXT, select_experiments, select_runs

KEYS = ("a", "b")
METRICS = ("a", "b", "a.b", "a.b.c")
COLUMNS = (("a", "b"), ("a", "b.c"), ("a.b", "c"), ("b", "a"))
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "a\nb",
    "É",
    "é",
    "%",
    "*",
    "[a]",
    "a?b",
    "True",
    "None",
    "5",
    "é" * 64,
    "é" * 64 + "b",
)
PATTERNS = ("", "é" * 64 + "_", "a", "a%", "%", "_", "%b", "a_b", "É", "*", "[a]", "?", "%\n%", "\\%")
TIMES = (None, -1, 0, 1, 2)
NUMBERS = (0.0, -0.0, 1.0, -1.0, 5e-324, math.nan, math.inf, -math.inf, BIG, -BIG)
OPERANDS = (0.0, 0, 1, -1.0, 5e-324, math.inf, -math.inf, BIG, 1e308, math.nan, 2**63, -(2**63) - 1, 10**400)
STATUSES = ("Running", "Completed", "running")

texts, times = st.sampled_from(TEXTS), st.sampled_from(TIMES)
stages: Any = st.sampled_from(("active", "deleted"))
views: Any = st.sampled_from(("active", "deleted", "all"))


def mapping(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=2)


datasets = st.lists(
    st.builds(
        DatasetInput,
        st.builds(Dataset, texts, texts, st.just("local"), st.just("x")),
        st.dictionaries(st.sampled_from((DATASET_CONTEXT, "other")), texts),
    ),
    max_size=2,
    unique_by=lambda used: (used.dataset.name, used.dataset.digest),
)
latest_points = st.builds(Latest, st.sampled_from(NUMBERS), st.sampled_from((0, 1)), st.sampled_from((0, 1)))
run_lists = st.lists(
    st.builds(
        RunRecord,
        st.sampled_from([f"{i:032x}" for i in range(20)]),
        st.sampled_from(("1", "2")),
        display_name=texts,
        status=st.sampled_from(STATUSES),
        lifecycle_stage=stages,
        start_time=times,
        end_time=times,
        deletion_time=times,
        user=texts,
        # Runs may be each other's parents, or have a parent that does not exist.
        parent_id=st.none() | texts | st.sampled_from([f"{i:032x}" for i in range(20)]),
        description=st.none() | texts,
        type=st.none() | texts,
        params=mapping(texts),
        tags=mapping(st.none() | texts),
        properties=mapping(texts),
        latest=st.dictionaries(st.sampled_from(METRICS), latest_points, max_size=3),
        latest_columns=st.dictionaries(st.sampled_from(COLUMNS), latest_points, max_size=3),
        latest_texts=mapping(st.sampled_from((True, False, None)) | texts),
        dataset_inputs=datasets.map(tuple),
    ),
    max_size=8,
    unique_by=lambda record: record.id,
)
experiment_lists = st.lists(
    st.builds(
        ExperimentRecord,
        st.sampled_from([str(i) for i in range(12)]),
        st.uuids().map(str) | texts.filter(bool),
        stages,
        st.sampled_from((0, 1, 2)),
        st.sampled_from((0, 1, 2)),
        tags=mapping(st.none() | texts),
    ),
    max_size=8,
    unique_by=(lambda record: record.id, lambda record: record.name),
)


def comparisons(entity: str, keys: Sequence[str], values: Sequence[str] = TEXTS) -> st.SearchStrategy[Comparison]:
    """Conditions on texts."""
    key = st.sampled_from(keys)
    return st.one_of(
        st.builds(Comparison, st.just(entity), key, st.sampled_from(("=", "!=")), st.sampled_from(values)),
        st.builds(Comparison, st.just(entity), key, st.sampled_from(("LIKE", "ILIKE")), st.sampled_from(PATTERNS)),
        st.builds(
            Comparison,
            st.just(entity),
            key,
            st.sampled_from(("IN", "NOT IN")),
            st.lists(st.sampled_from(values), max_size=3).map(tuple),
        ),
        st.builds(Comparison, st.just(entity), key, st.sampled_from(("IS NULL", "IS NOT NULL"))),
    )


def number_comparisons(entity: str, keys: Sequence[str]) -> st.SearchStrategy[Comparison]:
    return st.one_of(
        st.builds(
            Comparison,
            st.just(entity),
            st.sampled_from(keys),
            st.sampled_from(("=", "!=", "<", "<=", ">", ">=")),
            st.sampled_from(OPERANDS),
        ),
        st.builds(Comparison, st.just(entity), st.sampled_from(keys), st.sampled_from(("IS NULL", "IS NOT NULL"))),
    )


run_clauses = st.one_of(
    comparisons("attribute", ("run_id", "display_name", "user", "parent_id", "description", "type")),
    comparisons("attribute", ("status",), STATUSES),
    comparisons("attribute", ("run_id",), [f"{i:032x}" for i in range(20)]),
    comparisons("param", KEYS),
    comparisons("tag", KEYS),
    comparisons("dataset", ("name", "digest", "context")),
    number_comparisons("attribute", ("start_time", "end_time", "deletion_time")),
    number_comparisons("metric", (*METRICS, "b.a")),
)
run_orders = st.one_of(
    st.builds(
        Ordering,
        st.just("attribute"),
        st.sampled_from(
            ("run_id", "display_name", "status", "start_time", "end_time", "deletion_time", "parent_id", "type")
        ),
        st.booleans(),
    ),
    st.builds(Ordering, st.sampled_from(("metric", "param", "tag")), st.sampled_from(KEYS), st.booleans()),
    st.builds(Ordering, st.just("metric"), st.sampled_from((*METRICS, "b.a")), st.booleans()),
)
run_queries = st.builds(
    RunQuery,
    st.just(("1", "2")) | st.lists(st.sampled_from(("1", "2", "3", "x", " 1", "-1", "9" * 30)), max_size=3).map(tuple),
    st.lists(run_clauses, max_size=2).map(tuple),
    st.lists(run_orders, max_size=3).map(tuple),
    views,
    st.sampled_from((None, 1, 2, 3)),
    below=st.none() | st.sampled_from([f"{i:032x}" for i in range(20)]),
    recursive=st.booleans(),
)
experiment_queries = st.builds(
    ExperimentQuery,
    st.lists(
        st.one_of(
            comparisons("attribute", ("name",)),
            comparisons("tag", KEYS),
            number_comparisons("attribute", ("creation_time", "last_update_time")),
            st.builds(
                Comparison,
                st.just("attribute"),
                st.just("experiment_id"),
                st.sampled_from(("=", "!=")),
                texts | st.just("1"),
            ),
            st.builds(
                Comparison,
                st.just("attribute"),
                st.just("experiment_id"),
                st.sampled_from(("IN", "NOT IN")),
                st.lists(st.sampled_from(("1", "2", "10", "x", "01")), max_size=3).map(tuple),
            ),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(
        st.builds(
            Ordering,
            st.just("attribute"),
            st.sampled_from(("experiment_id", "name", "creation_time", "last_update_time")),
            st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    views,
    st.sampled_from((None, 1, 2, 3)),
)


limits = st.builds(
    Limits,
    narrow=st.sampled_from((0, 1, 2, 2000)),
    budget=st.sampled_from((1, 2, 4, 8000)),
    lookup=st.sampled_from((0, 12, 1000)),
    worth=st.sampled_from((0, 1, 10)),
    first=st.sampled_from((1, 2, 3, 250)),
    longest=st.sampled_from((1, 2, 4, 1000)),
    most=st.sampled_from((1, 2, 4, 4000)),
    ties=st.sampled_from((1, 2, 4000)),
    parts=st.sampled_from((1, 2, 4, 50)),
)
indexed_values = st.dictionaries(
    st.sampled_from([f"{i:032x}" for i in range(20)]), st.sampled_from((None, -BIG, 0.0, 1.0, math.inf)), max_size=3
)
"""Values in the index of metrics that differ from the latest values of a run, by the run's id."""


@settings(max_examples=50 * SCALE)
@given(run_lists, run_queries, limits, indexed_values)
def test_sql_finds_the_same_runs_as_the_evaluation_of_records(
    records: list[RunRecord], query: RunQuery, limits: Limits, indexed: dict[str, float | None]
) -> None:
    connection, ids = filled(records)
    make_wait(connection, indexed)
    assert_pages(connection, query, records, limits)
    connection.close()


@settings(max_examples=30 * SCALE)
@given(experiment_lists, experiment_queries)
def test_sql_finds_the_same_experiments_as_the_evaluation_of_records(
    records: list[ExperimentRecord], query: ExperimentQuery
) -> None:
    connection = database()
    for record in records:
        number = insert(
            connection, "experiment", id=int(record.id), name=record.name, stage=record.lifecycle_stage,
            creation_time=record.creation_time, last_update_time=record.last_update_time,
        )  # fmt: skip
        for key, value in record.tags.items():
            insert(connection, "experiment_tag", experiment=number, key=key, value=value)
    page = select_experiments(query, records)
    found, token = search_experiment_ids(connection, query)
    assert ([str(number) for number in found], token) == ([record.id for record in page.items], page.next_token)
    connection.close()


def one_of_each() -> list[RunRecord]:
    """Return runs with every value of the pools in every field, and every mix of sources of a tag."""
    runs = [
        RunRecord(
            f"text-{i}", "1", display_name=text, user=text, parent_id=text, description=text, type=text,
            params={"a": text}, tags={"a": text}, dataset_inputs=(
                DatasetInput(Dataset(text, text, "local", "x"), {DATASET_CONTEXT: text}),
                DatasetInput(Dataset("second", text, "local", "x")),
            ),
        )
        for i, text in enumerate(TEXTS)
    ]  # fmt: skip
    runs += [
        RunRecord(
            f"number-{i}", "1", start_time=TIMES[i % 5], end_time=TIMES[i // 2], latest={"a": Latest(number, 0, 0)}
        )
        for i, number in enumerate(NUMBERS)
    ]
    runs += [
        RunRecord(f"column-{i}", "1", latest_columns={("a", "b.c"): Latest(number, 0, 0)})
        for i, number in enumerate(NUMBERS)
    ]
    absent = object()
    labels: Any = product((absent, None, "x"), (absent, "A"), (absent, True, False, None, "5"))
    for i, (tag, label, text) in enumerate(labels):
        places = [{} if value is absent else {"a": value} for value in (tag, label, text)]
        runs.append(RunRecord(f"tag-{i}", "1", tags=places[0], properties=places[1], latest_texts=places[2]))
    return runs


TEXT_PLACES: list[Any] = [
    *(("attribute", key) for key in ("run_id", "display_name", "user", "parent_id", "description", "type")),
    *(("dataset", key) for key in ("name", "digest", "context")),
    ("param", "a"), ("tag", "a"), ("tag", "b"),
]  # fmt: skip
NUMBER_PLACES: list[Any] = [("attribute", "start_time"), ("attribute", "end_time"), ("metric", "a"), ("metric", "b")]
NUMBER_PLACES += [("metric", "a.b.c"), ("metric", "a.b")]
ORDERED: list[Any] = [
    ("metric", "a"),
    ("metric", "a.b.c"),
    ("param", "a"),
    ("tag", "a"),
    *(("attribute", key) for key in RUN_ATTRIBUTES),
]


def every_clause() -> Iterator[Comparison]:
    lists = ((), ("a",), ("A", "5", "True"), TEXTS)
    for entity, key in TEXT_PLACES:
        yield from (Comparison(entity, key, comparator, text) for comparator in ("=", "!=") for text in TEXTS)
        yield from (Comparison(entity, key, comparator, like) for comparator in ("LIKE", "ILIKE") for like in PATTERNS)
        yield from (Comparison(entity, key, comparator, listed) for comparator in ("IN", "NOT IN") for listed in lists)
    for entity, key in NUMBER_PLACES:
        comparators: Any = NUMBER_COMPARATORS
        yield from (Comparison(entity, key, comparator, number) for comparator in comparators for number in OPERANDS)
    for entity, key in TEXT_PLACES + NUMBER_PLACES:
        yield from (Comparison(entity, key, comparator) for comparator in ("IS NULL", "IS NOT NULL"))


def every_order() -> Iterator[Ordering]:
    for entity, key in ORDERED:
        yield from (Ordering(entity, key, ascending) for ascending in (True, False))


def test_sql_and_records_agree_on_every_clause_and_order() -> None:
    records = one_of_each()
    connection, ids = filled(records)
    queries = [RunQuery(("1",), (clause,)) for clause in every_clause()]
    queries += [RunQuery(("1",), order=(ordering,)) for ordering in every_order()]
    assert len(queries) > 900
    for query in queries:
        answer = [record.id for record in select_runs(query, records).items]
        assert [ids[key] for key in search_run_keys(connection, query)[0]] == answer, query
    connection.close()


# MLflow's meaning of filters

RUNS = [
    RunRecord("nan", "1", start_time=1, latest={"m": Latest(math.nan, 0, 0)}, tags={"t": "a\nb"}),
    RunRecord("inf", "1", start_time=2, end_time=5, latest={"m": Latest(math.inf, 0, 0)}, tags={"t": "A"}),
    RunRecord("one", "1", start_time=3, latest={"m": Latest(1.0, 0, 0)}, tags={"t": None}, properties={"t": "p"}),
    RunRecord("bare", "1", start_time=3, properties={"p": "q"}, latest_texts={"t": "a", "flag": True, "p": "z"}),
    RunRecord("two", "2", start_time=9, dataset_inputs=(
        DatasetInput(Dataset("d1", "x", "local", "s"), {DATASET_CONTEXT: "train"}),
        DatasetInput(Dataset("d2", "y", "local", "s")),
    )),
]  # fmt: skip


def found(
    text: str,
    order: Sequence[str] = (),
    experiments: tuple[str, ...] = ("1", "2"),
    among: Sequence[RunRecord] = RUNS,
) -> list[str]:
    query = RunQuery(experiments, parse_run_filter(text), parse_run_order(order))
    connection, ids = filled(list(among))
    keys, _ = search_run_keys(connection, query)
    connection.close()
    answer = [record.id for record in select_runs(query, among).items]
    assert [ids[key] for key in keys] == answer
    return answer


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("metrics.m != 5", ["one", "inf", "nan"]),
        ("metrics.m = 0", []),
        ("metrics.m > 1e308", ["inf"]),
        ("metrics.m = 1e400", []),
        ("metrics.m < 1e400", ["one", "inf"]),
        ("end_time != 1", ["inf"]),
        ("tags.t LIKE 'a_b'", ["nan"]),
        ("tags.t LIKE 'a'", ["bare"]),
        ("tags.t ILIKE 'a'", ["bare", "inf"]),
        ("tags.t != 'x'", ["bare", "inf", "nan"]),
        ("tags.t IS NULL", ["two"]),
        ("tags.flag = 'True'", ["bare"]),
        ("tags.p = 'q'", ["bare"]),
        ("tags.p = 'z'", []),
        ("dataset.name = 'd1' and dataset.digest = 'y'", ["two"]),
        ("dataset.name != 'd1'", ["two"]),
        ("dataset.context != 'eval'", ["two"]),
        ("params.x != 'v'", []),
    ],
)
def test_a_condition_has_mlflows_meaning(text: str, runs: list[str]) -> None:
    assert found(text) == runs


def test_metrics_order_as_values_then_nan_then_missing_in_both_directions() -> None:
    assert found("", ["metrics.m"]) == ["one", "inf", "nan", "two", "bare"]
    assert found("", ["metrics.m DESC"]) == ["inf", "one", "nan", "two", "bare"]


def test_runs_are_listed_newest_first_and_by_id_if_they_started_together() -> None:
    assert found("") == ["two", "bare", "one", "inf", "nan"]
    assert found("", ["start_time"]) == ["nan", "inf", "bare", "one", "two"]
    assert found("", experiments=()) == []


TABLES = [
    RunRecord("cosine", "1", latest_columns={("Cosine Wave", "angle"): Latest(2.0, 0, 0)}),
    RunRecord("dots", "1", latest_columns={("Cosine Wave", "a.b"): Latest(1.0, 0, 0)}),
    RunRecord("older", "1", latest={"t.x": Latest(1.0, 0, 1)}, latest_columns={("t", "x"): Latest(9.0, 9, 0)}),
    RunRecord("newer", "1", latest={"t.x": Latest(1.0, 0, 1)}, latest_columns={("t", "x"): Latest(5.0, 0, 2)}),
    RunRecord("more", "1", latest={"t.x": Latest(3.0, 0, 1)}, latest_columns={("t", "x"): Latest(4.0, 0, 1)}),
    RunRecord("less", "1", latest={"t.x": Latest(4.0, 0, 1)}, latest_columns={("t", "x"): Latest(3.0, 0, 1)}),
    RunRecord("tied", "1", latest={"t.x": Latest(math.nan, 0, 1)}, latest_columns={("t", "x"): Latest(0.0, 0, 1)}),
]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ('metrics."Cosine Wave.angle" < 3', ["cosine"]),
        ("metrics.`Cosine Wave.angle` >= 2", ["cosine"]),
        ('metrics."Cosine Wave.angle" > 2', []),
        ('metrics."Cosine Wave.a.b" = 1', ["dots"]),
        ('metrics."Cosine Wave.a" > 0', []),
        ('metrics."Cosine Wave" > 0', []),
        ("metrics.t.x = 1", ["older"]),
        ("metrics.t.x = 5", ["newer"]),
        ("metrics.t.x = 0", []),
        ("metrics.t.x = 4", ["less", "more"]),
        ("metrics.t.x = 3", []),
        ("metrics.t.x != 7", ["less", "more", "newer", "older", "tied"]),
    ],
)
def test_a_column_is_a_metric_named_by_its_table_and_its_own_name(text: str, runs: list[str]) -> None:
    assert found(text, among=TABLES) == runs


def test_an_order_can_use_a_column() -> None:
    ordered = ["older", "less", "more", "newer", "tied", "cosine", "dots"]
    assert found("", ["metrics.t.x"], among=TABLES) == ordered
    assert found("", ['metrics."Cosine Wave.angle" DESC'], among=TABLES)[0] == "cosine"


def test_a_filter_may_have_hundreds_of_conditions() -> None:
    assert found(" and ".join(["metrics.m >= 1"] * 500)) == ["one", "inf"]


def test_no_search_reads_points() -> None:
    connection, _ = filled(RUNS)
    clauses = parse_run_filter("metrics.m > 1 and tags.t = 'a' and params.p = 'x' and dataset.name = 'd'")
    read: list[str | None] = []

    def note(action: int, table: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ:
            read.append(table)
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    search_run_keys(connection, RunQuery(("1",), clauses, parse_run_order(["metrics.m", "tags.t"])))
    assert "series" in read and "point_block" not in read
    connection.close()
