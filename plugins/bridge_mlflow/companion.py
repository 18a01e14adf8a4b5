"""MLflow's own SQL stores, for all objects except experiments and runs, in a file beside the workspace's database."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from bridge.address import uri_of_folder
from bridge.errors import NotAllowed, NotFound
from bridge.forking import Step, on_fork
from bridge.journal.block import block
from bridge.records.run import RunRecord
from bridge.records.search import ExperimentQuery, Ordering
from bridge.store.one_run import get_run
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow import mirror, mlflow_private
from bridge_mlflow.addresses import COMPANION_FILE, FOLDER_OF_ARTIFACTS, PROXY_ROOT, artifacts_uri
from bridge_mlflow.client_uris import with_client_uris
from bridge_mlflow.confinement import check_forwarded
from bridge_mlflow.database import (
    MlflowDatabase,
    copy_database,
    identity_of,
    locked,
    refusing_changes,
    temporary_folder,
)
from bridge_mlflow.forwarded import FORWARDED_DEFAULTS, FORWARDED_READS
from bridge_mlflow.translate.errors import mlflow_error, translated

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

PART, LOCK = ".mlflow.db.part", ".mlflow.db.lock"
FULL_COMPARISON_SECONDS = 5.0
"""The time after which all experiments of the workspace are compared with MLflow's rows of experiments.

Within this time, they are compared only if the last updated or the last created experiment differs from before. If the
clock was set back, a change may have an earlier time than the last update. It is found only after this time.
"""


P = ParamSpec("P")
R = TypeVar("R")


def _closing_idle_when_interrupted(
    method: Callable[Concatenate[Companion, P], R],
) -> Callable[Concatenate[Companion, P], R]:
    """Wrap a method: after Ctrl-C, close the idle connections, because one of them may still hold a database lock."""

    @functools.wraps(method)
    def call(self: Companion, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except KeyboardInterrupt:
            for database in self._databases():
                database.close_idle()
            raise

    return call


class Companion:
    """MLflow's own stores for one workspace. Calls that do not concern experiments or runs are forwarded to them.

    The tables of these stores are in `mlflow.db` beside the workspace's database. The first forwarded write creates
    that file. Until then, reads use an empty store in a temporary file, so that they do not change the workspace's
    folder. If the folder is read-only, reads use a temporary copy of the file.
    The tables also contain rows of our experiments, and of some runs, because other rows refer to them.
    Every method is thread-safe. A forked child opens its own connections.
    """

    def __init__(self, stores: WorkspaceStores) -> None:
        self._stores = stores
        self._folder = Path(stores.address)
        self._file = self._folder / COMPANION_FILE
        self._real_artifacts = uri_of_folder(os.path.join(stores.address, FOLDER_OF_ARTIFACTS))
        self._reset()
        _companions.add(self)

    @classmethod
    def of(cls, stores: WorkspaceStores) -> Companion:
        """Return the companion of a workspace; a process has one for each folder."""
        with _shared_lock:
            companion = _shared.get((stores.address, stores.id))
            if companion is None:
                companion = _shared[(stores.address, stores.id)] = cls(stores)
            return companion

    @property
    def exists(self) -> bool:
        """Whether MLflow's tables exist. The first forwarded write creates them."""
        return self._file.exists()

    @_closing_idle_when_interrupted
    def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of MLflow's own tracking store, and return its result."""
        check_forwarded(name, args, kwargs)
        reads = name in FORWARDED_READS or (name in FORWARDED_DEFAULTS and not self._is_writable())
        database = self._database(writes=not reads)
        self._mirror(database)
        if run_id := kwargs.get("source_run_id") if name == "create_issue" else None:
            self._mirror_linked_run(database, run_id)
        return with_client_uris(getattr(database.tracking, name)(*args, **kwargs), self._client_uri)

    @_closing_idle_when_interrupted
    def call_registry(self, name: str, writes: bool, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of MLflow's own model registry, and return its result."""
        answer = getattr(self._database(writes).registry, name)(*args, **kwargs)
        return self._client_uri(answer) if isinstance(answer, str) else answer

    def session(self, read_only: bool = True) -> AbstractContextManager[Session]:
        """Return a transaction over the tables of MLflow's tracking store.

        If `read_only` is False, missing tables are created.
        If the file is read-only, the transaction reads a copy of it. A change to the copy would be lost, so the first
        change raises an MlflowException.
        """
        with self._lock:
            database = self._database(writes=not read_only)
            session = database.session(read_only)
            return refusing_changes(session, mlflow_error(self._not_writable())) if database is self._copy else session

    def sql_part(self, name: str) -> Any:
        """Return an attribute of MLflow's SQL store, for MLflow's own code that reads the tables directly."""
        return getattr(self._database(writes=False).tracking, name)

    @_closing_idle_when_interrupted
    def log_model_metrics(self, run: RunRecord, metrics: Sequence[Metric]) -> None:
        """Store metrics that name a logged model as metrics of this model. Metrics that name no model are ignored."""
        metrics = [metric for metric in metrics if metric.model_id is not None]
        if not metrics:
            return
        database = self._database(writes=True)
        self._mirror(database)
        self._mirror_run(database, run)
        try:
            mlflow_private.log_model_metrics(database.tracking, run.id, metrics, int(run.experiment_id))
        finally:
            if not self._stores.tracking.get_runs((run.id,), latest=False):
                # The run was permanently deleted during this call. If its row was written after that, delete the row.
                self._follow_run(database, run.id)
                raise NotFound("run", run.id)

    @_closing_idle_when_interrupted
    def experiment_changed(self, experiment_id: str) -> None:
        """Update MLflow's tables after an experiment was renamed, deleted, restored or permanently deleted."""
        if self._has_writable_tables():
            self._mirror(self._database(writes=True), whole=True)

    @block
    def changing_run(self, run_id: str) -> Generator[None, None, None]:
        """Run a block that deletes, restores or purges a run. Then update MLflow's row of the run, if this row exists.

        The row is marked before the block. If this process is killed during the block, the next process that compares
        MLflow's rows with the workspace finds the mark and updates the row.
        """
        if self._has_writable_tables():
            with self._database(writes=True).session() as session:
                mirror.mark_run(session, run_id)
        try:
            yield
        finally:
            if self._has_writable_tables():
                self._follow_run(self._database(writes=True), run_id)

    def abandon(self) -> None:
        """Forget the connections and locks of the parent process, in a forked child."""
        for database in self._databases():
            database.abandon()
        self._reset()

    def _databases(self) -> list[MlflowDatabase]:
        return [one for one in (self._durable, self._temporary, self._copy) if one is not None]

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._durable: MlflowDatabase | None = None
        self._temporary: MlflowDatabase | None = None
        self._copy: MlflowDatabase | None = None

    # Choosing the database

    def _database(self, writes: bool) -> MlflowDatabase:
        with self._lock:
            if writes and not self._is_writable():
                raise self._not_writable()
            if writes and not self.exists:
                self._create()
            if not self.exists:
                return self._empty()
            return self._database_of_file() if self._is_writable() else self._database_of_copy()

    def _has_writable_tables(self) -> bool:
        """Return whether MLflow's tables exist and are writable."""
        return self.exists and self._is_writable()

    def _is_writable(self) -> bool:
        return os.access(self._folder, os.W_OK) and (not self.exists or os.access(self._file, os.W_OK))

    def _not_writable(self) -> NotAllowed:
        return NotAllowed(
            "write to", str(self._folder), f"the folder, or the file {COMPANION_FILE} in it, is read-only"
        )

    def _made(self, file: Path) -> MlflowDatabase:
        return MlflowDatabase(file, self._real_artifacts, self._stores.tracking)

    def _empty(self) -> MlflowDatabase:
        if self._temporary is None:
            self._temporary = self._made(temporary_folder(self) / COMPANION_FILE)
        return self._temporary

    def _database_of_file(self) -> MlflowDatabase:
        identity = identity_of(self._file)
        if self._durable is None or self._durable.identity[:2] != identity[:2]:
            self._durable = self._made(self._file)
        return self._durable

    def _database_of_copy(self) -> MlflowDatabase:
        """Return a database over a copy of the read-only file, because MLflow and `_mirror` write even during reads."""
        identity = identity_of(self._file)
        if self._copy is None or self._copy.identity != identity:
            target = self._copy.file if self._copy else temporary_folder(self) / COMPANION_FILE
            copy_database(self._file, target)
            self._copy = self._copy or self._made(target)
            self._copy.identity, self._copy.head = identity, None
        return self._copy

    def _create(self) -> None:
        """Create the file completely or not at all. If several processes need it, only one of them creates it."""
        logger.info("Creating %s for MLflow's traces, models and registry (once per workspace).", self._file)
        empty = self._empty()
        self._mirror(empty, whole=True)
        with locked(self._folder / LOCK):
            if self.exists:
                return
            part = self._folder / PART
            part.unlink(missing_ok=True)
            copy_database(empty.file, part)
            if (workspace := self._folder / "workspace.db").exists():
                shutil.copymode(workspace, part)
            part.replace(self._file)

    # Mirroring: MLflow's tables get rows of our experiments, and of those runs to which other rows refer

    def _mirror(self, database: MlflowDatabase, whole: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            head = self._newest()
            if not whole and head == database.head and now - database.compared < FULL_COMPARISON_SECONDS:
                return
            records = self._stores.tracking.search_experiments(ExperimentQuery(view="all")).items
            with database.session() as session:
                earlier = mirror.earlier_experiments(session, records)
            for experiment_id, creation_time in earlier:
                self._purge_experiment(database, experiment_id, creation_time)
            with database.session() as session:
                mirror.mirror_experiments(session, records, self._real_artifacts)
                marked = mirror.marked_runs(session)
            for run_id in marked:
                self._follow_run(database, run_id)
            database.head, database.compared = head, now

    def _purge_experiment(self, database: MlflowDatabase, experiment_id: int, creation_time: int) -> None:
        """Delete MLflow's rows of a permanently deleted experiment and of everything that belongs to it."""
        try:
            there = self._stores.tracking.get_experiment(str(experiment_id))
            if there.creation_time <= creation_time:  # the experiment was created after the caller had read the records
                return
        except NotFound:
            pass
        with database.session() as session:
            if not mirror.mark_deleted(session, experiment_id, creation_time):
                return
            mirror.delete_traces(session, experiment_id)  # MLflow 3.10 cannot delete an experiment that has traces
        try:
            mlflow_private.hard_delete_experiment(database.tracking, str(experiment_id))
        except MlflowException as error:
            # This code means that another process has already deleted the rows of the experiment.
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise

    @_closing_idle_when_interrupted
    def _follow_run(self, database: MlflowDatabase, run_id: str) -> None:
        """Update MLflow's row of a run, if there is one; delete the row if the run was permanently deleted."""
        with database.session() as session:
            # The row is marked before the run is read, because marking takes the write lock. So no other process can
            # write a newer state to the row between this read and the write below.
            if not mirror.mark_run(session, run_id):
                return
            record = self._stores.tracking.get_runs((run_id,), latest=False).get(run_id)
            if record is not None:
                mirror.mirror_run(session, record, self._real_artifacts)
            else:
                mirror.delete_run(session, run_id)

    def _newest(self) -> tuple[Any, ...]:
        """Return the state of the last updated and the last created experiment.

        The result changes with nearly every change of an experiment.
        """
        found: list[Any] = []
        for key in ("last_update_time", "experiment_id"):
            order = (Ordering("attribute", key, ascending=False),)
            page = self._stores.tracking.search_experiments(ExperimentQuery(order=order, view="all", max_results=1))
            found += [(one.id, one.name, one.lifecycle_stage, one.last_update_time) for one in page.items]
        return tuple(found)

    def _mirror_run(self, database: MlflowDatabase, run: RunRecord) -> None:
        with database.session() as session:
            mirror.mirror_run(session, run, self._real_artifacts)

    def _mirror_linked_run(self, database: MlflowDatabase, run_id: str) -> None:
        """Create MLflow's row of the run that a new issue (one of MLflow's own objects) names as its source.

        If the run does not exist, no row is created, and MLflow raises its own error.
        """
        with suppress(NotFound):
            self._mirror_run(database, get_run(self._stores.tracking, run_id))

    # The artifact URIs that clients see

    def _client_uri(self, place: str) -> str:
        """Return the URI of an artifact folder for clients, given the URI that is stored in MLflow's tables."""
        for root in (self._real_artifacts, self._real_artifacts.replace(":///", ":/", 1), PROXY_ROOT.rstrip("/")):
            if place.startswith(f"{root}/") and not place.startswith(f"{root}//"):
                return artifacts_uri(self._stores.address) + place[len(root) :]
        return place


def forwarding(name: str) -> Callable[..., Any]:
    """Return a method that calls MLflow's own tracking store. The method's class needs an attribute `companion`."""

    @translated
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.companion.call(name, *args, **kwargs)

    method.__name__ = name
    return method


def sql_part(name: str) -> property:
    """Return a property that reads MLflow's own tracking store. The property's class needs an attribute `companion`."""
    return property(lambda self: self.companion.sql_part(name))


def _forget_in_child() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for companion in list(_companions):
        companion.abandon()


_companions: weakref.WeakSet[Companion] = weakref.WeakSet()
_shared: weakref.WeakValueDictionary[tuple[str, str], Companion] = weakref.WeakValueDictionary()
_shared_lock = threading.Lock()
on_fork(Step.PLUGINS, in_child=_forget_in_child)
