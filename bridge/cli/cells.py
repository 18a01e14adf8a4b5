"""The values of chosen columns of runs, and their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from bridge.cli.run_rows import lasted
from bridge.cli.texts import ID_LENGTH, number_text, time_text
from bridge.errors import InvalidValue
from bridge.records.search import TIMES, Comparison, RunQuery
from bridge.records.views import Column, Numbers, Texts
from bridge.runs.columns import StepColumn, column_of, parts_of

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.records.series import Latest
    from bridge.store.workspace_stores import WorkspaceStores

Cell: TypeAlias = "str | float | None"
AnyColumn: TypeAlias = "Column | StepColumn"

HEADERS = {
    "run_id": "ID", "display_name": "NAME", "status": "STATUS", "start_time": "STARTED", "duration": "DURATION",
    "user": "USER",
}  # fmt: skip
FIELDS = {"last": "value", "step": "step"}
"""The field of a latest point that a statistic means."""

PREFIXES = ("metrics.", "params.", "tags.", "properties.")
MOST_COLUMNS = 200


def columns_named(text: str) -> dict[str, AnyColumn]:
    """Return the columns of a list of names, such as `name,metrics.loss:min,params.lr`, by name.

    Raises:
        InvalidValue: a name is not valid, or the list is empty or too long.
    """
    names = [part.strip() for part in parts_of(text)]
    if not 0 < len(names) <= MOST_COLUMNS:
        raise InvalidValue("columns", text, f"must have 1 to {MOST_COLUMNS} names, separated by commas")
    return {name: column_of(name) for name in names}


def headers_of(columns: Mapping[str, AnyColumn], is_short: bool) -> list[str]:
    """Return the headers of columns: the names that were given, or the short names of attributes.

    With `is_short`, keys have no prefix such as `metrics.`, unless two headers would then be equal.
    """
    whole = [_header(name, column) for name, column in columns.items()]
    short = [header.partition(".")[2] if header.startswith(PREFIXES) else header for header in whole]
    return short if is_short and len(set(short)) == len(short) else whole


def _header(name: str, column: AnyColumn) -> str:
    return HEADERS.get(column.key, name) if isinstance(column, Column) and column.entity == "attribute" else name


def is_right(column: AnyColumn) -> bool:
    """Return whether a column is aligned to the right, because it has numbers."""
    return isinstance(column, StepColumn) or (column.is_number and column.key not in TIMES)


def values_of(
    stores: WorkspaceStores, runs: Sequence[RunRecord], columns: Sequence[AnyColumn]
) -> list[tuple[Cell, ...]]:
    """Return the values of columns for each run. None means that the run has no value.

    Only values that the records do not contain are read, because reading them takes longer.

    Args:
        stores: the workspace.
        runs: the records of the runs, with the latest values of their metrics.
        columns: the columns.
    """
    more = [column for column in dict.fromkeys(columns) if not _is_in_record(column)]
    read = dict(zip(more, _read(stores, runs, more), strict=True)) if more and runs else {}
    latest = [run.latest_metrics for run in runs]
    found = [read[column] if column in read else _values(runs, latest, column) for column in columns]
    return list(zip(*found, strict=True)) if found else [() for _ in runs]


def cell_text(value: Cell, column: AnyColumn, run: RunRecord, is_short: bool) -> str:
    """Return the text of a value.

    Args:
        value: the value.
        column: the column.
        run: the run. A run that has not ended has the duration until now.
        is_short: shorten ids and round numbers because a terminal shows them.
    """
    key = column.key if isinstance(column, Column) and column.entity == "attribute" else ""
    if key == "duration":
        return lasted(run)
    if key in TIMES:
        return time_text(None if value is None else int(value))
    if isinstance(value, float):
        return number_text(value) if is_short else repr(value)
    text = "" if value is None else str(value)
    return text[:ID_LENGTH] if key == "run_id" and is_short else text


def _is_in_record(column: AnyColumn) -> bool:
    return isinstance(column, Column) and column.statistic in FIELDS and not column.column


def _values(runs: Sequence[RunRecord], latest: Sequence[Mapping[str, Latest]], column: AnyColumn) -> list[Cell]:
    """Return values that the records of the runs contain."""
    assert isinstance(column, Column)
    if column.entity == "metric":
        points = [own.get(column.key) for own in latest]
        return [None if point is None else float(getattr(point, FIELDS[column.statistic])) for point in points]
    return [_value(run, column) for run in runs]


def _value(run: RunRecord, column: Column) -> Cell:
    key = column.key
    if column.entity == "param":
        return run.params.get(key)
    if column.entity == "property":
        return run.properties.get(key)
    return _tag(run, key) if column.entity == "tag" else _attribute(run, key)


def _tag(run: RunRecord, key: str) -> str | None:
    """Return a tag, otherwise a property, otherwise a text that was logged; see `Column`."""
    if key in run.tags:
        return run.tags[key]
    return run.properties[key] if key in run.properties else _logged(run, key)


def _logged(run: RunRecord, key: str) -> str | None:
    return str(run.latest_texts[key]) if key in run.latest_texts else None


def _attribute(run: RunRecord, key: str) -> Cell:
    if key == "duration":
        return None if run.start_time is None or run.end_time is None else run.end_time - run.start_time
    found: Cell = getattr(run, "id" if key == "run_id" else key)
    return found


def _read(stores: WorkspaceStores, runs: Sequence[RunRecord], columns: Sequence[AnyColumn]) -> list[list[Cell]]:
    """Return a list of values for each column."""
    from bridge.runs.table_rows import read_rows

    experiments = tuple({run.experiment_id: None for run in runs})
    chosen = Comparison("attribute", "run_id", "IN", tuple(run.id for run in runs))
    found = read_rows(stores.tracking.views, RunQuery(experiments, (chosen,), view="all"), (), columns)
    rows = {id: row for row, id in enumerate(found.ids)}
    return [[_number(column, rows.get(run.id)) for run in runs] for column in found.columns]


def _number(column: Numbers | Texts, row: int | None) -> float | None:
    assert isinstance(column, Numbers)  # texts are in the records
    return None if row is None or not column.present[row] else float(column.values[row])
