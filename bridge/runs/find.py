"""Finding runs natively: by labels, type and status, in an experiment or below a run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, get_args

from bridge.errors import InvalidValue
from bridge.records.labels import Labels, has_labels, wanted_labels
from bridge.records.run import RunRecord, Status
from bridge.records.search import RunQuery
from bridge.store.run_listing import list_runs

if TYPE_CHECKING:
    from bridge.store.open import Opened

SOURCE_PROPERTY = "azureml.runsource"
"""A property that names the type of a run, as its `type` does."""


def find_runs(
    stores: Opened,
    query: RunQuery,
    tags: Labels = None,
    properties: Labels = None,
    type: str | None = None,
    status: str | None = None,
    include_children: bool = True,
) -> Iterator[RunRecord]:
    """Return the records of the runs of a query that have these labels, newest start time first.

    The answer is that of the moment of the call.
    A run that is deleted before its record is read is excluded.

    Args:
        stores: the workspace.
        query: which runs.
        tags: a key that runs must have, or pairs that must all be equal; values are compared as text.
        properties: the same for properties.
        type: the run's type, or the value of its property `azureml.runsource`.
        status: the status that runs must have.
        include_children: include runs that have a parent.

    Raises:
        InvalidValue: tags or properties are neither, or the status does not exist.
    """
    with_tags, with_properties = wanted_labels(tags, "tag"), wanted_labels(properties, "property")
    if status is not None and status not in get_args(Status):
        raise InvalidValue("status", status, f"must be one of {', '.join(get_args(Status))}")

    def wanted(record: RunRecord) -> bool:
        return (
            (include_children or record.parent_id is None)
            and status in (None, record.status)
            and type in (None, record.type, record.properties.get(SOURCE_PROPERTY))
            and has_labels(record.tags, with_tags)
            and has_labels(record.properties, with_properties)
        )

    return (record for record in _newest_first(list_runs(stores.tracking, query, latest=False)) if wanted(record))


def _newest_first(records: Iterator[RunRecord]) -> Iterator[RunRecord]:
    """Order runs that started in one millisecond, such as those of `create_children`, by number: the newest first."""
    for _, together in groupby(records, attrgetter("start_time")):
        yield from sorted(together, key=attrgetter("number"), reverse=True)
