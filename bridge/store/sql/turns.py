"""The turn to write to a database, among threads and among processes."""

from __future__ import annotations

import errno
from typing import cast

from bridge.errors import NotAllowed, StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.journal.locks import ThreadLock
from bridge.journal.system import is_of_handler
from bridge.store.sql.database_file import identity_of


class Queue(FileLock):
    """The turn to write, among processes. SQLite itself waits by sleeping, so that some writers would starve."""

    def __init__(self, path: str, mode: int, database: str, seconds: float) -> None:
        super().__init__(path, mode, place=database, seconds=seconds)
        self._database = database

    def _make(self) -> None:
        identity_of(self._database)  # raises if the workspace was removed: then no file may be created there
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
    """The turn to write, among threads. Its error names the process that the holding thread waits for."""

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
