"""The MLflow API works on the oldest supported release, and `make test-mlflow` runs the tests on another one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import another_mlflow
import pytest


@pytest.mark.pythons("mlflow")
@pytest.mark.timeout(3600)
def test_the_core_works_on_the_oldest_mlflow(passes: Callable[[str], None]) -> None:
    passes("mlflow")


def test_without_a_version_the_command_names_the_argument() -> None:
    done = subprocess.run([sys.executable, another_mlflow.__file__, ""], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "Say which MLflow: make test-mlflow VERSION=3.10.1, or VERSION=newest.\n"


@pytest.mark.slow
def test_a_suite_that_hangs_is_killed_and_prints_where_it_hangs(tmp_path: Path) -> None:
    file = tmp_path / "test_hangs.py"
    file.write_text("import time\n\ndef test_that_hangs():\n    time.sleep(600)\n")
    done = another_mlflow.run_tests(Path(sys.executable), file, in_background=True, seconds=5)
    assert done.returncode == 1 and done.stdout.endswith("The tests took longer than 5 s.\n")
    assert "in test_that_hangs" in done.stdout


def test_a_process_that_a_suite_leaves_does_not_delay_its_outcome() -> None:
    command = [sys.executable, "-c", "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"]
    done = another_mlflow.run_bounded(command, os.environ, 60)
    assert done.returncode == 0
    os.kill(int(done.stdout), signal.SIGKILL)


@pytest.mark.slow
def test_a_suite_that_runs_again_runs_only_the_tests_that_failed(tmp_path: Path) -> None:
    file, marker = tmp_path / "test_once.py", tmp_path / "fixed"
    file.write_text(
        "from pathlib import Path\n\n"
        f"def test_that_failed():\n    assert Path({str(marker)!r}).exists()\n\n"
        "def test_that_passed():\n    pass\n"
    )
    python, cache = Path(sys.executable), f"of-{tmp_path.name}"

    def run(again: bool) -> tuple[int, str]:
        done = another_mlflow.run_tests(python, file, in_background=True, cache=cache, again=again)
        return done.returncode, done.stdout

    try:
        code, printed = run(again=False)
        assert code == 1 and "1 failed, 1 passed" in printed, printed
        code, printed = run(again=True)
        assert code == 1 and "1 failed, 1 deselected" in printed, printed
        marker.touch()
        code, printed = run(again=True)
        assert code == 0 and "1 passed, 1 deselected" in printed, printed
        assert run(again=True)[0] == 5  # no test was chosen
    finally:
        shutil.rmtree(another_mlflow.ROOT / ".venv" / "cache" / cache)
