"""Watches the folder of a workspace, which may be removed or replaced while this process logs to it."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from bridge.errors import BridgeError
from bridge.journal.writer import JournalWriter
from bridge.store.backend import Backend

logger = logging.getLogger("bridge")

TRIES = 3
"""How often a check starts again if the workspace is replaced during the check."""


class Moved(NamedTuple):
    """The workspace that is at the path now. `orphans` are the runs of this process that are not in this workspace."""

    workspace_id: str
    orphans: set[str]


class PlaceWatch:
    """Keeps the journals of this process in the folder of their workspace.

    Points are never written to another workspace. If their workspace is not at the path, the points wait in memory or
    in a removed file until the workspace is at the path again.

    Args:
        inner: the backend of the workspace.
        writer: the writer of the journals.
        folder: the folder of journals.
    """

    def __init__(self, inner: Backend, writer: JournalWriter, folder: Path) -> None:
        self._inner, self._writer, self._folder = inner, writer, folder
        self.reset()

    def reset(self) -> None:
        """Return to the state of a new object, as if the folder had never been removed or replaced."""
        self._is_lost, self._is_settled = False, True

    def check(self, run_ids: Collection[str]) -> Moved | None:
        """Put the journals back if the folder was removed or replaced.

        Return the workspace that is at the path now. Return None if nothing has changed, or if this fails.
        Each call returns the workspace again until the caller has called `settle`, because a signal handler may
        interrupt the caller.

        Args:
            run_ids: the runs that this process logs to or owns.
        """
        if self._is_settled and not self._is_lost and self._writer.is_in_place():
            return None
        try:
            moved = self._find_workspace(run_ids)
        except BridgeError as error:
            self._report_lost(str(error))
            return None
        self._is_settled = False
        if moved is None or not self._writer.follow_workspace(moved.workspace_id, moved.orphans):
            self._report_lost("its journals cannot be put back.")
            return None
        return moved

    def _find_workspace(self, run_ids: Collection[str]) -> Moved | None:
        """Open the folder of journals, and return its workspace; None if this fails.

        The workspace at the path must be the same before and after the folder is opened. Otherwise the journals of one
        workspace could be put into the folder of another one that replaces it.
        """
        for _ in range(TRIES):
            found = self._inner.find_workspace_id()
            if not self._writer.open_folder():
                return None
            orphans = set(run_ids) - self._inner.get_runs(list(run_ids), latest=False).keys()
            if self._inner.find_workspace_id() == found:
                return Moved(found, orphans)
        return None

    def settle(self) -> None:
        """Record that the caller has adapted to the workspace that `check` returned."""
        self._is_lost = self._writer.waits_for_workspace
        self._is_settled = True

    def _report_lost(self, reason: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            logger.error(
                "The folder %s, to which this process logs, was removed or cannot be written: %s "
                "New points wait in memory until the folder can be written again.",
                self._folder,
                reason,
            )
