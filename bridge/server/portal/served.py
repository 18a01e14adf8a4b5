"""A workspace that the portal serves, with what it keeps between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bridge.store.workspace_stores import WorkspaceStores


class Served:
    """A workspace and small results that stay useful between requests, such as the places of lines in a log.

    Args:
        stores: the stores of the workspace.
    """

    def __init__(self, stores: WorkspaceStores) -> None:
        self.stores = stores
        self._kept: dict[str, Any] = {}
        self._lock = threading.Lock()

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the object with a name. The first call makes it."""
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
            return self._kept[name]

    def cursor(self) -> str:
        """Return the present cursor of `RunViews.get_changes`."""
        return self.stores.tracking.views.get_changes().cursor
