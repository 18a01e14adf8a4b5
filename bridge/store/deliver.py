"""Delivers runs: copies them from one workspace to another. A delivery may be repeated."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.errors import AlreadyExists, InvalidState, NotFound
from bridge.records.run import TERMINAL_STATUSES, RunChanges, RunRecord, check_run_id
from bridge.records.search import ExperimentQuery, Ordering, RunQuery
from bridge.records.series import COLUMN, Definition, SeriesRecord
from bridge.store.artifacts import ArtifactStore, stream_of
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.run_listing import list_runs
from bridge.store.slices import Slice

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.store.fold_store import FoldStore
    from bridge.store.tracking import TrackingStore
    from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")

TRIES = 5


def runs_to_deliver(source: TrackingStore, run_ids: Sequence[str] | None = None) -> list[RunRecord]:
    """Return the runs that can be delivered, sorted by start time.

    A run of `run_ids` is excluded if it is deleted, or its experiment is archived (its lifecycle stage is `deleted`).
    A warning with its id is then logged.

    Args:
        source: the tracking store that contains the runs.
        run_ids: the ids of the runs. None means all active runs.

    Raises:
        InvalidValue: an id is not valid.
        NotFound: the source does not contain some of the runs. The error names all of them.
    """
    if run_ids is None:
        active = tuple(record.id for record in source.search_experiments(ExperimentQuery()).items)
        order = (Ordering("attribute", "start_time", True),)
        return list(list_runs(source, RunQuery(active, order=order), latest=False))
    wanted = list(dict.fromkeys(map(check_run_id, run_ids)))
    found = source.get_runs(wanted, latest=False)
    experiments = {record.id: record for record in source.search_experiments(ExperimentQuery(view="all")).items}
    if missing := [run_id for run_id in wanted if run_id not in found]:
        raise NotFound("run", ", ".join(missing), "nothing was delivered")
    runs = []
    for record in found.values():
        # None if the experiment was just purged together with the run.
        experiment = experiments.get(record.experiment_id)
        if experiment is not None and experiment.lifecycle_stage != "active":
            name = experiment.name
            logger.warning("Run %s was not delivered: its experiment %r is archived.", record.id, name)
        elif experiment is None or record.lifecycle_stage != "active":
            logger.warning("Run %s was not delivered: it is deleted.", record.id)
        else:
            runs.append(record)
    return sorted(runs, key=lambda run: run.start_time or 0)


def deliver(source: WorkspaceStores, target: WorkspaceStores, runs: Sequence[RunRecord]) -> list[str]:
    """Copy runs, with everything they logged and all of their files, to another workspace.

    Experiments are matched by name, and created if they do not exist. Runs keep their ids and get new numbers.
    A repeated delivery copies only new points and files. If the run has ended in the target, its status is kept.
    If the target has a param or property with another value, this value is kept. The run in the target then gets a
    warning.
    The children of a run, snapshots, and MLflow's own data (logged models, traces) are not copied.

    Args:
        source: the workspace that contains the runs. It is not changed.
        target: the workspace that the runs are copied to.
        runs: the records that `runs_to_deliver` returned.

    Returns:
        The ids of the runs, grouped by experiment.

    Raises:
        InvalidState: an experiment or a run is deleted in the target. Runs that come before it were delivered.
        NotFound: an experiment was purged in the source.
    """
    delivered = []
    by_experiment: dict[str, list[RunRecord]] = {}
    for run in runs:
        by_experiment.setdefault(run.experiment_id, []).append(run)
    for experiment_id, together in by_experiment.items():
        experiment = source.tracking.get_experiment(experiment_id)
        there_id = _experiment_in(target.tracking, experiment)
        for run in together:
            there = _deliver_record(target.tracking, replace(run, experiment_id=there_id))
            _deliver_points(target.tracking, run.id, get_series(source.tracking, run.id))
            if experiment.artifact_location is None:
                _copy_files(source.artifacts, run.artifact_root, target.artifacts, there.artifact_root)
            _deliver_end(target.tracking, run, there)
            logger.debug("Run %s was delivered to %s", run.id, target.address)
            delivered.append(run.id)
    return delivered


def _experiment_in(target: TrackingStore, experiment: ExperimentRecord) -> str:
    """Return the id of the target's experiment of the same name. Create the experiment if it does not exist."""
    there = target.find_experiment(experiment.name)
    if there is None:
        try:
            return target.create_experiment(experiment.name, experiment.creation_time, tags=experiment.tags).id
        except AlreadyExists:  # another process has just created it
            there = target.find_experiment(experiment.name)
    assert there is not None
    if there.lifecycle_stage == "deleted":
        raise InvalidState("experiment", experiment.name, "deleted in the target", "active there")
    return there.id


def _deliver_record(target: TrackingStore, run: RunRecord) -> RunRecord:
    """Create or update the run in the target, without its end. Return the target's record as it was before the update.

    `_deliver_end` sets the end later.
    """
    there = target.get_runs((run.id,), latest=False).get(run.id)
    if there is None:
        status = "Running" if run.status in TERMINAL_STATUSES else run.status
        there = create_run(target, replace(run, status=status, end_time=None, error=None))
    changes = RunChanges(
        display_name=run.display_name,
        description=run.description,
        parent_id=run.parent_id,
        params={key: value for key, value in run.params.items() if key not in there.params},
        properties={key: value for key, value in run.properties.items() if key not in there.properties},
        tags=run.tags,
        dataset_inputs=run.dataset_inputs,
        model_inputs=run.model_inputs,
        model_outputs=tuple(output for output in run.model_outputs if output not in there.model_outputs),
        warnings=tuple(w for w in (*run.warnings, *_clashes(run, there)) if w not in there.warnings),
    )
    target.update_runs((run.id,), changes)
    return there


def _clashes(run: RunRecord, there: RunRecord) -> Iterator[str]:
    for kind, ours, theirs in (("Param", run.params, there.params), ("Property", run.properties, there.properties)):
        for key, value in ours.items():
            if theirs.get(key, value) != value:
                here = f"{kind} {key!r} is {theirs[key]!r} in this workspace"
                yield f"{here}, and was {value!r} in the workspace of origin."


def _deliver_end(target: TrackingStore, run: RunRecord, there: RunRecord) -> None:
    """Set the status and the end of the run.

    This is the last step. When a reader sees that the run has ended, the target has all data of the run.
    """
    if there.status not in TERMINAL_STATUSES and run.status != get_run(target, run.id, latest=False).status:
        target.update_runs((run.id,), RunChanges(status=run.status, end_time=run.end_time, error=run.error))


def _deliver_points(target: FoldStore, run_id: str, series: Sequence[SeriesRecord]) -> None:
    """Append the points that the target does not have.

    For this purpose each key is treated as a journal. The receipt of a journal states how much of it is stored. Here it
    is the number of points in the target.
    """
    by_key: dict[str, list[SeriesRecord]] = {}
    for record in series:
        by_key.setdefault(record.key, []).append(record)
    for attempt in range(TRIES):
        receipts = target.get_receipts([_journal_id(run_id, key) for key in by_key])
        slices = []
        for number, (key, records) in enumerate(by_key.items()):
            journal_id = _journal_id(run_id, key)
            piece = _slice_of(journal_id, receipts.get(journal_id, 0), number, run_id, records)
            if piece.end > piece.start:
                slices.append(piece)
        try:
            if slices:
                target.append(slices)
            return
        except InvalidState:  # another process has delivered some of these points
            if attempt == TRIES - 1:
                raise
            time.sleep(0.05)


def _journal_id(run_id: str, key: str) -> str:
    import hashlib

    return "delivered-" + hashlib.sha256(f"{run_id}/{key}".encode()).hexdigest()[:32]


def _slice_of(journal_id: str, start: int, number: int, run_id: str, records: Sequence[SeriesRecord]) -> Slice:
    """Return the points of one key in log order, without the first `start` points.

    A slice is the form in which a store receives points. `number` is the index of the key in the run. All points of the
    slice get it as their record time, so that the target stores the keys in this order.
    """
    import numpy

    # The series of the key are concatenated. `which` has the index of the series of each point.
    lengths = [len(record.positions) for record in records]
    which = numpy.repeat(numpy.arange(len(records)), lengths)
    positions = numpy.concatenate([record.positions for record in records])
    texts: list[str | bool | None] = []
    values = []  # the value of a text point is its index in `texts`
    for record in records:
        if record.numbers is not None:
            values.append(record.numbers)
            continue
        assert record.texts is not None
        values.append(numpy.arange(len(texts), len(texts) + len(record.texts), dtype=numpy.float64))
        texts += record.texts
    # The order of positions is the log order. The cells of a row share a position.
    order = numpy.lexsort((which, positions))
    rows = numpy.array([record.kind == COLUMN for record in records])[which[order]]
    same = numpy.concatenate([[False], positions[order][1:] == positions[order][:-1]])
    order, joined = order[start:], (rows & same)[start:]
    return Slice(
        journal_id=journal_id,
        start=start,
        end=len(positions),
        definitions={
            index: Definition(run_id, record.key, record.column, record.kind, record.value_type)
            for index, record in enumerate(records)
        },
        series=which[order].astype(numpy.uint32),
        times=numpy.full(len(order), number, dtype=numpy.int64),
        timestamps=numpy.concatenate([record.timestamps for record in records])[order],
        steps=numpy.concatenate([record.steps for record in records])[order],
        has_step=numpy.ones(len(order), dtype=bool),
        values=numpy.concatenate(values)[order],
        ints=numpy.array([record.all_ints for record in records])[which[order]],
        apis=numpy.concatenate([record.apis for record in records])[order],
        joined=joined,
        texts=texts,
    )


def _copy_files(source: ArtifactStore, source_root: str, target: ArtifactStore, target_root: str) -> None:
    there = {record.path: record for record in target.list(target_root, recursive=True)}
    for record in source.list(source_root, recursive=True):
        other = there.get(record.path)
        # A growing file has no hash. It is copied again only if its size has changed.
        if other is not None and other.size_bytes == record.size_bytes and record.sha256 in (None, other.sha256):
            continue
        target.put(target_root, record.path, stream_of(source.get(source_root, record.path)))
