"""Find runs for the native API: by tags, properties, type and status, in an experiment or below a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, get_args

from bridge.errors import InvalidValue
from bridge.records.labels import Labels, has_labels, wanted_labels
from bridge.records.run import RunRecord, Status
from bridge.records.search import CLAUSES, Comparison, Entity, RunQuery
from bridge.records.text import is_encodable
from bridge.store.run_listing import list_runs

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores

Wanted = str | Mapping[str, str | None]
"""A condition for tags or properties: one key that a run must have, or a dict of all keys and values it must have."""


def find_runs(
    stores: WorkspaceStores,
    query: RunQuery,
    tags: Labels = None,
    properties: Labels = None,
    type: str | None = None,
    status: str | None = None,
    include_children: bool = True,
) -> Iterator[RunRecord]:
    """Return the records of the runs of a query that meet further conditions, newest start time first.

    The search takes place during the call, but records are read later, when they are iterated over.
    A run that is deleted before its record is read is excluded.

    Args:
        stores: the workspace.
        query: the runs to which the conditions are applied.
        tags: a key that runs must have, or a dict of keys and values that runs must all have. Values are compared as
            text.
        properties: a key or a dict, as for `tags`.
        type: the run's type, or the value of its property `azureml.runsource`.
        status: the status that runs must have.
        include_children: include runs that have a parent.

    Raises:
        InvalidValue: `tags` or `properties` is neither a key nor a dict, or the status does not exist.
    """
    with_tags, with_properties = wanted_labels(tags, "tag"), wanted_labels(properties, "property")
    if status is not None and status not in get_args(Status):
        raise InvalidValue("status", status, f"must be one of {', '.join(get_args(Status))}")
    if type is not None and not (isinstance(type, str) and is_encodable(type)):
        return iter(())
    clauses = [*_clauses("tag", with_tags), *_clauses("property", with_properties)]
    if status is not None:
        clauses.append(Comparison("attribute", "status", "=", status))
    if not include_children:
        clauses.append(Comparison("attribute", "parent_id", "IS NULL"))
    found = list_runs(stores.tracking, replace(query, filter=tuple(clauses[-CLAUSES:]), of_type=type), latest=False)
    return (
        record
        for record in _newest_first(found)
        # Each record is checked again: a clause on a tag also finds runs with this key as a property or a logged text,
        # a query has at most `CLAUSES` clauses, and a status may have changed since the search.
        if status in (None, record.status)
        and has_labels(record.tags, with_tags)
        and has_labels(record.properties, with_properties)
    )


def _clauses(entity: Entity, wanted: Wanted) -> list[Comparison]:
    """Return clauses of a query that every run with the wanted tags or properties meets."""
    pairs = {wanted: None} if isinstance(wanted, str) else wanted
    return [
        Comparison(entity, key, "IS NOT NULL") if value is None else Comparison(entity, key, "=", value)
        for key, value in pairs.items()
        if is_encodable(key)
    ]


def _newest_first(records: Iterator[RunRecord]) -> Iterator[RunRecord]:
    """Order runs that started in the same millisecond by their number, newest first.

    `Run.create_children` starts such runs.
    """
    for _, together in groupby(records, attrgetter("start_time")):
        yield from sorted(together, key=attrgetter("number"), reverse=True)
