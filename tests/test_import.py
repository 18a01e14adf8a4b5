"""`import bridge`, and a script that only logs, load only the standard library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge import Workspace

# Registered first and so called last, so that modules loaded at exit are counted too.
PROBE = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print(*sorted(set(sys.modules) - before)))
"""

LATER = {
    "bridge.capture.session",
    "bridge.handles.experiment",
    "bridge.handles.run",
    "bridge.records.run",
    "bridge.store.run_place",
}
"""Modules that `import bridge` does not load. They are loaded when the API is first used."""

HEAVY = {
    "IPython", "anywidget", "click", "mlflow", "numpy", "obstore", "psycopg", "requests", "rich", "starlette", "torch",
    "typer",
}  # fmt: skip

SPARED = {
    "bridge.store.fold",
    "bridge.store.place",
    "bridge.store.folder.artifacts",
    "bridge.store.slices",
    "bridge.store.sql.leases",
    "bridge.store.sql.search",
    "bridge.store.sql.series",
    "bridge.capture.folders",
    "bridge.source.git",
    "bridge.source.snapshot",
    "hashlib",
    "json",
    "random",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "uuid",
}
"""Modules that a process does not need to log numbers in an empty folder; each would slow down every start."""

LOG_NUMBERS = """
from bridge import Experiment, Workspace

run = Experiment(Workspace.open("../first"), "imports").start_logging()
run.log("loss", 0.5)
run.log("loss", 0.25, step=3)
"""


def modules_loaded_by(code: str, folder: Path) -> set[str]:
    """Return the modules that a new process loads until its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE + code], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def loaded_by(code: str, folder: Path) -> set[str]:
    """Return the top-level packages of these modules."""
    return {name.partition(".")[0] for name in modules_loaded_by(code, folder)}


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """A folder beside a workspace `first`."""
    Workspace.create("first", path=tmp_path / "first")
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_probe_lists_loaded_modules(tmp_path: Path) -> None:
    assert {"numpy", "json"} <= loaded_by("import json, numpy", tmp_path)


def test_import_loads_only_the_standard_library(tmp_path: Path) -> None:
    modules = modules_loaded_by("import bridge", tmp_path)
    assert "bridge.errors" in modules
    assert not modules & LATER
    loaded = {name.partition(".")[0] for name in modules}
    assert not loaded & HEAVY
    assert loaded - sys.stdlib_module_names == {"bridge"}


def test_a_first_metric_loads_only_the_standard_library(tmp_path: Path) -> None:
    code = """
from bridge import Experiment, Workspace

ws = Workspace.create("first", path="./first")
run = Experiment(ws, "imports").start_logging()
run.log("loss", 0.5)
run.log("note", "text")
"""
    loaded = loaded_by(code, tmp_path)
    assert not loaded & HEAVY
    assert loaded - sys.stdlib_module_names == {"bridge"}


def test_a_first_metric_in_an_existing_run_loads_only_the_standard_library(tmp_path: Path) -> None:
    begin = """
from bridge import Experiment, Workspace

print(Experiment(Workspace.create("first", path="./first"), "imports").start_logging().id)
"""
    begun = subprocess.run(
        [sys.executable, "-c", begin], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    code = f"""
from bridge import Workspace

Workspace.open("./first").get_run({begun.stdout.strip()!r}).log("loss", 0.25)
"""
    assert loaded_by(code, tmp_path) - sys.stdlib_module_names == {"bridge"}


def test_logging_numbers_in_an_empty_folder_loads_no_unneeded_module(empty_folder: Path) -> None:
    assert not modules_loaded_by(LOG_NUMBERS, empty_folder) & SPARED
    again = modules_loaded_by(LOG_NUMBERS, empty_folder)  # now outputs/ exists
    assert not again & SPARED
    assert "bridge.store.journaled" in again


def test_storing_a_script_loads_only_needed_modules(empty_folder: Path) -> None:
    (empty_folder / "train.py").write_text(LOG_NUMBERS)
    loaded = modules_loaded_by(LOG_NUMBERS, empty_folder)
    assert {"bridge.source.snapshot", "hashlib"} <= loaded
    assert not loaded & {"random", "shutil", "socket", "subprocess", "tempfile", "uuid", "zipfile"}


def test_commands_that_read_no_points_load_no_numpy_and_in_a_pipe_no_rich(empty_folder: Path) -> None:
    begin = """
from bridge import *

run = Experiment(Workspace.open("../first"), "imports").start_logging(display_name="one")
run.log("loss", 0.5)
run.complete()
"""
    subprocess.run([sys.executable, "-c", begin], cwd=empty_folder, check=True, timeout=60)
    with Workspace.open(empty_folder.parent / "first") as workspace:
        list(workspace.experiments["imports"].get_runs())  # stores the points, which needs numpy
    for arguments in (["list"], ["list", "imports"], ["show", "one"], ["search", "imports", "status = 'Completed'"]):
        code = f"""
import sys
from bridge.cli.command import main

sys.argv = ["runbridge", *{arguments}, "--workspace", "../first"]
main()
"""
        assert loaded_by(code, empty_folder) & HEAVY == {"click"}, arguments


FOLD = """
import sys
from bridge.records.point_columns import PointColumns
from bridge.records.run import Lease, RunRecord
from bridge.records.series import COLUMN, Point
from bridge.store import background
from bridge.store.create import create_store
from bridge.store.journaled import JournaledStore

JournaledStore.be_tended = lambda self: None
tracking = create_store("work", "work").tracking
tracking.begin_runs([RunRecord("r1", "0", status="Running")])
tracking.create_runs([RunRecord("done", "0", status="Completed")])
for step in range(9):
    tracking.log("done", "loss", 1 / (1 + step), 1, step * step)
    tracking.log("done", "note", "text", 1)
tracking.create_runs([RunRecord("lost", "0", status="Running")], [Lease("lost", "a journal that does not exist", 1)])
for value in (0.5, 2**60, "text"):
    tracking.log("r1", "mixed", value, 1)
tracking.log_points("r1", [Point("row", 1.5, 1, 0, COLUMN, "x"), Point("row", "y", 1, 0, COLUMN, "y", True)])
tracking.log_points("r1", PointColumns(("a", "b"), bytes(16), 1))
background._load_fold_modules()
before = set(sys.modules)
tracking._folding._sweep_at = 0.0
tracking.tend()
loaded = sorted(set(sys.modules) - before)
runs = tracking.get_runs(["r1", "lost"])
with tracking.inner.database.read() as c:
    chunks = c.execute("SELECT count(*) FROM chunk").fetchone()[0]
print([run.status for run in runs.values()], list(runs["r1"].latest), chunks, loaded)
"""


def test_the_background_loads_all_modules_of_a_fold_before_the_fold(tmp_path: Path) -> None:
    """While it loads modules, the process does not fork. Otherwise a child would wait for the lock of a module."""
    done = subprocess.run(
        [sys.executable, "-c", FOLD], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "['Running', 'Failed'] ['mixed', 'a', 'b'] 2 []\n"
