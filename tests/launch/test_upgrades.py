"""After an upgrade has moved the files of Runbridge, a launcher can import nothing, and still ends its run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from both_places import IN_BOTH_PLACES
from submitting import Submit, lines_of, log_of, processes_of, until

from bridge.handles.script_run import ScriptRun
from bridge.launch import start

pytestmark = pytest.mark.processes

CODE = """
import os, sys
os.fork() and os._exit(0)
sys.path[:] = [folder for folder in sys.path if folder] + [sys.argv[4]]
from bridge.launch import launcher

class Moved:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("bridge", "numpy"):
            with open({refused!r}, "a") as file:
                print(name, file=file)
            raise ImportError(f"{{name}} was moved")

def take_over(*arguments, original=launcher.take_over):
    sys.meta_path.insert(0, Moved())
    return original(*arguments)

launcher.take_over = take_over
sys.exit(launcher.main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""
"""A launcher that cannot import Runbridge once it claims its run; it records each attempt."""

WORKS = """
import os, time
from bridge import Run
run = Run.get_context()
for step in range(200):
    run.log("loss", 1 / (step + 1))
run.log("note", "text")
open("outputs/model", "w").write("precious")
os.makedirs("logs", exist_ok=True)
open("logs/log.txt", "w").write("log")
print("hello", flush=True)
time.sleep(1.5)  # time for a sweep of the logs, a sample of what the script uses, and a fold
"""


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Make launchers refuse imports. Return a function that returns the names of the refused modules."""
    file = tmp_path / "refused"
    file.touch()
    code = CODE.format(refused=str(file))
    monkeypatch.setattr(start, "CODE", code)
    return lambda: file.read_text().split()


def ended(run: ScriptRun) -> None:
    """Wait until a run has ended, and its launcher too."""
    run.wait_for_completion(raise_on_error=False)
    until(lambda: not processes_of(run))


@IN_BOTH_PLACES
def test_a_script_that_works_is_completed(submit: Submit, refused: Callable[..., list[str]]) -> None:
    run = submit(WORKS)
    ended(run)
    assert refused() == []
    assert (run.status, run.error, run.warnings, log_of(run)) == ("Completed", None, (), "hello\n")
    assert {"outputs/model", "logs/log.txt", "user_logs/std_log.txt"} <= set(run.get_file_names())
    assert run.get_metrics()["note"] == "text"


@pytest.mark.parametrize(
    "settings, code, reason",
    [
        ({"code": "raise ValueError('no data')"}, "UserError", "no data"),
        ({"code": "import os; os.kill(os.getpid(), 9)"}, "UserError", "SIGKILL"),
        ({"code": None, "command": "exit 7"}, "UserError", "exit code 7"),
        ({"code": "import time; time.sleep(60)", "max_run_duration_seconds": 0.5}, "MaxRunDurationExceeded", "0.5"),
    ],
)
def test_a_script_that_fails_is_failed(
    submit: Submit, refused: Callable[..., list[str]], settings: dict[str, object], code: str, reason: str
) -> None:
    run = submit(**settings)
    ended(run)
    assert refused() == []
    assert run.status == "Failed" and run.error is not None
    assert run.error["code"] == code and reason in run.error["message"]


def test_a_script_that_is_canceled_is_canceled(submit: Submit, refused: Callable[..., list[str]]) -> None:
    run = submit("import time; print('up', flush=True); time.sleep(600)")
    lines_of(run)
    run.cancel()
    ended(run)
    assert refused() == []
    assert run.status == "Canceled"
