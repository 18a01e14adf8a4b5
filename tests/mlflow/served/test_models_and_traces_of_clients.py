"""Files of registered models and spans of traces are read through the server, in the workspace of the request only."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from served_workspaces import ServedBySubprocess

pytestmark = pytest.mark.slow


@pytest.fixture
def address(server: ServedBySubprocess) -> Iterator[str]:
    """The address of the first workspace, which MLflow's client uses."""
    mlflow.set_tracking_uri(server.at("anna"))
    yield server.at("anna")
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def test_a_logged_model_is_registered_and_its_files_are_read(server: ServedBySubprocess, address: str) -> None:
    client = MlflowClient()
    model = client.create_logged_model("0", "model")
    place = model.artifact_location.removeprefix("mlflow-artifacts:/")
    stored = requests.put(f"{address}/api/2.0/mlflow-artifacts/artifacts/{place}/MLmodel", data=b"flavors", timeout=60)
    assert stored.status_code == 200
    client.create_registered_model("registered")
    version = client.create_model_version("registered", f"models:/{model.model_id}", model_id=model.model_id)
    assert version.source == f"models:/{model.model_id}"
    target = "model-versions/get-artifact?name=registered&version=1&path=MLmodel"
    assert requests.get(f"{address}/{target}", timeout=60).content == b"flavors"
    assert requests.get(f"{server.at('boris')}/{target}", timeout=60).status_code == 404
    client.delete_registered_model("registered")  # other tests use the server too


@pytest.mark.filterwarnings("default")  # MLflow makes no span if a warning is an error
def test_spans_in_the_tables_are_sent_as_a_file(server: ServedBySubprocess, address: str) -> None:
    with mlflow.start_span("traced") as span:
        span.set_inputs({"x": 1})
    mlflow.flush_trace_async_logging()
    trace_id = span.trace_id
    target = f"ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace_id}"
    answer = requests.get(f"{address}/{target}", timeout=60)
    assert answer.status_code == 200, answer.text
    assert [one["name"] for one in answer.json()["spans"]] == ["traced"]
    assert requests.get(f"{server.at('boris')}/{target}", timeout=60).status_code == 404
    tags = f"{address}/api/2.0/mlflow/traces/{trace_id}/tags"
    for key, value in (
        ("mlflow.artifactLocation", "file:///etc"),
        ("mlflow.trace.archiveLocation", "s3://other/x"),
        ("mlflow.trace.spansLocation", "ARCHIVE_REPO"),
    ):
        answer = requests.patch(tags, json={"key": key, "value": value}, timeout=60)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), key
