"""A run and a journal end with their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.processes

BEGIN = """
import sys
from bridge import Experiment, Run, Workspace
run = Experiment(Workspace.open({path!r}), "exit").start_logging()
print(run.id, flush=True)
run.log("loss", 0.5)
"""


def script(workspace: Workspace, rest: str) -> tuple[subprocess.CompletedProcess[str], Run]:
    """Run a script that starts a run, and return the run as another process sees it."""
    code = BEGIN.format(path=str(workspace.path)) + rest
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return ended, Run.get(workspace, ended.stdout.split()[0])


def test_a_run_left_open_is_completed_with_a_warning(workspace):
    ended, run = script(workspace, "")

    assert ended.returncode == 0, ended.stderr
    assert run.status == "Completed"
    assert run.warnings == (
        "The process ended without run.complete(), so the run became Completed at the end of the process.",
    )
    assert run.get_metrics() == {"loss": 0.5}


def test_an_uncaught_exception_fails_the_run_with_its_message(workspace):
    ended, run = script(workspace, "raise ValueError('the data is gone')")

    assert ended.returncode == 1 and "the data is gone" in ended.stderr
    assert run.status == "Failed"
    assert run.error is not None and run.error["message"] == "User program failed with ValueError: the data is gone"
    assert "Traceback" in run.error["debug_stack_trace"]


def test_ctrl_c_fails_the_run(workspace):
    interrupt = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores the signal
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(60)\n"
    )
    _, run = script(workspace, interrupt)

    assert run.status == "Failed"
    assert run.error is not None and "KeyboardInterrupt" in run.error["message"]


def test_sys_exit_zero_completes_the_run(workspace):
    assert script(workspace, "sys.exit(0)")[1].status == "Completed"


def test_a_caught_exception_does_not_fail_the_run(workspace):
    _, run = script(workspace, "try:\n    raise ValueError\nexcept ValueError:\n    pass\n")
    assert run.status == "Completed"


def test_a_with_block_ends_its_run_according_to_how_it_ends(workspace):
    experiment = Experiment(workspace, "blocks")
    with experiment.start_logging() as completed:
        completed.log("loss", 1.0)
    with pytest.raises(ZeroDivisionError), experiment.start_logging() as failed:
        1 / 0  # noqa: B018
    with pytest.raises(SystemExit), experiment.start_logging() as left:
        sys.exit(0)
    with experiment.start_logging() as canceled:
        canceled.cancel()

    assert [run.status for run in (completed, failed, left, canceled)] == [
        "Completed",
        "Failed",
        "Completed",
        "Canceled",
    ]


def test_a_journal_whose_process_ended_is_folded_and_removed_by_the_next_reader(workspace):
    _, run = script(workspace, "")
    assert len(list((workspace.path / "journal").glob("*.log"))) == 1

    run.get_metrics()
    assert list((workspace.path / "journal").glob("*.log")) == []


def test_a_process_that_has_loaded_numpy_folds_its_journal_at_exit(workspace):
    _, run = script(workspace, "import numpy")

    assert list((workspace.path / "journal").glob("*.log")) == [] or run.get_metrics() == {"loss": 0.5}


def test_a_suspended_process_keeps_its_journal(fork, workspace, run):
    """A journal is never removed because of its age, and its process continues to log when it is resumed."""

    def write(say):
        own = Run.get(Workspace.open(workspace.path), run.id)
        own.log("point", 1)
        say(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
        own.log("point", 2)

    own = set((workspace.path / "journal").glob("*.log"))
    child = fork(write)
    child.line()
    (journal,) = set((workspace.path / "journal").glob("*.log")) - own
    os.utime(journal, (0, 0))
    assert run.get_metrics() == {"point": 1}
    assert journal.exists()

    while _state(child.pid) != "T":
        pass
    os.kill(child.pid, signal.SIGCONT)
    assert child.wait() == 0
    assert run.get_metrics() == {"point": [1, 2]}


def test_get_context_outside_of_a_script_returns_a_run_in_the_offline_workspace(tmp_path):
    path = tmp_path / "train_model.py"
    path.write_text(
        "from bridge import Run\n"
        "run = Run.get_context()\n"
        "assert run is Run.get_context()\n"
        "run.log('loss', 0.25)\n"
        "print(run.id)\n"
    )
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr

    run = Run.get(Workspace.open(tmp_path / "home" / "offline"), ended.stdout.strip())
    assert run.experiment.name == "train_model"
    assert (run.status, run.warnings, run.get_metrics()) == ("Completed", (), {"loss": 0.25})


def test_get_context_returns_one_run_for_all_threads_of_a_process(tmp_path):
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from bridge import Run\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    asked = [pool.submit(Run.get_context) for _ in range(8)]\n"
        "print(len({one.result().id for one in asked}))\n"
    )
    environment = {**os.environ, "BRIDGE_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.stdout.split() == ["1"], ended.stderr


def test_get_context_returns_the_run_that_environment_variables_name(tmp_path, workspace, run):
    code = "from bridge import Run\nrun = Run.get_context()\nrun.log('loss', 0.25)\nprint(run.id, run.experiment.name)"
    own = {"BRIDGE_WORKSPACE": str(workspace.path), "BRIDGE_RUN_ID": run.id}
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **own}, capture_output=True, text=True, timeout=60
    )

    assert ended.stdout.split() == [run.id, "processes"], ended.stderr
    assert run.get_metrics() == {"loss": 0.25}
    assert run.status == "Running"


def test_get_context_returns_the_run_that_azure_mls_variables_name(tmp_path):
    """The workspace is in the home folder. The first process of the job creates it and the run."""
    azure = {
        "BRIDGE_HOME": str(tmp_path / "home"),
        "AZUREML_ARM_SUBSCRIPTION": "s",
        "AZUREML_ARM_RESOURCEGROUP": "g",
        "AZUREML_ARM_WORKSPACE_NAME": "team",
        "AZUREML_ARM_PROJECT_NAME": "digits",
        "AZUREML_RUN_ID": "digits_1795498826_efbb4acc",
    }
    code = "from bridge import Run\nrun = Run.get_context()\nrun.log('rank', 1)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **azure}, check=True, timeout=60)

    run = Run.get(Workspace.open(tmp_path / "home" / "team"), "digits_1795498826_efbb4acc")
    assert run.experiment.name == "digits"
    assert run.get_metrics() == {"rank": [1, 1]}


def test_a_log_call_with_durability_power_returns_after_the_fsync(tmp_path):
    """The system calls show that an fsync follows every write to the journal before the next write."""
    trace = tmp_path / "trace"
    code = (
        "from bridge import Experiment, Workspace\n"
        f"ws = Workspace.create('power', path={str(tmp_path / 'power')!r}, durability='power')\n"
        "run = Experiment(ws, 'power').start_logging()\n"
        "for number in range(5): run.log('loss', number)\n"
        "run.complete()\n"
    )
    command = ["strace", "-y", "-e", "trace=write,fsync", "-o", str(trace), sys.executable, "-c", code]
    subprocess.run(command, check=True, timeout=120)
    calls = [line.split("(")[0] for line in trace.read_text().splitlines() if ".log>" in line or ".part>" in line]

    writes = [index for index, call in enumerate(calls) if call == "write"]
    assert len(writes) >= 6
    assert all(calls[index + 1] == "fsync" for index in writes)
    folders = [line for line in trace.read_text().splitlines() if line.startswith("fsync") and "/journal>" in line]
    assert folders, "the folder of a new journal is synced too"


def test_a_log_call_with_durability_process_makes_no_fsync(tmp_path):
    trace = tmp_path / "trace"
    code = (
        "from bridge import Experiment, Workspace\n"
        f"ws = Workspace.create('work', path={str(tmp_path / 'work')!r})\n"
        "run = Experiment(ws, 'work').start_logging()\n"
        "for number in range(5): run.log('loss', number)\n"
        "run.complete()\n"
    )
    command = ["strace", "-y", "-e", "trace=write,fsync,fdatasync", "-o", str(trace), sys.executable, "-c", code]
    subprocess.run(command, check=True, timeout=120)
    calls = [line.split("(")[0] for line in trace.read_text().splitlines() if "/journal/" in line]

    assert calls.count("write") >= 6
    assert set(calls) == {"write"}


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
