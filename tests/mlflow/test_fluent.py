"""Values logged through MLflow's fluent interface are read through both APIs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import mlflow
import numpy
import pandas
import pytest
from forked import Fork, Say
from mlflow.exceptions import MlflowException

from bridge import Workspace
from bridge.store.workspace_stores import WorkspaceStores

pytestmark = pytest.mark.filterwarnings("ignore:.*")  # warnings of matplotlib, sklearn, torch and MLflow


@pytest.fixture
def ws(opened: WorkspaceStores) -> Workspace:
    return Workspace.open(opened.address)


def test_both_apis_return_what_the_fluent_interface_logs(fluent: str, ws: Workspace, tmp_path: Path) -> None:
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="first", description="a note", tags={"team": "vision"}) as active:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name": "x"})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"loss": 0.25, "accuracy": 0.75}, step=2)
        mlflow.set_tag("owner", "eve")
        mlflow.set_tags({"a": 1, "b": None})
        mlflow.delete_tag("a")
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "one.txt").write_text("one")
        mlflow.log_artifact(tmp_path / "folder" / "one.txt")  # type: ignore[arg-type]
        mlflow.log_artifacts(tmp_path / "folder", "many")  # type: ignore[arg-type]
        mlflow.log_text("hello", "text/hello.txt")
        mlflow.log_dict({"a": [1]}, "dict.json")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
    run_id = active.info.run_id

    run = ws.get_run(run_id)
    assert run.experiment.name == "fluent"
    assert (run.display_name, run.description, run.get_status()) == ("first", "a note", "Completed")
    assert run.params == {"lr": "0.1", "depth": "3", "name": "x"}
    assert run.get_metrics() == {"loss": [0.5, 0.25], "accuracy": 0.75}
    assert run.get_tags() == {"team": "vision", "owner": "eve", "b": "None"}
    assert run.get_file_names() == ["dict.json", "many/one.txt", "one.txt", "table.json", "text/hello.txt"]
    seen = mlflow.get_run(run_id)
    assert seen.info.status == "FINISHED"
    assert seen.data.metrics == {"loss": 0.25, "accuracy": 0.75}
    assert mlflow.load_table("table.json", run_ids=[run_id])["x"].tolist() == [1, 2]
    assert json.loads(mlflow.artifacts.load_text(f"{seen.info.artifact_uri}/dict.json")) == {"a": [1]}


def test_figures_and_images(fluent: str, ws: Workspace) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with mlflow.start_run() as active:
        figure, axes = pyplot.subplots()
        axes.plot([1, 2])
        mlflow.log_figure(figure, "plots/figure.png")
        pyplot.close(figure)
        mlflow.log_image(numpy.zeros((8, 8, 3), dtype=numpy.uint8), "image.png")
        mlflow.log_image(numpy.zeros((8, 8), dtype=numpy.uint8), key="dogs", step=3)
        mlflow.flush_artifact_async_logging()
    names = ws.get_run(active.info.run_id).get_file_names()
    assert {"plots/figure.png", "image.png"} <= set(names)
    assert len([name for name in names if name.startswith("images/dogs") and "step" in name]) == 2


def test_searches_and_nested_runs(fluent: str, ws: Workspace) -> None:
    mlflow.set_experiment("nested")
    with mlflow.start_run(run_name="parent") as parent:
        for depth in (1, 2, 3):
            with mlflow.start_run(nested=True, run_name=f"child {depth}"):
                mlflow.log_param("depth", depth)
                mlflow.log_metric("score", depth / 2)
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}' and metrics.score >= 1",
        order_by=["metrics.score DESC"],
    )
    assert found["tags.mlflow.runName"].tolist() == ["child 3", "child 2"]
    assert found["params.depth"].tolist() == ["3", "2"]
    assert [one.name for one in mlflow.search_experiments(order_by=["name ASC"])] == ["Default", "nested"]
    assert len(mlflow.search_runs(search_all_experiments=True)) == 4
    assert mlflow.last_active_run().info.run_id == parent.info.run_id


def test_the_ends_of_runs(fluent: str, ws: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as failed:
        raise ZeroDivisionError
    assert ws.get_run(failed.info.run_id).get_status() == "Failed"
    mlflow.start_run(run_id=failed.info.run_id)
    assert ws.get_run(failed.info.run_id).get_status() == "Running"
    mlflow.end_run("KILLED")
    assert ws.get_run(failed.info.run_id).get_status() == "Canceled"
    mlflow.delete_run(failed.info.run_id)
    with pytest.raises(MlflowException, match="because it is in the deleted state"):
        mlflow.start_run(run_id=failed.info.run_id)


def test_inputs_and_asynchronous_logging(fluent: str, ws: Workspace) -> None:
    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1, 2]}), name="points")  # type: ignore[attr-defined]
    with mlflow.start_run() as active:
        mlflow.log_input(data, context="training")
        operations = [mlflow.log_metric("m", i, step=i, synchronous=False) for i in range(50)]
        assert len(ws.get_run(active.info.run_id).get_metrics()["m"]) == 50  # before any call waits
        for operation in operations:
            operation.wait()
        mlflow.flush_async_logging()
    (used,) = mlflow.get_run(active.info.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.tags[0].value) == ("points", "training")


def test_environment_variables_point_mlflow_at_a_workspace(uri: str, ws: Workspace, fork: Fork) -> None:
    def script(say: Say) -> None:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # as in a new process
        os.environ |= {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "by environment"}
        with mlflow.start_run() as run:
            mlflow.log_metric("m", 1)
        say(run.info.run_id)

    child = fork(script)
    run = ws.get_run(child.line())
    assert child.wait() == 0
    assert (run.experiment.name, run.get_metrics()) == ("by environment", {"m": 1.0})
