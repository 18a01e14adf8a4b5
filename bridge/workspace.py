"""A workspace: a separate home of experiments."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue

if TYPE_CHECKING:
    from bridge.experiment import Experiment
    from bridge.run import Run
    from bridge.store.open import Durability, Opened

NAME = re.compile(r"[a-zA-Z0-9][\w-]{1,32}")
OTHER_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")


def home_folder() -> Path:
    """Where workspaces lie that are named without a path: `$BRIDGE_HOME`, else `~/.bridge`."""
    return Path(os.environ.get("BRIDGE_HOME") or "~/.bridge").expanduser()


class Workspace:
    """A separate home of experiments, in a folder.

    Made by `Workspace.create` and `Workspace.open`.
    It, its experiments and runs can be pickled: another process opens them anew.

    Example:
        >>> ws = Workspace.create("demo", path="./demo", exist_ok=True)
        >>> run = Experiment(ws, "digits").start_logging()
    """

    def __init__(self, opened: Opened, durability: Durability | None = None) -> None:
        self._opened = opened
        self._durability = durability

    def __reduce__(self) -> tuple[Any, ...]:
        return Workspace.open, (self._opened.address, self._durability)

    @staticmethod
    def create(
        name: str,
        path: str | os.PathLike[str] | None = None,
        exist_ok: bool = False,
        shared: bool = False,
        durability: Durability | None = None,
    ) -> Workspace:
        """Make a workspace and open it.

        Args:
            name: 2 to 33 letters, digits, underscores and dashes, beginning with a letter or digit.
            path: its folder, made if absent; None is `$BRIDGE_HOME/<name>`, by default below `~/.bridge`.
            exist_ok: open a workspace that is there already; its own name stays.
            shared: its files belong to the folder's group too, as with `git init --shared`.
            durability: what a log call survives when it has returned: "process" the death of the process (the
                default), "power" that of the machine; None is `BRIDGE_DURABILITY` if that is set.

        Raises:
            InvalidValue: the name or the path may not be used.
            AlreadyExists: a workspace is there, and `exist_ok` is not set.
            NotAllowed: the folder cannot be written.
        """
        from bridge.store.open import create_store

        if not isinstance(name, str) or not NAME.fullmatch(name):
            rule = "must have 2 to 33 letters, digits, underscores and dashes, beginning with a letter or digit"
            raise InvalidValue("workspace name", name, rule)
        folder = home_folder() / name if path is None else Path(path).expanduser()
        return Workspace(create_store(folder, name, exist_ok, shared, durability), durability)

    @staticmethod
    def open(address: str | os.PathLike[str], durability: Durability | None = None) -> Workspace:
        """Open a workspace.

        Args:
            address: its folder, or its `bridge:///…` URI.
            durability: what a log call survives; None is `BRIDGE_DURABILITY`, else what the workspace was made with.

        Raises:
            NotFound: there is no workspace.
            InvalidValue: the address is no folder's.
        """
        from bridge.store.open import open_store

        text = os.fspath(address)
        if text.startswith("bridge:/"):
            from urllib.parse import unquote, urlsplit

            text = unquote(urlsplit(text).path)
        elif OTHER_ADDRESS.match(text):
            raise InvalidValue("workspace address", text, "must be a folder: servers and databases are not opened yet")
        return Workspace(open_store(Path(text).expanduser(), durability), durability)

    @property
    def name(self) -> str:
        """What the workspace is called."""
        return self._opened.name

    @property
    def id(self) -> str:
        """32 hex digits that no other workspace has."""
        return self._opened.id

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return Path(self._opened.address)

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The active experiments by name."""
        from bridge.experiment import Experiment
        from bridge.records.search import ExperimentQuery

        page = self._opened.tracking.search_experiments(ExperimentQuery())
        return {record.name: Experiment._of(self, record) for record in page.items}

    def get_run(self, run_id: str) -> Run:
        """The run of that id, of whichever experiment.

        Raises:
            NotFound: there is none.
        """
        from bridge.run import Run

        return Run.get(self, run_id)

    @property
    def unfolded_bytes(self) -> int:
        """How many bytes of journals were not seen by the last read, because nothing may be written here; else 0."""
        return self._opened.tracking.unfolded_bytes

    def get_mlflow_tracking_uri(self) -> str:
        """The URI by which MLflow reaches this workspace, `bridge:///abs/path`, percent-encoded."""
        from urllib.parse import quote

        return "bridge://" + quote(self._opened.address)

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, path={self._opened.address!r})"

    def _repr_html_(self) -> str:
        return html_table({"Workspace": self.name, "Folder": self._opened.address})


def html_table(cells: dict[str, str]) -> str:
    """A table of one row, for notebooks."""
    import html

    style = 'style="text-align:left"'
    head = "".join(f"<th {style}>{html.escape(name)}</th>" for name in cells)
    row = "".join(f"<td {style}>{html.escape(value)}</td>" for value in cells.values())
    return f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>"
