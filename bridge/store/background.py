"""The background thread of this process, which works about once a second.

It folds (copies points from journals into the database), and renews leases (which process owns which run).
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.forking import Step, on_fork
from bridge.journal.locks import LockTaken, ThreadLock
from bridge.store.packages import has_package

if TYPE_CHECKING:
    from bridge.store.journaled import JournaledStore

logger = logging.getLogger("bridge")

LOAD_SECONDS = 5.0
"""The longest time that a fork waits for the background thread to load its modules."""

FOLD_SECONDS = 1.0
"""How long the background thread sleeps after it has folded the journals and checked which runs are active."""


class Background:
    """A thread that folds journals and renews leases for stores of this process, as long as a store is in use.

    All stores in folders have one thread. Each store of a server has its own, because it waits for the network.

    Args:
        load: imports the modules that the stores need, in addition to those of a fold.
    """

    def __init__(self, load: Callable[[], object] = lambda: None) -> None:
        self._load = load
        self.begin()
        _all.add(self)

    def begin(self) -> None:
        """Forget all stores. A forked child calls this too, because the thread does not exist there."""
        self._lock = threading.RLock()
        self._stores: weakref.WeakSet[JournaledStore] = weakref.WeakSet()
        self._thread: threading.Thread | None = None
        self._loading = ThreadLock("the modules that the background thread loads")

    def before_fork(self) -> None:
        """Wait until the thread has loaded its modules.

        Python locks a module while a thread imports it. In a forked child this lock would stay locked.
        """
        self._loading.acquire(timeout=LOAD_SECONDS)

    def after_fork(self) -> None:
        """Let the thread load modules again. The parent calls this after a fork."""
        # If a signal handler interrupted `before_fork`, this thread may have the lock twice or not at all.
        while self._loading.is_mine():
            self._loading.release()

    def load(self, function: Callable[[], object]) -> None:
        """Call a function that imports modules in a thread of Runbridge. A fork waits until it has returned."""
        # Wait without a time limit. A `with` statement of this lock would raise an error after some seconds.
        self._loading.acquire()
        try:
            function()
        finally:
            self._loading.release()

    def add(self, store: JournaledStore) -> None:
        """Let the thread fold the journals of a store and renew its leases."""
        with self._lock:
            self._stores.add(store)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="bridge-fold", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system cannot start another thread; the next call tries again
                    logger.debug("The background thread does not start, so it folds no journals: %s", error)
                    return
                except KeyError as error:
                    # If a signal handler raises during `Thread.start`, Python raises a KeyError. The exception of the
                    # handler is the context of the KeyError.
                    raise error.__context__ or error from None
                # `_thread` is set after the start, because an interrupted start may leave a thread that never runs.
                self._thread = thread
            store.is_tended = True

    def remove(self, store: JournaledStore) -> None:
        """Stop folding and renewing leases for a store."""
        with self._lock:
            self._stores.discard(store)

    def _run(self) -> None:
        try:
            self._tend_repeatedly()
        finally:  # if an unexpected error ends the thread, the next call of a store starts another thread
            with self._lock:
                for store in list(self._stores):
                    store.is_tended = False
                if self._thread is threading.current_thread():
                    self._thread = None

    def _tend_repeatedly(self) -> None:
        is_loaded = False
        while self._is_needed():
            time.sleep(FOLD_SECONDS)
            if not is_loaded:
                self.load(self._load_modules)
                is_loaded = True
            self._tend_all()

    def _load_modules(self) -> None:
        _load_fold_modules()
        self._load()

    def _is_needed(self) -> bool:
        with self._lock:
            if not self._stores:
                self._thread = None
            return self._thread is not None

    def _tend_all(self) -> None:
        for store in list(self._stores):
            try:
                if store in self._stores:  # another thread may have closed the store
                    store.tend()
                    # If another thread closed the store during `tend`, `tend` may have opened files after that.
                    # Close these files.
                    if store not in self._stores:
                        store.let_go()
            except (BridgeError, OSError, ImportError, MemoryError) as error:
                # A fold imports numpy, which may raise an OSError, ImportError or MemoryError.
                logger.debug("The fold failed. The next read, or this thread in a second, tries again: %s", error)
        with suppress(LockTaken), _periodic.at_once():
            for tidy in each_second:
                try:
                    tidy()
                except BridgeError as error:
                    logger.debug("A periodic task failed. The background thread tries again in a second: %s", error)


def _load_fold_modules() -> None:
    """Load all modules of a fold. The thread imports nothing later, so that no fork happens during an import."""
    try:
        import numpy  # noqa: F401

        import bridge.journal.reader
        import bridge.store.bounds
        import bridge.store.chunks
        import bridge.store.fold
        import bridge.store.leases
        import bridge.store.place
        import bridge.store.sql.facts
        import bridge.store.sql.leases
        import bridge.store.sql.seal
        import bridge.store.sql.series

        if has_package("pcodec"):
            bridge.store.chunks.load()
    except (ImportError, MemoryError) as error:
        logger.debug("The background thread cannot load a module, so it folds no journals: %s", error)


each_second: list[Callable[[], None]] = []
"""Other functions that the background thread calls each second."""

_all: weakref.WeakSet[Background] = weakref.WeakSet()
_periodic = ThreadLock("the periodic tasks")

background = Background()
"""The thread of all stores in folders."""


def _before_fork() -> None:
    for one in list(_all):
        one.before_fork()


def _after_fork() -> None:
    for one in list(_all):
        one.after_fork()


def _after_fork_in_child() -> None:
    global _periodic
    _periodic = ThreadLock("the periodic tasks")
    for one in list(_all):
        one.begin()


on_fork(Step.BACKGROUND, before=_before_fork, in_parent=_after_fork, in_child=_after_fork_in_child)
