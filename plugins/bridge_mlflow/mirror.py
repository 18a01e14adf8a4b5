"""Write rows for our experiments, and for some runs, to MLflow's own tables.

Foreign keys in MLflow's tables refer to these rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunRecord
from bridge_mlflow.translate.shown import experiment_location
from bridge_mlflow.translate.statuses import MLFLOW_STATUS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

UPSERT_EXPERIMENT = """
    INSERT INTO experiments
        (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
    VALUES (:id, :name, :location, :stage, :created, :updated)
    ON CONFLICT (experiment_id) DO UPDATE SET
        name = excluded.name, artifact_location = excluded.artifact_location,
        lifecycle_stage = excluded.lifecycle_stage, creation_time = excluded.creation_time,
        last_update_time = excluded.last_update_time
"""
RENAME_EXPERIMENT = "UPDATE experiments SET name = :name WHERE experiment_id = :id"
STAGE_OF_RUNS = "UPDATE runs SET lifecycle_stage = :stage WHERE experiment_id = :id"
"""The runs of an experiment are deleted and restored together with the experiment."""
MARK_DELETED = """
    UPDATE experiments SET lifecycle_stage = 'deleted' WHERE experiment_id = :id AND creation_time = :created
"""
UPSERT_RUN = """
    INSERT INTO runs
        (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,
         deleted_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    VALUES (:id, :name, 'LOCAL', '', '', :user, :status, :started, :ended, :deleted, '', :stage, :location, :experiment)
    ON CONFLICT (run_uuid) DO UPDATE SET
        name = excluded.name, source_name = excluded.source_name, status = excluded.status,
        start_time = excluded.start_time, end_time = excluded.end_time, deleted_time = excluded.deleted_time,
        lifecycle_stage = excluded.lifecycle_stage, artifact_uri = excluded.artifact_uri
"""
DELETE_TRACES = "DELETE FROM trace_info WHERE experiment_id = :id"
CHANGING = "changing"
"""The mark of a run that a process is changing. The mark is in the column `source_name` of MLflow's table of runs.

The mark is set before the run is changed in the workspace, and removed when the row is updated.
"""
MARK_RUN = "UPDATE runs SET source_name = :mark WHERE run_uuid = :id"
TABLES_OF_RUNS = ("latest_metrics", "metrics", "params", "tags", "runs")
ARTIFACT_PLACES = (
    ("logged_models", "artifact_location", "1 = 1"),
    ("trace_tags", "value", "key = 'mlflow.artifactLocation'"),
    ("model_versions", "storage_location", "1 = 1"),
    ("model_versions", "source", "1 = 1"),
)
"""The columns that contain artifact locations below the location of an experiment.

Each item names a table, a column of the table, and a condition that selects rows of the table.
"""


class _Row(NamedTuple):
    """A row of MLflow's table of experiments."""

    id: int
    name: str
    location: str
    stage: str
    created: int
    updated: int


def mirror_experiments(session: Session, records: Iterable[ExperimentRecord], artifacts: str) -> None:
    """Write the rows of MLflow's table that are missing or differ from our experiments.

    A row that is newer than the record is not changed, because another process has written a later state to it.

    Args:
        session: a transaction over MLflow's tables.
        records: the experiments.
        artifacts: the URI below which the workspace's artifacts are stored. If the folder of the workspace was moved,
            the locations that MLflow has stored below the old URI are changed too.
    """
    there = {row.id: row for row in _rows(session)}
    wanted = [_wanted(record, artifacts) for record in records]
    changed = [row for row in wanted if there.get(row.id) != row and not _is_older(row, there.get(row.id))]
    # Names are unique in MLflow's table, and two experiments may have swapped their names. So each renamed experiment
    # first gets a temporary name.
    for row in changed:
        if row.id in there and there[row.id].name != row.name:
            _execute(session, RENAME_EXPERIMENT, id=row.id, name=f"\nexperiment {row.id}")
    for row in changed:
        _execute(session, UPSERT_EXPERIMENT, **row._asdict())
        if row.id in there and there[row.id].stage != row.stage:
            _execute(session, STAGE_OF_RUNS, id=row.id, stage=row.stage)
        if row.id in there and there[row.id].location != row.location:
            _move(session, there[row.id].location, row.location)


def earlier_experiments(session: Session, records: Iterable[ExperimentRecord]) -> list[tuple[int, int]]:
    """Return the ids and creation times of those rows of MLflow's table whose experiment no longer exists.

    A newer experiment may have the same id. The row is then returned, because its creation time is earlier than that of
    the newer experiment.
    The row of "Default" that MLflow creates itself is never older than our experiment, so it is not returned.
    """
    made = {int(record.id): record.creation_time for record in records}
    return [(row.id, row.created) for row in _rows(session) if row.created < made.get(row.id, row.created + 1)]


def mark_deleted(session: Session, experiment_id: int, creation_time: int) -> bool:
    """Mark MLflow's row of an experiment as deleted if the row has the given creation time.

    Return whether a row was marked.
    """
    return bool(_execute(session, MARK_DELETED, id=experiment_id, created=creation_time).rowcount)


def delete_traces(session: Session, experiment_id: int) -> None:
    """Delete the traces of an experiment and all that belongs to them."""
    _execute(session, DELETE_TRACES, id=experiment_id)


def mirror_run(session: Session, record: RunRecord, artifacts: str) -> None:
    """Write MLflow's row of one run.

    The table declares 32 characters for a run id, but SQLite does not enforce that: longer ids work too.
    """
    _execute(
        session,
        UPSERT_RUN,
        id=record.id,
        name=record.display_name,
        user=record.user,
        status=MLFLOW_STATUS[record.status],
        started=record.start_time,
        ended=record.end_time,
        deleted=record.deletion_time,
        stage=record.lifecycle_stage,
        location=f"{artifacts}/{record.artifact_root}",
        experiment=int(record.experiment_id),
    )


def delete_run(session: Session, run_id: str) -> None:
    """Delete MLflow's row of a run and all that belongs to it.

    Source: MLflow 3.17.2, `SqlAlchemyStore._hard_delete_run`. That method is not called, because in MLflow 3.10 it
    issues a warning if two processes delete a run at the same time.
    """
    for table in TABLES_OF_RUNS:
        _execute(session, f"DELETE FROM {table} WHERE run_uuid = :id", id=run_id)


def mark_run(session: Session, run_id: str) -> bool:
    """Mark MLflow's row of a run that is about to change. Return whether the row exists."""
    return bool(_execute(session, MARK_RUN, id=run_id, mark=CHANGING).rowcount)


def marked_runs(session: Session) -> list[str]:
    """Return the ids of the marked runs.

    If a run is marked, a process is changing the run, or was killed while it changed the run.
    """
    return [row[0] for row in _execute(session, "SELECT run_uuid FROM runs WHERE source_name = :mark", mark=CHANGING)]


def _wanted(record: ExperimentRecord, artifacts: str) -> _Row:
    location = experiment_location(record, artifacts)
    return _Row(
        int(record.id), record.name, location, record.lifecycle_stage, record.creation_time, record.last_update_time
    )


def _rows(session: Session) -> list[_Row]:
    columns = "experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time"
    return [_Row(*row) for row in _execute(session, f"SELECT {columns} FROM experiments")]


def _is_older(row: _Row, there: _Row | None) -> bool:
    """Return whether `row`, made from our record, is older than `there`, MLflow's row of the same experiment.

    The result is always False for experiment 0, so its row is updated even if the time of the row is later. MLflow can
    create this row itself, after our record was changed. A later time therefore does not mean that the row is newer.
    """
    return there is not None and row.updated < there.updated and row.id != 0


def _move(session: Session, old: str, new: str) -> None:
    """Replace an experiment's location `old` by `new` in all locations below `old` that MLflow has stored.

    MLflow drops the empty host when it joins a path to a `bridge:` URI. So a location that begins with `bridge:/` is
    replaced as well as one that begins with `bridge:///`.
    """
    for prefix in {f"{old}/", f"{old.replace(':///', ':/', 1)}/"}:
        for table, column, rows in ARTIFACT_PLACES:
            moved, is_below = f":new || substr({column}, :size + 1)", f"substr({column}, 1, :size) = :prefix"
            statement = f"UPDATE {table} SET {column} = {moved} WHERE {rows} AND {is_below}"
            _execute(session, statement, prefix=prefix, size=len(prefix), new=f"{new}/")


def _execute(session: Session, statement: str, **values: Any) -> Any:
    from sqlalchemy import text

    return session.execute(text(statement), values)
