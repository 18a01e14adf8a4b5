"""MLflow projects as submitted runs: `mlflow run . --backend bridge`.

Source: MLflow 3.17.2, `mlflow.projects`; the options are those that Azure ML's backend had.
"""

from __future__ import annotations

import functools
import logging
import shlex
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import mlflow
from mlflow.exceptions import ExecutionException
from mlflow.projects import utils as projects
from mlflow.projects.backend.abstract_backend import AbstractBackend
from mlflow.projects.submitted_run import SubmittedRun

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import BridgeError, InvalidState, InvalidValue, NotFound, SubmitFailed
from bridge.handles.experiment import Experiment
from bridge.handles.script_run import ScriptRun
from bridge.handles.workspace import Workspace
from bridge.launch.script import ScriptRunConfig
from bridge.runs.submit import submit_script
from bridge_mlflow import mlflow_private
from bridge_mlflow.project_environment import BUILT, environment_manager, environment_of
from bridge_mlflow.translate.statuses import MLFLOW_STATUS

if TYPE_CHECKING:
    from mlflow.projects._project_spec import Project

# `mlflow run` shows only the messages of MLflow's loggers, so this module uses one of them.
logger = logging.getLogger("mlflow.projects")

P = ParamSpec("P")
R = TypeVar("R")

COMPUTE, USE_CONDA, STREAM_OUTPUT = "COMPUTE", "USE_CONDA", "STREAM_OUTPUT"
GIVEN_BY_MLFLOW = frozenset(
    {
        projects.PROJECT_ENV_MANAGER,
        projects.PROJECT_SYNCHRONOUS,
        projects.PROJECT_DOCKER_ARGS,
        projects.PROJECT_STORAGE_DIR,
        projects.PROJECT_BUILD_IMAGE,
        projects.PROJECT_DOCKER_AUTH,
    }
)
TRUTHS: Mapping[object, bool] = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _refusing(method: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function: raise our errors as `ExecutionException`, which `mlflow run` shows in one line."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except BridgeError as error:
            raise ExecutionException(error.sentence) from error

    return call


class BridgeProjectBackend(AbstractBackend):
    """A backend that submits the entry point of a project to an experiment, as `Experiment.submit` does.

    Options of `backend_config`; a value may also be text:
        COMPUTE: the name of a compute target; "local" by default. Every target is this computer. If the value is not
            "local", the run gets a warning.
        USE_CONDA: false uses the current interpreter; true builds the environment that the project declares. If the
            option is absent, `--env-manager` decides ("local" is the current interpreter). If both are absent, the
            environment is built if the project declares one.
        STREAM_OUTPUT: whether `wait` prints the output of the script; true by default.
    """

    @_refusing
    def run(
        self,
        project_uri: str,
        entry_point: str,
        params: Mapping[str, Any] | None,
        version: str | None,
        backend_config: Mapping[str, Any],
        tracking_uri: str,
        experiment_id: str,
    ) -> BridgeSubmittedRun:
        """Submit the run.

        Raises:
            ExecutionException: MLflow's tracking URI is not that of a workspace, an option does not apply, or the
                project cannot be run. No run is created.
        """
        workspace = _workspace_of(tracking_uri)
        streams = _truth(backend_config, STREAM_OUTPUT)
        _check_options(backend_config)
        folder = projects.fetch_and_validate_project(project_uri, version, entry_point, params)
        project = projects.load_project(folder)
        manager = environment_manager(
            project, backend_config.get(projects.PROJECT_ENV_MANAGER), _truth(backend_config, USE_CONDA)
        )
        config = ScriptRunConfig(
            folder,
            command=_command(project, entry_point, params, backend_config.get(projects.PROJECT_STORAGE_DIR)),
            environment=environment_of(project, manager),
            compute_target=backend_config.get(COMPUTE) or None,
        )
        experiment = Experiment(workspace, workspace.stores.tracking.get_experiment(experiment_id).name)
        tags = _tags(project_uri, folder, version, entry_point, manager)
        active = mlflow.active_run()
        parent_id = active.info.run_id if active else None
        given = _logged_params(project, entry_point, params)
        place = submit_script(workspace.stores, experiment_id, config, tags, parent_id=parent_id, params=given)
        run = ScriptRun.wrap(experiment, place.run_id)
        logger.info("=== Run (ID '%s') is submitted to experiment '%s' ===", run.id, experiment.name)
        return BridgeSubmittedRun(run, streams is not False)


class BridgeSubmittedRun(SubmittedRun):
    """A submitted run, with the methods that MLflow calls.

    Args:
        run: the run.
        streams: whether `wait` prints the output of the script.
    """

    def __init__(self, run: ScriptRun, streams: bool) -> None:
        super().__init__()
        self._run, self._streams = run, streams

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._run.id

    def wait(self) -> bool:
        """Wait until the run has ended, and return whether it is FINISHED."""
        try:
            self._run.wait_for_completion(show_output=self._streams, raise_on_error=False)
        except SubmitFailed as error:
            # `wait_for_completion` turns Ctrl-C into SubmitFailed, and the run continues. MLflow expects the
            # KeyboardInterrupt, and then cancels the run.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise
        return self._run.status == "Completed"

    def get_status(self) -> str:
        """Return MLflow's name of the run's status."""
        return MLFLOW_STATUS[self._run.place.record().status]

    def cancel(self) -> None:
        """Stop the run, and wait until it has stopped. A run that has ended is unchanged."""
        try:
            self._run.cancel()
        except InvalidState as error:
            logger.info("%s", error)


def azures_own_backend() -> AbstractBackend | None:
    """Return the backend of Azure's own plugin; None if the plugin is not installed."""
    for entry_point in entry_points(group="mlflow.project_backend", name="azureml"):
        if entry_point.module != __package__:
            backend: AbstractBackend = entry_point.load()()
            return backend
    return None


def _workspace_of(tracking_uri: str) -> Workspace:
    try:
        return Workspace.open(folder_of_uri(tracking_uri))
    except InvalidValue:
        rule = f"must be the URI of a workspace, {SCHEME}:///…; use ws.get_mlflow_tracking_uri()"
        raise InvalidValue("tracking URI", tracking_uri, rule) from None
    except NotFound:
        raise NotFound("workspace", tracking_uri, "set MLFLOW_TRACKING_URI to ws.get_mlflow_tracking_uri()") from None


def _truth(options: Mapping[str, Any], name: str) -> bool | None:
    """Return the value of a boolean option, which may be text; None if it is absent."""
    value = options.get(name)
    if value is None or isinstance(value, bool):
        return value
    try:
        return TRUTHS[str(value).strip().lower()]
    except KeyError:
        raise InvalidValue(name, value, "must be true or false") from None


def _check_options(options: Mapping[str, Any]) -> None:
    unknown = sorted(set(options) - GIVEN_BY_MLFLOW - {COMPUTE, USE_CONDA, STREAM_OUTPUT})
    if unknown:
        logger.warning("These options of backend_config are ignored: %s.", ", ".join(unknown))


def _command(project: Project, entry_point: str, params: Mapping[str, Any] | None, storage: str | None) -> str:
    (command,) = projects.get_entry_point_command(project, entry_point, dict(params or {}), storage)
    return f"bash -c {shlex.quote(command)}"  # MLflow's own backend uses bash too


def _tags(uri: str, folder: str, version: str | None, entry_point: str, manager: str) -> dict[str, str | None]:
    """Return the tags that MLflow gives to a project's run.

    Source: MLflow 3.17.2, `mlflow.projects.utils._create_run`, `mlflow.projects.backend.local`.
    """
    from mlflow.utils import git_utils, mlflow_tags

    tags: dict[str, str | None] = {
        mlflow_tags.MLFLOW_SOURCE_NAME: mlflow_private.source_of_project(uri),
        mlflow_tags.MLFLOW_SOURCE_TYPE: "PROJECT",
        mlflow_tags.MLFLOW_PROJECT_ENTRY_POINT: entry_point,
        mlflow_tags.MLFLOW_GIT_COMMIT: git_utils.get_git_commit(folder),
        mlflow_tags.MLFLOW_GIT_REPO_URL: git_utils.get_git_repo_url(folder),
        mlflow_tags.MLFLOW_GIT_BRANCH: version if mlflow_private.is_branch_of_project(folder, version) else None,
        mlflow_tags.MLFLOW_PROJECT_ENV: manager if manager in BUILT else None,
    }
    return {key: value for key, value in tags.items() if value is not None}


def _logged_params(project: Project, entry_point: str, given: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the params of the run as MLflow spells them, beginning with those that the entry point declares."""
    found, more = project.get_entry_point(entry_point).compute_parameters(dict(given or {}), storage_dir=None)
    params = [mlflow_private.checked_param(key, str(value)) for key, value in {**found, **more}.items()]
    return {param.key: param.value for param in params}
