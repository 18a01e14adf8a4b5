"""Public names for those private functions of MLflow that this plugin needs.

MLflow's own store checks its arguments with most of these functions. Clients rely on the error messages of the checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from mlflow.entities import Metric
from mlflow.utils import validation

from bridge.records.series import MLFLOW

if TYPE_CHECKING:
    from mlflow.entities import FileInfo
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

check_experiment_tag: Callable[..., None] = validation._validate_experiment_tag
check_metric: Callable[..., None] = validation._validate_metric
checked_param: Callable[..., Any] = validation._validate_param

metric_fields: Callable[[Metric], tuple[Any, ...]] = attrgetter("_key", "_value", "_timestamp", "_step", "_model_id")
"""Returns the fields of a metric. This is faster than MLflow's properties, because it calls no function of Python."""


def known_first(log_metric: Callable[..., None]) -> Callable[..., None]:
    """Return a method of a tracking store that logs a metric like an earlier one in a few microseconds.

    The method passes the metric to `quick_log` of the store, a function like `JournaledStore.quick_log`. This function
    appends only to a series to which `log_metric` has logged the same types of value and step. So MLflow has already
    accepted the key and the types. The method `log_metric` checks and logs every other metric.
    """

    @wraps(log_metric)
    def method(self: Any, run_id: str, metric: Metric, **later: Any) -> None:
        # MLflow's properties, and a function that returns the fields, would make this path a tenth slower.
        if type(metric) is Metric and not later:
            timestamp = metric._timestamp
            if metric._model_id is None and type(timestamp) is int and timestamp >= 0:
                quick_log = self.quick_log  # Python calls a function in a local variable faster
                if quick_log(run_id, metric._key, metric._value, timestamp, metric._step, MLFLOW):
                    return
        log_metric(self, run_id, metric, **later)

    return method


def log_model_metrics(store: SqlAlchemyStore, run_id: str, metrics: list[Metric], experiment_id: int) -> None:
    """Store metrics of logged models in MLflow's tables."""
    passed: Any = experiment_id  # MLflow passes an integer, although the parameter is declared as text
    store._log_model_metrics(run_id, metrics, experiment_id=passed)


def hard_delete_experiment(store: SqlAlchemyStore, experiment_id: str) -> None:
    """Delete an experiment, and all that belongs to it, from MLflow's tables."""
    store._hard_delete_experiment(experiment_id)


def is_directory(repository: ArtifactRepository, path: str) -> bool:
    """Return whether a path in an artifact repository is a folder."""
    return bool(cast("Any", repository)._is_directory(path))


def files_below(repository: ArtifactRepository, path: str) -> Iterator[FileInfo]:
    """Yield the files below a folder of an artifact repository."""
    return (one for one in cast("Any", repository)._iter_artifacts_recursive(path) if not one.is_dir)


def download_destination(repository: ArtifactRepository, path: str, folder: str) -> str:
    """Create the folders for a file that will be downloaded, and return its path in `folder`."""
    return str(cast("Any", repository)._create_download_destination(path, folder))


def source_of_project(uri: str) -> str | None:
    """Return where a project comes from: its URL, or the remote URL of the Git repository that holds its folder."""
    from mlflow.projects import utils as projects
    from mlflow.tracking._tracking_service.utils import _get_git_url_if_present

    source = projects._expand_uri(uri)
    found: str | None = _get_git_url_if_present(source) if projects._is_local_uri(uri) else source
    return found


def is_branch_of_project(folder: str, version: str | None) -> bool:
    """Return whether the version of a project is the name of a branch of its Git repository."""
    from mlflow.projects import utils as projects

    return bool(projects._is_valid_branch_name(folder, version))


def register_artifact_repository(scheme: str, make: Callable[..., ArtifactRepository]) -> None:
    """Let MLflow open the artifact URIs of a scheme with a function, in this process."""
    from mlflow.store.artifact import artifact_repository_registry

    artifact_repository_registry._artifact_repository_registry.register(scheme, make)


def register_tracking_store(scheme: str, make: Callable[..., Any]) -> None:
    """Let MLflow open the tracking URIs of a scheme with a function, in this process."""
    from mlflow.tracking._tracking_service import utils

    utils._tracking_store_registry.register(scheme, make)


def set_source(version: ModelVersion, source: str) -> None:
    """Set the source of a version of a registered model, which MLflow offers no method for."""
    version._source = source
