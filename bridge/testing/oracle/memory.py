"""A backend in the memory of one process. Tests compare other backends with this simple reference implementation."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.errors import AlreadyExists, BridgeError, InvalidState, NotFound
from bridge.records.artifact import ArtifactRecord
from bridge.records.experiment import ExperimentRecord, LifecycleStage, check_experiment_name
from bridge.records.page import Page
from bridge.records.run import (
    TERMINAL_STATUSES,
    Lease,
    RunChanges,
    RunRecord,
    changed_facts,
    check_claimable,
    check_expected,
    check_new_run_id,
)
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.records.series import NATIVE, Point, SeriesRecord, definition_of, imprecise_warning
from bridge.records.storable import check_changes, check_experiment, check_run
from bridge.store.backend import Backend
from bridge.store.leases import never_started, verdict
from bridge.store.points import check_points, imprecise
from bridge.store.slices import Slice
from bridge.testing.oracle.index import MemoryIndex
from bridge.testing.oracle.leases import MemoryLeases
from bridge.testing.oracle.runs import (
    MemoryExperiment,
    MemoryRun,
    add_point,
    copy_of_experiment,
    copy_of_run,
    move_run,
    new_run,
    uses_of,
    warn,
    with_inputs,
    with_params,
    with_properties,
    with_tags,
)
from bridge.testing.oracle.search import select_experiments, select_runs
from bridge.testing.oracle.series import fresh_slices, in_log_order, stored_point

logger = logging.getLogger("bridge")


class MemoryStore(Backend):
    """A backend that stores everything in dicts of the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._experiments: dict[str, MemoryExperiment] = {}
        self._runs: dict[str, MemoryRun] = {}
        self._receipts: dict[str, int] = {}
        self._leases = MemoryLeases()
        self._index = MemoryIndex(self._lock)
        now = time.time_ns() // 1_000_000
        self._add_experiment(ExperimentRecord("0", "Default", "active", now, now))

    # Experiments

    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        check_experiment_name(name)
        check_experiment(creation_time, artifact_location, tags)
        with self._lock:
            if self.find_experiment(name) is not None:
                raise AlreadyExists("experiment", name)
            experiment_id = str(max(map(int, self._experiments), default=0) + 1)
            record = ExperimentRecord(
                experiment_id, name, "active", creation_time, creation_time, artifact_location, dict(tags or {})
            )
            return copy_of_experiment(self._add_experiment(record).record)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        with self._lock:
            return copy_of_experiment(self._experiment(experiment_id).record)

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        with self._lock:
            for experiment in self._experiments.values():
                if experiment.record.name == name:
                    return copy_of_experiment(experiment.record)
            return None

    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        with self._lock:
            records = [copy_of_experiment(experiment.record) for experiment in self._experiments.values()]
        return select_experiments(query, records)

    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        check_experiment_name(name)
        with self._lock:
            experiment = self._active_experiment(experiment_id)
            found = self.find_experiment(name)
            if found is not None and found.id != experiment_id:
                raise AlreadyExists("experiment", name)
            experiment.record = replace(experiment.record, name=name, last_update_time=time)

    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        check_experiment(tags=tags, removed=removed)
        with self._lock:
            experiment = self._active_experiment(experiment_id)
            changed = with_tags(experiment.record.tags, tags, removed, f"experiment {experiment_id}")
            experiment.record = replace(experiment.record, tags=changed)

    def delete_experiment(self, experiment_id: str, time: int) -> None:
        self._move_experiment(experiment_id, "deleted", time)

    def restore_experiment(self, experiment_id: str, time: int) -> None:
        self._move_experiment(experiment_id, "active", time)

    def purge_experiment(self, experiment_id: str) -> None:
        with self._lock:
            if self._experiment(experiment_id).record.lifecycle_stage != "deleted":
                raise NotFound("experiment", experiment_id, "it is active: delete it first")
            self.purge_runs([run.record.id for run in self._runs.values() if run.record.experiment_id == experiment_id])
            del self._experiments[experiment_id]

    # Runs

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        records = [check_run(record) for record in records]
        with self._lock:
            starts = {run_id: (run.record.experiment_id, run.record.start_time) for run_id, run in self._runs.items()}
            for record in records:
                if record.id not in self._runs:
                    check_new_run_id(record.id)
                self._active_experiment(record.experiment_id)
                same = record.experiment_id, record.start_time
                if starts.setdefault(record.id, same) != same:
                    raise AlreadyExists("run", record.id)
            # From here the method cannot raise an error, so it changes all runs or none.
            for lease in leases:
                if lease.run_id not in self._runs:
                    self._leases.store(lease)
            for record in records:
                if record.id not in self._runs:
                    self._runs[record.id] = new_run(record, self._experiments[record.experiment_id])
            return [copy_of_run(self._runs[record.id]) for record in records]

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        with self._lock:
            records = {run_id: copy_of_run(self._runs[run_id]) for run_id in run_ids if run_id in self._runs}
        if latest:
            return records
        bare: dict[str, Any] = {"latest": {}, "latest_texts": {}, "latest_columns": {}}
        return {run_id: replace(record, **bare) for run_id, record in records.items()}

    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        with self._lock:
            known = (self._runs[run_id].record for run_id in run_ids if run_id in self._runs)
            return {record.id for record in known if record.lifecycle_stage == "active"}

    def check_writable(self, run_id: str) -> None:
        with self._lock:
            self._active_run(run_id)

    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        changes = check_changes(changes)
        with self._lock:
            before = {run_id: self._active_run(run_id).record for run_id in run_ids}
            try:
                for run_id in before:
                    self._update(run_id, changes)
            except BridgeError:
                for run_id, record in before.items():
                    self._runs[run_id].record = record
                raise
            if changes.status in TERMINAL_STATUSES:
                for run_id in before:
                    self._leases.remove(run_id)

    def _update(self, run_id: str, changes: RunChanges) -> None:
        run = self._active_run(run_id)
        old = run.record
        check_expected(run_id, old.status, changes)
        facts: dict[str, Any] = changed_facts(changes)
        params = with_params(old, changes.params)
        properties = with_properties(old, changes.properties)
        tags = with_tags(old.tags, changes.tags, changes.removed_tags, f"run {run_id}")
        # From here the method cannot raise an error, so it changes everything or nothing.
        run.record = replace(
            old,
            **facts,
            params=params,
            properties=properties,
            tags=tags,
            dataset_inputs=with_inputs(
                old.dataset_inputs, changes.dataset_inputs, self._experiments[old.experiment_id]
            ),
            model_inputs=tuple(dict.fromkeys((*old.model_inputs, *changes.model_inputs))),
            model_outputs=tuple(dict.fromkeys((*old.model_outputs, *changes.model_outputs))),
            warnings=tuple(dict.fromkeys((*old.warnings, *changes.warnings))),
        )

    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        self._move_runs(run_ids, "deleted", time)

    def restore_runs(self, run_ids: Sequence[str]) -> None:
        self._move_runs(run_ids, "active", None)

    def _move_runs(self, run_ids: Sequence[str], stage: LifecycleStage, deletion_time: int | None) -> None:
        with self._lock:
            for run in [self._run(run_id) for run_id in run_ids]:
                move_run(run, stage, deletion_time)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        with self._lock:
            for record in [run.record for run_id in run_ids if (run := self._runs.pop(run_id, None))]:
                self._experiments[record.experiment_id].past_uses.update(uses_of(record))
                self._leases.remove(record.id)
                self._index.drop_below(f"{record.experiment_id}/{record.id}/")

    def resume_purge(self) -> None:
        return None

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        with self._lock:
            records = [copy_of_run(run) for run in self._runs.values()]
        return select_runs(query, records)

    def search_run_ids(self, query: RunQuery) -> Page[str]:
        page = self.search_runs(query)
        return Page(tuple(record.id for record in page.items), page.next_token)

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        with self._lock:
            found = {
                (run.record.experiment_id, *use)
                for run in self._runs.values()
                if run.record.experiment_id in experiment_ids
                for use in uses_of(run.record)
            }
            for experiment_id in set(experiment_ids) & self._experiments.keys():
                found |= {(experiment_id, *use) for use in self._experiments[experiment_id].past_uses}
        return sorted(found, key=lambda row: (int(row[0]), row[1], row[2], row[3] is not None, row[3] or ""))

    # Leases

    def claim_run(self, run_id: str, lease: Lease) -> None:
        with self._lock:
            run = self._active_run(run_id)
            check_claimable(run_id, run.record.type, run.record.status, run.record.end_time)
            run.record = replace(run.record, status="Preparing")
            self._leases.take(lease)

    def end_unclaimed(self, now: int) -> list[str]:
        with self._lock:
            found = [run_id for run_id, run in self._runs.items() if self._leases.is_unclaimed(run.record, now)]
            changes = never_started(now)
            for run_id in found:
                run = self._runs[run_id]
                run.record = replace(run.record, status="Failed", end_time=changes.end_time, error=changes.error)
            return found

    def get_leases(self) -> list[Lease]:
        with self._lock:
            return self._leases.held()

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        with self._lock:
            found = []
            for lease in self.get_leases():
                run = self._runs[lease.run_id]
                changes = verdict(lease, run.record.status, gone, silent, run.record.start_time)
                if changes is not None and changes.status is not None:
                    found.append(lease.run_id)
                    run.record = replace(
                        run.record,
                        status=changes.status,
                        end_time=changes.end_time or run.record.end_time,
                        error=changes.error or run.record.error,
                    )
                    if changes.status in TERMINAL_STATUSES:
                        self._leases.release(lease.run_id)
            self._leases.forget_journals(gone)
            return found

    # Points

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        checked = check_points(points)
        with self._lock:
            run = self._active_run(run_id)
            for point in checked:
                add_point(run, definition_of(run_id, point), stored_point(point, api))
                if imprecise(point.value):
                    warn(run, imprecise_warning(point.key))

    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        with self._lock:
            return {
                run_id: [
                    one.record(of) for of, one in self._runs[run_id].series.items() if keys is None or of.key in keys
                ]
                for run_id in run_ids
                if run_id in self._runs
            }

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        with self._lock:
            fresh, ends = fresh_slices(slices, self.get_receipts([piece.journal_id for piece in slices]))
            lost = 0
            for definition, point in in_log_order(fresh):
                run = self._runs.get(definition.run_id)
                if run is None:
                    lost += 1
                else:
                    add_point(run, definition, point)
            for run_id, sentence in (warning for piece in fresh for warning in piece.warnings):
                if run_id in self._runs:
                    warn(self._runs[run_id], sentence)
            self._leases.fold(fresh, self._runs)
            self._receipts.update(ends)
        if lost:
            logger.warning("%d points were dropped: their runs do not exist in this workspace or were purged.", lost)
        return ends

    def tidy(self) -> bool:
        return False

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        with self._lock:
            return {name: self._receipts[name] for name in journal_ids if name in self._receipts}

    # The index of artifacts

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        self._index.set_artifacts(root, records)

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        return self._index.list_artifacts(root, folder, recursive)

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        return self._index.find_artifact(root, path)

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        return self._index.delete_artifacts(root, path)

    # Helper methods, whose callers hold the lock

    def _add_experiment(self, record: ExperimentRecord) -> MemoryExperiment:
        self._experiments[record.id] = experiment = MemoryExperiment(record)
        return experiment

    def _experiment(self, experiment_id: str) -> MemoryExperiment:
        if experiment_id not in self._experiments:
            raise NotFound("experiment", experiment_id)
        return self._experiments[experiment_id]

    def _active_experiment(self, experiment_id: str) -> MemoryExperiment:
        experiment = self._experiment(experiment_id)
        if experiment.record.lifecycle_stage != "active":
            raise InvalidState("experiment", experiment_id, "deleted", "active")
        return experiment

    def _move_experiment(self, experiment_id: str, stage: LifecycleStage, time: int) -> None:
        with self._lock:
            experiment = self._experiment(experiment_id)
            if experiment.record.lifecycle_stage == stage:
                raise NotFound("experiment", experiment_id, f"it is already {stage}")
            experiment.record = replace(experiment.record, lifecycle_stage=stage, last_update_time=time)
            for run in self._runs.values():
                if run.record.experiment_id == experiment_id:
                    move_run(run, stage, time if stage == "deleted" else None)

    def _run(self, run_id: str) -> MemoryRun:
        if run_id not in self._runs:
            raise NotFound("run", run_id)
        return self._runs[run_id]

    def _active_run(self, run_id: str) -> MemoryRun:
        run = self._run(run_id)
        if run.record.lifecycle_stage != "active":
            raise InvalidState("run", run_id, "deleted", "active")
        return run
