"""A workspace: a separate home of experiments."""

from __future__ import annotations

import builtins
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from bridge.address import expanded, folder_of_uri, home_folder, is_workspace_uri, named_folder, uri_of_folder
from bridge.errors import BridgeError, InvalidState, InvalidValue, NotAllowed, NotFound
from bridge.handles.html import html_table

if TYPE_CHECKING:
    from bridge.environments.environment import Environment
    from bridge.handles.experiment import Experiment
    from bridge.handles.run import Run
    from bridge.records.run import RunRecord
    from bridge.store.durability import Durability
    from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")

OTHER_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Workspace:
    """A separate home of experiments, in a folder.

    Made by `Workspace.create`, `Workspace.open` and `Workspace.from_config`.
    The constructor is that of the Azure ML SDK v1, and opens `$BRIDGE_HOME/<workspace_name>`, which must be there.
    It, its experiments and runs can be pickled: another process opens them anew.

    Args:
        subscription_id: kept as it is, and not looked at; `resource_group` and the others likewise.
        workspace_name: which workspace.

    Example:
        >>> ws = Workspace.create("demo", path="./demo", exist_ok=True)
        >>> run = Experiment(ws, "digits").start_logging()
    """

    __module__ = "bridge"

    def __init__(self, subscription_id: str, resource_group: str, workspace_name: str, **azure: Any) -> None:
        details = _said("Workspace", azure)
        given = {"subscription_id": subscription_id, "resource_group": resource_group, **details}
        found = Workspace.get(workspace_name)
        self._set(found.stores, None, {key: value for key, value in given.items() if value})

    def _set(self, opened: WorkspaceStores, durability: Durability | None, details: Mapping[str, Any]) -> None:
        self.stores = opened
        self._durability = durability
        self._details = details

    @classmethod
    def wrap(
        cls, stores: WorkspaceStores, durability: Durability | None = None, details: Mapping[str, Any] = NOTHING
    ) -> Workspace:
        """Return the handle of open stores.

        Args:
            stores: the stores.
            durability: the durability that was asked for; a pickle keeps it.
            details: the values of Azure ML arguments that this handle shows instead of the stored ones.
        """
        workspace = cls.__new__(cls)
        workspace._set(stores, durability, details)
        return workspace

    def __reduce__(self) -> tuple[Any, ...]:
        from bridge.handles.pickles import reopen_workspace

        return reopen_workspace, (self.stores.address, self._durability, dict(self._details))

    @staticmethod
    def create(
        name: str,
        path: str | os.PathLike[str] | None = None,
        exist_ok: bool = False,
        shared: bool = False,
        durability: Durability | None = None,
        **azure: Any,
    ) -> Workspace:
        """Make a workspace and open it.

        Args:
            name: letters, digits, underscores and dashes, beginning with a letter or digit; at most 255 bytes.
            path: its folder, made if absent; None is `$BRIDGE_HOME/<name>`, by default below `~/.bridge`.
            exist_ok: open a workspace that is there already; its own name stays.
            shared: its files belong to the folder's group too, as with `git init --shared`.
            durability: what a log call survives when it has returned: "process" the death of the process (the
                default), "power" that of the machine; None is `BRIDGE_DURABILITY` if that is set.
            azure: what the Azure ML SDK v1 takes besides: `subscription_id`, `resource_group`, `location`, `sku`,
                `tags`, `friendly_name` and `description` are kept as they are, the rest says nothing here.

        Raises:
            InvalidValue: the name or the path may not be used.
            TypeError: neither we nor the SDK know an argument.
            AlreadyExists: a workspace is there, and `exist_ok` is not set.
            NotAllowed: the folder cannot be written.
        """
        from bridge.store.create import create_store

        details = _said("Workspace.create", azure)
        folder = named_folder(name)
        if path is not None:
            folder = expanded("path", path)
        return Workspace.wrap(create_store(folder, name, exist_ok, shared, durability, details), durability, details)

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

        text = os.fspath(address) if isinstance(address, os.PathLike) else address
        if is_workspace_uri(text):
            text = folder_of_uri(text)
        elif isinstance(text, str) and OTHER_ADDRESS.match(text):
            raise InvalidValue("workspace address", text, "must be a folder: servers and databases are not opened yet")
        return Workspace.wrap(open_store(expanded("workspace address", text), durability), durability)

    @staticmethod
    def get(name: str, **azure: Any) -> Workspace:
        """The workspace of that name in `$BRIDGE_HOME`; the SDK's other arguments are taken and not looked at.

        Raises:
            NotFound: there is none.
        """
        from bridge.store.open import open_store

        _said("Workspace.get", azure)
        folder = named_folder(name)
        try:
            return Workspace.wrap(open_store(folder))
        except NotFound:
            hint = (
                f"{folder} holds none; Workspace.create({name!r}) makes it, Workspace.open(folder) opens another place"
            )
            raise NotFound("workspace", name, hint) from None

    @staticmethod
    def list(
        subscription_id: str | None = None, auth: object = None, resource_group: str | None = None
    ) -> dict[str, builtins.list[Workspace]]:
        """The workspaces in `$BRIDGE_HOME` by name, several if folders were renamed; no argument narrows them down.

        Listing changes none of them. One that cannot be read is reported in the log and left out.
        """
        from bridge.store.layout import DATABASE
        from bridge.store.open import peek_store

        found: dict[str, builtins.list[Workspace]] = {}
        for database in sorted(home_folder().glob(f"*/{DATABASE}")):
            try:
                opened = peek_store(database.parent)
            except BridgeError as error:
                logger.warning("A workspace is left out of the list: %s", error)
                continue
            found.setdefault(opened.name, []).append(Workspace.wrap(opened))
        return found

    @staticmethod
    def from_config(
        path: str | os.PathLike[str] | None = None,
        auth: object = None,
        _logger: object = None,
        _file_name: str | None = None,
    ) -> Workspace:
        """The workspace that a project folder belongs to, as a file in it or above it says.

        The nearest `.bridge/config.json` counts, else the old SDK's `.azureml/config.json` or `config.json`.
        One with an `address` opens that; one that has only a workspace's name, as Azure ML's have, opens
        `$BRIDGE_HOME/<name>` and makes it if absent, so that an old project folder works as it stands.

        Args:
            path: the folder to begin at, by default the working folder, or the file itself.
            auth: taken for the sake of old scripts; nothing is asked of it.

        Raises:
            InvalidValue: there is no such file, or it says neither.
            NotFound: there is no workspace at the address.
        """
        from bridge.handles.project_files import find_config, read_config

        config = read_config(find_config(path, _file_name))
        if config.address is not None:
            opened = Workspace.open(config.address)
        else:
            assert config.name is not None
            opened = Workspace.create(config.name, exist_ok=True, **config.details)
        return Workspace.wrap(opened.stores, None, config.details)

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> None:
        """Let a project folder belong to this workspace: `Workspace.from_config` finds it there, and so does Azure's.

        The file is `<path>/.azureml/config.json`, and holds the address beside the old SDK's `Scope`; where
        `.bridge/config.json`, the folder `aml_config` or a `project.json` is there already, that one.
        """
        from bridge.handles.project_files import write_config

        write_config(path, file_name, {"Id": None, "Scope": self._scope, "address": self.stores.address})

    def close(self) -> None:
        """Close what this process has open of the workspace: files, connections, its journal.

        The handle can be used again, which opens them again, and so can other handles of the same workspace.
        A run that this process has begun and not ended stays under way. A `with` closes at its end.

        Raises:
            StoreUnavailable: logged points are unwritten, or were dropped; all is closed nevertheless.
        """
        self.stores.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """What the workspace is called."""
        return self.stores.name

    @property
    def id(self) -> str:
        """32 hex digits that no other workspace has."""
        return self.stores.id

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return Path(self.stores.address)

    def _detail(self, key: str) -> Any:
        return self._details.get(key) or self.stores.details.get(key)

    @property
    def _scope(self) -> str:
        provider = "providers/Microsoft.MachineLearningServices/workspaces"
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/{provider}/{self.name}"

    @property
    def subscription_id(self) -> str:
        """What the configuration, or who made the workspace, says; else "local"."""
        return str(self._detail("subscription_id") or "local")

    @property
    def resource_group(self) -> str:
        """What the configuration, or who made the workspace, says; else "local"."""
        return str(self._detail("resource_group") or "local")

    @property
    def location(self) -> str:
        """What who made the workspace says; else "local"."""
        return str(self._detail("location") or "local")

    @property
    def sku(self) -> str:
        """What who made the workspace says; else "basic"."""
        return str(self._detail("sku") or "basic")

    @property
    def tags(self) -> dict[str, str | None]:
        """What who made the workspace says."""
        return dict(self._detail("tags") or {})

    @property
    def discovery_url(self) -> str:
        """The address by which clients find the workspace: its URI."""
        return self.get_mlflow_tracking_uri()

    def get_details(self) -> dict[str, Any]:
        """What is known about the workspace, by the old SDK's names."""
        from datetime import datetime, timezone

        created = datetime.fromtimestamp(self.stores.creation_time / 1000, timezone.utc)
        return {
            "id": self._scope,
            "name": self.name,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "location": self.location,
            "sku": self.sku,
            "tags": self.tags,
            "workspaceid": self.id,
            "friendlyName": str(self._detail("friendly_name") or self.name),
            "description": str(self._detail("description") or ""),
            "creationTime": created.isoformat(),
            "discoveryUrl": self.discovery_url,
        }

    def deliver(self, target: Workspace, run_ids: str | Sequence[str] | None = None) -> builtins.list[str]:
        """Bring runs, such as those of the offline workspace, into another workspace, as often as one likes.

        Experiments are matched by name and made if absent; run ids stay, numbers are the target's.
        Metrics and files that are there already are passed over.
        A param or property that the target has with another value stays the target's, with a warning of the run, and
        so does the status of a run that has ended there; name, description and tags become ours.
        Of the snapshots of sources only those of these runs are copied.
        What MLflow keeps beside runs (logged models, traces) stays behind, and so do children that are not named.

        Args:
            target: where they go.
            run_ids: only these runs, or this one; None is all that are active.

        Returns:
            the ids of the runs that were delivered; the log names each of `run_ids` that was not, because it is deleted
            or its experiment is archived.

        Raises:
            NotFound: there is no such run; nothing is delivered.
            InvalidValue: the target is this workspace, or none.
            InvalidState: an experiment or a run is deleted in the target; the others before it are delivered.
        """
        from bridge.store.deliver import deliver, runs_to_deliver

        check_workspace("target", target)
        if target.id == self.id:
            raise InvalidValue("target", str(target.path), "must be another workspace")
        wanted = (run_ids,) if isinstance(run_ids, str) else run_ids
        if wanted is not None and not isinstance(wanted, Iterable):
            raise InvalidValue("run_ids", run_ids, "must be the id of a run, or a list of ids")
        runs = runs_to_deliver(self.stores.tracking, wanted)
        self._deliver_sources(target, runs)
        return deliver(self.stores, target.stores, runs)

    def _deliver_sources(self, target: Workspace, runs: Sequence[RunRecord]) -> None:
        """Copy the snapshots of runs; the log names each run whose snapshot cannot be read."""
        from bridge.source.empty import SNAPSHOT_PROPERTY
        from bridge.source.snapshot import copy_snapshot

        for run in runs:
            if snapshot_id := run.properties.get(SNAPSHOT_PROPERTY):
                try:
                    copy_snapshot(self.stores.artifacts, target.stores.artifacts, snapshot_id)
                except (NotFound, InvalidState) as error:
                    logger.warning("The snapshot of run %s was not delivered: %s", run.id, error)

    @property
    def models(self) -> dict[str, Any]:
        """The newest version of each registered model, a `Model` by name.

        Raises:
            NotFound: MLflow, whose registry it is, is not installed.
        """
        from bridge.handles.models import model_class

        return dict(model_class().newest(self))

    @property
    def environments(self) -> dict[str, Environment]:
        """The newest version of each environment that was registered, by name."""
        from bridge.environments.environment import Environment

        return Environment.list(self)

    @property
    def compute_targets(self) -> dict[str, Any]:
        """None: runs execute on this machine."""
        return {}

    @property
    def datastores(self) -> dict[str, Any]:
        """None: data is read by its path, and files are kept with runs."""
        return {}

    @property
    def datasets(self) -> dict[str, Any]:
        """None: data is read by its path; MLflow's `log_input` notes which data a run used."""
        return {}

    def get_default_datastore(self) -> NoReturn:
        """Always refused, saying what to do instead.

        Raises:
            NotAllowed: there are no datastores.
        """
        reason = "it has none: read data by its path, and keep files with run.upload_file or run.upload_folder"
        raise NotAllowed("open a datastore of workspace", self.name, reason)

    def get_default_keyvault(self) -> NoReturn:
        """Always refused, saying what to do instead.

        Raises:
            NotAllowed: there is no key vault.
        """
        reason = "it has none: give secrets to a script by environment variables"
        raise NotAllowed("open a key vault of workspace", self.name, reason)

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The active experiments by name; MLflow's "Default" is listed once it has runs."""
        from bridge.handles.experiment import Experiment, listed_experiments

        return {record.name: Experiment.wrap(self, record) for record in listed_experiments(self, "active")}

    def get_run(self, run_id: str) -> Run:
        """The run of that id, of whichever experiment.

        Raises:
            NotFound: there is none.
        """
        from bridge.handles.run import Run

        return Run.get(self, run_id)

    @property
    def unfolded_bytes(self) -> int:
        """How many bytes of points the last read did not see, because nothing may be written here; else 0."""
        return self.stores.tracking.unfolded_bytes

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> str:
        """The URI by which MLflow reaches this workspace, `bridge:///abs/path`, percent-encoded."""
        return uri_of_folder(self.stores.address)

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, path={self.stores.address!r})"

    def _repr_html_(self) -> str:
        return html_table({"Workspace": self.name, "Folder": self.stores.address})


def _said(call: str, azure: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the Azure ML SDK's arguments that are kept."""
    if not azure:
        return {}
    from bridge.handles.project_files import check_azure_arguments

    return check_azure_arguments(call, azure)


def check_workspace(key: str, workspace: object) -> None:
    """Raise InvalidValue if something, such as a name, is given for a workspace."""
    if not isinstance(workspace, Workspace):
        raise InvalidValue(
            key, workspace, "must be a Workspace, as Workspace.get(name) and Workspace.open(folder) give"
        )
