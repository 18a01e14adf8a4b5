"""The expected data of a store, and functions that compare the store's records with this data.

The state machine in `bridge.testing.machine` makes the same changes to the store and to this data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.records.run import RunRecord
from bridge.records.series import SCALAR, Latest, SeriesRecord, Value
from bridge.store.history import mlflow_history, native_series
from bridge.testing.naive import (
    LoggedPoint,
    by_column,
    check_series,
    history_of,
    latest_of,
    latest_text_of,
    native_of,
    same_bits,
    scalars,
)


@dataclass
class ModelExperiment:
    """The expected state of an experiment."""

    name: str
    stage: str = "active"
    tags: dict[str, str | None] = field(default_factory=dict)
    runs: int = 0


@dataclass
class ModelRun:
    """The expected state of a run."""

    experiment_id: str
    number: int
    start_time: int | None
    stage: str = "active"
    status: str = "NotStarted"
    parent_id: str | None = None
    deletion_time: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str | None] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    points: dict[str, list[LoggedPoint]] = field(default_factory=dict)


def compare_series(records: list[SeriesRecord], logged: list[LoggedPoint]) -> None:
    """Compare the series of one key with the points that were logged under it."""
    check_series(records, logged)
    series, expected = native_series(records), native_of(scalars(logged))
    assert series.steps.tolist() == [point.step for point in expected]
    assert series.timestamps.tolist() == [point.timestamp for point in expected]
    assert same_bits(series.values.tolist(), [point.value for point in expected])
    _compare_history([record for record in records if record.kind == SCALAR], scalars(logged))
    for column, cells in by_column(logged).items():
        _compare_history([record for record in records if record.column == column], cells)


def _compare_history(records: list[SeriesRecord], logged: list[LoggedPoint]) -> None:
    history, shown = mlflow_history(records), history_of(logged)
    columns = (history.timestamps.tolist(), history.steps.tolist(), history.values.tolist())
    assert list(zip(*columns[:2], strict=True)) == [row[:2] for row in shown]
    assert same_bits(columns[2], [row[2] for row in shown])


def compare_latest(record: RunRecord, run: ModelRun) -> None:
    """Compare the latest values of a run with its points."""
    points = {key: scalars(own) for key, own in run.points.items()}
    _compare_numbers(record.latest, points)
    cells = {(key, column): own for key, of in run.points.items() for column, own in by_column(of).items()}
    _compare_numbers(record.latest_columns, cells)
    texts: dict[str, Value] = {key: found[0] for key, own in points.items() if (found := latest_text_of(own))}
    assert same_bits([dict(record.latest_texts).get(key, 0) for key in texts], list(texts.values()))
    assert set(record.latest_texts) == set(texts)


def _compare_numbers(found: Mapping[Any, Latest], points: Mapping[Any, list[LoggedPoint]]) -> None:
    expected = {name: latest for name, own in points.items() if (latest := latest_of(own)) is not None}
    assert set(found) == set(expected)
    for name, latest in found.items():
        assert latest[1:] == expected[name][1:]
        assert same_bits([latest.value], [expected[name].value])
