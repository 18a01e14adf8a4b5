"""The columns of a view, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.times import stored_time
from bridge.records.views import Column, Numbers, Texts
from bridge.store.sql.names import PARAM, PROPERTY, TAG
from bridge.store.sql.runs import TIMES
from bridge.store.sql.views.chosen import Chosen
from bridge.store.sql.views.labels import LabelColumn, read_labels, read_logged_texts
from bridge.store.sql.views.metrics import read_metric

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

Facts = Mapping[str, Sequence[Any]]
"""Values of columns of the table `run`, in the order of the runs."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "run_id": ("id",),
    "number": ("number",),
    "experiment_id": ("experiment",),
    "display_name": ("display_name",),
    "status": ("status",),
    "lifecycle_stage": ("stage",),
    "user": ('"user"',),
    "parent_id": ("parent_id",),
    "description": ("description",),
    "type": ("type",),
    "start_time": ("start_time",),
    "end_time": ("end_time",),
    "deletion_time": ("deletion_time",),
    "duration": ("start_time", "end_time"),
}
"""The columns of the table `run` that each attribute needs."""


def facts_for(columns: Iterable[Column]) -> list[str]:
    """Return the columns of the table `run` that the columns of a view need."""
    needed = [name for column in columns if column.entity == "attribute" for name in ATTRIBUTES[column.key]]
    return list(dict.fromkeys(needed))


def read_columns(c: Connection, runs: Chosen, columns: Sequence[Column], facts: Facts) -> tuple[Numbers | Texts, ...]:
    """Return the values of columns for each run. A column that is requested twice is read once.

    Args:
        c: the connection.
        runs: the runs.
        columns: the columns.
        facts: the values of the columns that `facts_for` has returned.
    """
    found: dict[Column, Numbers | Texts] = {}
    for column in columns:
        if column not in found:
            is_fact = column.entity == "attribute"
            found[column] = _attribute(facts, column.key) if is_fact else _read(c, runs, column)
    return tuple(found[column] for column in columns)


def _read(c: Connection, runs: Chosen, column: Column) -> Numbers | Texts:
    if column.entity == "metric":
        return read_metric(c, runs, column)
    words = LabelColumn(runs)
    if column.entity == "param":
        read_labels(c, runs, words, PARAM, column.key)
    else:
        if column.entity == "tag":
            read_logged_texts(c, runs, words, column.key)
        read_labels(c, runs, words, PROPERTY, column.key)
        if column.entity == "tag":
            read_labels(c, runs, words, TAG, column.key)
    return words.texts()


def _attribute(facts: Facts, key: str) -> Numbers | Texts:
    if key == "number":
        return _numbers(facts["number"])
    if key == "duration":
        start, end = (_times(facts[name]) for name in ("start_time", "end_time"))
        values = [None if a is None or b is None else b - a for a, b in zip(start, end, strict=True)]
        return _numbers(values)
    if key in TIMES:
        return _numbers(_times(facts[key]))
    if key == "experiment_id":
        return _texts([str(experiment) for experiment in facts["experiment"]])
    (name,) = ATTRIBUTES[key]
    return _texts(facts[name])


def _times(stored: Sequence[Any]) -> list[int | None]:
    return [time if type(time) is int else stored_time(time) for time in stored]


def _numbers(values: Sequence[float | None]) -> Numbers:
    numbers = numpy.array(values, dtype=numpy.float64)  # None becomes NaN
    return Numbers(numbers, ~numpy.isnan(numbers))


def _texts(values: Sequence[str | None]) -> Texts:
    words: dict[str | None, int] = {}
    codes = [0 if value is None else words.setdefault(value, len(words)) for value in values]
    present = [value is not None for value in values]
    return Texts(numpy.array(codes, dtype=numpy.uint32), tuple(words), numpy.array(present, dtype=bool))
