"""The workspaces that a server serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar

from bridge.errors import InvalidValue, NotFound
from bridge.server.files.rules import FileRules
from bridge.server.portal.served import Served
from bridge.server.roles import Caller
from bridge.server.workspace_names import NAME, RESERVED
from bridge.store.workspace_stores import WorkspaceStores

QUICK_BYTES = 256 << 10
"""The greatest body of points that is read in the event loop."""


class ServedWorkspace:
    """A workspace under its name in addresses.

    Attributes:
        name: the name in addresses, `/w/<name>/…`.
        stores: the stores.
        served: what the page keeps between requests, and the threads that read.
        file_rules: the rules for files.
    """

    def __init__(self, name: str, stores: WorkspaceStores, file_rules: FileRules | None = None) -> None:
        if not NAME.fullmatch(name) or name in RESERVED:
            rule = "must be lower-case letters, digits, _ and -, must not begin with _ or -, and must not be reserved"
            raise InvalidValue("workspace name", name, f"{rule}: choose one with NAME=FOLDER")
        self.name, self.stores = name, stores
        self.file_rules = file_rules or FileRules()
        self.served = Served(stores)

    def may_log_quickly(self, caller: Caller, size: int) -> bool:
        """Return whether the event loop may write the points of a request.

        Then the request is short, nothing about its sender is checked in the database, and no log call waits until the
        points are on the disk.

        Args:
            caller: the sender.
            size: the bytes of the body.
        """
        is_short = size <= QUICK_BYTES and caller.experiment_id is None
        return is_short and self.stores.open_store.durability == "process"


class Workspaces(Mapping[str, ServedWorkspace]):
    """The workspaces of a server by name. If there is only one, addresses without `/w/<name>` also lead to it.

    Raises:
        InvalidValue: two workspaces have the same name.
    """

    def __init__(self, workspaces: list[ServedWorkspace]) -> None:
        self._by_name = {workspace.name: workspace for workspace in workspaces}
        if len(self._by_name) < len(workspaces):
            names = [workspace.name for workspace in workspaces]
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidValue("workspace name", twice, "is given twice: choose names with NAME=FOLDER")

    @property
    def only(self) -> ServedWorkspace | None:
        """The workspace, if there is only one."""
        return next(iter(self._by_name.values())) if len(self._by_name) == 1 else None

    def __getitem__(self, name: str) -> ServedWorkspace:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


current: ContextVar[ServedWorkspace] = ContextVar("the workspace of the request")
"""The workspace of the request that is being answered. Without a request, reading it raises `LookupError`."""


def current_workspace() -> ServedWorkspace:
    """Return the workspace of the request that is being answered.

    Raises:
        NotFound: no request is being answered.
    """
    try:
        return current.get()
    except LookupError:
        raise NotFound("workspace", "", "no request of a workspace is being answered") from None
