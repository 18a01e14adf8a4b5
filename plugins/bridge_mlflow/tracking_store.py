"""MLflow's tracking store on a workspace: experiments, runs and what they log go straight to its own store."""

from __future__ import annotations

import re
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from mlflow.entities import LoggedModel
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking.abstract_store import AbstractStore

from bridge_mlflow.companion import forwarding, sql_part
from bridge_mlflow.forwarded import FORWARDED_DEFAULTS, FORWARDED_READS, FORWARDED_WRITES, SQL_PARTS
from bridge_mlflow.tracking_experiments import TrackingExperiments
from bridge_mlflow.tracking_metrics import TrackingMetrics
from bridge_mlflow.tracking_runs import TrackingRuns
from bridge_mlflow.translate import translated

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NAME_FILTER = re.compile(r"name = '[^']*'")
"""Source: MLflow 3.17.2, `RunsArtifactRepository._get_logged_model_artifact_repo`."""


class BridgeTrackingStore(TrackingExperiments, TrackingRuns, TrackingMetrics):
    """The tracking store of one workspace.

    What MLflow knows beside runs (traces, logged models, evaluation datasets, …) is answered by its own store,
    through the companion.
    """

    @property  # type: ignore[misc]  # nobody is to write to it
    def __class__(self) -> type:
        """MLflow's SQL store for whoever asks by `isinstance`, as MLflow's gateway does: what it asks it is forwarded.

        Where the module of that store has not been loaded, nobody can ask for its class.
        """
        module = sys.modules.get("mlflow.store.tracking.sqlalchemy_store")
        return getattr(module, "SqlAlchemyStore", type(self))

    # Logged models are the companion's, but for the one question that every look into a folder of artifacts asks

    @translated
    def search_logged_models(
        self, experiment_ids: list[str], filter_string: str | None = None, *args: Any, **kwargs: Any
    ) -> PagedList[LoggedModel]:
        if not self.companion.exists and NAME_FILTER.fullmatch(filter_string or ""):
            # MLflow's own store takes seconds to be made, and would find nothing.
            return PagedList([], None)
        answer: PagedList[LoggedModel] = self.companion.call(
            "search_logged_models", experiment_ids, filter_string, *args, **kwargs
        )
        return answer

    @translated
    def ManagedSessionMaker(self, read_only: bool = True) -> AbstractContextManager[Session]:
        """What `mlflow crypto rotate-kek` opens, to change the secrets of the gateway by itself."""
        return self.companion.session(read_only)


for _name in FORWARDED_READS | FORWARDED_DEFAULTS | FORWARDED_WRITES:
    if getattr(BridgeTrackingStore, _name, None) is getattr(AbstractStore, _name, None):
        setattr(BridgeTrackingStore, _name, forwarding(_name))
for _name in SQL_PARTS:
    setattr(BridgeTrackingStore, _name, sql_part(_name))
