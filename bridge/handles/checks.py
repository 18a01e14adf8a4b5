"""Checks of arguments that must be handles, because users pass names by mistake."""

from __future__ import annotations

from bridge.errors import InvalidValue


def check_workspace(key: str, workspace: object) -> None:
    """Raise InvalidValue if the value is not a `Workspace` object."""
    from bridge.handles.workspace import Workspace

    if not isinstance(workspace, Workspace):
        raise InvalidValue(key, workspace, "must be a Workspace; use Workspace.get(name) or Workspace.open(folder)")


def check_experiment(experiment: object) -> None:
    """Raise InvalidValue if the value is not an `Experiment` object."""
    from bridge.handles.experiment import Experiment

    if not isinstance(experiment, Experiment):
        raise InvalidValue("experiment", experiment, "must be an Experiment; use Experiment(workspace, name)")
