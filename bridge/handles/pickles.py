"""Functions that open pickled handles. A pickle names them `bridge.<function>`, and not by the name of this module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.handles.experiment import Experiment
from bridge.handles.workspace import Workspace

if TYPE_CHECKING:
    from bridge.handles.run import Run
    from bridge.store.durability import Durability


def reopen_workspace(address: str, durability: Durability | None, azure_values: Mapping[str, Any]) -> Workspace:
    """Return the workspace at an address."""
    return Workspace.wrap(Workspace.open(address, durability).stores, durability, azure_values)


def reopen_experiment(workspace: Workspace, experiment_id: str) -> Experiment:
    """Return the experiment with an id, active or archived."""
    return Experiment.wrap(workspace, workspace.stores.tracking.get_experiment(experiment_id))


def reopen_run(kind: type[Run], experiment: Experiment, run_id: str) -> Run:
    """Return a handle of the run with an id. The class of the handle is `kind`."""
    return kind.wrap(experiment, run_id)


for function in (reopen_workspace, reopen_experiment, reopen_run):
    function.__module__ = "bridge"
