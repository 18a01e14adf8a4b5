"""From an address to the stores behind it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from bridge.errors import AlreadyExists, InvalidValue, NotAllowed, NotFound, StoreUnavailable
from bridge.records.run import new_run_id
from bridge.store.journaled import JournaledStore
from bridge.store.sql.sqlite import create_sqlite, make_default_experiment, open_sqlite, read_facts

if TYPE_CHECKING:
    from bridge.store.artifacts import ArtifactStore

logger = logging.getLogger("bridge")

Durability = Literal["process", "power"]
"""What a log call survives when it has returned: the death of the process, or of the machine."""

DATABASE, JOURNAL, ARTIFACTS = "workspace.db", "journal", "artifacts"


@dataclass(frozen=True)
class Opened:
    """An open workspace: what it is called, and the two stores that everything goes through.

    `address` is the absolute path of the folder; artifacts lie in its folder `artifacts`.
    `shared` says that files belong to the folder's group too.
    `facts` is what the database says of the workspace besides: when it was made, and what was said of it then.
    """

    address: str
    id: str
    name: str
    tracking: JournaledStore
    shared: bool = False
    durability: Durability = "process"
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def creation_time(self) -> int:
        """When the workspace was made."""
        return int(self.facts.get("created", 0))

    @cached_property
    def details(self) -> dict[str, Any]:
        """What was said of the workspace when it was made, and means nothing to the stores."""
        import json

        return dict(json.loads(self.facts.get("details", "{}")))

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """The store of artifacts, loaded when first asked for: logging does not need it."""
        from bridge.store.objects import ObjectArtifacts

        return ObjectArtifacts(self.tracking, Path(self.address) / ARTIFACTS, shared=self.shared)


_opened: dict[tuple[str, Durability | None, int], tuple[tuple[int, int], Opened]] = {}
_lock = threading.Lock()


def _after_fork_in_child() -> None:
    """Another thread may have been opening a workspace at the fork."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)


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
    except NotADirectoryError:
        raise InvalidValue("workspace folder", str(path), "must be a folder, and part of this path is a file") from None
    except FileExistsError:
        raise InvalidValue("workspace folder", str(path), "must be a folder, and this is a file") from None
    except PermissionError as error:
        raise NotAllowed("make a workspace in", str(path), error.strerror or "permission denied") from error
    except OSError as error:
        if error.errno is None:
            raise
        raise StoreUnavailable(str(path), error.strerror or str(error)) from error
    return open_store(path, durability)


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
    if "BRIDGE_RUN_ID" in os.environ and logger.level == logging.NOTSET:
        # Within a submitted script only what its user logs belongs into the run's log, at whatever level.
        logger.setLevel(logging.INFO)
    path = Path(address).absolute()
    try:
        state = (path / DATABASE).stat()
    except (FileNotFoundError, NotADirectoryError):
        hint = f"the folder has no {DATABASE}; make a workspace there with Workspace.create(name, path=…)"
        raise NotFound("workspace", str(path), hint if path.is_dir() else "there is no such folder") from None
    except PermissionError as error:
        raise NotAllowed("read", str(path), error.strerror or "permission denied") from error
    except OSError as error:
        raise StoreUnavailable(str(path), (error.strerror or str(error)).lower()) from error
    identity = state.st_dev, state.st_ino
    wanted = _durability(durability) if durability or os.environ.get("BRIDGE_DURABILITY") else None
    key = str(path), wanted, os.geteuid()  # what may be written depends on the user
    with _lock:
        known = _opened.get(key)
        if known is None or known[0] != identity:
            found = _open_folder(path, wanted, state.st_mode)
            # The same store, whether its durability was asked for or is the workspace's own.
            for (*place, _, user), (whose, other) in _opened.items():
                if (place, user, whose) == ([str(path)], key[2], identity) and other.durability == found.durability:
                    found.tracking.close()
                    found = other
                    break
            known = _opened[key] = identity, found
        return known[1]


def restore_default_experiment(opened: Opened) -> None:
    """Make experiment 0 again where it was deleted for good, as the next process that opens the workspace does."""
    from bridge.store.sql.tracking import SqlTrackingStore

    if isinstance(opened.tracking.inner, SqlTrackingStore):
        make_default_experiment(opened.tracking.inner)


def _open_folder(path: Path, durability: Durability | None, mode: int) -> Opened:
    read_only = not (os.access(path, os.W_OK) and os.access(path / DATABASE, os.W_OK))
    shared = bool(mode & 0o020)
    inner = open_sqlite(path / DATABASE, read_only=read_only)
    facts = read_facts(inner)
    if "id" not in facts:
        inner.close()
        raise StoreUnavailable(str(path / DATABASE), "it is no workspace's: put a copy of the workspace's file there")
    fsync = (durability or facts.get("durability")) == "power"
    if fsync:
        inner.database.fsync = True
        inner.close()  # its connections were made before this was known
    tracking = JournaledStore(
        inner, path / JOURNAL, fsync=fsync, shared=shared, read_only=read_only, workspace_id=facts["id"]
    )
    return Opened(str(path), facts["id"], facts["name"], tracking, shared, "power" if fsync else "process", facts)


def _durability(chosen: str | None) -> Durability:
    value = chosen or os.environ.get("BRIDGE_DURABILITY") or "process"
    if value not in get_args(Durability):
        raise InvalidValue("durability", value, f"must be one of {', '.join(get_args(Durability))}")
    return "power" if value == "power" else "process"
