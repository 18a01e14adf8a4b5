"""The stores that this process has open. All handles of a workspace share its stores."""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, NotAllowed, NotFound, StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.locks import ThreadLock
from bridge.journal.system import CallFailed, is_of_handler
from bridge.server_address import is_server_address
from bridge.store.background import each_second
from bridge.store.durability import Durability, wanted_durability
from bridge.store.journaled import JournaledStore
from bridge.store.layout import DATABASE, JOURNAL
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.database_file import NOT_OURS, HeldInode, Identity
from bridge.store.sql.sqlite import open_sqlite, read_facts

if TYPE_CHECKING:
    from bridge.store.backend import Backend
    from bridge.store.sql.database import Database
    from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")

IDLE_SECONDS = 10.0
"""The time in seconds after which a store that no handle uses is closed."""

IDLE_STORES = 4
"""The number of unused stores that stay open when another store is opened."""


@dataclass(eq=False)
class OpenStore:
    """The open stores of a workspace, and the objects that use them. Unused stores are closed after `IDLE_SECONDS`.

    `users` contains the `WorkspaceStores` objects of the handles that use the stores.
    `inode` is the inode of the database file when it was opened. If another workspace replaces this one at the path,
    old handles keep these stores, because the journal may contain points of the former workspace. New handles get new
    stores. A workspace on a server has no inode.
    """

    tracking: JournaledStore
    shared: bool
    durability: Durability
    inode: HeldInode | None = None
    users: weakref.WeakSet[WorkspaceStores] = field(default_factory=weakref.WeakSet)
    idle_since: float | None = None

    @property
    def backend(self) -> Backend:
        """The database or the server, without the journal."""
        return self.tracking.inner

    @property
    def sql_database(self) -> Database:
        """The database of a workspace in a folder."""
        assert isinstance(self.backend, SqlBackend)
        return self.backend.database

    @property
    def identity(self) -> Identity | None:
        """The device and the inode of the database file when it was opened; None for a workspace on a server."""
        return None if self.inode is None else self.inode.identity

    @property
    def generation(self) -> int:
        """The number of times that another database has replaced the database that was opened."""
        return self.backend.database.generation if isinstance(self.backend, SqlBackend) else 0

    def facts(self) -> dict[str, str]:
        """Read the facts about the workspace: its id, name, durability and others."""
        return self.backend.get_facts()

    def tidy(self) -> None:
        """Close what threads that have ended left open. The background thread calls this once a second."""
        if isinstance(self.backend, SqlBackend):
            self.backend.database.close_ended()

    def release(self) -> None:
        """Release the inode of the database file of a store that is not in the list any more."""
        if self.inode is not None:
            self.inode.close()

    def close(self) -> None:
        """Close the stores, but leave the journal open if this process owns runs."""
        self.tracking.close_unless_owner()


Key = tuple[str, "Durability | None", int]
"""A key of `_stores`: address, requested durability, and user id of the process. Permissions depend on the user."""

_stores: dict[Key, OpenStore] = {}
_seen: set[str] = set()
_lock = ThreadLock("the list of open workspaces")


def _after_fork_in_child() -> None:
    """Replace the lock, because another thread may have held it during the fork."""
    global _lock
    _lock = ThreadLock("the list of open workspaces")


on_fork(Step.WORKSPACES, in_child=_after_fork_in_child)


def store_at(address: Path | str, durability: Durability | None) -> OpenStore:
    """Return the stores of the workspace in a folder or on a server. Open them if they are not open.

    Args:
        address: the folder, or the address on a server as `bridge.server_address.server_address` returns it.
        durability: the requested durability; None for that of the workspace.

    Raises:
        NotFound: there is no workspace.
        NotAuthenticated, NotAllowed: the server wants another token.
        SchemaMismatch: a newer version of Runbridge has created or migrated the workspace.
        StoreUnavailable: the database or the server cannot be reached, or is not one of Runbridge.
    """
    if "BRIDGE_RUN_ID" in os.environ and logger.level == logging.NOTSET:
        # In a submitted script, debug messages of Runbridge must not fill the run's log. So they are disabled, even if
        # the script enables debug messages of all libraries.
        logger.setLevel(logging.INFO)
    return _at_server(address, durability) if is_server_address(address) else _in_folder(Path(address), durability)


def _at_server(address: Path | str, durability: Durability | None) -> OpenStore:
    from bridge.store.open_server import connect

    key = str(address), wanted_durability(durability), os.geteuid()
    known = _stores.get(key)
    if known is None:
        chosen = key[1] or "process"
        opened = OpenStore(connect(str(address), chosen), False, chosen)  # without the lock: the server may not answer
        with _lock:
            known = _stores.setdefault(key, opened)
        if known is not opened:
            opened.close()
    close_idle(IDLE_STORES)
    return known


def _in_folder(path: Path, durability: Durability | None) -> OpenStore:
    state = stat_database(path)
    identity = state.st_dev, state.st_ino
    wanted = wanted_durability(durability)
    key = str(path), wanted, os.geteuid()
    known = _stores.get(key)
    if known is not None and known.identity == identity:
        return known
    with _lock:
        known = _stores.get(key)
        if known is None or known.identity != identity:
            if known is not None:
                _remove(known)
            known = _shared_with_others(key, _open_folder(path, wanted, state))
            _stores[key] = known
            _seen.add(os.path.realpath(path))
    close_idle(IDLE_STORES)
    return known


def find_open(path: Path) -> OpenStore | None:
    """Return the stores of the workspace in a folder if this process has them open, else None.

    Raises:
        NotFound: the folder contains no workspace.
        StoreUnavailable: the database cannot be reached.
    """
    state = stat_database(path)
    store = _stores.get((str(path), wanted_durability(None), os.geteuid()))
    return store if store is not None and store.identity == (state.st_dev, state.st_ino) else None


def _shared_with_others(key: Key, opened: OpenStore) -> OpenStore:
    """Return stores that are already open under another key, if they have the same durability, else the new stores.

    The keys differ if one caller has named the durability, and another caller uses the default.
    """
    path, _, user = key
    for (other_path, _, other_user), other in list(_stores.items()):
        same = (other_path, other_user, other.identity) == (path, user, opened.identity)
        if same and other.durability == opened.durability:
            opened.tracking.close()
            opened.release()
            return other
    return opened


def _open_folder(path: Path, durability: Durability | None, state: os.stat_result) -> OpenStore:
    read_only = not (os.access(path, os.W_OK) and os.access(path / DATABASE, os.W_OK))
    shared = bool(state.st_mode & 0o020)
    fsync = None if durability is None else durability == "power"
    inode = _hold(path / DATABASE, state)
    try:
        backend = open_sqlite(path / DATABASE, fsync, read_only)
        try:
            facts = checked_facts(path, read_facts(backend.database))
        except BridgeError:
            backend.close()
            raise
    except BridgeError:
        inode.close()
        raise
    known: Durability = "power" if (durability or facts.get("durability")) == "power" else "process"
    tracking = JournaledStore(
        backend,
        path / JOURNAL,
        fsync=known == "power",
        shared=shared,
        read_only=read_only,
        workspace_id=facts["id"],
    )
    return OpenStore(tracking, shared, known, inode)


def _hold(file: Path, state: os.stat_result) -> HeldInode:
    try:
        return HeldInode(str(file), state)
    except CallFailed as failed:
        raise StoreUnavailable(str(file), failed.reason) from failed


def checked_facts(path: Path, facts: Mapping[str, str]) -> Mapping[str, str]:
    """Return the facts about a workspace, after a check that they come from the database of a workspace.

    Raises:
        StoreUnavailable: the facts contain no workspace id.
    """
    if "id" not in facts:
        raise StoreUnavailable(str(path / DATABASE), NOT_OURS)
    return facts


def stat_database(path: Path) -> os.stat_result:
    """Return the `stat` result of the database file of a workspace.

    Raises:
        NotFound: the folder contains no workspace.
        NotAllowed, StoreUnavailable: the file cannot be reached.
    """
    try:
        return (path / DATABASE).stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if is_of_handler(error):
            raise
        hint = f"the folder has no {DATABASE}; make a workspace there with Workspace.create(name, path=…)"
        raise NotFound("workspace", str(path), hint if path.is_dir() else "there is no such folder") from error
    except OSError as error:
        if is_of_handler(error):
            raise
        if isinstance(error, PermissionError):
            raise NotAllowed("read", str(path), error.strerror or "permission denied") from error
        raise StoreUnavailable(str(path), (error.strerror or str(error)).lower()) from error
    except UnicodeEncodeError as error:  # the path cannot be encoded, so no file has it
        raise NotFound("workspace", str(path), "there is no such folder") from error


def was_open(folder: str | Path) -> bool:
    """Return whether this process has opened a workspace in a folder. The workspace may have been removed since."""
    return os.path.realpath(folder) in _seen


def close_idle(most: int = 0) -> None:
    """Close unused stores.

    A store that has had no handle for `IDLE_SECONDS` is closed. At most `most` other unused stores stay open:
    those that were used last.
    """
    now = time.monotonic()
    idle = _without_users(now)
    keep = [store for store in idle if now - (store.idle_since or now) < IDLE_SECONDS][-most:] if most else []
    for store in idle:
        if store not in keep and not len(store.users):
            try:
                store.tracking.flush()  # if points cannot be written yet, this raises, and the store stays open
                store.close()
            except BridgeError as error:
                logger.debug("An unused workspace cannot be closed and stays open: %s", error)
                continue
            _remove(store)


def _without_users(now: float) -> list[OpenStore]:
    """Return the stores that no handle uses and that own no runs, the longest idle first."""
    idle: list[OpenStore] = []
    for store in {id(store): store for store in list(_stores.values())}.values():
        if len(store.users) or store.tracking.owns_runs:
            store.idle_since = None
        else:
            store.idle_since = store.idle_since or now
            idle.append(store)
    idle.sort(key=lambda store: store.idle_since or now)
    return idle


def drop(store: OpenStore) -> None:
    """Remove closed stores from the list of open stores."""
    _remove(store)
    for user in list(store.users):
        user.forget()


def _remove(store: OpenStore) -> None:
    for key in [key for key, other in list(_stores.items()) if other is store]:
        _stores.pop(key, None)
    store.release()


def _tidy() -> None:
    for store in list(_stores.values()):
        store.tidy()
    close_idle(IDLE_STORES)


each_second.append(_tidy)
