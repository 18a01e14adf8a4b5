"""A tracking store in the memory of one process: point by point and plain, for faster stores to be held against."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.errors import AlreadyExists, InvalidState, NotFound, ParamChanged
from bridge.records.artifact import ArtifactRecord
from bridge.records.experiment import ExperimentRecord, LifecycleStage, check_experiment_name
from bridge.records.page import Page
from bridge.records.run import (
    CLAIMABLE_STATUSES,
    SCRIPT_RUN,
    TERMINAL_STATUSES,
    Dataset,
    DatasetInput,
    Lease,
    RunChanges,
    RunRecord,
    changed_facts,
    check_claimable,
    check_expected,
    check_run_id,
)
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.records.search_match import select_experiments, select_runs
from bridge.records.series import (
    COLUMN,
    NATIVE,
    SCALAR,
    Definition,
    Point,
    SeriesRecord,
    definition_of,
    imprecise_warning,
)
from bridge.records.storable import check_changes, check_experiment, check_run
from bridge.store.leases import (
    lease_after,
    never_started,
    signs_of_life,
    spoken_leases,
    status_after,
    unclaimed_since,
    verdict,
)
from bridge.store.points import check_points, imprecise
from bridge.store.slices import Slice
from bridge.store.tracking import TrackingStore
from bridge.testing.oracle.series import MemoryMetric, MemoryPoint, MemorySeries, in_log_order, stored_point

logger = logging.getLogger("bridge")

CONTEXT_TAG = "mlflow.data.context"


@dataclass(slots=True)
class _Experiment:
    record: ExperimentRecord
    runs: int = 0
    datasets: dict[tuple[str, str], Dataset] = field(default_factory=dict)
    past_uses: set[tuple[str, str, str | None]] = field(default_factory=set)


@dataclass(slots=True)
class _Run:
    """A run: its record without latest values, and its points."""

    record: RunRecord
    metrics: dict[str, MemoryMetric] = field(default_factory=dict)
    series: dict[Definition, MemorySeries] = field(default_factory=dict)


class MemoryStore(TrackingStore):
    """Experiments, runs, series and the index of artifacts, as long as the process lives."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._experiments: dict[str, _Experiment] = {}
        self._runs: dict[str, _Run] = {}
        self._receipts: dict[str, int] = {}
        self._leases: dict[str, Lease] = {}  # one that was let go of has an empty journal id
        self._signs_of_life: dict[str, int] = {}  # by journal id
        self._artifacts: dict[str, dict[str, ArtifactRecord]] = {}
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
            return _copy_of_experiment(self._add_experiment(record).record)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        with self._lock:
            return _copy_of_experiment(self._experiment(experiment_id).record)

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        with self._lock:
            for experiment in self._experiments.values():
                if experiment.record.name == name:
                    return _copy_of_experiment(experiment.record)
            return None

    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        with self._lock:
            records = [_copy_of_experiment(experiment.record) for experiment in self._experiments.values()]
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
            changed = _with_tags(experiment.record.tags, tags, removed, f"experiment {experiment_id}")
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
                check_run_id(record.id)
                self._active_experiment(record.experiment_id)
                same = record.experiment_id, record.start_time
                if starts.setdefault(record.id, same) != same:
                    raise AlreadyExists("run", record.id)
            # Nothing below this line fails.
            for lease in leases:
                if lease.run_id not in self._runs:
                    self._leases[lease.run_id] = lease._replace(boot_time=0)
                    if lease.boot_time:
                        self._keep_sign(lease.journal_id, lease.boot_time)
            for record in records:
                if record.id not in self._runs:
                    self._runs[record.id] = self._new_run(record)
            return [_copy_of_run(self._runs[record.id]) for record in records]

    def _new_run(self, record: RunRecord) -> _Run:
        experiment = self._experiments[record.experiment_id]
        experiment.runs += 1
        return _Run(
            replace(
                record,
                number=experiment.runs,
                lifecycle_stage="active",
                deletion_time=None,
                params=dict(record.params),
                tags=dict(record.tags),
                properties=dict(record.properties),
                latest={},
                latest_texts={},
                latest_columns={},
                dataset_inputs=_with_inputs((), record.dataset_inputs, experiment),
                model_inputs=tuple(dict.fromkeys(record.model_inputs)),
                model_outputs=tuple(dict.fromkeys(record.model_outputs)),
                warnings=(),
            )
        )

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        with self._lock:
            records = {run_id: _copy_of_run(self._runs[run_id]) for run_id in run_ids if run_id in self._runs}
        if latest:
            return records
        bare: dict[str, Any] = {"latest": {}, "latest_texts": {}, "latest_columns": {}}
        return {run_id: replace(record, **bare) for run_id, record in records.items()}

    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        with self._lock:
            known = (self._runs[run_id].record for run_id in run_ids if run_id in self._runs)
            return {record.id for record in known if record.lifecycle_stage == "active"}

    def update_run(self, run_id: str, changes: RunChanges) -> None:
        changes = check_changes(changes)
        with self._lock:
            run = self._active_run(run_id)
            old = run.record
            check_expected(run_id, old.status, changes)
            facts: dict[str, Any] = changed_facts(changes)
            params = _with_params(old, changes.params)
            properties = _with_properties(old, changes.properties)
            tags = _with_tags(old.tags, changes.tags, changes.removed_tags, f"run {run_id}")
            # Nothing below this line fails.
            run.record = replace(
                old,
                **facts,
                params=params,
                properties=properties,
                tags=tags,
                dataset_inputs=_with_inputs(
                    old.dataset_inputs, changes.dataset_inputs, self._experiments[old.experiment_id]
                ),
                model_inputs=tuple(dict.fromkeys((*old.model_inputs, *changes.model_inputs))),
                model_outputs=tuple(dict.fromkeys((*old.model_outputs, *changes.model_outputs))),
                warnings=tuple(dict.fromkeys((*old.warnings, *changes.warnings))),
            )
            if changes.status in TERMINAL_STATUSES:
                self._leases.pop(run_id, None)

    def delete_run(self, run_id: str, time: int) -> None:
        with self._lock:
            _move_run(self._run(run_id), "deleted", time)

    def restore_run(self, run_id: str) -> None:
        with self._lock:
            _move_run(self._run(run_id), "active", None)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        with self._lock:
            for record in [run.record for run_id in run_ids if (run := self._runs.pop(run_id, None))]:
                self._experiments[record.experiment_id].past_uses.update(_uses(record))
                self._leases.pop(record.id, None)
                above = f"{record.experiment_id}/{record.id}/"
                self._artifacts = {root: of for root, of in self._artifacts.items() if not root.startswith(above)}

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        with self._lock:
            records = [_copy_of_run(run) for run in self._runs.values()]
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
                for use in _uses(run.record)
            }
            for experiment_id in set(experiment_ids) & self._experiments.keys():
                found |= {(experiment_id, *use) for use in self._experiments[experiment_id].past_uses}
        return sorted(found, key=lambda row: (int(row[0]), row[1], row[2], row[3] is not None, row[3] or ""))

    # Leases

    def claim_run(self, run_id: str, lease: Lease | None = None) -> None:
        with self._lock:
            run = self._active_run(run_id)
            check_claimable(run_id, run.record.type, run.record.status, run.record.end_time)
            run.record = replace(run.record, status="Preparing")
            before = self._leases.pop(run_id, None)
            if lease is not None:
                time = lease.time if before is None else max(lease.time, before.time + 1)
                self._leases[run_id] = Lease(run_id, lease.journal_id, time)
                if lease.boot_time:
                    self._keep_sign(lease.journal_id, lease.boot_time)

    def end_unclaimed(self, now: int) -> list[str]:
        with self._lock:
            found = [run_id for run_id, run in self._runs.items() if self._is_unclaimed(run.record, now)]
            changes = never_started(now)
            for run_id in found:
                run = self._runs[run_id]
                run.record = replace(run.record, status="Failed", end_time=changes.end_time, error=changes.error)
            return found

    def _is_unclaimed(self, record: RunRecord, now: int) -> bool:
        lease = self._leases.get(record.id)
        if (record.type, record.lifecycle_stage, record.end_time) != (SCRIPT_RUN, "active", None):
            return False
        if record.status not in CLAIMABLE_STATUSES or record.start_time is None or (lease and lease.journal_id):
            return False
        return max(record.start_time, lease.time if lease else 0) < unclaimed_since(now)

    def get_leases(self) -> list[Lease]:
        with self._lock:
            held = (lease for lease in self._leases.values() if lease.journal_id)
            return [lease._replace(boot_time=self._signs_of_life.get(lease.journal_id, 0)) for lease in held]

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
                        self._leases[lease.run_id] = self._leases[lease.run_id]._replace(journal_id="")
            for journal_id in gone:
                self._signs_of_life.pop(journal_id, None)
            return found

    def _keep_leases(self, slices: Sequence[Slice]) -> None:
        for run_id, spoken in spoken_leases(slices).items():
            run, before = self._runs.get(run_id), self._leases.get(run_id)
            after = lease_after(before, spoken)
            if run is None or after is None or after == before:
                continue
            status = status_after(before, after, run.record.status, run.record.error)
            if status is None:
                continue
            self._leases[run_id] = after
            if run.record.status in TERMINAL_STATUSES:
                run.record = replace(run.record, end_time=None, error=None)
            run.record = replace(run.record, status=status)
        leased, others = signs_of_life(slices)
        for journal_id, boot_time in {**others, **leased}.items():
            if journal_id in leased or journal_id in self._signs_of_life:
                self._keep_sign(journal_id, boot_time)

    def _keep_sign(self, journal_id: str, boot_time: int) -> None:
        self._signs_of_life[journal_id] = max(boot_time, self._signs_of_life.get(journal_id, 0))

    # Points

    def log_points(self, run_id: str, points: Sequence[Point], door: int = NATIVE) -> None:
        checked = check_points(points)
        with self._lock:
            run = self._active_run(run_id)
            for point in checked:
                _add_point(run, definition_of(run_id, point), stored_point(point, door))
                if imprecise(point.value):
                    _warn(run, imprecise_warning(point.key))

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
            fresh, ends = self._fresh(slices)
            lost = 0
            for definition, point in in_log_order(fresh):
                run = self._runs.get(definition.run_id)
                if run is None:
                    lost += 1
                else:
                    _add_point(run, definition, point)
            for run_id, sentence in (warning for piece in fresh for warning in piece.warnings):
                if run_id in self._runs:
                    _warn(self._runs[run_id], sentence)
            self._keep_leases(fresh)
            self._receipts.update(ends)
        if lost:
            logger.warning("%d points were dropped: their runs are not in this workspace (any more).", lost)
        return ends

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        with self._lock:
            return {name: self._receipts[name] for name in journal_ids if name in self._receipts}

    # The index of artifacts

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        with self._lock:
            files = dict(self._artifacts.get(root, {}))
            for record in records:
                for folder in _folders_above(record.path):
                    if folder in files:
                        raise InvalidState("artifact", folder, "a file", "a folder")
                if any(path.startswith(record.path + "/") for path in files):
                    raise InvalidState("artifact", record.path, "a folder", "a file")
                files[record.path] = record
            self._artifacts[root] = files

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        start = folder + "/" if folder else ""
        with self._lock:
            files = self._artifacts.get(root, {})
            roots = {of: ArtifactRecord(f"{of}/") for of in self._artifacts if self._artifacts[of]}
            below = [r for path, r in (files if root else roots).items() if path.startswith(start)]
        found = {}
        for record in below:
            name, slash, _ = record.path[len(start) :].partition("/")
            if slash and not recursive:
                record = ArtifactRecord(start + name)
            found[record.path] = record
        return [found[path] for path in sorted(found)]

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        with self._lock:
            return self._artifacts.get(root, {}).get(path)

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        with self._lock:
            files = self._artifacts.get(root, {})
            gone = sorted(p for p in files if not path or p == path or p.startswith(path + "/"))
            for p in gone:
                del files[p]
            return gone

    # Below, the lock is held.

    def _add_experiment(self, record: ExperimentRecord) -> _Experiment:
        self._experiments[record.id] = experiment = _Experiment(record)
        return experiment

    def _experiment(self, experiment_id: str) -> _Experiment:
        if experiment_id not in self._experiments:
            raise NotFound("experiment", experiment_id)
        return self._experiments[experiment_id]

    def _active_experiment(self, experiment_id: str) -> _Experiment:
        experiment = self._experiment(experiment_id)
        if experiment.record.lifecycle_stage != "active":
            raise InvalidState("experiment", experiment_id, "deleted", "active")
        return experiment

    def _move_experiment(self, experiment_id: str, stage: LifecycleStage, time: int) -> None:
        with self._lock:
            experiment = self._experiment(experiment_id)
            if experiment.record.lifecycle_stage == stage:
                raise NotFound("experiment", experiment_id, f"it is {stage} already")
            experiment.record = replace(experiment.record, lifecycle_stage=stage, last_update_time=time)
            for run in self._runs.values():
                if run.record.experiment_id == experiment_id:
                    _move_run(run, stage, time if stage == "deleted" else None)

    def _run(self, run_id: str) -> _Run:
        if run_id not in self._runs:
            raise NotFound("run", run_id)
        return self._runs[run_id]

    def _active_run(self, run_id: str) -> _Run:
        run = self._run(run_id)
        if run.record.lifecycle_stage != "active":
            raise InvalidState("run", run_id, "deleted", "active")
        return run

    def _fresh(self, slices: Iterable[Slice]) -> tuple[list[Slice], dict[str, int]]:
        """The slices that are not stored yet, and how far each journal is stored after them."""
        ends = self.get_receipts([piece.journal_id for piece in slices])
        fresh = []
        for piece in slices:
            end = ends.get(piece.journal_id, 0)
            if piece.end <= end:
                continue
            if piece.start != end:
                raise InvalidState("journal", piece.journal_id, f"stored up to {end}", f"stored up to {piece.start}")
            fresh.append(piece)
            ends[piece.journal_id] = piece.end
        return fresh, ends


def _add_point(run: _Run, definition: Definition, point: MemoryPoint) -> None:
    metric = run.metrics.setdefault(definition.key, MemoryMetric())
    series = run.series.setdefault(definition, MemorySeries())
    series.add(metric.place(point))


def _warn(run: _Run, sentence: str) -> None:
    run.record = replace(run.record, warnings=tuple(dict.fromkeys((*run.record.warnings, sentence))))


def _move_run(run: _Run, stage: LifecycleStage, deletion_time: int | None) -> None:
    if run.record.lifecycle_stage != stage:
        run.record = replace(run.record, lifecycle_stage=stage, deletion_time=deletion_time)


def _with_tags(
    old: Mapping[str, str | None], new: Mapping[str, str | None], removed: Iterable[str], owner: str
) -> dict[str, str | None]:
    tags = dict(old)
    for key in removed:
        if key not in tags:
            raise NotFound("tag", key, f"{owner} does not have it")
        del tags[key]
    return {**tags, **new}


def _with_params(record: RunRecord, new: Mapping[str, str]) -> dict[str, str]:
    old = record.params
    changed = tuple((key, old[key], value) for key, value in new.items() if old.get(key, value) != value)
    if changed:
        raise ParamChanged(record.id, changed)
    return {**old, **new}


def _with_properties(record: RunRecord, new: Mapping[str, str]) -> dict[str, str]:
    old = record.properties
    for key, value in new.items():
        if old.get(key, value) != value:
            raise InvalidState("property", key, f"{old[key]!r} for run {record.id}", f"{value!r} or not set")
    return {**old, **new}


def _with_inputs(
    old: Sequence[DatasetInput], new: Iterable[DatasetInput], experiment: _Experiment
) -> tuple[DatasetInput, ...]:
    """The inputs of a run with new ones; a data set that the experiment has already stays as it was first logged."""
    inputs = {(used.dataset.name, used.dataset.digest): used for used in old}
    for used in new:
        name = used.dataset.name, used.dataset.digest
        dataset = experiment.datasets.setdefault(name, used.dataset)
        inputs.setdefault(name, DatasetInput(dataset, dict(used.tags)))
    return tuple(inputs.values())


def _uses(record: RunRecord) -> set[tuple[str, str, str | None]]:
    """The (name, digest, context) of the data sets that a run used."""
    return {(used.dataset.name, used.dataset.digest, used.tags.get(CONTEXT_TAG)) for used in record.dataset_inputs}


def _copy_of_experiment(record: ExperimentRecord) -> ExperimentRecord:
    return replace(record, tags=dict(record.tags))


def _copy_of_run(run: _Run) -> RunRecord:
    record = run.record
    scalars = [(of, series) for of, series in run.series.items() if of.kind == SCALAR]
    columns = [(of, series) for of, series in run.series.items() if of.kind == COLUMN]
    return replace(
        record,
        params=dict(record.params),
        tags=dict(record.tags),
        properties=dict(record.properties),
        latest={of.key: series.latest() for of, series in scalars if of.value_type == "number"},
        latest_texts={of.key: series.latest_text() for of, series in scalars if of.value_type == "text"},
        latest_columns={(of.key, of.column): series.latest() for of, series in columns if of.value_type == "number"},
        dataset_inputs=tuple(DatasetInput(used.dataset, dict(used.tags)) for used in record.dataset_inputs),
    )


def _folders_above(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names))]
