"""Reads that are repeated while a server does not answer, for calls that wait for a run or follow it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from bridge.errors import StoreUnavailable

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")

Result = TypeVar("Result")

AGAIN_SECONDS = 0.5


class PatientReads:
    """Reads of a workspace. If the workspace is on a server that does not answer, they are repeated until it does.

    Args:
        stores: the workspace.
    """

    def __init__(self, stores: WorkspaceStores) -> None:
        self._stores, self._is_away = stores, False

    def read(self, read: Callable[[], Result]) -> Result:
        """Return the result of a function, which must only read. It is called again if a server does not answer.

        Raises:
            StoreUnavailable: a workspace in a folder cannot be read.
        """
        while True:
            try:
                result = read()
            except StoreUnavailable as error:
                if not self._stores.tracking.is_remote:
                    raise
                if not self._is_away:
                    logger.warning("%s Waiting until it answers again.", error)
                self._is_away = True
                time.sleep(AGAIN_SECONDS)
                continue
            if self._is_away:
                logger.warning("%s answers again.", self._stores.address)
            self._is_away = False
            return result
