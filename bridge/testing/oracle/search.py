"""Searches in records: a simple reference implementation. Tests compare the searches of backends with it."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from bridge.records.comparators import COMPARE
from bridge.records.experiment import ExperimentRecord
from bridge.records.page import Page, decode_token, encode_token
from bridge.records.run import SOURCE_PROPERTY, RunRecord
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.series import BIG

DATASET_CONTEXT = "mlflow.data.context"
"""The key of a tag of a data set that a run has used. The value states the purpose of the use, such as "training"."""

Record = TypeVar("Record")
Values = Callable[[Record, str, str], Sequence[Any]]
"""A function that returns values of a record. A condition compares these values, or the results are sorted by them.

Its arguments are a record, the entity of the condition or order, such as "tag" or "dataset", and the key. It returns
one value or none. Only for the entity "dataset" it may return several values: a run can have used several data sets.
"""


def select_runs(query: RunQuery, records: Iterable[RunRecord]) -> Page[RunRecord]:
    """Return one page of the runs that match a query.

    Raises:
        InvalidValue: the page token is not valid.
    """
    records = list(records)
    experiments = set(query.experiment_ids)
    below = None if query.below is None else _below(query.below, query.recursive, records)
    found = [
        record
        for record in records
        if (record.experiment_id in experiments or (below is not None and not experiments))
        and (below is None or record.id in below)
        and query.view in ("all", record.lifecycle_stage)
        and query.of_type in (None, record.type, record.properties.get(SOURCE_PROPERTY))
        and _matches(record, query.filter, _run_values)
    ]
    found.sort(key=lambda record: record.id)
    order = list(query.order)
    if not any(given.entity == "attribute" and given.key == "start_time" for given in order):
        order.append(Ordering("attribute", "start_time", ascending=False))
    _sort(found, order, _run_values)
    return _page(found, query.max_results, query.page_token)


def select_experiments(query: ExperimentQuery, records: Iterable[ExperimentRecord]) -> Page[ExperimentRecord]:
    """Return one page of the experiments that match a query.

    Raises:
        InvalidValue: the page token is not valid.
    """
    found = [
        record
        for record in records
        if query.view in ("all", record.lifecycle_stage) and _matches(record, query.filter, _experiment_values)
    ]
    found.sort(key=lambda record: int(record.id), reverse=bool(query.order))
    _sort(found, query.order or (Ordering("attribute", "creation_time", ascending=False),), _experiment_order_values)
    return _page(found, query.max_results, query.page_token)


def _below(run_id: str, recursive: bool, records: Sequence[RunRecord]) -> set[str]:
    """Return the ids of a run's children, or of all its descendants.

    If runs are each other's parents, each of them is visited once. `run_id` itself is never returned.
    """
    found: set[str] = set()
    above = {run_id}
    while above:
        above = {record.id for record in records if record.parent_id in above} - found
        found |= above
        if not recursive:
            break
    return found - {run_id}


def tag_text(value: str | bool | None) -> str:
    """Return a value of a text series as the text of a tag.

    A text series can also contain bools and None. Their texts are "True", "False" and "None".
    """
    return str(value)


def _run_values(record: RunRecord, entity: str, key: str) -> Sequence[Any]:
    if entity == "metric":
        latest = record.latest_metrics.get(key) if record.latest_columns else record.latest.get(key)
        return () if latest is None else (_compared(latest.value),)
    if entity == "param":
        return (record.params[key],) if key in record.params else ()
    if entity == "property":
        return (record.properties[key],) if key in record.properties else ()
    if entity == "tag":
        return _run_tag(record, key)
    if entity == "dataset":
        return _dataset_values(record, key)
    value = getattr(record, {"run_id": "id"}.get(key, key))
    return () if value is None else (value,)


def _run_tag(record: RunRecord, key: str) -> Sequence[str | None]:
    if key in record.tags:
        return (record.tags[key],)
    if key in record.properties:
        return (record.properties[key],)
    return (tag_text(record.latest_texts[key]),) if key in record.latest_texts else ()


def _dataset_values(record: RunRecord, key: str) -> Sequence[str]:
    if key == "context":
        return [used.tags[DATASET_CONTEXT] for used in record.dataset_inputs if DATASET_CONTEXT in used.tags]
    return [getattr(used.dataset, key) for used in record.dataset_inputs]


def _experiment_values(record: ExperimentRecord, entity: str, key: str) -> Sequence[Any]:
    if entity == "tag":
        return (record.tags[key],) if key in record.tags else ()
    return (getattr(record, {"experiment_id": "id"}.get(key, key)),)


def _experiment_order_values(record: ExperimentRecord, entity: str, key: str) -> Sequence[Any]:
    return (int(record.id),) if key == "experiment_id" else _experiment_values(record, entity, key)


def _compared(value: float) -> float:
    return value if math.isnan(value) else max(-BIG, min(BIG, value))


def _matches(record: Record, clauses: Sequence[Comparison], values: Values[Record]) -> bool:
    return all(_meets(values(record, clause.entity, clause.key), clause) for clause in clauses)


def _meets(values: Sequence[Any], clause: Comparison) -> bool:
    if clause.comparator == "IS NULL":
        return not values
    if clause.comparator == "IS NOT NULL":
        return bool(values)
    compare = COMPARE[clause.comparator]
    return any(compare(value, clause.operand) for value in values if value is not None)


def _sort(records: list[Record], order: Sequence[Ordering], values: Values[Record]) -> None:
    # Sorting is stable, also with `reverse=True`. So the records are sorted by the last key first, and by the first key
    # last.
    for ordering in reversed(order):
        records.sort(key=lambda record: _rank(record, ordering, values), reverse=not ordering.ascending)


def _rank(record: Record, ordering: Ordering, values: Values[Record]) -> tuple[int, Any]:
    """Return the sort key of a record: records with a value come first, then those with NaN, then those without."""
    value = next(iter(values(record, ordering.entity, ordering.key)), None)
    if ordering.ranks:
        value = next((rank for rank, texts in enumerate(ordering.ranks) if value in texts), None)
    behind = 2 if value is None else int(value != value)
    return (behind if ordering.ascending else -behind, 0 if behind else value)


def _page(records: list[Record], max_results: int | None, page_token: str | None) -> Page[Record]:
    start = decode_token(page_token)
    end = start + (sys.maxsize if max_results is None else max_results)
    return Page(tuple(records[start:end]), encode_token(end) if end < len(records) else None)
