"""MLflow's SQL stores over one SQLite file, and functions that create and copy such files."""

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
from bridge.journal.file_lock import FileLock
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
"""How long the copying of a SQLite file waits for a lock of another process. MLflow waits for the same time.

Source: MLflow 3.17.2, `mlflow.store.db.utils`.
"""
LOCK_SECONDS = 60.0
"""How long a process waits while another one creates MLflow's tables, which takes about five seconds."""
UPGRADED = "<database_uri>"
"""The placeholder for the URI of the database in the text of MLflow's error about tables of an older version.

The text advises the user to upgrade the database.

Source: MLflow 3.17.2, `mlflow.store.db.utils._verify_schema`.
"""


class MlflowDatabase:
    """A SQLite file, created if it does not exist, and MLflow's stores over it.

    MLflow's store sometimes creates an experiment itself, for example for an endpoint of its gateway. Such an
    experiment is first created in `workspace`, the tracking store of the workspace.

    Attributes:
        head: the state of the newest experiments at the last comparison of all experiments of the workspace with this
            file; None before the first comparison. The class `Companion` compares them.
        compared: the time of the last comparison, in seconds, from `time.monotonic`.
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

        Store.__name__ = SqlAlchemyStore.__name__  # MLflow's store puts its class name into error messages
        open_store: Any = Store
        self.file = file
        self.uri = _uri_of(file)
        has_tables = file.exists() or _copy_stored_tables(file)
        with _quiet(), _advised(file):
            self.tracking: SqlAlchemyStore = open_store(self.uri, artifacts)
        # MLflow caches one engine per URI and process. Connections of a cached engine may refer to an earlier file of
        # this name.
        self.tracking.engine.dispose()
        if not has_tables:
            _store_tables(file)
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
        """Return a transaction of MLflow's own store, with MLflow's settings and errors."""
        return _session_of(self.tracking, read_only)

    def close_idle(self) -> None:
        """Close the connections that are not in use; later calls open new ones."""
        self.tracking.engine.dispose()
        if self._registry is not None:
            self._registry.engine.dispose()

    def abandon(self) -> None:
        """Forget the connections of the parent process, in a forked child, without closing them."""
        self.tracking.engine.dispose(close=False)
        if self._registry is not None:
            self._registry.engine.dispose(close=False)


def _session_of(store: SqlAlchemyStore, read_only: bool = False) -> AbstractContextManager[Session]:
    """Return a transaction of one of MLflow's stores. MLflow before 3.13 has no read-only transactions."""
    make = store.ManagedSessionMaker
    kind = {"read_only": read_only} if "read_only" in inspect.signature(make).parameters else {}
    session: AbstractContextManager[Session] = make(**kind)
    return session


@block
def refusing_changes(session: AbstractContextManager[Session], refusal: Exception) -> Generator[Session, None, None]:
    """Wrap a transaction: its first change to the tables raises `refusal`."""
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
    """Return the SQLAlchemy URL of a file, quoted so that every version of SQLAlchemy decodes it equally."""
    from sqlalchemy.engine import URL

    # Without the name of the driver in the URL, MLflow treats the rest of the URL as a path, and creates its folders.
    url = URL.create("sqlite+pysqlite", database=f"file:{quote(os.fsencode(file))}", query={"uri": "true"})
    return url.render_as_string(hide_password=False)


def identity_of(file: Path) -> tuple[int, int, int, int]:
    """Return four numbers of a file.

    At least one of them changes whenever the file changes. The first two change only if another file replaces it.
    """
    seen = file.stat()
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size


def _stored_tables() -> Path:
    """Return the path of a file with MLflow's empty tables, in the user's home.

    MLflow takes seconds to create its tables. Copying this file takes milliseconds.
    """
    from mlflow import __version__

    return home_folder() / "tables" / f"mlflow-{__version__}.db"


def _copy_stored_tables(file: Path) -> bool:
    stored = _stored_tables()
    if not stored.exists():
        return False
    try:
        copy_database(stored, file)
        with _connected(file) as connection:
            connection.execute("SELECT version_num FROM alembic_version")  # fails if the tables are incomplete
    except (OSError, sqlite3.Error) as error:
        file.unlink(missing_ok=True)
        if is_of_handler(error):
            raise
        logger.debug("MLflow creates its tables, because %s cannot be copied: %s", stored, error)
        return False
    return True


def _store_tables(file: Path) -> None:
    stored = _stored_tables()
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(stored) as part:
            copy_database(file, part)
            with _connected(part) as connection:
                # MLflow's row of the default experiment contains a creation time, which is wrong for later files.
                connection.execute("DELETE FROM experiments")
                connection.commit()
    except (OSError, sqlite3.Error) as error:
        if is_of_handler(error):
            raise
        logger.debug("MLflow's empty tables cannot be stored in %s: %s", stored, error)


def copy_database(source: Path, target: Path) -> None:
    """Copy one consistent state of `source` to `target`; other processes may write to `source` concurrently."""
    with _connected(source, "?mode=ro") as read, _connected(target) as written:
        read.backup(written)


def temporary_folder(owner: object) -> Path:
    """Create a folder that is removed when the object `owner` is destroyed or the process exits.

    Each call first removes the folders that killed processes have left behind.
    A process holds a lock on a file in its folder until the folder is removed. A folder whose lock is free is therefore
    not in use.
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
    except CallFailed:  # the folder belongs to another user, is being created, or was already removed
        return
    try:
        system(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except CallFailed:  # the process that created the folder still runs
        os.close(fd)
    else:
        _remove(folder, fd)


def _remove(folder: Path, fd: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(fd)


@block
def locked(path: Path) -> Generator[None, None, None]:
    """Hold a lock that excludes other processes. The lock is on a file that exists only while the lock is held.

    Raises:
        StoreUnavailable: another process holds the lock for longer than `LOCK_SECONDS`. The error names that process.
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
    """Suppress MLflow's messages about created tables. Most of these tables are in temporary files."""
    announcer = logging.getLogger("mlflow.store.db.utils")
    level = announcer.level
    announcer.setLevel(logging.WARNING)
    try:
        yield
    finally:
        announcer.setLevel(level)


@block
def _advised(file: Path) -> Generator[None, None, None]:
    """Replace the placeholder in MLflow's advice to upgrade its database by the `sqlite:` URI of the file.

    Users do not know this URI, and `mlflow db upgrade` does not accept a `bridge:` URI.
    """
    try:
        yield
    except MlflowException as error:
        if UPGRADED not in error.message:
            raise
        raise MlflowException(error.message.replace(UPGRADED, f"sqlite:///{file}")) from error


def _now() -> int:
    return time.time_ns() // 1_000_000
