"""Compute targets. Each name of a compute target means this computer."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.environments.substitutes import LOCAL, accept_target, is_strict

if TYPE_CHECKING:
    from bridge.handles.workspace import Workspace


class ComputeTarget:
    """This computer, under the name of a compute target that a script uses.

    Objects of this class stand for all clusters and machines of Azure ML, so that type checks of scripts succeed.

    Args:
        workspace: the workspace.
        name: "local", or the name of a cluster. When a process first uses the name of a cluster, a warning is logged.

    Attributes:
        type: "local" if the name is "local", else "AmlCompute".
        provisioning_state: "Succeeded".
        provisioning_errors: an empty list.

    Raises:
        InvalidValue: the name is not text, or empty.
        NotFound: `BRIDGE_STRICT` is 1, and the name is not "local".

    Source: Azure ML SDK v1, `azureml.core.compute.ComputeTarget` and `AmlCompute`.
    """

    allocation_state = "Steady"
    current_node_count = target_node_count = 1

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace, self.name = workspace, accept_target(name)
        self.type = LOCAL if name == LOCAL else "AmlCompute"
        self.provisioning_state = "Succeeded"
        self.provisioning_errors: builtins.list[Any] = []

    @classmethod
    def create(cls, workspace: Workspace, name: str, provisioning_configuration: object = None) -> ComputeTarget:
        """Return an object with this name, which stands for this computer. Nothing is created."""
        return cls(workspace, name)

    @classmethod
    def attach(cls, workspace: Workspace, name: str, attach_configuration: object = None) -> ComputeTarget:
        """Return an object with this name, which stands for this computer. Nothing is attached."""
        return cls(workspace, name)

    @staticmethod
    def list(workspace: Workspace) -> builtins.list[ComputeTarget]:
        """Return a list that contains only this computer."""
        return [ComputeTarget(workspace, LOCAL)]

    @staticmethod
    def provisioning_configuration(**kwargs: object) -> dict[str, object]:
        """Return the arguments as a dict. `create` and `attach` ignore this dict."""
        return kwargs

    attach_configuration = provisioning_configuration

    @staticmethod
    def supported_vmsizes(workspace: Workspace, location: str | None = None) -> builtins.list[dict[str, object]]:
        """Return an empty list, because this computer has no sizes to choose from."""
        return []

    @property
    def status(self) -> ComputeTarget:
        """This object itself. It has the attributes that a status has in the Azure ML SDK."""
        return self

    def get_status(self) -> ComputeTarget:
        """Return this object itself. It has the attributes that a status has in the Azure ML SDK."""
        return self

    def wait_for_completion(self, show_output: bool = False, **kwargs: object) -> None:
        """Return immediately. With `show_output`, print that the target is this computer."""
        if show_output:
            print(f"Compute target {self.name}: this computer")

    wait_for_provisioning = wait_for_completion

    def update(self, **kwargs: object) -> None:
        """Do nothing: this computer has no nodes to add or remove."""

    def list_nodes(self) -> builtins.list[dict[str, object]]:
        """Return an empty list."""
        return []

    def serialize(self) -> dict[str, Any]:
        """Return the name, type and state, under Azure ML's names."""
        return {"name": self.name, "type": self.type, "provisioningState": self.provisioning_state}

    def delete(self) -> None:
        """Do nothing: this computer cannot be removed."""

    detach = delete

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name}, type={self.type})"


class ComputeTargets(Mapping[str, ComputeTarget]):
    """The compute targets of a workspace, by name.

    Iteration gives only "local", but a look-up of any name returns a target.
    With `BRIDGE_STRICT=1`, only "local" can be looked up.

    Args:
        workspace: the workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __getitem__(self, name: str) -> ComputeTarget:
        return ComputeTarget(self._workspace, name)

    def __contains__(self, name: object) -> bool:
        return name == LOCAL or (isinstance(name, str) and name != "" and not is_strict())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the target with a name. Return the default if `BRIDGE_STRICT=1` excludes this name."""
        return self[name] if name in self else default

    def __iter__(self) -> Iterator[str]:
        return iter((LOCAL,))

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return repr(dict(self))
