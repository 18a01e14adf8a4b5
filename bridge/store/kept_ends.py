"""The ends of runs that a server does not know yet. They wait in files beside the journals of their processes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import InvalidState, InvalidValue, NotAllowed, NotAuthenticated, NotFound, StoreUnavailable
from bridge.journal.system import is_of_handler
from bridge.records.run import TERMINAL_STATUSES
from bridge.store.kept_json import write_json

if TYPE_CHECKING:
    from bridge.records.run import RunChanges
    from bridge.store.http.backend import HttpBackend

logger = logging.getLogger("bridge")

AWAY = (StoreUnavailable, NotAuthenticated)
"""The errors after which points and ends wait. A token may expire during a training, and a new one be found later."""

SUFFIX, JOURNAL_SUFFIX = ".end", ".log"


class KeptEnds:
    """The ends of runs that wait for a server.

    The name of a file has the id of the journal of the process that has ended the run. The end is sent after the points
    in this journal: by the process itself, or after it has ended by the next process. Each end has the key of its first
    request, so it is stored once.

    Args:
        folder: the folder of the journals.
        server: the server.
        fsync: wait until what waits is on the disk.
    """

    def __init__(self, folder: Path, server: HttpBackend, fsync: bool = False) -> None:
        self._folder, self._server, self._fsync = folder, server, fsync
        self._refused: set[str] = set()

    def send(self, journal_id: str, run_id: str, changes: RunChanges) -> bool:
        """Send the end of a run. Return False if the server does not answer, so that the end waits.

        Raises:
            BridgeError: the server refuses it.
            StoreUnavailable: the server does not answer, and the end cannot be written to a file.
        """
        from bridge.store.http.backend import update_body

        content, key = update_body(run_id, changes), os.urandom(16).hex()
        try:
            self._server.repeat_update(content, key)
        except AWAY as error:
            if not self._keep(journal_id, run_id, content, key):
                raise
            logger.warning("%s Run %s becomes %s when the server answers again.", error, run_id, changes.status)
            return False
        self._file(journal_id, run_id).unlink(missing_ok=True)
        return True

    def keep(self, journal_id: str, run_id: str, changes: RunChanges) -> bool:
        """Let the end of a run wait, because the server does not answer. Return whether this was possible."""
        from bridge.store.http.backend import update_body

        return self._keep(journal_id, run_id, update_body(run_id, changes), os.urandom(16).hex())

    def _keep(self, journal_id: str, run_id: str, content: bytes, key: str) -> bool:
        kept = {"run": run_id, "key": key, "request": content.decode("utf-8")}
        try:
            write_json(self._file(journal_id, run_id), kept, self._fsync)
        except OSError as error:
            if is_of_handler(error):
                raise
            logger.warning("The end of run %s cannot be kept in %s: %s", run_id, self._folder, error)
            return False
        return True

    def wait_for(self, journal_id: str) -> bool:
        """Return whether ends wait that the process with a journal may send."""
        return next(self._files(journal_id, ()), None) is not None

    def deliver(self, journal_id: str, ended: Collection[str] = ()) -> list[str]:
        """Send the ends of the process with a journal, and of processes that have ended. Return the ids of the runs.

        An end that the server refuses is dropped, for example because the run was deleted. If only the token of this
        process does not allow it, an end of another process waits for a process with another token.

        Args:
            journal_id: the journal of this process. Its points must be on the server.
            ended: the journals of processes that have ended. Processes without a journal have ended, too.

        Raises:
            BridgeError: an end cannot be sent now. It still waits.
        """
        delivered = []
        for file in self._files(journal_id, ended):
            try:
                delivered.append(self._send_kept(json.loads(file.read_text(encoding="utf-8"))))
            except FileNotFoundError as error:  # another process has sent it
                if is_of_handler(error):
                    raise
            except NotAllowed as error:
                if file.name.startswith(f"{journal_id}."):
                    raise
                self._refused.add(file.name)  # another token, such as that of its process, may send it
                logger.warning("The end of a run in %s is not sent: %s", file, error)
                continue
            except (NotFound, InvalidState, InvalidValue, ValueError, KeyError, TypeError) as error:
                if isinstance(error, NotFound) and error.kind != "run":
                    raise
                logger.warning("The end of a run in %s is dropped: %s", file.name, error)
            file.unlink(missing_ok=True)
        return delivered

    def _send_kept(self, kept: dict[str, str]) -> str:
        self._server.repeat_update(kept["request"].encode("utf-8"), kept["key"])
        return kept["run"]

    def _files(self, journal_id: str, ended: Collection[str]) -> Iterator[Path]:
        for file in sorted(self._folder.glob(f"*{SUFFIX}")):
            of = file.name.rsplit(".", 2)[0]
            if file.name in self._refused:
                continue
            if of == journal_id or of in ended or not (self._folder / (of + JOURNAL_SUFFIX)).exists():
                yield file

    def _file(self, journal_id: str, run_id: str) -> Path:
        return self._folder / f"{journal_id}.{hashlib.sha256(run_id.encode()).hexdigest()[:16]}{SUFFIX}"


def is_end(changes: RunChanges) -> bool:
    """Return whether changes end a run, and change nothing that needs an answer."""
    others = changes.params, changes.tags, changes.removed_tags, changes.properties
    return changes.status in TERMINAL_STATUSES and not any(others)
