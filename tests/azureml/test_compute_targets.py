"""The name of a cluster means this computer wherever an Azure ML script uses it, and is reported once."""

from __future__ import annotations

from pathlib import Path

import pytest
from azureml_project import Project

from bridge import Experiment, InvalidValue, NotFound, ScriptRunConfig, Workspace
from bridge.environments import substitutes
from bridge.handles.compute import ComputeTarget

RAN_HERE = "The script ran on this computer, because Runbridge has no compute target 'cpu-cluster'."


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(substitutes, "_reported", False)
    return Workspace.create("clusters", path=tmp_path / "ws")


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_STRICT", "1")


def test_every_name_is_a_target_and_the_first_is_reported_once(ws: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    assert ComputeTarget(ws, "local").name == "local"
    assert "local" in ws.compute_targets and "cpu-cluster" in ws.compute_targets
    assert caplog.text == ""
    names = [ComputeTarget(ws, "cpu-cluster").name, ws.compute_targets["gpu-cluster"].name]
    names.append(ComputeTarget.create(ws, "third", ComputeTarget.provisioning_configuration(vm_size="x")).name)
    assert names == ["cpu-cluster", "gpu-cluster", "third"]
    assert caplog.text.count("run on this computer") == 1
    assert "'cpu-cluster'" in caplog.text


def test_the_targets_of_a_workspace_list_this_computer_only(ws: Workspace) -> None:
    targets = ws.compute_targets
    assert {name: target.type for name, target in targets.items()} == {"local": "local"}
    assert [target.name for target in ComputeTarget.list(ws)] == ["local"]
    found = targets.get("cpu-cluster")
    assert found is not None and found.type == "AmlCompute"
    assert "" not in targets and targets.get("") is None
    with pytest.raises(InvalidValue, match="must be the name of a compute target"):
        targets[5]  # type: ignore[index]


def test_a_target_has_the_attributes_that_scripts_read_of_a_cluster(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ComputeTarget(workspace=ws, name="cpu-cluster")
    target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    assert "this computer" in capsys.readouterr().out
    target.update(min_nodes=0, max_nodes=4)
    target.delete()
    target.detach()
    assert target.list_nodes() == ComputeTarget.supported_vmsizes(ws) == target.provisioning_errors == []
    assert target.status.provisioning_state == target.get_status().provisioning_state == "Succeeded"
    assert target.status.allocation_state == "Steady"
    assert target.get_status().serialize() == {
        "name": "cpu-cluster",
        "type": "AmlCompute",
        "provisioningState": "Succeeded",
    }


@pytest.mark.usefixtures("strict")
def test_strict_workspaces_have_this_computer_only(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'cpu-cluster': use 'local', because all scripts run on this computer"):
        ComputeTarget(ws, "cpu-cluster")
    with pytest.raises(NotFound):
        ws.compute_targets["cpu-cluster"]
    assert "cpu-cluster" not in ws.compute_targets and ws.compute_targets.get("cpu-cluster") is None
    assert ws.compute_targets["local"].name == "local"
    (tmp_path / "train.py").touch()
    config = ScriptRunConfig(tmp_path, script="train.py", compute_target="cpu-cluster")
    with pytest.raises(InvalidValue, match="compute_target 'cpu-cluster': must be 'local', because BRIDGE_STRICT is 1"):
        Experiment(ws, "strict").submit(config)


TUTORIAL = """
    from azureml.core import Workspace, Experiment, RunConfiguration, ScriptRunConfig
    from azureml.core.compute import ComputeTarget, AmlCompute
    from azureml.core.compute_target import ComputeTargetException

    ws = Workspace.from_config()
    try:
        cluster = ComputeTarget(workspace=ws, name="cpu-cluster")
    except ComputeTargetException:
        settings = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=4)
        cluster = ComputeTarget.create(ws, "cpu-cluster", settings)
    cluster.wait_for_completion(show_output=True)
    if "cpu-cluster" in ws.compute_targets and type(ws.compute_targets["cpu-cluster"]) is AmlCompute:
        print("found")
    settings = RunConfiguration()
    settings.target = "cpu-cluster"
    exp = Experiment(ws, "day1")
    for config in (
        ScriptRunConfig(source_directory="src", script="hello.py", compute_target="cpu-cluster"),
        ScriptRunConfig(source_directory="src", script="hello.py", compute_target=cluster),
        ScriptRunConfig(source_directory="src", script="hello.py", run_config=settings),
    ):
        run = exp.submit(config)
        details = run.wait_for_completion()
        print(details["status"], details["target"], *run.warnings)
"""


@pytest.mark.processes
def test_the_first_tutorial_of_azure_runs_and_its_runs_have_a_warning(project: Project) -> None:
    project.write("src/hello.py", "print('hello')")
    project.write("script.py", TUTORIAL)
    done = project.start("-m", "bridge_azureml", "script.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1:] == ["found", *[f"Completed local {RAN_HERE}"] * 3]
    assert done.stderr.count("run on this computer") == 1
