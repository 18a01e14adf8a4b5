"""MLflow's SQL stores over one SQLite file, and the making and copying of such files."""

from __future__ import annotations

import fcntl
import inspect
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlflow.exceptions import MlflowException

from bridge.address import home_folder
from bridge.journal.block import block
from bridge.journal.locks import FileLock
from bridge.journal.system import CallFailed, is_of_handler, system
from bridge.journal.whole_file import written_whole
from bridge.store.tracking import TrackingStore
from bridge_mlflow.mirror import mirror_experiments
from bridge_mlflow.translate.errors import translated

if TYPE_CHECKING:
    from mlflow.entities import ExperimentTag
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy.orm import ORMExecuteState, Session

logger = logging.getLogger(__name__)

TEMPORARY = "runbridge-mlflow-"
BUSY_SECONDS = 20.0
"""How long a copy waits for a writer; source: MLflow 3.17.2, `mlflow.store.db.utils`, its busy timeout."""
LOCK_SECONDS = 60.0
"""How long a process waits for another one that makes MLflow's tables, which takes MLflow about five seconds."""
UPGRADED = "<database_uri>"
"""Stands for the database in MLflow's advice; source: MLflow 3.17.2, `mlflow.store.db.utils._verify_schema`."""


class MlflowDatabase:
    """One SQLite file with MLflow's stores over it, made if it is not there.

    Experiments that MLflow's store makes on its own, as for an endpoint of its gateway, are made in `workspace` first.
    `head` and `compared` belong to the companion: which of our experiments were mirrored here, and when.
    """

    def __init__(self, file: Path, artifacts: str, workspace: TrackingStore) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        class Store(SqlAlchemyStore):
            @translated
            def create_experiment(
                self, name: str, artifact_location: str | None = None, tags: list[ExperimentTag] | None = None
            ) -> str:
                values = {tag.key: tag.value for tag in tags or ()}
                record = workspace.create_experiment(name, _now(), artifact_location, values)
                with _session_of(self) as session:
                    mirror_experiments(session, [record], artifacts)
                return record.id

        Store.__name__ = SqlAlchemyStore.__name__  # it is in what MLflow's store says of what it does not do
        open_store: Any = Store
        self.file = file
        self.uri = _uri_of(file)
        begun = file.exists() or _begin_with_kept_tables(file)
        with _quiet(), _advised(file):
            self.tracking: SqlAlchemyStore = open_store(self.uri, artifacts)
        # MLflow keeps one engine per URI and process; its connections may be to a file that lay here before.
        self.tracking.engine.dispose()
        if not begun:
            _keep_tables(file)
        self.identity = identity_of(file)
        self.head: tuple[Any, ...] | None = None
        self.compared = 0.0
        self._registry: SqlRegistry | None = None

    @property
    def registry(self) -> SqlRegistry:
        """MLflow's model registry in the same file."""
        if self._registry is None:
            from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry

            self._registry = SqlRegistry(self.uri)
            self._registry.engine.dispose()
        return self._registry

    def session(self, read_only: bool = False) -> AbstractContextManager[Session]:
        """A transaction of MLflow's own making, with its settings and errors."""
        return _session_of(self.tracking, read_only)

    def close_idle(self) -> None:
        """Close the connections that nobody uses now; they are opened again when they are needed."""
        self.tracking.engine.dispose()
        if self._registry is not None:
            self._registry.engine.dispose()

    def abandon(self) -> None:
        """Forget connections that belong to the process that this one was forked from, without closing them."""
        self.tracking.engine.dispose(close=False)
        if self._registry is not None:
            self._registry.engine.dispose(close=False)


def _session_of(store: SqlAlchemyStore, read_only: bool = False) -> AbstractContextManager[Session]:
    """A transaction over the tables of one of MLflow's stores, which knows but one kind before MLflow 3.13."""
    make = store.ManagedSessionMaker
    kind = {"read_only": read_only} if "read_only" in inspect.signature(make).parameters else {}
    session: AbstractContextManager[Session] = make(**kind)
    return session


@block
def refusing_changes(session: AbstractContextManager[Session], refusal: Exception) -> Generator[Session, None, None]:
    """The same transaction, in which the first change to the tables raises what is given."""
    from sqlalchemy import event

    def refuse(*_: object) -> None:
        raise refusal

    def refuse_statement(state: ORMExecuteState) -> None:
        if state.is_insert or state.is_update or state.is_delete:
            raise refusal

    with session as opened:
        event.listen(opened, "before_flush", refuse)
        event.listen(opened, "do_orm_execute", refuse_statement)
        yield opened


def _uri_of(file: Path) -> str:
    """The address of a file as SQLAlchemy reads it, whose versions differ in what they decode."""
    from sqlalchemy.engine import URL

    # With the driver named, MLflow does not take the rest for a path, whose folders it would make.
    url = URL.create("sqlite+pysqlite", database=f"file:{quote(os.fsencode(file))}", query={"uri": "true"})
    return url.render_as_string(hide_password=False)


def identity_of(file: Path) -> tuple[int, int, int, int]:
    """What tells one state of a file from another; its first two parts tell one file from another."""
    seen = file.stat()
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size


def _kept_tables() -> Path:
    """A file with MLflow's tables, all empty, in the user's home: making them takes MLflow seconds, a copy none."""
    from mlflow import __version__

    return home_folder() / "tables" / f"mlflow-{__version__}.db"


def _begin_with_kept_tables(file: Path) -> bool:
    kept = _kept_tables()
    if not kept.exists():
        return False
    try:
        copy_database(kept, file)
        with _connected(file) as connection:
            connection.execute("SELECT version_num FROM alembic_version")  # MLflow's mark of tables that are made
    except (OSError, sqlite3.Error) as error:
        file.unlink(missing_ok=True)
        if is_of_handler(error):
            raise
        logger.debug("MLflow creates its tables, because %s cannot be copied: %s", kept, error)
        return False
    return True


def _keep_tables(file: Path) -> None:
    kept = _kept_tables()
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(kept) as part:
            copy_database(file, part)
            with _connected(part) as connection:
                connection.execute("DELETE FROM experiments")  # the default one has the time when it was made
                connection.commit()
    except (OSError, sqlite3.Error) as error:
        if is_of_handler(error):
            raise
        logger.debug("MLflow's empty tables cannot be stored in %s: %s", kept, error)


def copy_database(source: Path, target: Path) -> None:
    """Make `target` hold what one transaction left in `source`, also while others write to one and read the other."""
    with _connected(source, "?mode=ro") as read, _connected(target) as written:
        read.backup(written)


def temporary_folder(owner: object) -> Path:
    """A folder that goes with its owner or the process, at the latest when the next one is made after a hard end.

    A lock that is held as long as the process lives tells folders in use from those left by processes that were killed.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    fd = os.open(folder / "making", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.rename(folder / "making", folder / "lock")
    Finalize(owner, _remove, args=(folder, fd), exitpriority=0)
    return folder


def _remove_if_left(folder: Path) -> None:
    try:
        fd = system(os.open, folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except CallFailed:  # another user's, not yet in use, or already removed
        return
    try:
        system(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except CallFailed:  # its process is alive
        os.close(fd)
    else:
        _remove(folder, fd)


def _remove(folder: Path, fd: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(fd)


@block
def locked(path: Path) -> Generator[None, None, None]:
    """Keep other processes out for a while by a lock on a file that is there just as long.

    Raises:
        StoreUnavailable: another process had the lock for `LOCK_SECONDS`; the error names it.
    """
    with FileLock(path, 0o664, seconds=LOCK_SECONDS):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@block
def _connected(file: Path, options: str = "") -> Generator[sqlite3.Connection, None, None]:
    connection = sqlite3.connect(f"file:{quote(os.fsencode(file))}{options}", uri=True, timeout=BUSY_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


@block
def _quiet() -> Generator[None, None, None]:
    """Keep MLflow from announcing the tables that it makes: most often they are in a temporary file."""
    announcer = logging.getLogger("mlflow.store.db.utils")
    level = announcer.level
    announcer.setLevel(logging.WARNING)
    try:
        yield
    finally:
        announcer.setLevel(level)


@block
def _advised(file: Path) -> Generator[None, None, None]:
    """Let MLflow's advice to upgrade a database name the file, for no command of MLflow's upgrades a `bridge:` URI."""
    try:
        yield
    except MlflowException as error:
        if UPGRADED not in error.message:
            raise
        raise MlflowException(error.message.replace(UPGRADED, f"sqlite:///{file}")) from error


def _now() -> int:
    return time.time_ns() // 1_000_000
