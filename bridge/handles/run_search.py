"""Finding runs natively: by labels, type and status, in an experiment or below a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, get_args

from bridge.errors import InvalidValue
from bridge.handles.experiment import Experiment
from bridge.records.labels import label_values
from bridge.records.run import RunRecord, Status
from bridge.store.run_listing import list_runs

if TYPE_CHECKING:
    from bridge.handles.run import Run
    from bridge.records.search import RunQuery

SOURCE_PROPERTY = "azureml.runsource"
"""A property that says of what type a run is, as the type does."""

Labels = str | Mapping[str, object] | None


def find_runs(
    home: Experiment,
    query: RunQuery,
    tags: Labels = None,
    properties: Labels = None,
    type: str | None = None,
    status: str | None = None,
    include_children: bool = True,
) -> Iterator[Run]:
    """The runs of a query that have these labels, newest start time first; a snapshot taken by this call.

    A run that is deleted before its record is read is excluded.

    Args:
        home: the experiment of most of them.
        query: where to look.
        tags: a key that runs must have, or pairs that must all be equal; values are compared as text.
        properties: the same for properties.
        type: what the run's type, or its property `azureml.runsource`, must be.
        status: the status that runs must have.
        include_children: runs that have a parent too.

    Raises:
        InvalidValue: tags or properties are neither, or there is no such status.
    """
    with_tags, with_properties = _wanted(tags, "tag"), _wanted(properties, "property")
    if status is not None and status not in get_args(Status):
        raise InvalidValue("status", status, f"must be one of {', '.join(get_args(Status))}")

    def wanted(record: RunRecord) -> bool:
        return (
            (include_children or record.parent_id is None)
            and status in (None, record.status)
            and type in (None, record.type, record.properties.get(SOURCE_PROPERTY))
            and _has(record.tags, with_tags)
            and _has(record.properties, with_properties)
        )

    records = list_runs(home.workspace.stores.tracking, query, latest=False)
    return (run for run, record in _listed(home, records) if wanted(record))


def _listed(home: Experiment, records: Iterator[RunRecord]) -> Iterator[tuple[Run, RunRecord]]:
    from bridge.handles.run import Run

    experiments = {home.id: home}
    for record in _newest_first(records):
        if record.experiment_id not in experiments:
            found = home.workspace.stores.tracking.get_experiment(record.experiment_id)
            experiments[found.id] = Experiment._of(home.workspace, found)
        yield Run._of(experiments[record.experiment_id], record.id, record.type), record


def _newest_first(records: Iterator[RunRecord]) -> Iterator[RunRecord]:
    """Order runs that began in one millisecond, as those of `create_children`, by number: the last is the newest."""
    for _, together in groupby(records, attrgetter("start_time")):
        yield from sorted(together, key=attrgetter("number"), reverse=True)


def _wanted(labels: Labels, what: str) -> str | dict[str, str | None]:
    return labels if isinstance(labels, str) else label_values({} if labels is None else labels, what)


def _has(labels: Mapping[str, str | None], wanted: str | Mapping[str, str | None]) -> bool:
    if isinstance(wanted, str):
        return wanted in labels
    return all(key in labels and labels[key] == value for key, value in wanted.items())
