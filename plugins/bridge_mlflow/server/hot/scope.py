"""The experiments and runs that a sender may use whose token is for one experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.errors import NotAllowed
from bridge.server.roles import Caller
from bridge_mlflow.server.artifact_owners import experiment_of
from bridge_mlflow.server.hot.workspace import HotWorkspace
from bridge_mlflow.translate.shown import PARENT_RUN_ID
from bridge_mlflow.translate.statuses import experiment_id_or_default


class Scope:
    """Checks the experiments and runs that the requests of a sender name.

    Args:
        caller: the sender.
        workspace: the workspace.
    """

    def __init__(self, caller: Caller, workspace: HotWorkspace) -> None:
        self._caller, self._workspace = caller, workspace

    def check(self, values: Mapping[str, Any]) -> None:
        """Check the values of a request.

        Raises:
            NotAllowed: the token of the sender is for another experiment.
        """
        only = self._caller.experiment_id
        if only is not None and any(one != only for one in self._experiments(values)):
            raise NotAllowed("use", "another experiment", f"your token is only for experiment {only}")

    def _experiments(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Yield the experiments that a request names, and those of its runs, their new parents, and models."""
        named = [values["experiment_id"]] if "experiment_id" in values else []
        yield from map(experiment_id_or_default, [*named, *values.get("experiment_ids", ())])
        runs = [values[name] for name in ("run_id", "run_uuid") if name in values]
        runs += [tag.get("value", "") for tag in (values, *values.get("tags", ())) if tag.get("key") == PARENT_RUN_ID]
        found = self._workspace.tracking.get_runs([*runs, *values.get("run_ids", ())], latest=False)
        for record in found.values():
            yield record.experiment_id
        models = {one["model_id"] for one in (values, *values.get("metrics", ())) if one.get("model_id")}
        of_models = (experiment_of(self._workspace.stores.address, "models", id) for id in models)
        yield from (id for id in of_models if id is not None)
