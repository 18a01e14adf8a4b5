"""Everything that a reader finds in a workspace, so that two workspaces can be compared bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bridge.records.search import ExperimentQuery, RunQuery
from bridge.store.open import open_store
from bridge.store.run_listing import list_runs

Content = dict[str, Any]


def content_of(folder: Path) -> Content:
    """Return the experiments, the runs with their points, and the bytes of the files of a workspace."""
    stores = open_store(folder)
    experiments = stores.tracking.search_experiments(ExperimentQuery(view="all")).items
    records = list(list_runs(stores.tracking, RunQuery(tuple(one.id for one in experiments), view="all")))
    content = {
        "id": stores.id,
        "experiments": {one.id: one for one in experiments},
        "runs": {one.id: repr(one) for one in records},  # `repr`, because NaN is not equal to itself
        "points": {one.id: _points_of(stores, one.id) for one in records},
        "files": {one.id: _files_of(stores, one.artifact_root) for one in records},
    }
    stores.close()
    return content


def _points_of(stores: Any, run_id: str) -> list[Any]:
    columns = ("positions", "steps", "timestamps")
    return [
        (one.key, one.kind, one.column, *(getattr(one, name).tobytes() for name in columns), _values_of(one))
        for one in stores.tracking.get_series_of([run_id])[run_id]
    ]


def _values_of(series: Any) -> Any:
    return series.texts if series.numbers is None else series.numbers.tobytes()


def _files_of(stores: Any, root: str) -> dict[str, tuple[Any, bytes]]:
    listed = stores.artifacts.list(root, recursive=True)
    return {one.path: (one, b"".join(stores.artifacts.get(root, one.path))) for one in listed}
