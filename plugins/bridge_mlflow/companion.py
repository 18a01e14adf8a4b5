"""What is not a run is MLflow's own: its SQL stores, on a file beside the workspace's database."""

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

from mlflow.entities import LoggedModel, Metric, Trace, TraceInfo
from mlflow.entities.trace_info_v2 import TraceInfoV2
from mlflow.exceptions import MlflowException

from bridge.address import uri_of_folder
from bridge.errors import NotAllowed, NotFound
from bridge.forking import Step, on_fork
from bridge.journal.block import block
from bridge.records.run import RunRecord
from bridge.records.search import ExperimentQuery, Ordering
from bridge.store.one_run import get_run
from bridge.store.open import Opened
from bridge_mlflow import mirror, mlflow_private
from bridge_mlflow.addresses import COMPANION_FILE, FOLDER_OF_ARTIFACTS, PROXY_ROOT, artifacts_uri
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
ARTIFACT_LOCATION_TAG = "mlflow.artifactLocation"
FULL_COMPARISON_SECONDS = 5.0
"""How long a change may stay unseen that the cheap comparison misses: one by a host whose clock is behind."""


P = ParamSpec("P")
R = TypeVar("R")


def _letting_go_when_interrupted(
    method: Callable[Concatenate[Companion, P], R],
) -> Callable[Concatenate[Companion, P], R]:
    """The same method; Ctrl-C within it closes idle connections, in which SQLAlchemy may have left a lock."""

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
    """MLflow's own stores for one workspace, answering whatever is not the run model.

    They lie in `mlflow.db` beside the workspace's database, which is made by the first forwarded write.
    Reads before that are answered by an empty store in a temporary file, so looking at a workspace changes nothing in
    its folder; reads of a folder that may not be written are answered from a copy.
    Every method may be called from any thread; a forked child opens everything anew.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._folder = Path(opened.address)
        self._file = self._folder / COMPANION_FILE
        self._real_artifacts = uri_of_folder(os.path.join(opened.address, FOLDER_OF_ARTIFACTS))
        self._begin()
        _companions.add(self)

    @classmethod
    def of(cls, opened: Opened) -> Companion:
        """The companion of a workspace, one per folder and process."""
        with _shared_lock:
            companion = _shared.get((opened.address, opened.id))
            if companion is None:
                companion = _shared[(opened.address, opened.id)] = cls(opened)
            return companion

    @property
    def exists(self) -> bool:
        """Whether anything was forwarded that writes, ever."""
        return self._file.exists()

    @_letting_go_when_interrupted
    def call(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Answer a method of a tracking store by MLflow's own SQL store."""
        check_forwarded(name, args, kwargs)
        reads = name in FORWARDED_READS or (name in FORWARDED_DEFAULTS and not self._is_writable())
        database = self._database(writes=not reads)
        self._mirror(database)
        if run_id := kwargs.get("source_run_id") if name == "create_issue" else None:
            self._mirror_linked_run(database, run_id)
        return self._told(getattr(database.tracking, name)(*args, **kwargs))

    @_letting_go_when_interrupted
    def call_registry(self, name: str, writes: bool, /, *args: Any, **kwargs: Any) -> Any:
        """Answer a method of a model registry by MLflow's own SQL registry."""
        answer = getattr(self._database(writes).registry, name)(*args, **kwargs)
        return self._told_place(answer) if isinstance(answer, str) else answer

    def session(self, read_only: bool = True) -> AbstractContextManager[Session]:
        """A transaction over the tables of MLflow's tracking store, which are not made for reading them.

        Where they may only be read, a change raises as it is flushed: what answers is a copy, and it would be lost.
        """
        with self._lock:
            database = self._database(writes=not read_only)
            session = database.session(read_only)
            return refusing_changes(session, mlflow_error(self._not_writable())) if database is self._copy else session

    def sql_part(self, name: str) -> Any:
        """A part of MLflow's SQL store as it is, for MLflow's own code that looks into its tables."""
        return getattr(self._database(writes=False).tracking, name)

    @_letting_go_when_interrupted
    def log_model_metrics(self, run: RunRecord, metrics: Sequence[Metric]) -> None:
        """Keep metrics of a run with the logged models that they name; those that name none are passed over."""
        metrics = [metric for metric in metrics if metric.model_id is not None]
        if not metrics:
            return
        database = self._database(writes=True)
        self._mirror(database)
        self._mirror_run(database, run)
        try:
            mlflow_private.log_model_metrics(database.tracking, run.id, metrics, int(run.experiment_id))
        finally:
            if not self._opened.tracking.get_runs((run.id,), latest=False):
                # Deleted for good meanwhile, maybe before the row was there.
                self._follow_run(database, run.id)
                raise NotFound("run", run.id)

    @_letting_go_when_interrupted
    def experiment_changed(self, experiment_id: str) -> None:
        """Let MLflow's tables know that an experiment was renamed, deleted, restored or deleted for good."""
        if self._is_followed():
            self._mirror(self._database(writes=True), whole=True)

    @block
    def changing_run(self, run_id: str) -> Generator[None, None, None]:
        """While a run is deleted here, restored or deleted for good; then MLflow's tables follow, if they know the run.

        Where this process is killed on the way, the next one that compares both goes on.
        """
        if self._is_followed():
            with self._database(writes=True).session() as session:
                mirror.mark_run(session, run_id)
        try:
            yield
        finally:
            if self._is_followed():
                self._follow_run(self._database(writes=True), run_id)

    def abandon(self) -> None:
        """Let go of everything that the process from which this one was forked has open."""
        for database in self._databases():
            database.abandon()
        self._begin()

    def _databases(self) -> list[MlflowDatabase]:
        return [one for one in (self._durable, self._temporary, self._copy) if one is not None]

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._durable: MlflowDatabase | None = None
        self._temporary: MlflowDatabase | None = None
        self._copy: MlflowDatabase | None = None

    # Which database answers

    def _database(self, writes: bool) -> MlflowDatabase:
        with self._lock:
            if writes and not self._is_writable():
                raise self._not_writable()
            if writes and not self.exists:
                self._create()
            if not self.exists:
                return self._empty()
            return self._opened_file() if self._is_writable() else self._copied_file()

    def _is_followed(self) -> bool:
        """Whether MLflow's tables are there, and may be told of what changes here."""
        return self.exists and self._is_writable()

    def _is_writable(self) -> bool:
        return os.access(self._folder, os.W_OK) and (not self.exists or os.access(self._file, os.W_OK))

    def _not_writable(self) -> NotAllowed:
        return NotAllowed("write to", str(self._folder), "its folder or database may only be read")

    def _made(self, file: Path) -> MlflowDatabase:
        return MlflowDatabase(file, self._real_artifacts, self._opened.tracking)

    def _empty(self) -> MlflowDatabase:
        if self._temporary is None:
            self._temporary = self._made(temporary_folder(self) / COMPANION_FILE)
        return self._temporary

    def _opened_file(self) -> MlflowDatabase:
        identity = identity_of(self._file)
        if self._durable is None or self._durable.identity[:2] != identity[:2]:
            self._durable = self._made(self._file)
        return self._durable

    def _copied_file(self) -> MlflowDatabase:
        """A copy of a file that may not be written, for MLflow and the mirroring write to theirs."""
        identity = identity_of(self._file)
        if self._copy is None or self._copy.identity != identity:
            target = self._copy.file if self._copy else temporary_folder(self) / COMPANION_FILE
            copy_database(self._file, target)
            self._copy = self._copy or self._made(target)
            self._copy.identity, self._copy.head = identity, None
        return self._copy

    def _create(self) -> None:
        """Make the file: whole or not at all, once, whoever else wants it now."""
        logger.info("Making %s, where MLflow keeps traces, models and its registry (once per workspace).", self._file)
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

    # Keeping our experiments and runs there

    def _mirror(self, database: MlflowDatabase, whole: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            head = self._newest()
            if not whole and head == database.head and now - database.compared < FULL_COMPARISON_SECONDS:
                return
            records = self._opened.tracking.search_experiments(ExperimentQuery(view="all")).items
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
        """Delete for good, with all that belongs to it, an experiment that was deleted for good here."""
        try:
            there = self._opened.tracking.get_experiment(str(experiment_id))
            if there.creation_time <= creation_time:  # made since the records were read
                return
        except NotFound:
            pass
        with database.session() as session:
            if not mirror.mark_deleted(session, experiment_id, creation_time):
                return
            mirror.delete_traces(session, experiment_id)  # MLflow 3.10 fails where there are any
        try:
            mlflow_private.hard_delete_experiment(database.tracking, str(experiment_id))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # another process was first
                raise

    @_letting_go_when_interrupted
    def _follow_run(self, database: MlflowDatabase, run_id: str) -> None:
        """Make MLflow's row of a run, if there is one, equal to ours, or let it go with all that belongs to it."""
        with database.session() as session:
            # First the mark, which keeps others from writing: what is read now is not older than what they wrote.
            if not mirror.mark_run(session, run_id):
                return
            record = self._opened.tracking.get_runs((run_id,), latest=False).get(run_id)
            if record is not None:
                mirror.mirror_run(session, record, self._real_artifacts)
            else:
                mirror.delete_run(session, run_id)

    def _newest(self) -> tuple[Any, ...]:
        """What changes with nearly every change of experiments: the last changed one, and the last made one."""
        found: list[Any] = []
        for key in ("last_update_time", "experiment_id"):
            order = (Ordering("attribute", key, ascending=False),)
            page = self._opened.tracking.search_experiments(ExperimentQuery(order=order, view="all", max_results=1))
            found += [(one.id, one.name, one.lifecycle_stage, one.last_update_time) for one in page.items]
        return tuple(found)

    def _mirror_run(self, database: MlflowDatabase, run: RunRecord) -> None:
        with database.session() as session:
            mirror.mirror_run(session, run, self._real_artifacts)

    def _mirror_linked_run(self, database: MlflowDatabase, run_id: str) -> None:
        """Make MLflow's row of a run that is to be linked to, if it is there: else the answer is MLflow's own error."""
        with suppress(NotFound):
            self._mirror_run(database, get_run(self._opened.tracking, run_id))

    # Places of artifacts, as clients are told them at this moment

    def _told(self, answer: Any) -> Any:
        if isinstance(answer, LoggedModel):
            answer.artifact_location = self._told_place(answer.artifact_location)
        elif isinstance(answer, (TraceInfo, TraceInfoV2)):
            if ARTIFACT_LOCATION_TAG in answer.tags:
                answer.tags[ARTIFACT_LOCATION_TAG] = self._told_place(answer.tags[ARTIFACT_LOCATION_TAG])
        elif isinstance(answer, Trace):
            self._told(answer.info)
        elif isinstance(answer, (list, tuple)):
            for one in answer:
                self._told(one)
        return answer

    def _told_place(self, place: str) -> str:
        """The place below the workspace's artifacts, under the URI that this process tells its clients."""
        for root in (self._real_artifacts, self._real_artifacts.replace(":///", ":/", 1), PROXY_ROOT.rstrip("/")):
            if place.startswith(f"{root}/") and not place.startswith(f"{root}//"):
                return artifacts_uri(self._opened.address) + place[len(root) :]
        return place


def forwarding(name: str) -> Callable[..., Any]:
    """A method of that name, for a class with a `companion`, that MLflow's own tracking store answers."""

    @translated
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.companion.call(name, *args, **kwargs)

    method.__name__ = name
    return method


def sql_part(name: str) -> property:
    """An attribute of that name, for a class with a `companion`, that is the one of MLflow's own tracking store."""
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
