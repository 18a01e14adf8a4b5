"""The calls of `mlflow gc`, as functions over the records of a workspace."""

from __future__ import annotations

from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.store.one_run import get_run
from bridge.store.run_listing import list_runs
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.translate.statuses import experiment_id_or_default


def get_deleted_runs(workspace: CalledWorkspace, older_than: int = 0) -> list[str]:
    workspace.tracking.resume_purge()  # finish the purges that killed processes have started
    experiments = workspace.tracking.search_experiments(ExperimentQuery(view="all")).items
    old = Comparison("attribute", "deletion_time", "<=", workspace.now() - int(older_than))
    query = RunQuery(tuple(one.id for one in experiments), (old,), (Ordering("attribute", "start_time"),), "deleted")
    return list(workspace.tracking.search_run_ids(query).items)


def hard_delete_run(workspace: CalledWorkspace, run_id: str) -> None:
    record = get_run(workspace.tracking, run_id, latest=False)
    # The files are deleted before the record, because only the record names them.
    workspace.stores.artifacts.delete(record.artifact_root)
    with workspace.changing_run(run_id):
        workspace.tracking.purge_runs((run_id,))


def hard_delete_experiment(workspace: CalledWorkspace, experiment_id: str) -> None:
    wanted = experiment_id_or_default(experiment_id)
    if workspace.tracking.get_experiment(wanted).lifecycle_stage == "deleted":
        for record in list_runs(workspace.tracking, RunQuery((wanted,), view="all"), latest=False):
            workspace.stores.artifacts.delete(record.artifact_root)
    workspace.tracking.purge_experiment(wanted)
    workspace.experiment_changed(wanted)


def get_deleted_logged_models(workspace: CalledWorkspace, older_than: int = 0) -> list[str]:
    # Without MLflow's tables, there are no models. Creating the tables would take seconds.
    if not workspace.has_tables:
        return []
    found: list[str] = workspace.companion.call("_get_deleted_logged_models", older_than=older_than)
    return found
