"""Lists all runs that match a query. The records are read in portions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.records.search import RunQuery, View
    from bridge.store.tracking import TrackingStore

RUNS_AT_ONCE = 500
"""The number of records that a listing reads in one portion."""


def list_runs(store: TrackingStore, query: RunQuery, latest: bool = True) -> Iterator[RunRecord]:
    """Return all runs that match a query at the moment of the call.

    The ids are read immediately. The records are read later, in portions.
    So a run that starts after the call is not listed, and no run is listed twice.
    A run can change between the two reads. It is excluded if it was purged, or if its new lifecycle stage does not
    match the query.

    Args:
        store: the store that contains the runs.
        query: the query. Its `max_results` and `page_token` apply to the ids.
        latest: also return the latest value of each series.
    """
    return _records_of(store, store.search_run_ids(query).items, query.view, latest)


def _records_of(store: TrackingStore, run_ids: Sequence[str], view: View, latest: bool) -> Iterator[RunRecord]:
    for start in range(0, len(run_ids), RUNS_AT_ONCE):
        for record in store.get_runs(run_ids[start : start + RUNS_AT_ONCE], latest).values():
            if view in ("all", record.lifecycle_stage):
                yield record
