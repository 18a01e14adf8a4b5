"""What a run takes from the folders of its process: `logs` while they are written, `outputs` at its end."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.capture.folders import Folder
    from bridge.store.artifacts import ArtifactStore

logger = logging.getLogger("bridge")

OUTPUTS, LOGS = "outputs", "logs"
"""The folders of a script, and what the artifact paths of their files begin with."""

USER_LOG = f"{LOGS}/user_log.txt"
"""What is printed within `with run:`.

Source: Azure ML SDK v1, `azureml._history.utils.context_managers`.
"""

SWEEP_SECONDS = 1.0
NAMED = 20
"""How many sentences about files one capture says; the rest is counted."""


class Capture:
    """The folders that one run captures.

    What cannot be taken is a sentence, said once, and never an error: a slow or full disk does not fail a good run.

    Args:
        place: the run.
        outputs: a folder whose files are kept under `outputs/` by `finish`; None for none.
        logs: a folder whose files are kept under `logs/` as they grow; None for none.
    """

    def __init__(self, place: RunPlace, outputs: Path | None = None, logs: Path | None = None) -> None:
        self._place = place
        self._root: str | None = None
        self._warnings: list[str] = []
        self._said = self._not_named = 0
        self._outputs, self._logs = outputs, logs
        self._folders: dict[str, Folder] = {}
        self._passed_over: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self) -> None:
        """Make the folder of outputs if it is not there, and take the logs every second from here on."""
        if self._outputs is not None:
            try:
                os.makedirs(self._outputs, exist_ok=True)
            except OSError as error:
                self.warn(f"The folder {self._outputs} could not be made: {error.strerror}.")
        if self._logs is not None and self._thread is None:
            thread = self._thread = threading.Thread(
                target=self._sweep_until_stopped, name="bridge-capture", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # the system has no more threads
                self._thread = None
                self.warn(f"The folder {self._logs} is looked at only when the run ends: {error}.")

    def append(self, path: str, data: bytes) -> None:
        """Add to a log of the run; the file of that name in the folder `logs` is passed over from here on.

        Raises:
            BridgeError: it is not added.
        """
        self._passed_over.add(path)
        self._place.stores.artifacts.append(self.root, path, data)

    def finish(self) -> tuple[str, ...]:
        """Stop watching and take what has changed in all folders; returns what could not be taken since the last call.

        It may be called again, and looks for what has changed again.
        """
        if self._process != os.getpid():  # a forked child: the thread, and who held the lock, are the parent's
            self._begin()
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._sweep(LOGS, self._logs)
        self._sweep(OUTPUTS, self._outputs)
        warnings, self._warnings = self._warnings, []
        if self._not_named:
            warnings.append(f"{self._not_named} more files were not kept.")
            self._not_named = 0
        return tuple(warnings)

    @property
    def root(self) -> str:
        """The artifact root of the run.

        Raises:
            NotAllowed: the experiment has an artifact location of its own, which only MLflow's clients reach.
        """
        if self._root is None:
            self._root = self._place.root()
        return self._root

    @property
    def artifacts(self) -> ArtifactStore:
        return self._place.stores.artifacts

    @property
    def address(self) -> str:
        return self._place.stores.address

    def warn(self, *sentences: str) -> None:
        """Say what could not be taken."""
        for sentence in sentences:
            # A file name may hold bytes that are no text.
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

    def _sweep(self, prefix: str, path: Path | None) -> None:
        if path is None:
            return
        with self._lock:
            if prefix not in self._folders:
                if not _has_entries(path):
                    return
                from bridge.capture.folders import LogFolder, OutputFolder  # most short runs do without

                self._folders[prefix] = (
                    LogFolder(self, prefix, path, self._passed_over)
                    if prefix == LOGS
                    else OutputFolder(self, prefix, path)
                )
            taken = self._folders[prefix].sweep()
        if taken:
            logger.debug("Run %s: took %d files of %s", self._place.run_id, taken, path)


def _has_entries(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # said when it is looked through
