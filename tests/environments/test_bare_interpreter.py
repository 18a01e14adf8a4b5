"""A script can log with an interpreter without packages. A call that needs a package raises one clear error."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

from bridge import Experiment, Workspace
from bridge.environments.import_folder import import_folder, import_paths

SCRIPT = """
import sys
from pathlib import Path

from bridge import BridgeError, Experiment, Run, Workspace

run = Experiment(Workspace.open(sys.argv[1]), "bare").start_logging(tags={"team": "vision"})
run.log("loss", 0.5)
run.log("loss", 0.25, step=7)
run.log("note", "text")
run.log_list("list", [1, 2, 3])
run.log_row("row", a=1, b="x")
run.log_table("table", {"a": [1, 2]})
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000a49444154789c63000100000500010d0a2db40000000049454e44ae426082"
)
run.log_image("picture", PIXEL)
run.log_confusion_matrix(
    "confusion",
    {"schema_type": "confusion_matrix", "schema_version": "v1", "data": {"class_labels": ["a"], "matrix": [[1]]}},
)
run.tag("seed", 7)
run.remove_tags(["team"])
run.add_properties({"author": "ada"})
run.upload_file("kept.txt", sys.argv[0])
Path("outputs/model.txt").write_text("model")
Path("logs").mkdir(exist_ok=True)
Path("logs/log.txt").write_text("log")
with run.child_run("child") as child:
    child.log("z", 1)
children = run.create_children(2)
for each in children:
    each.complete()
print(sorted(each.id for each in run.get_children()) == sorted([child.id, *(each.id for each in children)]))
print(child.parent.id == run.id, run.get_tags(), run.get_properties()["author"], run.get_status())
run.flush()
for read in (run.get_metrics, lambda: run.get_series("loss"), lambda: run.get_metrics(recursive=True)):
    try:
        read()
    except BridgeError as error:
        print(error)
run.complete()
files = [name for name in run.get_file_names() if not name.startswith(("images/", "metrics/"))]
print(run.get_status(), files, run.warnings)
with Run.get_context() as offline:
    offline.log("loss", 1)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"numpy", "pathspec", "psutil", "requests", "yaml"}))
print(run.id)
"""

MISSING = "There is no package 'numpy': reading metrics needs it. Run: pip install numpy."


def bare(folder: Path, python: str = sys.executable) -> str:
    """The interpreter of a virtual environment without packages, even without pip."""
    if python == sys.executable:
        venv.create(folder, with_pip=False)
    else:
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    return str(folder / "bin" / "python")


def printed_by(interpreter: str, *words: str, paths: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [interpreter, "-W", "error", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("Run OfflineRun_") for line in done.stderr.splitlines()), done.stderr
    return done.stdout


def other_pythons() -> list[str]:
    """The installed interpreters of other versions."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    own = f"{sys.version_info[0]}.{sys.version_info[1]}."
    found = sorted(pyenv.glob("versions/3.1[0-9].*/bin/python"))
    return [str(path) for path in found if not path.parents[1].name.startswith(own)]


@pytest.mark.parametrize(
    "python",
    [sys.executable, *(pytest.param(path, marks=pytest.mark.slow) for path in other_pythons())],
    ids=lambda path: Path(path).parents[1].name,
)
def test_a_script_logs_without_a_single_package(
    workspace: Workspace, tmp_path: Path, working_folder: Path, python: str
) -> None:
    interpreter = bare(tmp_path / "venv", python)
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    paths = import_paths(interpreter)
    assert paths == [str(import_folder())]
    words = ("script.py", str(workspace.path))
    (working_folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    *lines, run_id = printed_by(interpreter, *words, paths=paths, folder=working_folder).splitlines()
    assert lines == [
        "True",
        "True {'seed': '7'} ada Running",
        *[MISSING] * 3,
        "Completed ['kept.txt', 'logs/log.txt', 'outputs/model.txt'] ()",
        "[]",
    ]
    run = workspace.get_run(run_id)
    metrics = run.get_metrics(populate=True)
    assert metrics.pop("picture").data.startswith(b"\x89PNG")
    assert metrics.pop("confusion").convert_to_object()["data"] == {"class_labels": ["a"], "matrix": [[1]]}
    assert metrics == {
        "loss": [0.5, 0.25],
        "note": "text",
        "list": [1, 2, 3],
        "row": {"a": 1, "b": "x"},
        "table": {"a": [1, 2]},
    }
    (offline,) = Experiment(Workspace.open(os.environ["BRIDGE_HOME"] + "/offline"), "script").get_runs()
    assert offline.get_metrics() == {"loss": 1}


def test_the_import_folder_gives_bridge_its_plugins_and_their_entry_points(tmp_path: Path) -> None:
    code = """
import bridge, bridge_mlflow, bridge_azureml
from importlib.metadata import distribution
print(bridge.__file__)
for point in sorted(distribution("runbridge").entry_points):
    print(point.group, point.name, point.value)
"""
    folder = import_folder()
    printed = printed_by(bare(tmp_path / "venv"), "-c", code, paths=[str(folder)], folder=tmp_path)
    points = sorted(distribution("runbridge").entry_points)
    assert printed.splitlines() == [
        str(folder / "bridge" / "__init__.py"),
        *(f"{point.group} {point.name} {point.value}" for point in points),
    ]


def test_an_interpreter_that_has_runbridge_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    assert import_paths(sys.executable) == []
    other = tmp_path / "venv"
    interpreter = bare(other)
    (packages,) = other.glob("lib/python*/site-packages")
    (packages / "development.pth").write_text(f"{import_folder()}\n", encoding="utf-8")
    assert import_paths(interpreter) == []
    assert import_paths(str(tmp_path / "not-there")) == []


@pytest.mark.slow
def test_processes_can_create_the_folder_at_once(home: Path) -> None:
    code = "from bridge.environments.import_folder import import_folder; print(import_folder())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(5)]
    said = {process.communicate(timeout=60)[0].strip() for process in started}
    assert said == {str(import_folder())}
    assert [path.name for path in (home / "imports").iterdir()] == [import_folder().name]


@pytest.mark.slow
def test_mlflow_of_another_environment_finds_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    interpreter = bare(tmp_path / "venv")
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    # The packages of this environment without Runbridge: the .pth files of a folder on the path are not read.
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    paths = import_paths(interpreter)
    assert paths == [str(import_folder())]
    code = f"""
import mlflow
mlflow.set_tracking_uri({workspace.get_mlflow_tracking_uri()!r})
mlflow.set_experiment("there")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.5)
print(run.info.run_id)
"""
    environment = {**os.environ, "PYTHONPATH": paths[0], "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [interpreter, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert workspace.get_run(done.stdout.split()[-1]).get_metrics() == {"loss": 0.5}
