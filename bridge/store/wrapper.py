"""A backend that passes its calls to another backend."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.records.series import NATIVE, Point
from bridge.store.backend import Backend

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.page import Page
    from bridge.records.run import Lease, RunChanges, RunRecord
    from bridge.records.search import ExperimentQuery, RunQuery
    from bridge.records.series import SeriesRecord
    from bridge.store.slices import Slice
    from bridge.store.views import RunViews


class WrappedBackend(Backend):
    """A backend that passes every call to an inner backend. A subclass overrides some of the methods.

    Args:
        inner: the inner backend.
    """

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    # Experiments

    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        return self.inner.create_experiment(name, creation_time, artifact_location, tags)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        return self.inner.get_experiment(experiment_id)

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        return self.inner.find_experiment(name)

    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        return self.inner.search_experiments(query)

    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        self.inner.rename_experiment(experiment_id, name, time)

    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        self.inner.set_experiment_tags(experiment_id, tags, removed)

    def delete_experiment(self, experiment_id: str, time: int) -> None:
        self.inner.delete_experiment(experiment_id, time)

    def restore_experiment(self, experiment_id: str, time: int) -> None:
        self.inner.restore_experiment(experiment_id, time)

    def purge_experiment(self, experiment_id: str) -> None:
        self.inner.purge_experiment(experiment_id)

    # Runs

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        return self.inner.create_runs(records, leases)

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        return self.inner.get_runs(run_ids, latest)

    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        return self.inner.get_active_runs(run_ids)

    def check_writable(self, run_id: str) -> None:
        self.inner.check_writable(run_id)

    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        self.inner.update_runs(run_ids, changes)

    def keep_end(self, run_id: str, changes: RunChanges) -> bool:
        """Let the end of a run wait until a server has taken its points. Return False if this is not possible."""
        return False

    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        self.inner.delete_runs(run_ids, time)

    def restore_runs(self, run_ids: Sequence[str]) -> None:
        self.inner.restore_runs(run_ids)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        self.inner.purge_runs(run_ids)

    def resume_purge(self) -> None:
        self.inner.resume_purge()

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        return self.inner.search_runs(query)

    def search_run_ids(self, query: RunQuery) -> Page[str]:
        return self.inner.search_run_ids(query)

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        return self.inner.search_datasets(experiment_ids)

    # Leases

    def claim_run(self, run_id: str, lease: Lease) -> None:
        self.inner.claim_run(run_id, lease)

    def end_unclaimed(self, now: int) -> list[str]:
        return self.inner.end_unclaimed(now)

    def get_leases(self) -> list[Lease]:
        return self.inner.get_leases()

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        return self.inner.end_leases(gone, silent)

    # Points

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        self.inner.log_points(run_id, points, api)

    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        return self.inner.get_series_of(run_ids, keys)

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        return self.inner.append(slices)

    def tidy(self) -> bool:
        return self.inner.tidy()

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        return self.inner.get_receipts(journal_ids)

    # The index of artifacts

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        self.inner.set_artifacts(root, records)

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        return self.inner.list_artifacts(root, folder, recursive)

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        return self.inner.find_artifact(root, path)

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        return self.inner.delete_artifacts(root, path)

    @property
    def views(self) -> RunViews:
        return self.inner.views

    # Closing and forking

    def find_workspace_id(self) -> str:
        return self.inner.find_workspace_id()

    def get_facts(self) -> dict[str, str]:
        return self.inner.get_facts()

    def close(self) -> None:
        self.inner.close()

    def after_fork(self) -> None:
        self.inner.after_fork()
