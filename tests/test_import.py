"""`import bridge`, and a script that only logs, load nothing but the standard library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Registered first and so called last: what the exit of a process loads is counted too.
PROBE = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""

HEAVY = {"numpy", "requests", "psycopg", "obstore", "typer", "rich", "mlflow", "torch", "starlette"}


def loaded_by(code: str, folder: Path) -> set[str]:
    """The top-level packages that a fresh process loads until it has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE + code], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_probe_sees_what_is_loaded(tmp_path: Path) -> None:
    assert {"numpy", "json"} <= loaded_by("import json, numpy", tmp_path)


def test_import_loads_the_standard_library_alone(tmp_path: Path) -> None:
    loaded = loaded_by("import bridge", tmp_path)
    assert "bridge" in loaded
    assert not loaded & HEAVY
    assert loaded - sys.stdlib_module_names == {"bridge"}


def test_a_first_metric_loads_the_standard_library_alone(tmp_path: Path) -> None:
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


def test_a_first_metric_in_an_existing_run_loads_the_standard_library_alone(tmp_path: Path) -> None:
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
