"""Pickles of an earlier version can be opened; `make_pickles.py` has written them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge import Experiment, Run, ScriptRun, ScriptRunConfig, Workspace
from bridge.handles.offline import OfflineRun
from bridge.records.run import SCRIPT_RUN
from bridge.store.run_place import new_run

PICKLES = Path(__file__).parent / "pickles"
HANDLES = ("workspace", "experiment", "run", "script_run")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Create a workspace with the experiment and the runs that the pickles name."""
    workspace = Workspace.create("earlier", path=tmp_path / "ws")
    experiment = Experiment(workspace, "digits")
    interactive = new_run(experiment.id, run_id="interactive")
    script = new_run(experiment.id, run_id="script", type=SCRIPT_RUN)
    workspace.stores.tracking.create_runs([interactive, script])
    return workspace


def content(name: str, workspace: Workspace) -> bytes:
    return (PICKLES / f"{name}.pickle").read_bytes().replace(b"/the/workspace", str(workspace.path).encode())


def opened(name: str, workspace: Workspace) -> Any:
    return pickle.loads(content(name, workspace))


def test_an_earlier_workspace_is_opened_with_its_durability_and_values(workspace: Workspace) -> None:
    again = opened("workspace", workspace)
    assert type(again) is Workspace
    assert (again.id, again.location, again.stores.durability) == (workspace.id, "here", "power")


def test_an_earlier_experiment_is_opened(workspace: Workspace) -> None:
    again = opened("experiment", workspace)
    assert type(again) is Experiment
    assert (again.name, again.workspace.id) == ("digits", workspace.id)


@pytest.mark.parametrize(("name", "kind"), [("run", Run), ("script_run", ScriptRun)])
def test_an_earlier_run_is_opened_as_a_handle_of_its_class(workspace: Workspace, name: str, kind: type[Run]) -> None:
    again = opened(name, workspace)
    assert type(again) is kind
    again.log("loss", 0.5)
    assert workspace.get_run(again.id).get_metrics() == {"loss": 0.5}


def test_earlier_values_are_opened(workspace: Workspace) -> None:
    assert opened("view_type", workspace) is bridge.ViewType
    table = opened("metric", workspace)
    assert type(table) is bridge.MetricTable and table.columns == {"train": [0.5], "test": [0.25]}
    environment = opened("environment", workspace)
    assert type(environment) is bridge.Environment
    assert "tiny==1" in environment.python.conda_dependencies.serialize_to_string()
    config = opened("config", workspace)
    assert type(config) is ScriptRunConfig and (config.script, config.arguments) == ("train.py", ["--rate", 0.1])


@pytest.mark.parametrize("name", HANDLES)
def test_a_process_that_has_not_imported_bridge_opens_an_earlier_handle(workspace: Workspace, name: str) -> None:
    file = workspace.path.with_name("pickle")
    file.write_bytes(content(name, workspace))
    code = "import pickle, sys; print(type(pickle.load(open(sys.argv[1], 'rb'))).__name__)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", code, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == type(opened(name, workspace)).__name__ + "\n", done.stderr


@pytest.mark.parametrize("name", [*HANDLES, "offline_run"])
def test_a_pickle_names_only_functions_and_classes_of_bridge_itself(workspace: Workspace, name: str) -> None:
    if name == "offline_run":
        handle: Any = OfflineRun.wrap(Experiment(workspace, "digits"), "interactive")
    else:
        handle = opened(name, workspace)
    pickled = pickle.dumps(handle, protocol=0)
    named = {line for line in pickled.decode().splitlines() if "bridge" in line and "/" not in line}
    assert named and named <= {"cbridge", "(cbridge"}
    assert type(pickle.loads(pickled)) is type(handle)


def test_a_former_module_has_no_other_names() -> None:
    import bridge.former_names

    for name in bridge.former_names.MOVED:
        with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'other'"):
            sys.modules[name].other  # noqa: B018
