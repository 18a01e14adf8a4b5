"""Stores the files of two folders with a run: files in `logs` while they grow, and files in `outputs` at the end."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.journal.system import is_of_handler
from bridge.store.background import background
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.capture.folders import CapturedFiles, Folder
    from bridge.store.keeping_artifacts import KeepingArtifacts

logger = logging.getLogger("bridge")

OUTPUTS, LOGS = "outputs", "logs"
"""The names of the folders that are captured. They are also the prefixes of the artifact paths of their files."""

USER_LOG = f"{LOGS}/user_log.txt"
"""The artifact path of the log that contains the output printed in a block `with run:`.

Source: Azure ML SDK v1, `azureml._history.utils.context_managers`.
"""

SWEEP_SECONDS = 1.0
NAMED = 20
"""The greatest number of warnings about single files. Further files that could not be stored are only counted."""


class Capture:
    """The folders that are captured for one run.

    If a file cannot be stored, the run gets a warning. No error is raised, so that a full disk does not fail a run.

    Args:
        place: the ids of the run and the stores of its workspace.
        outputs: a folder whose files `finish` stores under `outputs/`; None for no folder.
        logs: a folder whose files are stored under `logs/` while they grow; None for no folder.
    """

    def __init__(self, place: RunPlace, outputs: Path | None = None, logs: Path | None = None) -> None:
        self._place = place
        self._root: str | None = None
        self._warnings: list[str] = []
        self._said = self._not_named = 0
        self._outputs, self._logs = outputs, logs
        self._folders: dict[str, Folder] = {}
        self._skipped: set[str] = set()
        self._made_keeping: KeepingArtifacts | None = None
        self._is_loaded = False
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self) -> None:
        """Create the folder of outputs if it does not exist, and start a thread that stores the logs every second."""
        if self._outputs is not None:
            try:
                os.makedirs(self._outputs, exist_ok=True)
            except OSError as error:
                if is_of_handler(error):
                    raise
                self.warn(f"The folder {self._outputs} could not be created: {error.strerror}.")
        if self._logs is not None and self._thread is None:
            thread = self._thread = threading.Thread(
                target=self._sweep_until_stopped, name="bridge-capture", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # the system cannot start another thread
                if is_of_handler(error):
                    raise
                self._thread = None
                self.warn(f"The folder {self._logs} is captured only when the run ends: {error}.")

    def append(self, path: str, data: bytes) -> None:
        """Append bytes to a log of the run.

        Afterwards, a file in the captured folder `logs` with the same artifact path is not stored, because it would
        replace the log.

        Args:
            path: the artifact path of the log.
            data: the bytes.

        Raises:
            BridgeError: nothing was appended.
        """
        self._skipped.add(path)
        self._load()
        self.artifacts.append(self.root, path, data)

    def finish(self) -> tuple[str, ...]:
        """Stop the thread that stores the logs, store the changed files of all folders, and return warnings.

        A later call stores only files that have changed since the previous call, and returns only newer warnings.
        """
        # A forked child does not have the threads of its parent. If one of them held the lock during the fork, the lock
        # is never released in the child. So a child creates a new lock.
        if self._process != os.getpid():
            self._begin()
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._sweep(LOGS, self._logs)
        self._sweep(OUTPUTS, self._outputs)
        warnings, self._warnings = self._warnings, []
        if self._not_named:
            warnings.append(f"{self._not_named} more files were not stored.")
            self._not_named = 0
        return tuple(warnings)

    @property
    def root(self) -> str:
        """The artifact root of the run.

        Raises:
            NotAllowed: the experiment has its own artifact location, to which only the MLflow API can write.
        """
        if self._root is None:
            self._root = self._place.root()
        return self._root

    @property
    def artifacts(self) -> CapturedFiles:
        return self._keeping or self._place.stores.artifacts

    @property
    def _keeping(self) -> KeepingArtifacts | None:
        """The store that lets files wait while a server does not answer; None for a workspace in a folder."""
        if self._made_keeping is None and self._place.stores.folder is None:
            from bridge.store.open_server import keeping_artifacts

            stores = self._place.stores
            self._made_keeping = keeping_artifacts(stores.tracking, stores.artifacts)
        return self._made_keeping

    def begin_ending(self, is_away: bool = False) -> None:
        """Let files and output wait on this computer if the server does not answer.

        Args:
            is_away: the server has just not answered.
        """
        if (keeping := self._keeping) is not None:
            keeping.begin_ending(is_away)

    @property
    def is_away(self) -> bool:
        return (keeping := self._keeping) is not None and keeping.is_away

    def tries_again(self, error: Exception) -> bool:
        return (keeping := self._keeping) is not None and keeping.tries_again(error)

    @property
    def workspace_folder(self) -> Path | None:
        return self._place.stores.folder

    def warn(self, *sentences: str) -> None:
        """Add warnings about files that could not be stored."""
        for sentence in sentences:
            # A warning is stored as UTF-8, but a file name in it can contain other bytes.
            sentence = sentence.encode("utf-8", "backslashreplace").decode()
            logger.debug("Run %s: %s", self._place.run_id, sentence)
            if self._said < NAMED:
                self._warnings.append(sentence)
            else:
                self._not_named += 1
            self._said += 1

    def _sweep_until_stopped(self) -> None:
        while not self._stop.wait(SWEEP_SECONDS):
            self._sweep(LOGS, self._logs)

    def _load(self) -> None:
        """Load all modules that store files, so that no fork happens while a thread of this package imports one."""
        if self._is_loaded:
            return
        if threading.current_thread() is threading.main_thread():
            self._load_modules()
        else:
            background.load(self._load_modules)
        self._is_loaded = True

    def _load_modules(self) -> None:
        import bridge.capture.folders  # noqa: F401  # only here, because most short runs store no files

        _ = self.artifacts

    def _sweep(self, prefix: str, path: Path | None) -> None:
        if path is None:
            return
        with self._lock:
            if prefix not in self._folders:
                if not _has_entries(path):
                    return
                self._load()
                from bridge.capture.folders import LogFolder, OutputFolder

                self._folders[prefix] = (
                    LogFolder(self, prefix, path, self._skipped) if prefix == LOGS else OutputFolder(self, prefix, path)
                )
            taken = self._folders[prefix].sweep()
        if taken:
            logger.debug("Run %s: stored %d files of %s", self._place.run_id, taken, path)


def _has_entries(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError as error:
        if is_of_handler(error):
            raise
        # A folder that does not exist has no entries. If the folder cannot be listed for another reason, it may have
        # entries. So True is returned, and `Folder.sweep` lists the folder again and adds a warning about the error.
        return not isinstance(error, (FileNotFoundError, NotADirectoryError))
