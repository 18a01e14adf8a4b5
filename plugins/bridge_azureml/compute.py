"""Compute targets: there is one, this machine, and what asks for another runs here."""

from __future__ import annotations

import logging
from typing import Any

from bridge import NotFound, Workspace

logger = logging.getLogger("bridge.azureml")

LOCAL = "local"


class ComputeTarget:
    """This machine.

    Args:
        workspace: not looked at.
        name: "local"; there are no others, so that scripts which make the one they miss go on to make it.

    Raises:
        NotFound: another name was asked for (`ComputeTargetException` in old scripts).
    """

    type = "local"

    def __init__(self, workspace: Workspace, name: str) -> None:
        if name != LOCAL:
            hint = 'runs execute on this machine: leave the compute target out, or name it "local"'
            raise NotFound("compute target", name, hint)
        self._set(workspace)

    def _set(self, workspace: Workspace) -> None:
        self.workspace, self.name = workspace, LOCAL
        self.provisioning_state = "Succeeded"

    @classmethod
    def create(cls, workspace: Workspace, name: str, provisioning_configuration: object = None) -> ComputeTarget:
        """This machine, by its own name "local"; a warning says that nothing else was made."""
        logger.warning("There are no clusters: what is submitted to the compute target %r runs on this machine.", name)
        target = cls.__new__(cls)
        target._set(workspace)
        return target

    attach = create

    @staticmethod
    def list(workspace: Workspace) -> list[ComputeTarget]:
        """This machine."""
        return [ComputeTarget(workspace, LOCAL)]

    def wait_for_completion(self, show_output: bool = False, **kwargs: object) -> None:
        """Return: there is nothing to wait for."""
        if show_output:
            print(f"Compute target {self.name}: this machine")

    wait_for_provisioning = wait_for_completion

    def get_status(self) -> Any:
        """The target itself, which has the state of its making."""
        return self

    def serialize(self) -> dict[str, Any]:
        """What is known about it."""
        return {"name": self.name, "type": self.type, "provisioningState": self.provisioning_state}

    def delete(self) -> None:
        """Do nothing: it is this machine."""

    detach = delete

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name}, type={self.type})"


class AmlCompute(ComputeTarget):
    """A cluster in the service; here this machine."""

    @staticmethod
    def provisioning_configuration(**kwargs: object) -> dict[str, object]:
        """What was asked for: it is not made."""
        return kwargs


class ComputeInstance(AmlCompute):
    """A machine in the service; here this one."""


class RemoteCompute(ComputeTarget):
    """A machine reached by SSH; here this one."""

    @staticmethod
    def attach_configuration(**kwargs: object) -> dict[str, object]:
        """What was asked for: it is not attached."""
        return kwargs
