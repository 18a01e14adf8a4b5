"""The name of a curated environment of Azure means the submitting interpreter, and the run gets a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import CondaDependencies, Environment, Experiment, NotFound, ScriptRunConfig, Workspace
from bridge.launch.definition import script_definition
from bridge.launch.substitutes import substitute
from bridge.records.script import ScriptDefinition


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create("curated", path=tmp_path / "ws")


def submitted(environment: Environment, folder: Path) -> tuple[ScriptDefinition, tuple[str, ...]]:
    """Return the definition that is submitted with an environment, and the warnings of the run."""
    (folder / "train.py").touch()
    config = ScriptRunConfig(folder, script="train.py", environment=environment)
    return substitute(script_definition(config))


def test_a_curated_environment_is_found_without_a_registration(ws: Workspace) -> None:
    found = Environment.get(workspace=ws, name="AzureML-sklearn-0.24-ubuntu18.04-py37-cpu", version="1")
    assert found.python.user_managed_dependencies
    assert ws.environments == {}, "it is not listed"
    assert ws.environments["AzureML-Minimal"].python.user_managed_dependencies
    with pytest.raises(NotFound, match=r"There is no environment 'sklearn': register one, or use Environment\(name\)."):
        ws.environments["sklearn"]
    with pytest.raises(NotFound):
        Environment.get(ws, "sklearn")


def test_a_registered_environment_replaces_the_curated_environment_of_that_name(ws: Workspace, tmp_path: Path) -> None:
    mine = Environment("AzureML-mine")
    mine.python.user_managed_dependencies = True
    mine.register(ws)
    found = Environment.get(ws, "AzureML-mine")
    assert found.version == "1"
    assert submitted(found, tmp_path)[1] == ()


@pytest.mark.parametrize("is_found", [True, False])
def test_a_run_with_a_curated_environment_has_a_warning(ws: Workspace, tmp_path: Path, is_found: bool) -> None:
    name = "AzureML-Minimal"
    definition, warnings = submitted(Environment.get(ws, name) if is_found else Environment(name), tmp_path)
    assert warnings == (
        "The script ran with the Python interpreter that submitted it, because the environment 'AzureML-Minimal' exists"
        " only in Azure ML. The packages of this environment were not installed.",
    )
    python = definition.environment.python
    assert (python.user_managed_dependencies, python.interpreter_path) == (True, "python")


def test_the_warning_names_packages_that_are_added_to_a_curated_environment(ws: Workspace, tmp_path: Path) -> None:
    mine = Environment.get(ws, "AzureML-Minimal").clone("mine")
    assert mine.python.conda_dependencies is not None
    mine.python.conda_dependencies.add_conda_package("scipy")
    mine.python.conda_dependencies.add_pip_package("tqdm")
    _, warnings = submitted(mine, tmp_path)
    assert warnings == ("Packages were not installed, because the environment 'mine' is user-managed: scipy, tqdm.",)


@pytest.mark.parametrize("python", ["python", "python=3.11", "python>=3.10", "python 3.11", "conda-forge::python=3.11"])
def test_python_is_not_among_the_packages_that_were_not_installed(tmp_path: Path, python: str) -> None:
    dependencies = [python, {"pip": ["--no-deps"]}]
    mine, curated = Environment("mine"), Environment("AzureML-Minimal")
    mine.python.user_managed_dependencies = True
    for environment in (mine, curated):
        environment.python.conda_dependencies = CondaDependencies(_underlying_structure={"dependencies": dependencies})
    assert submitted(mine, tmp_path)[1] == ()
    definition, (warning,) = submitted(curated, tmp_path)
    assert definition.environment.python.user_managed_dependencies
    assert "exists only in Azure ML" in warning


def test_strict_workspaces_have_no_curated_environments(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_STRICT", "1")
    with pytest.raises(NotFound, match="AzureML-Minimal"):
        Environment.get(ws, "AzureML-Minimal")


@pytest.mark.processes
def test_a_script_in_a_curated_environment_runs_with_the_submitting_interpreter(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("import bridge; bridge.Run.get_context().log('loss', 1)")
    environment = Environment.get(ws, "AzureML-Minimal")
    run = Experiment(ws, "curated").submit(
        ScriptRunConfig(tmp_path / "src", script="train.py", environment=environment)
    )
    run.wait_for_completion()
    assert run.get_metrics() == {"loss": 1}
    (warning,) = run.warnings
    assert "exists only in Azure ML" in warning
