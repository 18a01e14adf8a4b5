"""Every call of the sample notebooks for the Azure ML SDK v1 runs unchanged, `azureml` imports included."""

from __future__ import annotations

import socket

import pytest
from azureml_project import CONFIG, Project
from both_places import OLD_SCRIPTS_IN_BOTH_PLACES

pytestmark = pytest.mark.processes


def said(lines: list[str], word: str) -> list[str]:
    """Return the rest of each line that begins with a word and a colon."""
    return [line.partition(f"{word}: ")[2] for line in lines if line.startswith(f"{word}: ")]


@pytest.fixture
def port() -> str:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return str(free.getsockname()[1])


def test_train_on_local(project: Project) -> None:
    project.copy("train_on_local")
    lines = project.lines("notebook.py")
    place = [CONFIG["workspace_name"], CONFIG["resource_group"], "local", CONFIG["subscription_id"]]
    assert lines[1:5] == place
    assert "train-on-local" in said(lines, "html")[0]
    assert "alpha is 0.40, and mse is 3295.71" in lines
    assert "Execution Summary" in lines
    (alphas,) = said(lines, "alphas")
    assert alphas == f"{[round(0.05 * index, 2) for index in range(20)]} float"
    assert "the best alpha is 0.40, with an error of 3295.71" in lines
    assert said(lines, "kept") == ["True 20"]
    assert said(lines, "registered") == ["best_ridge_model 1 models:/best_ridge_model/1"]
    assert said(lines, "models") == ["['best_ridge_model']"]
    assert said(lines, "base image")[0].count("/") > 0
    assert not (project.folder / "outputs").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_train_on_local_in_an_environment_that_is_made(project: Project) -> None:
    project.copy("train_on_local")
    lines = project.lines("system_managed.py")
    assert "alpha is 0.40, and mse is 3295.71" in lines
    assert said(lines, "alphas") == ["20"]


@OLD_SCRIPTS_IN_BOTH_PLACES
def test_logging_api(project: Project) -> None:
    project.copy("logging_api")
    lines = project.lines("notebook.py")
    assert said(lines, "3,000 rows in less than 10 s") == ["True"]
    assert said(lines, "read in less than 10 s") == ["True"]
    assert said(lines, "category") == ["Red 42 [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]"]
    assert said(lines, "sigmoid") == ["20 0.5"]
    assert said(lines, "cosine") == ["{'angle': 20, 'cos': 20}"]
    assert said(lines, "sine") == ["{'angle': 20, 'sine': 20}"]
    assert said(lines, "rows") == ["15 1000 999.5"]
    assert said(lines, "one") == ["{'scale factor': 2}"]
    assert "logging-api/myfile.txt" in said(lines, "files")[0]
    assert len([line for line in lines if line.startswith("Downloading file")]) == 2
    assert said(lines, "picture") == ["True This is an output file."]
    assert said(lines, "tags") == ["{'My Favorite Run': None, 'Competition Rank': '1'}"]


@OLD_SCRIPTS_IN_BOTH_PLACES
def test_manage_runs(project: Project) -> None:
    project.copy("manage_runs")
    lines = project.lines("notebook.py")
    assert [line.split()[0] for line in said(lines, "interactive")] == ["Running", "Completed"]
    assert said(lines, "details") == ["True"]
    assert said(lines, "with") == ["Running", "Completed"]
    assert said(lines, "logs") == ["True"]
    assert "hello from the script" in lines
    assert said(lines, "submitted") == ["True", "Completed {'message': 'hello'}"]
    assert said(lines, "properties") == ["azureml-user"]
    assert "author" in said(lines, "refused")[0]
    first, second = said(lines, "tags")
    assert first == "{'quality': 'great run'}"
    assert second == "{'quality': 'fantastic run', 'worth another look': None}"
    assert said(lines, "found") == ["True"]
    assert said(lines, "children") == ["[0, 1, 2, 3, 4]", str(["Completed"] * 5)]
    assert said(lines, "cancel") == said(lines, "cancel stays") == ["Canceled"]
    assert said(lines, "fail") == said(lines, "fail stays") == ["Failed"]
    assert set(said(lines, "dead")) == {"True"}
    assert said(lines, "snapshot") == ["True True True"]


def test_using_mlflow_train_local(project: Project) -> None:
    project.copy("using_mlflow")
    done = project.start("-m", "bridge_azureml", "train_local.py")
    assert done.returncode == 0, done.stderr
    (run,) = said(done.stdout.splitlines(), "run")
    assert run == "Completed 0.03 3425 ['actuals_vs_predictions.png']"


def test_using_mlflow_train_remote(project: Project) -> None:
    project.copy("using_mlflow")
    done = project.start("-m", "bridge_azureml", "train_remote.py")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert said(lines, "metrics") == ["{'Training samples': 353.0, 'Test samples': 89.0}"]
    assert said(lines, "details") == ["Completed True"]
    assert said(lines, "files") == ["True"]
    assert said(lines, "children") == ["0 runs: 1"]
    assert "cpu-cluster" in done.stderr


def test_tensorboard_export(project: Project, port: str) -> None:
    project.copy("tensorboard")
    lines = project.lines("export_run_history.py", TB_PORT=port)
    assert said(lines, "exported") == ["4 Completed"]
    assert said(lines, "url") == [f"http://localhost:{port}/"]


def test_tensorboard_of_a_submitted_run(project: Project, port: str) -> None:
    project.copy("tensorboard")
    lines = project.lines("local.py", TB_PORT=port)
    assert "events written" in lines
    assert said(lines, "Status") == ["Completed"]
    assert said(lines, "answers") == ["200"]


@OLD_SCRIPTS_IN_BOTH_PLACES
def test_the_article(project: Project) -> None:
    project.copy("article")
    done = project.start("-m", "bridge_azureml", "article.py")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    names = ["Cosine Wave", "Fibonacci", "Sigmoid", "Sine Wave", "food"]
    assert said(lines, "interactive") == [f"Completed {names}"]
    # submit(…, show_output=True) and wait_for_completion(show_output=True) both print it.
    assert said(lines, "status in the script") == ["Running", "Running"]
    (metrics,) = said(lines, "metrics")
    assert metrics == "{'train_loss': [1.0, 0.5, 0.3333333333333333], 'after the logger': 0.5}"
    assert said(lines, "params") == ["{'alpha': '0.4'}"]
    assert said(lines, "ended") == ["Completed 2"]
    assert said(lines, "said") == ["True"]
