"""MLflow's handlers use the stores of the request's workspace, and no store of the process."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

ROUTED = {
    "server.handlers._tracking_store",
    "server.handlers._model_registry_store",
    "server.handlers._artifact_repo",
}
CLOSED = {"server.handlers._job_store", "server.workspace_helpers._workspace_store"}
HARMLESS = {
    "server.handlers._telemetry_config_cache": "the route that fills it is closed",
    "server.auth._RESOURCE_WORKSPACE_CACHE": "the module cannot be imported",
    "server.auth._USER_AUTH_CACHE": "the module cannot be imported",
    "store.artifact.databricks_artifact_repo_resources._trace_cache": "it is for Databricks",
    "tracing.trace_archival_config._TRACE_ARCHIVAL_SERVER_CONFIG_CACHE": "it has the settings of the process",
    "tracking._tracking_service.utils._artifact_repos_cache": "only MLflow's client fills it",
    "tracking.request_auth.kubernetes_request_auth_provider._file_cache": "only MLflow's client fills it",
    "tracking.request_auth.kubernetes_request_auth_provider._kubeconfig_namespace_cache": "only the client fills it",
    "tracking.request_auth.kubernetes_request_auth_provider._kubeconfig_token_cache": "only the client fills it",
    "utils.databricks_utils._dbconnect_udf_sandbox_info_cache": "it is for Databricks",
    "utils.provider_filter._provider_filter_cache": "it has the settings of the process",
    "utils.providers._remote_cache": "it has facts about other companies' models, and stays empty without a catalog",
    "utils.server_info._SERVER_INFO_CACHE": "only MLflow's client fills it",
}
PACKAGES = ("server", "tracking", "store", "tracing", "utils", "entities", "protos", "data", "models", "genai/datasets")


def variables() -> set[str]:
    """Return the variables of MLflow's modules whose names end as those of a store, a repository or a cache."""
    root = Path(mlflow.__file__).parent
    found = set()
    for package in PACKAGES:
        for file in (root / package).rglob("*.py"):
            module = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, (ast.Assign, ast.AnnAssign)):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    names = [target.id for target in targets if isinstance(target, ast.Name)]
                    ends = ("_store", "_repo", "_cache")
                    found |= {f"{module}.{name}" for name in names if name.lower().endswith(ends)}
    return found


@pytest.mark.rules
@pytest.mark.slow
def test_mlflow_keeps_no_other_store_in_a_module() -> None:
    found = variables()
    assert found >= ROUTED | CLOSED
    assert found - ROUTED - CLOSED - HARMLESS.keys() == set(), "route it, close it, or say why it is harmless"


CALLS = """
import json, os
from bridge_mlflow.server.application import Application
loaded = Application("eager").start().result()
import mlflow
from mlflow.exceptions import MlflowException
from mlflow.server import handlers, workspace_helpers
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
calls = {
    "tracking": lambda: handlers._get_tracking_store().search_experiments(),
    "tracking by class": lambda: isinstance(handlers._get_tracking_store(), dict),
    "registry": lambda: handlers._get_model_registry_store().search_registered_models(),
    "files": lambda: handlers._get_artifact_repo_mlflow_artifacts().list_artifacts(),
    "files by address": lambda: get_artifact_repository(os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] + "0/traces"),
    "jobs": lambda: handlers._get_job_store().get_job("1"),
    "workspaces": lambda: workspace_helpers._workspace_store.list_workspaces(),
    "client": lambda: mlflow.MlflowClient().search_experiments(),
    "registry of client": lambda: mlflow.MlflowClient().search_registered_models(),
    "other host": lambda: get_artifact_repository("http://169.254.169.254/latest/"),
    "other server": lambda: get_artifact_repository("mlflow-artifacts://169.254.169.254/0"),
}
answers = {}
for name, call in calls.items():
    try:
        answers[name] = "answered: " + repr(call())
    except MlflowException as error:
        answers[name] = error.message
try:
    import mlflow.server.auth
    answers["auth"] = "answered"
except ImportError:
    answers["auth"] = "no such module"
answers["created"] = os.listdir(".")
print(json.dumps(answers))
"""


@pytest.mark.slow
def test_outside_a_request_every_call_is_refused(tmp_path: Path) -> None:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/users.db", "MLFLOW_WORKSPACE": "x"}
    done = subprocess.run(
        [sys.executable, "-c", CALLS], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    nothing = "no request of a workspace is being answered"
    for name in ("tracking", "tracking by class", "client", "registry", "files", "files by address"):
        assert nothing in answers[name], name
    for name in ("jobs", "workspaces"):
        assert answers[name] == "This server has no jobs, and its workspaces are not MLflow's."
    assert "runbridge-request" in answers["registry of client"]
    for name in ("other host", "other server"):
        assert "addresses a host other than" in answers[name], answers[name]
    assert answers["auth"] == "no such module"
    assert answers["created"] == []
