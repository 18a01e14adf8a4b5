"""A workspace: a folder with experiments and their runs."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from bridge.address import expanded, named_folder, uri_of_workspace, workspace_address
from bridge.errors import NotAllowed, NotFound
from bridge.handles import absent
from bridge.handles.checks import check_workspace
from bridge.handles.html import html_table
from bridge.handles.models import model_class

if TYPE_CHECKING:
    from types import SimpleNamespace

    from typing_extensions import Self  # part of `typing` only since Python 3.11

    from bridge.environments.environment import Environment
    from bridge.handles.compute import ComputeTargets
    from bridge.handles.experiment import Experiment
    from bridge.handles.run import Run
    from bridge.store.durability import Durability
    from bridge.store.workspace_stores import WorkspaceStores

NOTHING: Mapping[str, Any] = MappingProxyType({})


@absent.with_absent_attributes
class Workspace:
    """A folder that contains experiments, runs and their files.

    `Workspace.create`, `Workspace.open` and `Workspace.from_config` return a workspace.
    The constructor has the arguments of the Azure ML SDK v1. It opens the workspace `$BRIDGE_HOME/<workspace_name>`.
    Workspaces, experiments and runs can be pickled. A process that unpickles such an object opens the workspace.

    Attributes:
        stores: the stores of the workspace, for functions of `bridge.runs` and for plugins.

    Args:
        subscription_id, resource_group, azure: shown by this object, but not stored in the workspace.
        workspace_name: the name of the workspace.

    Example:
        >>> ws = Workspace.create("demo", path="./demo", exist_ok=True)
        >>> run = Experiment(ws, "digits").start_logging()
    """

    __module__ = "bridge"

    def __init__(self, subscription_id: str, resource_group: str, workspace_name: str, **azure: Any) -> None:
        from bridge.handles.azure_values import stored_values

        values = stored_values("Workspace", azure)
        given = {"subscription_id": subscription_id, "resource_group": resource_group, **values}
        stores = Workspace.get(workspace_name).stores
        self._set(stores, None, {key: value for key, value in given.items() if value})

    def _set(self, stores: WorkspaceStores, durability: Durability | None, azure_values: Mapping[str, Any]) -> None:
        self.stores = stores
        self._durability = durability
        self._azure_values = azure_values

    @classmethod
    def wrap(
        cls, stores: WorkspaceStores, durability: Durability | None = None, azure_values: Mapping[str, Any] = NOTHING
    ) -> Self:
        """Return a `Workspace` object for a workspace whose stores are open.

        Args:
            stores: the stores.
            durability: the durability that the caller has requested. It is pickled with the handle.
            azure_values: values of Azure ML arguments that this handle shows instead of the stored ones.
        """
        workspace: Self = cls.__new__(cls)
        workspace._set(stores, durability, azure_values)
        return workspace

    def __reduce__(self) -> tuple[Any, ...]:
        from bridge.handles.pickles import reopen_workspace

        return reopen_workspace, (self.stores.address, self._durability, dict(self._azure_values))

    @staticmethod
    def create(
        name: str,
        path: str | os.PathLike[str] | None = None,
        exist_ok: bool = False,
        shared: bool = False,
        durability: Durability | None = None,
        **azure: Any,
    ) -> Workspace:
        """Create a workspace and open it.

        Args:
            name: letters, digits, underscores and dashes, starting with a letter or digit; at most 255 bytes.
            path: its folder, created if absent; None is `$BRIDGE_HOME/<name>`, by default below `~/.bridge`.
            exist_ok: open the workspace if it already exists. Its name is not changed.
            shared: give the folder's group write access to the files, as `git init --shared` does.
            durability: with "process", points survive `kill -9`. With "power", they also survive a power failure.
                None means the value of the environment variable `BRIDGE_DURABILITY`; "process" if it is not set.
            azure: other arguments of the Azure ML SDK v1. `subscription_id`, `resource_group`, `location`, `sku`,
                `tags`, `friendly_name` and `description` are stored, the others are ignored.

        Raises:
            InvalidValue: the name or the path is not valid.
            TypeError: the SDK does not have an argument of this name.
            AlreadyExists: the workspace exists, and `exist_ok` is False.
            NotAllowed: the folder is not writable.
        """
        from bridge.handles.azure_values import stored_values
        from bridge.store.create import create_store

        values = stored_values("Workspace.create", azure)
        folder = named_folder(name)
        if path is not None:
            folder = expanded("path", path)
        return Workspace.wrap(create_store(folder, name, exist_ok, shared, durability, values), durability, values)

    @staticmethod
    def open(address: str | os.PathLike[str], durability: Durability | None = None) -> Workspace:
        """Open a workspace.

        Args:
            address: its folder or URI, or its address on a server, `http://host:5000/w/demo`, with `RUNBRIDGE_TOKEN`.
            durability: as for `create`. If neither it nor `BRIDGE_DURABILITY` is set, that of the workspace is used.

        Raises:
            NotFound, InvalidValue: the workspace does not exist, or the address is not valid.
            StoreUnavailable, NotAuthenticated, NotAllowed: the server does not answer, or wants another token.
        """
        from bridge.store.open import open_store

        return Workspace.wrap(open_store(workspace_address(address), durability), durability)

    @staticmethod
    def get(name: str, **azure: Any) -> Workspace:
        """Open the workspace `$BRIDGE_HOME/<name>`; other arguments of the Azure ML SDK are ignored.

        Raises:
            NotFound: the workspace does not exist.
        """
        from bridge.handles.azure_values import stored_values
        from bridge.store.open import open_store

        stored_values("Workspace.get", azure)
        folder = named_folder(name)
        try:
            return Workspace.wrap(open_store(folder))
        except NotFound:
            hint = (
                f"create {folder} with Workspace.create({name!r}), or open another folder with Workspace.open(folder)"
            )
            raise NotFound("workspace", name, hint) from None

    @staticmethod
    def list(
        subscription_id: str | None = None, auth: object = None, resource_group: str | None = None
    ) -> dict[str, builtins.list[Workspace]]:
        """Return the workspaces in `$BRIDGE_HOME` by name. The arguments are ignored, and no workspace is changed.

        Several workspaces may have the same name. An unreadable workspace is skipped with a warning in the log.
        """
        from bridge.handles.workspace_list import workspaces_at_home

        return workspaces_at_home()

    @staticmethod
    def from_config(
        path: str | os.PathLike[str] | None = None,
        auth: object = None,
        _logger: object = None,
        _file_name: str | None = None,
    ) -> Workspace:
        """Open the workspace that is specified in a configuration file, in a folder or in one of the folders above it.

        The nearest `.bridge/config.json` is used, or else the SDK's `.azureml/config.json` or `config.json`.
        A file without an `address`, such as Azure ML's, names a workspace in `$BRIDGE_HOME`, created if absent.

        Args:
            path: the folder at which the search starts (by default the working folder), or the file itself.
            auth: accepted for compatibility and ignored.

        Raises:
            InvalidValue: no file was found, or it has neither an address nor a name.
            NotFound: the workspace at the address does not exist.
        """
        from bridge.handles.workspace_list import workspace_of_project

        return workspace_of_project(path, _file_name)

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> None:
        """Write a configuration file that `from_config` finds. It contains the address and the `Scope` of the SDK.

        The file is `<path>/.azureml/config.json`. If `.bridge/config.json` exists, it is replaced instead. Or else, if
        `aml_config` exists, it is used instead of `.azureml`. If the folder has a `project.json`, that is replaced.
        """
        from bridge.handles.azure_details import scope_of
        from bridge.handles.project_files import write_config

        write_config(path, file_name, {"Id": None, "Scope": scope_of(self), "address": self.stores.address})

    def close(self) -> None:
        """Close the files, connections and the journal that this process has open. The next use opens them again.

        A run that this process owns does not end. A `with` block calls `close` at its end.

        Raises:
            StoreUnavailable: logged points could not be written. The error is raised after everything is closed.
        """
        self.stores.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The name of the workspace."""
        return self.stores.name

    @property
    def id(self) -> str:
        """The unique id of the workspace, 32 hex digits."""
        return self.stores.id

    @property
    def path(self) -> Path:
        """The absolute path of the folder. A workspace on a server has none, and raises NotAllowed."""
        return self.stores.local_folder("use the folder of")

    def _azure_value(self, key: str) -> Any:
        return self._azure_values.get(key) or self.stores.azure_values.get(key)

    @property
    def subscription_id(self) -> str:
        """The Azure subscription in the configuration file or in the arguments of `create`; "local" by default."""
        return str(self._azure_value("subscription_id") or "local")

    @property
    def resource_group(self) -> str:
        """The Azure resource group in the configuration file or in the arguments of `create`; "local" by default."""
        return str(self._azure_value("resource_group") or "local")

    @property
    def location(self) -> str:
        """The argument of `create`, or "local"."""
        return str(self._azure_value("location") or "local")

    @property
    def sku(self) -> str:
        """The argument of `create`, or "basic"."""
        return str(self._azure_value("sku") or "basic")

    @property
    def tags(self) -> dict[str, str | None]:
        """The argument of `create`, or an empty dict."""
        return dict(self._azure_value("tags") or {})

    @property
    def discovery_url(self) -> str:
        """The URI of the workspace."""
        return self.get_mlflow_tracking_uri()

    def get_details(self) -> dict[str, Any]:
        """Return a dict of details of the workspace, under the names of the Azure ML SDK v1."""
        from bridge.handles.azure_details import workspace_details

        return workspace_details(self, self._azure_value)

    def deliver(self, target: Workspace, run_ids: str | Sequence[str] | None = None) -> builtins.list[str]:
        """Copy runs, such as those of the offline workspace, to another workspace. The call can be repeated.

        Experiments are matched by name and created if absent. Run ids are kept, but the target assigns new run numbers.
        Metrics and files that the target already has are skipped, and name, description and tags are replaced.
        If the target has another value of a param or property, its value is not changed, and the run gets a warning.
        The status of a run that has ended in the target is not changed either. The snapshots of the runs are copied.
        MLflow's logged models and traces are not copied. With `run_ids`, a child run is copied only if it is named.

        Args:
            target: the other workspace.
            run_ids: the ids of the runs, or one id; None is all active runs.

        Returns:
            the ids of the delivered runs. The log names the `run_ids` that were skipped because they are deleted.

        Raises:
            NotFound: a run does not exist. Nothing is delivered.
            InvalidValue: the target is this workspace, or not a workspace.
            InvalidState: an experiment or a run is deleted in the target. Runs copied before this error stay copied.
        """
        from bridge.runs.deliver import deliver_runs

        check_workspace("target", target)
        return deliver_runs(self.stores, target.stores, run_ids)

    @property
    def models(self) -> dict[str, Any]:
        """The newest version of each registered model, by name. NotFound is raised if MLflow is not installed."""
        return dict(model_class().newest(self))

    @property
    def environments(self) -> dict[str, Environment]:
        """The newest version of each registered environment, by name."""
        from bridge.environments.environment import Environment

        return Environment.list(self)

    @property
    def compute_targets(self) -> ComputeTargets:
        """The compute targets by name. Only "local" is listed, but every other name means this computer too."""
        from bridge.handles.compute import ComputeTargets

        return ComputeTargets(self)

    @property
    def datastores(self) -> dict[str, Any]:
        """An empty dict. A look-up raises NotFound, which names a substitute."""
        return absent.EmptyNames("datastore", absent.NO_DATASTORES)

    @property
    def datasets(self) -> dict[str, Any]:
        """An empty dict. A look-up raises NotFound, which names a substitute."""
        return absent.EmptyNames("dataset", absent.NO_DATASETS)

    @property
    def webservices(self) -> dict[str, Any]:
        """An empty dict. A look-up raises NotFound, which names a substitute."""
        return absent.EmptyNames("web service", absent.NO_WEBSERVICES)

    def get_default_datastore(self) -> NoReturn:
        """Raise NotAllowed: a workspace has no datastores."""
        reason = "it has none: read data by its path, and store files with run.upload_file or run.upload_folder"
        raise NotAllowed("open a datastore of workspace", self.name, reason)

    def set_default_datastore(self, name: str) -> NoReturn:
        """Raise NotAllowed: a workspace has no datastores."""
        raise NotAllowed("set the default datastore of workspace", self.name, absent.NO_DATASTORES)

    def update(self, **azure: Any) -> NoReturn:
        """Raise NotAllowed: only `Workspace.create` can set the details of a workspace."""
        raise NotAllowed("update workspace", self.name, "its details can be set only when Workspace.create creates it")

    def delete(self, delete_dependent_resources: bool = False, no_wait: bool = False) -> NoReturn:
        """Raise NotAllowed. A script cannot delete a workspace, but a user can remove its folder."""
        raise NotAllowed("delete workspace", self.name, "remove its folder if you want to lose every run")

    @staticmethod
    def setup() -> None:
        """Do nothing, as in the Azure ML SDK v1."""

    @property
    def service_context(self) -> SimpleNamespace:
        """The names by which Azure ML's service would know the workspace."""
        from bridge.handles.azure_details import service_context

        return service_context(self)

    def get_default_keyvault(self) -> NoReturn:
        """Raise NotAllowed: a workspace has no key vault."""
        reason = "it has none: pass secrets to a script in environment variables"
        raise NotAllowed("open a key vault of workspace", self.name, reason)

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The active experiments by name. MLflow's "Default" is included once it has runs."""
        from bridge.handles.experiment import Experiment, listed_experiments

        return {record.name: Experiment.wrap(self, record) for record in listed_experiments(self, "active")}

    def get_run(self, run_id: str) -> Run:
        """Return the run with an id; see `Run.get`."""
        from bridge.handles.run import Run

        return Run.get(self, run_id)

    @property
    def unfolded_bytes(self) -> int:
        """The size in bytes of the points that the last read did not return, for lack of write access or numpy."""
        return self.stores.tracking.unfolded_bytes

    def get_mlflow_tracking_uri(self, _with_auth: bool = False) -> str:
        """Return the URI of this workspace for MLflow: `bridge:///abs/path`, percent-encoded, or `bridge+http://…`."""
        return uri_of_workspace(self.stores.address)

    def __dir__(self) -> Iterable[str]:
        return absent.without_absent_attributes("Workspace", super().__dir__())

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, {self.stores.kind_of_address}={self.stores.address!r})"

    def _repr_html_(self) -> str:
        return html_table({"Workspace": self.name, "Folder": self.stores.address})
