"""Creates and opens the SQLite file of a workspace."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from functools import partial
from pathlib import Path

from bridge.errors import AlreadyExists, NotFound, SchemaMismatch, StoreUnavailable
from bridge.journal.file_lock import FileLock, has_file_locks
from bridge.journal.system import was_raised_deeper
from bridge.journal.whole_file import written_whole
from bridge.store.sql import experiments
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.database import Database
from bridge.store.sql.database_file import NOT_OURS
from bridge.store.sql.migrate import SCHEMA, migrate, read_schema

logger = logging.getLogger("bridge")

WITHOUT_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""The numbers of the errors with which a file system reports that it does not support hard links."""


def open_sqlite(path: Path, fsync: bool | None = False, read_only: bool = False) -> SqlBackend:
    """Return a backend: a store of experiments, runs and points, here in one SQLite file.

    If the file does not exist and `read_only` is False, the file is created.

    Args:
        path: the file.
        fsync: whether each write waits until it is on the disk. None means that writes wait if the workspace was
            created with the durability "power".
        read_only: open the file only for reading. A write then raises NotAllowed.

    Raises:
        NotFound: the file does not exist, and `read_only` is True.
        SchemaMismatch: a newer version of Runbridge has written the file.
        StoreUnavailable: the file is not the database of a workspace.
    """
    if not path.exists():
        if read_only:
            raise NotFound("database", str(path))
        create_sqlite(path, {})
    database = Database(path, read_only, fsync)
    with database.read() as connection:
        found = read_schema(connection)
    if found > SCHEMA:
        raise SchemaMismatch(str(path), found, SCHEMA)
    if not found:
        database.close()
        raise StoreUnavailable(str(path), NOT_OURS)
    if found < SCHEMA and not read_only:
        with database.read() as connection:
            connection.rollback()
            migrate(connection, str(path))
    store = SqlBackend(database)
    make_default_experiment(store)
    return store


def make_default_experiment(store: SqlBackend) -> None:
    """Create experiment 0, "Default", if it does not exist.

    Nothing is created if another experiment has this name, or if the database can only be read.

    Source: MLflow 3.17.2, `SqlAlchemyStore._initialize_store_state`. MLflow calls this method when it opens a store.
    """
    if store.database.read_only:
        return
    with store.database.read() as connection:
        if connection.execute("SELECT 1 FROM experiment WHERE id = 0").fetchone() is not None:
            return
    with store.database.write() as connection:
        try:
            _create_default(connection)
        except AlreadyExists as error:
            logger.debug("Experiment 0 is not created: %s", error)


def _create_default(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM experiment WHERE id = 0").fetchone() is None:
        experiments.create(connection, "Default", time.time_ns() // 1_000_000, None, {}, experiment_id=0)


def create_sqlite(path: Path, facts: dict[str, str], mode: int = 0o644) -> None:
    """Create a database with the newest schema, the experiment "Default" and the facts about its workspace.

    Other processes see no file until the database is complete. A file that already exists is not changed.

    Raises:
        StoreUnavailable: SQLite cannot use files in this folder.
    """
    place = partial(_place, mode=mode)
    try:
        with written_whole(path, place, companions=("-wal", "-shm")) as part:
            part.touch()
            if not has_file_locks(part):
                reason = "the file system does not support file locks, which SQLite needs: choose another folder"
                raise StoreUnavailable(str(path), reason)
            _fill(part, facts)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.chmod(mode)
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(str(path), str(error)) from error


def _fill(part: Path, facts: dict[str, str]) -> None:
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        # Only this process uses the file, and an incomplete file is removed. So transactions do not wait for the disk.
        # The caller waits for the disk once, at the end.
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA journal_mode=MEMORY")
        migrate(connection)
        connection.execute("BEGIN")
        _create_default(connection)
        connection.executemany("INSERT INTO workspace (name, value) VALUES (?, ?)", list(facts.items()))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _place(part: Path, path: Path, *, mode: int) -> None:
    """Give a complete database its final path, unless another database already has this path."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        if was_raised_deeper(error):
            raise
        return
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        # The file system has no hard links, so the file is renamed. A rename would replace a database that another
        # process has just created. So the rename needs a lock. The kernel releases this lock if its process is killed.
        with FileLock(path.with_suffix(".lock"), mode):
            if not path.exists():
                part.rename(path)


def read_facts(database: Database) -> dict[str, str]:
    """Return the facts about a workspace from its database: id, name, durability and others."""
    with database.read() as connection:
        return dict(connection.execute("SELECT name, value FROM workspace").fetchall())


def peek_facts(path: Path) -> dict[str, str]:
    """Return the facts about a workspace. If possible, SQLite creates no files in the folder of the workspace.

    Raises:
        SchemaMismatch: a newer version of Runbridge has written the file.
        StoreUnavailable: the file cannot be read, or is not a database of Runbridge.
    """
    database = Database(path, read_only=True)
    with database.peek() as connection:
        found = read_schema(connection)
        if found > SCHEMA:
            raise SchemaMismatch(str(path), found, SCHEMA)
        if not found:
            raise StoreUnavailable(str(path), NOT_OURS)
        return dict(connection.execute("SELECT name, value FROM workspace").fetchall())
