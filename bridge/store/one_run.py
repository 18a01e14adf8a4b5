"""Functions for a single run of a store, because the methods of `TrackingStore` take several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.errors import NotFound

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.records.series import SeriesRecord
    from bridge.store.tracking import TrackingStore


def create_run(store: TrackingStore, record: RunRecord) -> RunRecord:
    """Create a run, as `TrackingStore.create_runs` does, and return it with its number."""
    return store.create_runs((record,))[0]


def get_run(store: TrackingStore, run_id: str, latest: bool = True) -> RunRecord:
    """Return everything known about a run except its points.

    Args:
        store: the store that contains the run.
        run_id: the id of the run.
        latest: also return the latest value of each series.

    Raises:
        NotFound: the run does not exist.
    """
    found = store.get_runs((run_id,), latest).get(run_id)
    if found is None:
        raise NotFound("run", run_id)
    return found


def get_series(store: TrackingStore, run_id: str, keys: Sequence[str] | None = None) -> list[SeriesRecord]:
    """Return the series of a run in the order in which they were first logged.

    Args:
        store: the store that contains the run.
        run_id: the id of the run.
        keys: only the series with these keys are returned; None means all series. A key that was not logged is absent.

    Raises:
        NotFound: the run does not exist.
    """
    found = store.get_series_of((run_id,), keys).get(run_id)
    if found is None:
        raise NotFound("run", run_id)
    return found
