"""The turn to write to a database: a lock between processes, and a lock between the threads of a process."""

from __future__ import annotations

import errno
from typing import cast

from bridge.errors import NotAllowed, StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.journal.locks import ThreadLock
from bridge.journal.system import is_of_handler
from bridge.store.sql.database_file import identity_of


class Queue(FileLock):
    """The lock of the process that may write. With SQLite's own lock alone, some writers would wait indefinitely."""

    def __init__(self, path: str, mode: int, database: str, seconds: float) -> None:
        super().__init__(path, mode, place=database, seconds=seconds)
        self._database = database

    def _make(self) -> None:
        # Raise an error if the workspace was removed. A lock file must not be created in its place.
        identity_of(self._database)
        super()._make()

    def _open(self) -> None:
        try:
            super()._open()
        except OSError as error:
            if is_of_handler(error):
                raise
            reason = error.strerror or str(error)
            if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
                raise NotAllowed("write to", self._place, reason) from error
            raise StoreUnavailable(self._place, reason) from error


class Turn(ThreadLock):  # type: ignore[misc]  # typeshed has it as final, and it is not
    """The lock of the thread that may write.

    If a wait takes too long, the error names the thread that holds this lock. That thread may itself wait for `Queue`,
    the lock between processes. So the error also names the process that holds `Queue`.
    """

    def __new__(cls, place: str, queue_path: str) -> Turn:
        return cast(Turn, super().__new__(cls, place))

    def __init__(self, place: str, queue_path: str) -> None:
        super().__init__(place)
        self._queue_path = queue_path

    def describe_holder(self) -> str:
        thread = super().describe_holder()
        queue = FileLock(self._queue_path, wait=False)
        try:
            with queue as mine:
                return thread if mine else f"{thread}, and {queue.describe_holder()}"
        except OSError as error:
            if is_of_handler(error):
                raise
            return thread
