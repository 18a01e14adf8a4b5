"""MLflow's clients with the plugin work with a workspace on a server, and lose no metric while it is away."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from away_server import AwayServer
from mlflow.entities import Metric
from submitting import log_of, until

from bridge import Experiment, Workspace
from bridge.launch.script import ScriptRunConfig
from bridge_mlflow.addresses import split_artifact_uri

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.filterwarnings("ignore:.*")]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create("demo", path=tmp_path / "demo") as workspace:
        yield workspace


@pytest.fixture
def server(local: Workspace, tmp_path: Path) -> Iterator[AwayServer]:
    with AwayServer(local.path, tmp_path / "server.log", "--mlflow", "lazy") as server:
        yield server


@pytest.fixture
def remote(server: AwayServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The workspace on the server, which MLflow uses too."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a request that fails fails the test immediately
    workspace = Workspace.open(server.address)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(workspace.get_mlflow_tracking_uri())
    yield workspace
    mlflow.set_tracking_uri(before)
    workspace.close()


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("bridge+http://h:5/artifacts/0/r/artifacts", ("http://h:5", "0/r/artifacts")),
        ("bridge+http://h:5/w/demo/artifacts", ("http://h:5/w/demo", "")),
        ("bridge+https://h/w/artifacts/artifacts/0/r/artifacts/a%20b", ("https://h/w/artifacts", "0/r/artifacts/a b")),
        ("bridge+http://h:5/runs/w/demo/artifacts/0", ("http://h:5/runs/w/demo", "0")),
    ],
)
def test_an_artifact_uri_names_the_workspace_and_a_path(uri: str, found: tuple[str, str]) -> None:
    assert split_artifact_uri(uri) == found


def test_the_fluent_interface_logs_to_the_server(remote, local, server, tmp_path):
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="first", description="a note", tags={"team": "vision"}) as active:
        mlflow.log_params({"depth": 3, "name": "x"})
        mlflow.log_metrics({"loss": 0.5, "accuracy": 0.75}, step=1)
        server.proxy.fail("refuse")
        for step in range(2, 100):
            mlflow.log_metric("loss", 1 / step, step=step)
        server.proxy.fail("none")
        (tmp_path / "one.txt").write_text("one")
        mlflow.log_artifact(str(tmp_path / "one.txt"), "many")
        mlflow.log_dict({"a": [1]}, "dict.json")
    run_id = active.info.run_id
    seen = mlflow.get_run(run_id)
    assert seen.info.status == "FINISHED" and seen.data.metrics == {"loss": 1 / 99, "accuracy": 0.75}
    assert seen.info.artifact_uri.startswith(f"bridge+{server.address}/artifacts/")
    assert json.loads(mlflow.artifacts.load_text(f"{seen.info.artifact_uri}/dict.json")) == {"a": [1]}
    history = mlflow.MlflowClient().get_metric_history(run_id, "loss")
    assert [point.step for point in history] == list(range(1, 100))
    assert len(mlflow.search_runs(filter_string="params.depth = '3'", experiment_names=["fluent"])) == 1

    run = local.get_run(run_id)
    assert (run.display_name, run.description, run.status) == ("first", "a note", "Completed")
    assert run.params == {"depth": "3", "name": "x"} and run.get_tags() == {"team": "vision"}
    assert run.get_file_names() == ["dict.json", "many/one.txt"]
    assert len(run.get_series("loss").values) == 99


def test_models_and_traces_are_kept_by_the_server(remote, tmp_path):
    def double(model_input: list[float]) -> list[float]:
        return [2 * one for one in model_input]

    mlflow.set_experiment("models")
    with mlflow.start_run():
        made = mlflow.pyfunc.log_model(name="model", python_model=double, input_example=[1.0])
    assert mlflow.pyfunc.load_model(made.model_uri).predict([2.0]) == [4.0]
    client = mlflow.MlflowClient()
    client.create_registered_model("doubled", description="twice")
    assert [found.description for found in client.search_registered_models("name = 'doubled'")] == ["twice"]
    with mlflow.start_span("outer") as span:
        span.set_inputs({"x": 1})
    mlflow.flush_trace_async_logging()
    (trace,) = mlflow.search_traces(return_type="list")
    assert trace.data.spans[0].name == "outer"


def test_mlflow_in_a_submitted_script_writes_to_its_run(remote, local, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    code = """
        import mlflow
        mlflow.log_metric("loss", 0.25)
        with mlflow.start_run(nested=True):
            mlflow.log_metric("inner", 1)
    """
    (source / "train.py").write_text(textwrap.dedent(code), encoding="utf-8")
    run = Experiment(remote, "submitted").submit(ScriptRunConfig(source, script="train.py"))
    run.wait_for_completion(raise_on_error=False)
    assert run.status == "Completed", log_of(run)
    seen = local.get_run(run.id)
    assert seen.get_metrics()["loss"] == 0.25
    until(lambda: [child.get_metrics() for child in seen.get_children()] == [{"inner": 1}])


def test_asynchronous_calls_wait_for_nothing_while_the_server_is_away(remote, local, server):
    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    server.proxy.fail("refuse")
    batch = [Metric("batch", number, number, number) for number in range(100)]
    calls = [client.log_batch(run_id, metrics=batch, synchronous=False)]
    calls += [client.log_metric(run_id, "loss", n, step=n, timestamp=n, synchronous=False) for n in range(100)]
    for call in calls:
        call.wait()
    server.proxy.fail("none")
    client.set_terminated(run_id)
    run = local.get_run(run_id)
    until(lambda: run.status == "Completed")
    assert run.get_metrics() == {"batch": list(range(100)), "loss": list(range(100))}
