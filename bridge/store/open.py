"""From an address to the stores behind it."""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from bridge.errors import AlreadyExists, BridgeError, InvalidValue, NotAllowed, NotFound, StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.locks import ThreadLock
from bridge.journal.system import is_of_handler
from bridge.journal.whole_file import written_whole
from bridge.records.run import new_run_id
from bridge.store.background import each_second
from bridge.store.journaled import JournaledStore
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import create_sqlite, make_default_experiment, open_sqlite, peek_facts, read_facts

if TYPE_CHECKING:
    from bridge.store.artifacts import ArtifactStore

logger = logging.getLogger("bridge")

Durability = Literal["process", "power"]
"""What a log call survives when it has returned: the death of the process, or of the machine."""

IDLE_SECONDS = 10.0
"""How long a store stays open that no handle uses."""

IDLE_STORES = 4
"""How many such stores stay open when another one is opened."""

DATABASE, JOURNAL, ARTIFACTS = "workspace.db", "journal", "artifacts"


class Opened:
    """An open workspace: what it is called, and the two stores that everything goes through.

    `address` is the absolute path of the folder; artifacts lie in its folder `artifacts`.

    Args:
        address: the folder.
        facts: what the database says of the workspace.
        store: what is open of it; None opens it when it is first needed.
    """

    def __init__(self, address: str, facts: Mapping[str, str], store: _Store | None = None) -> None:
        self.address = address
        self._facts, self._generation = facts, 0
        self._store = store
        self._artifacts: ArtifactStore | None = None
        if store is not None:
            self._generation = store.database.generation
            store.users.add(self)

    @property
    def _open(self) -> _Store:
        store = self._store
        if store is None:
            store = self._store = _store_at(Path(self.address), None)
            self._facts, self._generation = read_facts(store.database), store.database.generation
            store.users.add(self)
        return store

    @property
    def tracking(self) -> JournaledStore:
        """The store of experiments, runs and points."""
        return self._open.tracking

    @property
    def shared(self) -> bool:
        """Whether files belong to the folder's group too."""
        return self._open.shared

    @property
    def durability(self) -> Durability:
        """What a log call survives."""
        return self._open.durability

    @property
    def facts(self) -> Mapping[str, str]:
        """What the database says of the workspace: its id and name, when it was made, and what was said of it then."""
        if self._store is not None and self._store.database.generation != self._generation:
            generation = self._store.database.generation
            self._facts, self._generation = read_facts(self._store.database), generation
        return self._facts

    @property
    def id(self) -> str:
        """32 hex digits that no other workspace has."""
        return self.facts["id"]

    @property
    def name(self) -> str:
        """What the workspace is called."""
        return self.facts["name"]

    @property
    def creation_time(self) -> int:
        """When the workspace was made."""
        return int(self.facts.get("created", 0))

    @property
    def details(self) -> dict[str, Any]:
        """What was said of the workspace when it was made, and means nothing to the stores."""
        import json

        return dict(json.loads(self.facts.get("details", "{}")))

    @property
    def artifacts(self) -> ArtifactStore:
        """The store of artifacts, loaded when first asked for: logging does not need it."""
        # No `cached_property`: before Python 3.12 all of them share a lock, which a child of a fork may inherit locked.
        if self._artifacts is None:
            from bridge.store.folder.artifacts import FolderArtifacts

            self._artifacts = FolderArtifacts(self.tracking, Path(self.address) / ARTIFACTS, shared=self.shared)
        return self._artifacts

    def close(self) -> None:
        """Close what this process has open of the workspace; a later call opens it again.

        A run that this process has begun and not ended keeps its journal, and with it its owner.

        Raises:
            StoreUnavailable: points are unwritten, or were dropped; all is closed nevertheless.
        """
        store = self._store  # another thread that closes it too lets go of it
        if store is None:
            return
        try:
            store.tracking.flush()
        finally:
            store.close()
            if not store.tracking.owns_runs:
                _drop(store)


@dataclass(eq=False)
class _Store:
    """What is open of a workspace, and who uses it: nobody's is closed after a while.

    `identity` is of the database as it was opened. Handles of a workspace that was replaced keep their store, whose
    journal may have points for the one before; who opens the new one gets a store of its own.
    """

    tracking: JournaledStore
    database: Database
    shared: bool
    durability: Durability
    identity: tuple[int, int]
    users: weakref.WeakSet[Opened] = field(default_factory=weakref.WeakSet)
    idle_since: float | None = None

    def close(self) -> None:
        self.tracking.close_unless_owner()


Key = tuple[str, "Durability | None", int]
"""The folder, the durability that was asked for, and the user, of whom it depends what may be written."""

_stores: dict[Key, _Store] = {}
_lock = ThreadLock("the list of open workspaces")


def _after_fork_in_child() -> None:
    """Another thread may have been opening a workspace at the fork."""
    global _lock
    _lock = ThreadLock("the list of open workspaces")


on_fork(Step.WORKSPACES, in_child=_after_fork_in_child)


def was_open(folder: str | Path) -> bool:
    """Whether this process has opened a workspace in a folder, which may be gone since."""
    return os.path.realpath(folder) in _seen


_seen: set[str] = set()


def close_idle(most: int = 0) -> None:
    """Close stores that no handle has used for `IDLE_SECONDS`, and all but the newest `most` of those without one."""
    now = time.monotonic()
    idle: list[_Store] = []
    for store in {id(store): store for store in list(_stores.values())}.values():
        if len(store.users) or store.tracking.owns_runs:
            store.idle_since = None
        else:
            store.idle_since = store.idle_since or now
            idle.append(store)
    idle.sort(key=lambda store: store.idle_since or now)
    keep = [store for store in idle if now - (store.idle_since or now) < IDLE_SECONDS][-most:] if most else []
    for store in idle:
        if store not in keep and not len(store.users):
            try:
                store.tracking.flush()  # one with points that cannot be written yet stays open, and tries again
                store.close()
            except BridgeError as error:
                logger.debug("A workspace that nobody uses stays open: %s", error)
                continue
            for key in [key for key, other in list(_stores.items()) if other is store]:
                _stores.pop(key, None)


def _drop(store: _Store) -> None:
    """Forget a closed store: no connection keeps the inode of its file from being that of another workspace."""
    for key in [key for key, other in list(_stores.items()) if other is store]:
        _stores.pop(key, None)
    for opened in list(store.users):
        opened._store = None
        opened._artifacts = None  # it has the closed store


def _tidy() -> None:
    for store in list(_stores.values()):
        store.database.close_ended()
    close_idle(IDLE_STORES)


each_second.append(_tidy)


def create_store(
    folder: str | Path,
    name: str,
    exist_ok: bool = False,
    shared: bool = False,
    durability: Durability | None = None,
    details: Mapping[str, Any] | None = None,
) -> Opened:
    """Make a workspace in a folder and open it.

    Args:
        folder: it is made if absent; what is in it stays.
        name: what the workspace is called.
        exist_ok: open a workspace that is there already.
        shared: files belong to the folder's group too.
        durability: what a log call survives; None is `BRIDGE_DURABILITY`, else "process".
        details: what else to keep of it, as JSON has it.

    Raises:
        AlreadyExists: a workspace is there, and `exist_ok` is not set.
        NotAllowed: the folder cannot be written.
    """
    path = Path(folder).absolute()
    chosen = _durability(durability)
    if (path / DATABASE).exists():
        if not exist_ok:
            raise AlreadyExists("workspace", str(path), "open it with Workspace.open, or pass exist_ok=True")
        return open_store(path, durability)
    _make(path, name, shared, chosen, details)
    return open_store(path, durability)


def _make(path: Path, name: str, shared: bool, chosen: Durability, details: Mapping[str, Any] | None) -> None:
    """Make a workspace in a folder, which is made if absent."""
    facts = {"id": new_run_id(), "name": name, "durability": chosen, "created": str(time.time_ns() // 1_000_000)}
    if details:
        import json

        facts["details"] = json.dumps(details)
    try:
        path.mkdir(parents=True, exist_ok=True)
        shared = shared or bool(path.stat().st_mode & 0o2000)
        if shared:
            path.chmod(path.stat().st_mode | 0o2070)
        for part in (JOURNAL, ARTIFACTS):
            (path / part).mkdir(exist_ok=True)
            if shared:
                (path / part).chmod(0o2775)
        create_sqlite(path / DATABASE, facts, mode=0o664 if shared else 0o644)
    except OSError as error:
        if is_of_handler(error):
            raise
        rule = "must be a folder, and "
        if isinstance(error, NotADirectoryError):
            raise InvalidValue("workspace folder", str(path), rule + "part of this path is a file") from None
        if isinstance(error, FileExistsError):
            raise InvalidValue("workspace folder", str(path), rule + "this is a file") from None
        if isinstance(error, PermissionError):
            raise NotAllowed("make a workspace in", str(path), error.strerror or "permission denied") from error
        raise StoreUnavailable(str(path), error.strerror or str(error)) from error


def ensure_store(folder: str | Path) -> Opened:
    """Open the workspace in a folder; where there is no such folder, make both, and log that once.

    However many processes do this at once, one of them makes the workspace, and it appears whole.

    Args:
        folder: it is made only in a folder that exists, and never where this process had a workspace open before:
            what was removed stays removed.

    Raises:
        NotFound: there is a folder without a workspace, or none may be made there.
        NotAllowed: the folder above cannot be written.
    """
    path = Path(folder).absolute()
    if not os.path.lexists(path):
        _make_missing(path)
    return open_store(path)


def _make_missing(path: Path) -> None:
    if was_open(path) and not os.path.lexists(path):  # else another thread has just made it
        raise NotFound("workspace", str(path), "its folder was removed since this process opened it")
    if not path.parent.is_dir():
        create = f"Workspace.create({path.name!r}, path={str(path)!r})"
        raise NotFound("workspace", str(path), f"there is no folder {path.parent} to make it in; {create} makes both")
    try:
        with written_whole(path) as part:
            _make(part, path.name, False, _durability(None), None)
        logger.warning("Created the workspace %s in %s: there was no such folder.", path.name, path)
    except OSError as error:
        if is_of_handler(error) and not isinstance(error, BridgeError):
            raise
        if os.path.lexists(path):  # another process was first
            return
        if isinstance(error, BridgeError):  # some of them are OSErrors too
            raise
        raise StoreUnavailable(str(path), (error.strerror or str(error)).lower()) from error


def open_store(address: str | Path, durability: Durability | None = None) -> Opened:
    """Open the workspace at an address; one process opens a folder once, however often it is asked.

    Args:
        address: a folder.
        durability: what a log call survives; None is `BRIDGE_DURABILITY`, else what the workspace was made with.

    Raises:
        NotFound: there is no workspace.
        SchemaMismatch: a newer version of Runbridge made it.
        StoreUnavailable: its file cannot be reached, or is no workspace's.
    """
    path = Path(address).absolute()
    store = _store_at(path, durability)
    for opened in list(store.users):
        if opened.address == str(path):
            return opened
    return Opened(str(path), read_facts(store.database), store)


def peek_store(address: str | Path) -> Opened:
    """The workspace at an address, without opening it for good: nothing in its folder is changed.

    Raises:
        NotFound: there is no workspace.
        SchemaMismatch: a newer version of Runbridge made it.
        StoreUnavailable: its file cannot be reached, or is no workspace's.
    """
    path = Path(address).absolute()
    state = _stat(path)
    store = _stores.get((str(path), _wanted(None), os.geteuid()))
    if store is not None and store.identity == (state.st_dev, state.st_ino):
        return open_store(path)
    return Opened(str(path), _checked_facts(path, peek_facts(path / DATABASE)))


def _wanted(durability: Durability | None) -> Durability | None:
    return _durability(durability) if durability or os.environ.get("BRIDGE_DURABILITY") else None


def _store_at(path: Path, durability: Durability | None) -> _Store:
    if "BRIDGE_RUN_ID" in os.environ and logger.level == logging.NOTSET:
        # Within a submitted script only what its user logs belongs into the run's log, at whatever level.
        logger.setLevel(logging.INFO)
    state = _stat(path)
    identity = state.st_dev, state.st_ino
    wanted = _wanted(durability)
    key = str(path), wanted, os.geteuid()
    known = _stores.get(key)
    if known is not None and known.identity == identity:
        return known
    with _lock:
        known = _stores.get(key)
        if known is None or known.identity != identity:
            known = _open_folder(path, wanted, state)
            # The same store, whether its durability was asked for or is the workspace's own.
            for (*place, _, user), other in list(_stores.items()):
                same = (place, user) == ([str(path)], key[2]) and other.identity == identity
                if same and other.durability == known.durability:
                    known.tracking.close()
                    known = other
                    break
            _stores[key] = known
            _seen.add(os.path.realpath(path))
    close_idle(IDLE_STORES)
    return known


def _stat(path: Path) -> os.stat_result:
    try:
        return (path / DATABASE).stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if is_of_handler(error):
            raise
        hint = f"the folder has no {DATABASE}; make a workspace there with Workspace.create(name, path=…)"
        raise NotFound("workspace", str(path), hint if path.is_dir() else "there is no such folder") from None
    except OSError as error:
        if is_of_handler(error):
            raise
        if isinstance(error, PermissionError):
            raise NotAllowed("read", str(path), error.strerror or "permission denied") from error
        raise StoreUnavailable(str(path), (error.strerror or str(error)).lower()) from error


def restore_default_experiment(opened: Opened) -> None:
    """Make experiment 0 again where it was deleted for good, as the next process that opens the workspace does."""
    from bridge.store.sql.backend import SqlBackend

    if isinstance(opened.tracking.inner, SqlBackend):
        make_default_experiment(opened.tracking.inner)


def _open_folder(path: Path, durability: Durability | None, state: os.stat_result) -> _Store:
    read_only = not (os.access(path, os.W_OK) and os.access(path / DATABASE, os.W_OK))
    shared = bool(state.st_mode & 0o020)
    inner = open_sqlite(path / DATABASE, read_only=read_only)
    try:
        facts = _checked_facts(path, read_facts(inner.database))
    except BridgeError:
        inner.close()
        raise
    fsync = (durability or facts.get("durability")) == "power"
    if fsync:
        inner.database.fsync = True
        inner.close()  # its connections were made before this was known
    tracking = JournaledStore(
        inner, path / JOURNAL, fsync=fsync, shared=shared, read_only=read_only, workspace_id=facts["id"]
    )
    identity = state.st_dev, state.st_ino
    return _Store(tracking, inner.database, shared, "power" if fsync else "process", identity)


def _checked_facts(path: Path, facts: Mapping[str, str]) -> Mapping[str, str]:
    if "id" not in facts:
        raise StoreUnavailable(str(path / DATABASE), "it is no workspace's: put a copy of the workspace's file there")
    return facts


def _durability(chosen: str | None) -> Durability:
    value = chosen or os.environ.get("BRIDGE_DURABILITY") or "process"
    if value not in get_args(Durability):
        raise InvalidValue("durability", value, f"must be one of {', '.join(get_args(Durability))}")
    return "power" if value == "power" else "process"
