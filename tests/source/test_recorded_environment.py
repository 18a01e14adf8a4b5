"""The environment of a run is stored with its source: Python, the installed packages, and the computer."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from bridge import Environment, Experiment, Run, ScriptRunConfig, Workspace
from bridge.errors import NotFound
from bridge.source import recorded_environment
from bridge.source.manifest import ROOT
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, keep_environment, read_environment


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("print('trained')\n", encoding="utf-8")
    return folder


def recorded(run: Run) -> dict[str, object]:
    return read_environment(run.experiment.workspace.stores.artifacts, run.get_properties()[ENVIRONMENT_PROPERTY])


def test_a_run_with_source_records_python_packages_and_the_computer(workspace: Workspace, source: Path) -> None:
    found = recorded(Experiment(workspace, "e").start_logging(snapshot_directory=source))
    assert (found["python"], found["executable"]) == (platform.python_version(), sys.executable)
    assert (found["host"], found["processors"]) == (platform.node(), os.cpu_count())
    packages = found["packages"]
    assert isinstance(packages, dict)
    installed = {one.name.replace("_", "-").lower(): one.version for one in distributions() if one.name}
    assert packages["numpy"] == installed["numpy"]
    assert {name: packages.get(name) for name in installed if "." not in name} == {
        name: version for name, version in installed.items() if "." not in name
    }


def test_a_run_keeps_its_source_if_the_environment_cannot_be_stored(workspace: Workspace, source: Path) -> None:
    folder = Path(workspace.stores.address) / "artifacts" / ROOT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environments").write_text("a file where the folder should be")
    run = Experiment(workspace, "e").start_logging(snapshot_directory=source)
    assert run.get_snapshot_id() and ENVIRONMENT_PROPERTY not in run.get_properties()
    (warning,) = run.warnings
    assert warning.startswith("The environment was not recorded: ")


def test_equal_environments_are_stored_once(workspace: Workspace, source: Path) -> None:
    runs = [Experiment(workspace, "e").start_logging(snapshot_directory=source) for _ in range(2)]
    assert len({run.get_properties()[ENVIRONMENT_PROPERTY] for run in runs}) == 1
    assert len(workspace.stores.artifacts.list(ROOT, "environments")) == 1


def test_a_run_without_source_has_none(workspace: Workspace) -> None:
    run = Experiment(workspace, "e").start_logging(snapshot_directory=None)
    assert ENVIRONMENT_PROPERTY not in run.get_properties()


@pytest.mark.parametrize("is_own", [True, False], ids=["this Python", "another Python"])
def test_a_submitted_script_has_the_packages_of_its_own_python(
    workspace: Workspace, source: Path, tmp_path: Path, is_own: bool
) -> None:
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    if not is_own:
        environment.python.interpreter_path = str(tmp_path / "python")
        (tmp_path / "python").symlink_to(sys.executable)
    run = Experiment(workspace, "e").submit(ScriptRunConfig(str(source), "train.py", environment=environment))
    run.wait_for_completion()
    found = recorded(run)
    assert found["host"] == platform.node()
    assert ("packages" in found, "python" in found) == (is_own, is_own)


def test_gpus_are_those_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
        about = f"Model: \t\t NVIDIA A100-SXM4-{40 * (number + 1)}GB\nIRQ:   \t\t 10\n"
        (tmp_path / f"0000:0{number}:00.0" / "information").write_text(about, encoding="utf-8")
    (tmp_path / "0000:09:00.0").mkdir()
    monkeypatch.setattr(recorded_environment, "GPUS", tmp_path)
    gpus = recorded_environment.environment_of_process()["gpus"]
    assert gpus == ["NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB"]


def test_an_id_that_leads_elsewhere_and_damaged_content_are_not_found(workspace: Workspace) -> None:
    artifacts = workspace.stores.artifacts
    id = keep_environment(artifacts)
    assert read_environment(artifacts, id) == json.loads(json.dumps(recorded_environment.environment_of_process()))
    for wrong in ("../../x", "", id.upper() + "0", "0" * 32):
        with pytest.raises(NotFound):
            read_environment(artifacts, wrong)
    artifacts.put(ROOT, f"environments/{id}.json", b"[1, ")
    with pytest.raises(NotFound):
        read_environment(artifacts, id)
