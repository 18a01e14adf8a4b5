"""Features of the Azure ML service that Runbridge does not have work in a simpler way, or say what to use instead."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azureml_project import Project
from both_places import PLACES, new_experiment

from bridge import Experiment, NotAllowed, NotFound, Run, Workspace
from bridge_azureml.authentication import ServicePrincipalAuthentication
from bridge_azureml.data import Dataset, Datastore, Keyvault
from bridge_azureml.details import RunDetails
from bridge_azureml.diagnostics import diagnostic_log

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 25


IN_BOTH_PLACES = pytest.mark.parametrize("ws", PLACES, indirect=True)


# Data


@pytest.mark.parametrize(
    ("use", "instead"),
    [
        (lambda ws: Datastore(ws, "d"), "read data by its path"),  # type: ignore[call-arg]
        (lambda ws: Datastore.get(ws, "d"), "read data by its path"),
        (lambda ws: Dataset.get_by_name(ws, "d"), "log_input"),
        (lambda ws: Dataset.Tabular.from_delimited_files("d"), "log_input"),
        (lambda ws: Keyvault(ws), "environment variables"),  # type: ignore[call-arg]
        (lambda ws: ws.get_default_datastore(), "read data by its path"),
        (lambda ws: ws.get_default_keyvault(), "environment variables"),
    ],
)
def test_each_use_of_absent_data_raises_an_error_with_a_substitute(
    ws: Workspace, use: Callable[[Workspace], Any], instead: str
) -> None:
    with pytest.raises(NotAllowed, match=instead):
        use(ws)


def test_a_run_has_no_datasets(ws: Workspace) -> None:
    run = Experiment(ws, "data").start_logging(snapshot_directory=None, outputs=False)
    assert (run.input_datasets, run.output_datasets, ws.datasets) == ({}, {}, {})
    for empty in (run.input_datasets, run.output_datasets, ws.datasets):
        for look_up in (lambda empty=empty: empty["train"], lambda empty=empty: empty.get("train")):
            with pytest.raises(NotFound, match="no dataset 'train': Runbridge has no datasets: read data by its path"):
                look_up()
        assert "train" not in empty and empty.get("train", None) is None
    run.complete()


def test_arguments_that_only_the_service_needs_are_accepted(ws: Workspace, tmp_path: Path) -> None:
    run = Experiment(ws, "data").start_logging(snapshot_directory=None, outputs=False)
    run.upload_file("a.txt", io.BytesIO(b"1"))
    run.download_file("a.txt", str(tmp_path / "b.txt"), _validate_checksum=True)
    assert (tmp_path / "b.txt").read_bytes() == b"1"
    assert ws.get_mlflow_tracking_uri(_with_auth=True) == ws.get_mlflow_tracking_uri()
    run.complete()


def test_authentication_is_accepted_and_not_stored(ws: Workspace) -> None:
    login = ServicePrincipalAuthentication("tenant", "id", service_principal_password="secret")
    assert "secret" not in repr(vars(login))
    assert login.get_authentication_header() == {}


# Errors: the classes that Azure ML scripts catch are the classes that are raised


def test_the_error_names_of_azure_ml_are_classes_of_runbridge(project: Project) -> None:
    code = """
        from azureml.exceptions import *
        import azureml.exceptions as all_of_them
        import bridge

        names = all_of_them.__all__
        print(len(names), {name for name in names if not issubclass(getattr(all_of_them, name), bridge.BridgeError)})
        print(AzureMLException is bridge.BridgeError, UserErrorException is bridge.InvalidValue)
        print(ActivityFailedException is bridge.SubmitFailed, issubclass(ModelNotFoundException, WebserviceException))
        print(issubclass(ActivityCanceledException, ActivityFailedException))
    """
    assert project.run("script.py", code).splitlines() == ["16 set()", "True True", "True True", "False"]


@pytest.mark.slow
def test_except_clauses_of_azure_ml_scripts_catch_the_errors_of_runbridge(project: Project) -> None:
    code = """
        from azureml.core import Experiment, Model, Run, ScriptRunConfig, Workspace
        from azureml.exceptions import *
        import os

        ws = Workspace.from_config()
        exp = Experiment(ws, "errors")
        run = exp.start_logging(snapshot_directory=None)
        open("fails.py", "w").write("raise SystemExit(3)")

        def failed_script():
            exp.submit(ScriptRunConfig(".", script="fails.py")).wait_for_completion()

        def second_snapshot():
            run.take_snapshot(".")
            os.makedirs("other")
            open("other/file", "w").close()
            run.take_snapshot("other")

        for use, error in (
            (lambda: Experiment(ws, "bad name!"), UserErrorException),
            (lambda: run.log("a", [1, 2]), UserErrorException),
            (lambda: run.upload_file("a", 3), UserErrorException),
            (lambda: run.download_file("none"), AzureMLException),
            (lambda: Workspace.from_config("/"), UserErrorException),
            (lambda: Workspace.get("none"), WorkspaceException),
            (lambda: Workspace("s", "g", "none"), ProjectSystemException),
            (lambda: Workspace.create(ws.name), WorkspaceException),
            (lambda: Model(ws, "none"), WebserviceException),
            (lambda: Model(ws, "none"), ModelNotFoundException),
            (lambda: run.register_model("m", "none"), ModelPathNotFoundException),
            (lambda: run.register_model("bad name!", "none"), WebserviceException),
            (lambda: exp.submit(ScriptRunConfig(".", script="none.py")), ExperimentExecutionException),
            (failed_script, ActivityFailedException),
            (second_snapshot, SnapshotException),
            (lambda: Run.get_context(allow_offline=False), RunEnvironmentException),
        ):
            try:
                use()
                print("nothing raised", error)
            except error as caught:
                assert caught.message == str(caught)
        run.complete()
        print("all caught")
    """
    assert project.run("script.py", code).splitlines() == ["all caught"]


# Diagnostics


def test_a_diagnostic_log_has_all_messages_that_are_logged_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger("bridge.some.part")
    logger.debug("before")
    with diagnostic_log():
        logger.debug("within")
    logger.debug("after")
    (line,) = (tmp_path / "azureml.log").read_text(encoding="utf-8").splitlines()
    assert line.endswith("|bridge.some.part|DEBUG|within")


# The widget


@pytest.fixture
def run(ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run = new_experiment(ws).start_logging(snapshot_directory=None, tags={"team": "vision"})
    run.log("loss", 0.5)
    run.log("loss", 0.25)
    run.log_row("wave", angle=0.0, cos=1.0)
    run.child_run("child").complete()
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "picture.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    run.log_image("picture", path="charts/picture.png")
    return run


@IN_BOTH_PLACES
def test_details_are_shown_as_text_and_show_returns(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    RunDetails(run).show()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"Run: {run.id}", "Status: Running"]
    assert "Tag team: vision" in lines
    assert "Metric loss: 0.25 (the last of 2)" in lines
    assert "Metric wave: angle: 0.0; cos: 1.0" in lines
    (picture,) = run.get_file_names()
    assert f"Metric picture: {picture}" in lines
    assert "Note: the run has not ended: call show() again to see its next state" in lines
    assert f"Web View: {run.get_portal_url()}" in lines


@IN_BOTH_PLACES
def test_widget_data_has_the_old_names(run: Run) -> None:
    (child,) = run.get_children()
    child.log("mse", 1)
    data = RunDetails(run).get_widget_data()
    assert set(data) == {
        "status", "workbench_run_details_uri", "run_id", "run_properties", "child_runs", "children_metrics",
        "run_metrics", "run_logs", "graph", "widget_settings", "loading",
    }  # fmt: skip
    assert (data["status"], data["loading"], data["run_id"]) == ("Running", True, run.id)
    assert {"name": "loss", "run_id": run.id, "categories": [0, 1], "series": [{"data": [0.5, 0.25]}]} in data[
        "run_metrics"
    ]
    assert [one["run_id"] for one in data["child_runs"]] == [child.id]
    assert data["children_metrics"][child.id][0]["name"] == "mse"
    assert set(data["run_properties"]) == {
        "run_id", "created_utc", "properties", "tags", "script_name", "arguments", "end_time_utc", "status",
        "log_files", "log_groups", "run_duration", "run_number", "run_queued_details",
    }  # fmt: skip
    assert data["run_properties"]["run_duration"].startswith("0:00:")
    run.complete()
    after = RunDetails(run).get_widget_data()
    assert after["loading"] is False
    assert after["run_logs"].endswith("Run is completed.")
    assert after["run_properties"]["end_time_utc"] is not None


def test_a_failed_run_shows_its_error(run: Run) -> None:
    run.fail("the disk is full")
    assert RunDetails(run).get_widget_data()["run_logs"].endswith("Error occurred: the disk is full")


def test_a_notebook_gets_a_table(ws: Workspace, tmp_path: Path) -> None:
    run = Experiment(ws, "table").start_logging(snapshot_directory=None)
    run.log("a<b", "<i>")
    run.complete()
    code = f"""
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

InteractiveShell.instance()
import bridge_azureml
from azureml.core import Workspace
from azureml.widgets import RunDetails

with capture_output() as shown:
    RunDetails(Workspace.open({str(ws.path)!r}).get_run({run.id!r})).show()
(output,) = shown.outputs
print(output.data["text/html"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("<table>"), done.stderr
    assert "a&lt;b" in done.stdout
    assert "<i>" not in done.stdout
    assert "Completed" in done.stdout
