"""MLflow's tracking store over a workspace. Each method that MLflow calls is implemented by one function."""

from __future__ import annotations

import inspect
import logging
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import wraps
from typing import TYPE_CHECKING, Any

from mlflow.entities import LoggedModel, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils.async_logging.run_operations import RunOperations

from bridge.server_address import is_server_address
from bridge_mlflow import experiments, metrics, purging, runs
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.companion import forwarding, sql_part
from bridge_mlflow.forwarded import FORWARDED_DEFAULTS, FORWARDED_READS, FORWARDED_WRITES, SQL_PARTS
from bridge_mlflow.metrics import log_batch
from bridge_mlflow.mlflow_private import known_first
from bridge_mlflow.remote_workspace import RemoteWorkspace
from bridge_mlflow.tracked_workspace import TrackedWorkspace
from bridge_mlflow.translate import answers
from bridge_mlflow.translate.entities import columns_of
from bridge_mlflow.translate.errors import translated

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

NAME_FILTER = re.compile(r"name = '[^']*'")
"""The filter of MLflow's search for a logged model of one name.

Source: MLflow 3.17.2, `RunsArtifactRepository._get_logged_model_artifact_repo`.
"""


def _answered_by(
    function: Callable[..., Any], shown: Callable[[CalledWorkspace, Any], Any] | None = None
) -> Callable[..., Any]:
    """Return a method that calls a function with the workspace instead of `self`, and raises our errors as MLflow's.

    `shown` converts the result of the function to that of the method; without it, the results are equal.
    """

    @wraps(function)
    def method(self: BridgeTrackingStore, *args: Any, **kwargs: Any) -> Any:
        result = function(self.workspace, *args, **kwargs)
        return result if shown is None else shown(self.workspace, result)

    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    method.__signature__ = signature.replace(parameters=[first.replace(name="self"), *others])  # type: ignore[attr-defined]
    # `translated` reads this signature, and treats unknown keyword arguments as arguments of a later MLflow. The
    # signature contains `self` instead of `workspace`, so a keyword argument `workspace` is unknown, too.
    return translated(method)


def _log_batch(
    workspace: CalledWorkspace, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
) -> None:
    log_batch(workspace, run_id, metrics, params, tags, columns_of(metrics))


def _opened(store_uri: str) -> CalledWorkspace:
    return RemoteWorkspace(store_uri) if is_server_address(store_uri) else TrackedWorkspace(store_uri)


class BridgeTrackingStore(AbstractStore):
    """The tracking store of one workspace.

    Experiments, runs and metrics are read and written in the workspace.
    The companion forwards all other methods to MLflow's own store, for example those for traces, logged models and
    evaluation datasets.
    """

    def __init__(self, store_uri: str) -> None:
        AbstractStore.__init__(self)
        self.workspace = translated(_opened)(store_uri)
        self.companion = self.workspace.companion
        self.quick_log = self.workspace.tracking.quick_log

    @property  # type: ignore[misc]  # it is read-only
    def __class__(self) -> type:
        """Let `isinstance(store, SqlAlchemyStore)` be True, because MLflow's AI gateway requires it.

        The methods that the gateway calls are forwarded to MLflow's own store.
        The module of `SqlAlchemyStore` is not imported here: code that checks for the class has already imported it.
        """
        if isinstance(self.workspace, RemoteWorkspace):
            return type(self)
        module = sys.modules.get("mlflow.store.tracking.sqlalchemy_store")
        return getattr(module, "SqlAlchemyStore", type(self))

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which the artifacts of the workspace are stored."""
        return self.workspace.artifact_root_uri

    search_experiments = _answered_by(experiments.search_experiments, answers.experiments)
    create_experiment = _answered_by(experiments.create_experiment)
    get_experiment = _answered_by(experiments.get_experiment, answers.experiment)
    get_experiment_by_name = _answered_by(experiments.get_experiment_by_name, answers.experiment)
    delete_experiment = _answered_by(experiments.delete_experiment)
    restore_experiment = _answered_by(experiments.restore_experiment)
    rename_experiment = _answered_by(experiments.rename_experiment)
    set_experiment_tag = _answered_by(experiments.set_experiment_tag)
    delete_experiment_tag = _answered_by(experiments.delete_experiment_tag)
    filter_active_experiment_ids = _answered_by(experiments.filter_active_experiment_ids)

    create_run = _answered_by(runs.create_run, answers.new_run)
    get_run = _answered_by(runs.get_run, answers.run)
    update_run_info = _answered_by(runs.update_run_info, answers.run_info)
    delete_run = _answered_by(runs.delete_run)
    restore_run = _answered_by(runs.restore_run)
    _search_runs = _answered_by(runs.search_runs, answers.runs)
    log_param = _answered_by(runs.log_param)
    set_tag = _answered_by(runs.set_tag)
    delete_tag = _answered_by(runs.delete_tag)
    log_inputs = _answered_by(runs.log_inputs)
    log_outputs = _answered_by(runs.log_outputs)
    record_logged_model = _answered_by(runs.record_logged_model)
    _search_datasets = _answered_by(runs.search_datasets, answers.datasets)

    log_batch = _answered_by(_log_batch)
    get_metric_history = _answered_by(metrics.get_metric_history, answers.history)
    get_metric_history_bulk = _answered_by(metrics.get_metric_history_bulk, answers.points)
    get_metric_history_bulk_interval = _answered_by(metrics.get_metric_history_bulk_interval, answers.points)
    get_metric_history_bulk_interval_from_steps = _answered_by(
        metrics.get_metric_history_bulk_interval_from_steps, answers.points
    )
    log_metric = known_first(_answered_by(metrics.log_metric))

    _get_deleted_runs = _answered_by(purging.get_deleted_runs)
    _hard_delete_run = _answered_by(purging.hard_delete_run)
    _hard_delete_experiment = _answered_by(purging.hard_delete_experiment)
    _get_deleted_logged_models = _answered_by(purging.get_deleted_logged_models)

    def log_batch_async(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag], **later: Any
    ) -> RunOperations:
        """Log synchronously, so that nothing is lost if the process dies after this call.

        If logging fails, the method `wait` of the result raises the error.
        """
        done: Future[None] = Future()
        try:
            self.log_batch(run_id, metrics, params, tags, **later)
            done.set_result(None)
        except (MlflowException, TypeError, ValueError, OverflowError) as error:
            logger.error("Cannot log to run %s: %s", run_id, error)  # some callers never call `wait`
            done.set_exception(error)
        return RunOperations([done])

    @translated
    def search_logged_models(
        self, experiment_ids: list[str], filter_string: str | None = None, *args: Any, **kwargs: Any
    ) -> PagedList[LoggedModel]:
        if not self.companion.exists and NAME_FILTER.fullmatch(filter_string or ""):
            # MLflow makes this search each time it lists a folder of artifacts. If MLflow's tables do not exist, there
            # are no models. Creating the tables for the search would take seconds.
            return PagedList([], None)
        answer: PagedList[LoggedModel] = self.companion.call(
            "search_logged_models", experiment_ids, filter_string, *args, **kwargs
        )
        return answer

    @translated
    def ManagedSessionMaker(self, read_only: bool = True) -> AbstractContextManager[Session]:
        """Open a transaction over MLflow's own tables. `mlflow crypto rotate-kek` uses it to change stored secrets."""
        return self.companion.session(read_only)


for _name in FORWARDED_READS | FORWARDED_DEFAULTS | FORWARDED_WRITES:
    if getattr(BridgeTrackingStore, _name, None) is getattr(AbstractStore, _name, None):
        setattr(BridgeTrackingStore, _name, forwarding(_name))
for _name in SQL_PARTS:
    setattr(BridgeTrackingStore, _name, sql_part(_name))
