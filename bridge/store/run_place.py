"""The reference to a stored run, and functions for new runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.errors import AlreadyExists, NotAllowed
from bridge.records.labels import run_tag_values
from bridge.records.run import RunChanges, RunRecord, Status, check_new_run_id, new_display_name, new_run_id
from bridge.records.times import now_ms
from bridge.records.user import user_name
from bridge.store.one_run import get_run

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A reference to a run: its ids and the stores of its workspace. Its methods read and change the stored run."""

    stores: WorkspaceStores
    experiment_id: str
    run_id: str

    def record(self, latest: bool = False) -> RunRecord:
        """Read the record of the run, and its latest points if `latest` is True.

        Raises:
            NotFound: the run was deleted permanently.
        """
        return get_run(self.stores.tracking, self.run_id, latest)

    def update(self, changes: RunChanges) -> None:
        """Change the run in one transaction; see `TrackingStore.update_runs`."""
        self.stores.tracking.update_runs((self.run_id,), changes)

    def root(self) -> str:
        """Return the artifact root of the run.

        Raises:
            NotAllowed: the experiment stores its artifacts outside the workspace. Only MLflow's clients can read and
                write artifacts there.
        """
        location = self.stores.tracking.get_experiment(self.experiment_id).artifact_location
        if location is not None:
            reason = (
                f"the experiment of the run stores files at {location}, which only MLflow's clients can read and write"
            )
            raise NotAllowed("read or write files of run", self.run_id, reason)
        return RunRecord(self.run_id, self.experiment_id).artifact_root

    def writable_root(self) -> str:
        """Return the artifact root of the run, if the run may be written to.

        Raises:
            InvalidState: the run is deleted.
            NotAllowed: the experiment stores its artifacts outside the workspace.
        """
        self.stores.tracking.check_writable(self.run_id)
        return self.root()


def new_run(
    experiment_id: str,
    *,
    run_id: str | None = None,
    display_name: str | None = None,
    status: Status = "Running",
    description: str | None = None,
    parent_id: str | None = None,
    type: str | None = None,
    definition: str | None = None,
    params: Mapping[str, str] | None = None,
    tags: str | Mapping[str, object] | None = None,
    properties: Mapping[str, str] | None = None,
) -> RunRecord:
    """Return a record for a run that starts now and belongs to the current user. The run is not stored yet.

    Args:
        run_id: a valid id. If it is None, an id is generated.
        display_name: the name. If it is None or "", a name is generated.
        tags: a dict of keys and values, or the key of one tag without a value. Values are converted to text. The tag
            `mlflow.user` is added, because MLflow's searches by user look for this tag.

    Raises:
        InvalidValue: a tag's key or value is not valid.
    """
    user = user_name()
    return RunRecord(
        id=run_id or new_run_id(),
        experiment_id=experiment_id,
        display_name=display_name or new_display_name(),
        status=status,
        start_time=now_ms(),
        description=description,
        user=user,
        parent_id=parent_id,
        type=type,
        definition=definition,
        params=params or {},
        tags={"mlflow.user": user, **run_tag_values(tags or {})},
        properties=properties or {},
    )


def free_run_id(stores: WorkspaceStores, run_id: str | None) -> str:
    """Return an id for a new run: `run_id` if no run has this id, or a generated id if `run_id` is None.

    A caller calls this function before it stores files under the id. Otherwise these files could replace the files of
    another run.

    Raises:
        InvalidValue: the id is not valid.
        AlreadyExists: another run has the id.
    """
    if run_id is None:
        return new_run_id()
    if stores.tracking.get_runs((check_new_run_id(run_id),), latest=False):
        raise AlreadyExists("run", run_id)
    return run_id
