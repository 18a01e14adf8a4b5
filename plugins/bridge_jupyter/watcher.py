"""The thread that updates all views of this process."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Protocol

from bridge.forking import Step, on_fork

logger = logging.getLogger("bridge")


class Watched(Protocol):
    """A view that the thread updates."""

    @property
    def due(self) -> float:
        """The time of `time.monotonic` at which `work` should be called next; infinity if it need not be called."""

    def work(self) -> None:
        """Update the view."""


class Watcher:
    """One thread for all views. It runs only while a view is due at some time."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget all views. A forked child calls this too, because the thread and the browser are its parent's."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._views: dict[int, Watched] = {}
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def add(self, view: Watched) -> None:
        """Update a view when it is due. If the view is known, check again when it is due."""
        with self._lock:
            self._views[id(view)] = view
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="bridge-notebook", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system cannot start another thread, or Python is ending
                    logger.debug("The views in the notebook are not updated: %s", error)
                    return
                self._thread = thread
        self._wake.set()

    def remove(self, view: Watched) -> None:
        """Stop updating a view."""
        with self._lock:
            self._views.pop(id(view), None)
        self._wake.set()

    def _run(self) -> None:
        while (wait := self._seconds_to_wait()) is not None:
            self._wake.wait(wait)
            self._wake.clear()
            for view in list(self._views.values()):
                if view.due <= time.monotonic():
                    self._update(view)

    def _seconds_to_wait(self) -> float | None:
        """Return the seconds until the next view is due. If none is, end the thread and return None."""
        with self._lock:
            due = min((view.due for view in self._views.values()), default=math.inf)
            if due == math.inf:
                self._views.clear()  # `add` is called again when the browser sends a request
                self._thread = None
                return None
        return max(0.0, due - time.monotonic())

    def _update(self, view: Watched) -> None:
        try:
            view.work()
        except Exception as error:  # the other views are still updated
            logger.debug("A view in the notebook is not updated any more: %s", error, exc_info=True)
            self.remove(view)


WATCHER = Watcher()
on_fork(Step.PLUGINS, in_child=WATCHER.begin)
