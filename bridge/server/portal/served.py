"""A workspace that the portal serves, with what it keeps between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bridge.store.workspace_stores import WorkspaceStores

READ_THREADS, FILE_THREADS = 2, 2
"""The numbers of threads that read the database, and that read files.

Each thread has its own connection to the database, whose cache takes up to 16 MB; see `CACHE_KIB` in `serve.py`.
"""


class Served:
    """A workspace and small results that stay useful between requests, such as the places of lines in a log.

    Attributes:
        read_threads: the threads for requests that read the database.
        file_threads: the threads for requests that read files, so that a search in a large log delays no table.

    Args:
        stores: the stores of the workspace.
    """

    def __init__(self, stores: WorkspaceStores) -> None:
        self.stores = stores
        self.read_threads = ThreadPoolExecutor(READ_THREADS, "portal-reads")
        self.file_threads = ThreadPoolExecutor(FILE_THREADS, "portal-files")
        self._kept: dict[str, Any] = {}
        self._lock = threading.Lock()

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the object with a name. The first call makes it."""
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
            return self._kept[name]

    def find(self, name: str) -> Any:
        """Return the object with a name, or None if none was made."""
        with self._lock:
            return self._kept.get(name)

    def cursor(self) -> str:
        """Return the present cursor of `RunViews.get_changes`."""
        return self.stores.tracking.views.get_changes().cursor
