"""Opens and folds the served workspaces: points are in the database soon after they were logged."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from bridge.errors import BridgeError, StoreUnavailable
from bridge.server.workspaces import ServedWorkspace
from bridge.store.intake import Intake
from bridge.store.journaled import JournaledStore
from bridge.store.layout import JOURNAL

logger = logging.getLogger("bridge")

TICK_SECONDS = 0.02
"""How often the server looks whether points were logged. That reads no file."""

PAUSE_SECONDS = 1.0
"""After a failed fold, the next one comes after this time."""


class FoldedWorkspace:
    """A served workspace whose points are folded in a thread of its own.

    Attributes:
        is_open: whether the workspace was opened. Its database is migrated before that.
        problem: why the last fold failed; empty if it succeeded.
        folds: the number of folds.
        longest_seconds: the time that the longest fold has taken.

    Args:
        workspace: the workspace.
    """

    def __init__(self, workspace: ServedWorkspace) -> None:
        self.name = workspace.name
        self._stores = workspace.stores
        self._tracking: JournaledStore | None = None
        self._intake: Intake | None = None
        self._thread = ThreadPoolExecutor(1, "server-fold")
        self._running: Future[None] | None = None
        self._not_before = 0.0
        self.is_open = False
        self.problem, self.folds, self.longest_seconds = "", 0, 0.0

    def open(self) -> None:
        """Open the workspace, which may migrate its database.

        Raises:
            BridgeError: the workspace cannot be opened.
        """
        self.intake.fold()
        self.is_open = True

    @property
    def intake(self) -> Intake:
        """The points that the workspace takes. If its stores were opened again, these are those of the new ones."""
        tracking = self._stores.tracking
        if self._intake is None or tracking is not self._tracking:
            self._tracking, self._intake = tracking, tracking.be_served()
        return self._intake

    @property
    def backlog_bytes(self) -> int:
        """The number of bytes of points that are not folded."""
        return self._intake.backlog_bytes if self._intake else 0

    def why_not_ready(self) -> str:
        """Return why the workspace cannot be read and written at the moment; empty if it can."""
        if not self.is_open:
            return f"{self.name}: the workspace is being opened"
        if self.problem:
            return f"{self.name}: {self.problem}"
        folder = Path(self._stores.address)
        journals = folder / JOURNAL
        if not os.access(journals if journals.exists() else folder, os.W_OK):
            return f"{self.name}: {journals} cannot be written"
        try:
            self.intake.check_space()
        except BridgeError as error:
            return f"{self.name}: {error}"
        return ""

    def tick(self) -> None:
        """Start a fold in the thread, if points wait and no fold is running."""
        is_idle = self._running is None or self._running.done()
        if is_idle and time.monotonic() >= self._not_before and self.intake.is_due():
            self._running = self._thread.submit(self._fold)

    def _fold(self) -> None:
        begun = time.monotonic()
        try:
            self.intake.fold()
        except (BridgeError, OSError, MemoryError) as error:
            if str(error) != self.problem:
                logger.warning("The points of the workspace %s cannot be folded: %s", self.name, error)
            self.problem, self._not_before = str(error), time.monotonic() + PAUSE_SECONDS
        else:
            self.problem, self.folds = "", self.folds + 1
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - begun)

    def close(self) -> None:
        """Fold everything that was logged, and end the thread. An error is logged: the points stay in the journal."""
        self._thread.shutdown()
        if not self.is_open:
            return
        try:
            self._stores.tracking.flush()
            self._stores.tracking.get_leases()  # it folds everything
        except (BridgeError, OSError) as error:
            logger.warning("The points of the workspace %s stay in its journal: %s", self.name, error)


class Folding:
    """Opens and folds all workspaces of a server while it runs.

    Attributes:
        failure: why a workspace cannot be opened; None if all can.
        opened: is set once all workspaces are open.

    Args:
        workspaces: the workspaces.
        on_failure: is called if a workspace cannot be opened.
    """

    def __init__(self, workspaces: Iterable[ServedWorkspace], on_failure: Callable[[], None]) -> None:
        self.workspaces = {one.name: FoldedWorkspace(one) for one in workspaces}
        self.failure: BridgeError | None = None
        self._on_failure = on_failure
        self.opened = asyncio.Event()

    async def run(self) -> None:
        """Open the workspaces, and fold them until the task is canceled."""
        try:
            for one in self.workspaces.values():
                await asyncio.get_running_loop().run_in_executor(None, one.open)
        except BridgeError as error:
            self.failure = error
            self._on_failure()
            return
        self.opened.set()
        while True:
            for one in self.workspaces.values():
                try:
                    one.tick()
                except BridgeError as error:  # the folder of the workspace is missing at the moment
                    one.problem = str(error)
            await asyncio.sleep(TICK_SECONDS)

    def problems(self) -> list[str]:
        """Return for each workspace why it is not ready, or an empty text."""
        return [one.why_not_ready() for one in self.workspaces.values()]

    def check_open(self, name: str) -> None:
        """Check that a workspace was opened.

        Raises:
            StoreUnavailable: it is still being opened.
        """
        if not self.workspaces[name].is_open:
            raise StoreUnavailable(f"The workspace {name}", "it is being opened, and its database may be migrated")

    def check_takes_more(self, name: str) -> None:
        """Check that a workspace can take more data.

        Raises:
            StoreUnavailable: its disk is full.
            TooManyRequests: too many of its points are not folded yet.
        """
        intake = self.workspaces[name].intake
        intake.check_space()
        intake.check_backlog()

    def close(self) -> None:
        """Fold what is left."""
        for one in self.workspaces.values():
            one.close()
