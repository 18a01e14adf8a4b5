"""A submitted run ends whatever happens to its script, and stores the reason and the log."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from both_places import IN_BOTH_PLACES, address_of
from submitting import Submit, is_gone, launcher_of, lines_of, log_of, processes_of, until

from bridge import (
    Experiment,
    InvalidState,
    InvalidValue,
    NotAllowed,
    NotFound,
    Run,
    ScriptRun,
    ScriptRunConfig,
    SubmitFailed,
    Workspace,
)
from bridge.launch.ending import Ending
from bridge.launch.launcher import Launcher
from bridge.launch.signals import Signals
from bridge.records.run import SCRIPT_RUN, TERMINAL_STATUSES, RunRecord
from bridge.runs import script_runs
from bridge.runs import submit as submission
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run

pytestmark = pytest.mark.processes

SECONDS = 28.0  # less than the launcher waits for output
HELLO = "print('hello', flush=True)\n"


def failure(run: ScriptRun) -> dict[str, object]:
    """Wait until a run has failed, and return its error."""
    details = run.wait_for_completion(raise_on_error=False)
    assert details["status"] == "Failed"
    assert details["endTimeUtc"] >= details["startTimeUtc"]
    return dict(details["error"]["error"])


@IN_BOTH_PLACES
def test_a_script_that_ends_is_completed(submit: Submit) -> None:
    run = submit("import bridge; print('hello'); bridge.Run.get_context().log('loss', 0.5)")
    assert type(run) is ScriptRun
    assert run.wait_for_completion()["status"] == "Completed"
    assert (run.error, run.warnings) == (None, ())
    assert run.get_metrics("loss") == {"loss": 0.5}
    assert log_of(run) == "hello\n"


def test_sys_exit_without_a_code_completes_the_run(submit: Submit) -> None:
    assert submit("import sys; sys.exit(0)").wait_for_completion()["status"] == "Completed"


@IN_BOTH_PLACES
def test_an_exception_fails_the_run_and_becomes_its_message(submit: Submit) -> None:
    run = submit(HELLO + "raise ValueError('alpha must be positive')")
    assert failure(run) == {
        "code": "UserError",
        "message": "train.py failed with exit code 1: ValueError: alpha must be positive",
        "exitCode": 1,
    }
    assert log_of(run).startswith("hello\nTraceback")


def test_output_after_an_exception_does_not_hide_it(submit: Submit) -> None:
    run = submit("import atexit; atexit.register(print, 'bye')\ntry: 1 / 0\nexcept Exception: int('x')")
    assert str(failure(run)["message"]).endswith("ValueError: invalid literal for int() with base 10: 'x'")
    assert log_of(run).endswith("\nbye\n")
    run = submit(
        "import sys, traceback\ntry: 1 / 0\nexcept Exception: traceback.print_exc()\nprint('bad'); sys.exit(3)"
    )
    assert failure(run)["message"] == "train.py failed with exit code 3: bad"


def test_an_exit_code_fails_the_run(submit: Submit) -> None:
    run = submit(HELLO + "import sys; sys.exit(7)")
    assert failure(run)["message"] == "train.py failed with exit code 7: hello"


@pytest.mark.parametrize("name, reason", [("SIGSEGV", "memory"), ("SIGKILL", "memory ran out"), ("SIGTERM", "")])
def test_a_signal_fails_the_run_and_is_named(submit: Submit, name: str, reason: str) -> None:
    run = submit(HELLO + f"import os, signal; os.kill(os.getpid(), signal.{name})")
    error = failure(run)
    assert (error["signal"], error["exitCode"]) == (name, -getattr(signal, name))
    assert f"was ended by signal {name}" in str(error["message"]) and reason in str(error["message"])
    assert log_of(run) == "hello\n"


def test_a_signal_that_ends_a_command_is_named(submit: Submit) -> None:
    run = submit(None, command="echo hello; sh -c 'kill -SEGV $$'; exit $?")
    assert failure(run)["signal"] == "SIGSEGV"


def test_a_script_without_memory_fails_with_its_error(submit: Submit) -> None:
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        held = bytearray(8 << 30)
    """
    assert str(failure(submit(code))["message"]).endswith("exit code 1: MemoryError")


def test_a_missing_script_starts_no_run(submit: Submit, workspace: Workspace, source: Path) -> None:
    with pytest.raises(NotFound, match="There is no script .*/source/gone.py"):
        submit(None, script="gone.py")
    assert list(Experiment(workspace, "submitted").get_runs()) == []


def test_a_script_excluded_by_an_ignore_file_fails_the_run(submit: Submit, source: Path) -> None:
    (source / ".amlignore").write_text("train.py\n")
    error = failure(submit(HELLO))
    assert error["code"] == "ScriptMissing" and "train.py" in str(error["message"])


def test_a_working_folder_that_cannot_be_created_fails_the_run(submit: Submit, temporary: Path) -> None:
    (temporary / f"runbridge_runs_{os.getuid()}").write_text("in the way")
    run = submit(HELLO)
    error = failure(run)
    assert error["code"] == "WorkingFolderFailed" and "runbridge_runs" in str(error["message"])
    assert log_of(run) == f"{error['message']}\n"


@pytest.mark.parametrize("planted", ["a link", "a folder of another user", "a folder that others may write to"])
def test_a_script_never_runs_where_another_user_could_replace_it(submit: Submit, temporary: Path, planted: str) -> None:
    place = temporary / f"runbridge_runs_{os.getuid()}"
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    if planted == "a link":
        place.symlink_to(elsewhere)
    else:
        place.mkdir(mode=0o700)
        if planted == "a folder of another user":
            if os.getuid() != 0:
                pytest.skip("only root gives folders away")
            os.chown(place, 65534, 65534)
        else:
            place.chmod(0o1777)
    run = submit(HELLO)
    assert failure(run)["code"] == "WorkingFolderFailed"
    assert not list(place.iterdir()) and not list(elsewhere.iterdir())


def test_only_its_user_can_access_a_working_folder(submit: Submit) -> None:
    run = submit("import os; print(*(oct(os.stat(f).st_mode & 0o777) for f in ('.', '..')))")
    run.wait_for_completion()
    assert log_of(run) == "0o700 0o700\n"


def test_clean_removes_no_other_folder_whatever_path_the_run_has(
    submit: Submit, workspace: Workspace, tmp_path: Path
) -> None:
    run = submit(HELLO)
    run.wait_for_completion()
    precious = tmp_path / "precious" / run.id
    precious.mkdir(parents=True)
    record = run.place.record()
    definition = json.loads(record.definition or "")
    forged = replace(record, id="forged", definition=json.dumps({**definition, "workingDirectory": str(precious)}))
    create_run(workspace.stores.tracking, forged)
    with pytest.raises(NotAllowed, match="not the working folder"):
        workspace.get_run("forged").clean()  # type: ignore[attr-defined]
    assert precious.is_dir()
    run.clean()
    assert not Path(definition["workingDirectory"]).exists()


def test_a_missing_snapshot_fails_the_run(submit: Submit, workspace: Workspace, source: Path) -> None:
    run = submit("import time; time.sleep(60)")
    until(lambda: run.status == "Running")
    run.cancel()
    for file in (Path(workspace.path) / "artifacts" / "snapshots").rglob("*"):
        if file.is_file() and file.parent.parent.name == "files":
            file.write_bytes(b"damaged")
    error = failure(submit(None, script="train.py"))
    assert error["code"] == "SnapshotFailed" and run.properties["ContentSnapshotId"] in str(error["message"])


@IN_BOTH_PLACES
def test_a_script_that_takes_too_long_is_stopped(submit: Submit) -> None:
    begun = time.monotonic()
    run = submit(HELLO + "import time; time.sleep(600)", max_run_duration_seconds=1)
    error = failure(run)
    assert error["code"] == "MaxRunDurationExceeded" and "time limit of 1 seconds" in str(error["message"])
    assert log_of(run) == f"hello\n{error['message']}\n"
    assert time.monotonic() - begun < SECONDS


def test_outputs_that_cannot_be_stored_cause_a_warning(submit: Submit) -> None:
    code = """
        import os
        open("outputs/model.bin", "w").write("good")
        os.mkfifo("outputs/pipe")
    """
    run = submit(code)
    assert run.wait_for_completion()["status"] == "Completed"
    assert "outputs/model.bin" in run.get_file_names()
    assert [warning for warning in run.warnings if "outputs/pipe" in warning]


@IN_BOTH_PLACES
def test_a_launcher_that_is_terminated_cancels_its_run(submit: Submit) -> None:
    run = submit("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    lines_of(run)
    launcher_of(run).terminate()
    assert run.wait_for_completion()["status"] == "Canceled"
    assert is_gone(int(log_of(run)))


@IN_BOTH_PLACES
def test_the_script_of_a_killed_launcher_dies_and_the_run_fails(submit: Submit) -> None:
    run = submit("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    lines_of(run)
    launcher_of(run).kill()
    until(lambda: is_gone(int(log_of(run))))
    assert failure(run)["code"] == "OwnerGone"


@IN_BOTH_PLACES
def test_a_launcher_that_cannot_start_fails_the_run(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    run = submit(HELLO)
    error = failure(run)
    assert error["code"] == "LauncherFailed" and "exit code 1" in str(error["message"])


def test_the_output_of_a_launcher_that_cannot_start_becomes_the_message(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    launcher = tmp_path / "python"
    launcher.write_text("#!/bin/sh\necho no such thing as a launcher >&2\nexit 3\n")
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(launcher))
    assert "no such thing as a launcher" in str(failure(submit(HELLO))["message"])


def test_a_script_can_set_the_reason_of_its_failure(submit: Submit) -> None:
    run = submit("import bridge, sys; bridge.Run.get_context().fail('no data', 'DataMissing'); sys.exit(2)")
    assert failure(run) == {"code": "DataMissing", "message": "no data", "exitCode": 2}


def test_processes_that_a_script_has_started_end_with_it(submit: Submit) -> None:
    code = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid)
    """
    run = submit(code)
    assert run.wait_for_completion()["status"] == "Completed"
    until(lambda: is_gone(int(log_of(run))))


def test_a_process_that_left_the_group_does_not_hold_the_run_open(submit: Submit) -> None:
    code = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        print(child.pid)
    """
    begun = time.monotonic()
    run = submit(code)
    assert run.wait_for_completion()["status"] == "Completed"
    assert time.monotonic() - begun < SECONDS
    os.kill(int(log_of(run)), signal.SIGKILL)


DAEMON = """
    import os, subprocess, sys
    child = subprocess.Popen([sys.executable, "-uc", {code!r}], start_new_session=True)
    print(f"left {{child.pid}}\\n", end="", flush=True)  # in one piece: the child prints too
    os.read(os.open("ready", os.O_RDONLY), 1) if os.path.exists("ready") else None
"""
PRINTS = "import time\nwhile True: print('still here'); time.sleep({pause})"


def pid_left_by(run: ScriptRun) -> int:
    return int(log_of(run).split("left ")[1].split()[0])


@pytest.mark.parametrize("pause", [0, 0.05])
def test_the_end_of_a_script_ends_the_run_even_if_its_daemon_keeps_printing(submit: Submit, pause: float) -> None:
    run = submit(DAEMON.format(code=PRINTS.format(pause=pause)))
    begun = time.monotonic()
    assert run.wait_for_completion()["status"] == "Completed"
    assert time.monotonic() - begun < SECONDS
    until(lambda: not processes_of(run))
    pid = pid_left_by(run)
    (warning,) = run.warnings
    assert warning == (
        f"Process {pid}, which the script left behind, has the script's output open. Later output is not stored,"
        " and a process that prints there is ended by the signal SIGPIPE unless it ignores this signal."
    )
    until(lambda: is_gone(pid))  # it printed, and no process read the output
    log = log_of(run)
    time.sleep(0.5)
    assert log_of(run) == log


def test_a_silent_daemon_keeps_running(submit: Submit) -> None:
    run = submit(DAEMON.format(code="import time; time.sleep(600)"))
    run.wait_for_completion()
    until(lambda: not processes_of(run))
    pid = pid_left_by(run)
    try:
        assert not is_gone(pid)
        assert [str(pid) in warning for warning in run.warnings] == [True]
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_daemon_that_closed_its_output_causes_no_warning(submit: Submit) -> None:
    code = """
        import subprocess, sys
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        print("left", subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **quiet).pid)
    """
    run = submit(code)
    run.wait_for_completion()
    try:
        assert run.warnings == ()
    finally:
        os.kill(pid_left_by(run), signal.SIGKILL)


def test_a_script_whose_daemon_prints_is_canceled(submit: Submit) -> None:
    run = submit(DAEMON.format(code=PRINTS.format(pause=0.01)) + "    import time; time.sleep(600)\n")
    until(lambda: all(line in log_of(run) for line in ("still here\n", "left ")))
    pid = pid_left_by(run)
    run.cancel()
    assert (run.status, run.warnings) == ("Canceled", ())
    assert is_gone(pid)


# Ended by another process


def test_cancel_right_after_submit_ends_the_run_and_its_processes(submit: Submit) -> None:
    run = submit("import time; time.sleep(600)")
    begun = time.monotonic()
    run.cancel()
    assert run.get_status() == "Canceled"
    assert time.monotonic() - begun < script_runs.CANCEL_SECONDS
    until(lambda: not processes_of(run))
    run.cancel()


@IN_BOTH_PLACES
def test_cancel_stops_a_script_and_all_processes_that_it_started(submit: Submit) -> None:
    code = """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        print(os.getpid(), child.pid, flush=True)
        open("outputs/so_far.txt", "w").write("kept")
        time.sleep(600)
    """
    run = submit(code)
    lines_of(run)
    run.cancel()
    details = run.get_details()
    assert details["status"] == "Canceled" and "error" not in details
    for pid in map(int, log_of(run).split()):
        until(lambda pid=pid: is_gone(pid))
    assert "outputs/so_far.txt" in run.get_file_names()
    assert run.wait_for_completion()["status"] == "Canceled"


def test_cancel_reports_a_launcher_that_does_not_answer(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_runs, "CANCEL_SECONDS", 0.5)
    run = submit("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    lines_of(run)
    launcher = launcher_of(run)
    launcher.suspend()
    run.cancel()
    assert run.status == "Canceled"
    assert run.warnings == (script_runs.NOT_STOPPED.format(seconds=0.5),)
    launcher.resume()
    until(lambda: is_gone(int(log_of(run))) and not processes_of(run))
    assert run.status == "Canceled"


def test_cancel_does_not_stop_runs_that_the_script_has_submitted(submit: Submit, workspace: Workspace) -> None:
    code = """
        import time
        from bridge import Run, ScriptRunConfig
        print(Run.get_context().submit_child(ScriptRunConfig(".", command="sleep 600")).id, flush=True)
        time.sleep(600)
    """
    run = submit(code)
    child = Run.get(workspace, lines_of(run).strip())
    assert isinstance(child, ScriptRun)
    until(lambda: child.status == "Running")
    run.cancel()
    assert (run.status, child.status) == ("Canceled", "Running")
    assert processes_of(child)
    child.cancel()


def test_cancel_stops_a_script_that_is_suspended(submit: Submit) -> None:
    """The script continues, so that it can end itself."""
    code = """
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("it ends itself"))
        print(os.getpid(), flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        signal.pause()
    """
    run = submit(code)
    lines_of(run)
    run.cancel()
    pid, *said = log_of(run).splitlines()
    assert run.status == "Canceled" and is_gone(int(pid))
    assert said == ["it ends itself"]


def test_runs_that_are_submitted_by_threads_are_all_completed(submit: Submit, workspace: Workspace) -> None:
    (submit("print('hello')")).wait_for_completion()
    runs: list[ScriptRun] = []
    threads = [threading.Thread(target=lambda: runs.append(submit(None, script="train.py"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.wait_for_completion()["status"] for run in runs] == ["Completed"] * 4
    assert [log_of(run) for run in runs] == ["hello\n"] * 4


def test_a_run_that_has_ended_is_not_canceled(submit: Submit) -> None:
    run = submit("pass")
    run.wait_for_completion()
    with pytest.raises(InvalidState):
        run.cancel()


@IN_BOTH_PLACES
def test_fail_by_another_process_stops_the_script_and_is_final(submit: Submit) -> None:
    run = submit("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    lines_of(run)
    run.fail("looks wrong", "Diverged")
    assert run.get_status() == "Failed"
    until(lambda: is_gone(int(log_of(run))))
    until(lambda: not processes_of(run))
    assert run.error == {"code": "Diverged", "message": "looks wrong"}
    assert run.status == "Failed"


@IN_BOTH_PLACES
def test_two_simultaneous_runs_do_not_mix_their_files_and_output(submit: Submit, source: Path) -> None:
    code = "import sys, bridge; bridge.Run.get_context().log('n', int(sys.argv[1])); print(sys.argv[1])"
    runs = [submit(code, arguments=[n]) for n in (1, 2)]
    for n, run in enumerate(runs, 1):
        assert run.wait_for_completion()["status"] == "Completed"
        assert (run.get_metrics("n"), log_of(run)) == ({"n": n}, f"{n}\n")


CALLER = """
import sys, time
from bridge import Experiment, ScriptRunConfig, Workspace
config = ScriptRunConfig(sys.argv[2], script="train.py")
print("submitted", Experiment(Workspace.open(sys.argv[1]), "submitted").submit(config).id, flush=True)
time.sleep(float(sys.argv[3]))
"""


@IN_BOTH_PLACES
def test_a_run_continues_when_its_caller_has_ended(workspace: Workspace, source: Path, temporary: Path) -> None:
    file = str(temporary / "caller-has-ended")
    wait = f"for _ in range(3000):\n    if os.path.exists({file!r}):\n        break\n    time.sleep(0.01)"
    (source / "train.py").write_text(f"import os, time\n{wait}\nprint('done')")
    command = [sys.executable, "-W", "error", "-c", CALLER, address_of(workspace), str(source), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    run = Run.get(workspace, done.stdout.split()[1])
    assert isinstance(run, ScriptRun) and run.status not in TERMINAL_STATUSES
    Path(file).touch()
    assert run.wait_for_completion()["status"] == "Completed"
    assert log_of(run) == "done\n"


def test_a_run_continues_when_its_terminal_is_closed(workspace: Workspace, source: Path, temporary: Path) -> None:
    (source / "train.py").write_text("import time; time.sleep(1); print('done')")
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` ignores it, for all processes that it starts
        os.execv(sys.executable, [sys.executable, "-c", CALLER, address_of(workspace), str(source), "600"])
    said = b""
    while b"\n" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGHUP
    run = Run.get(workspace, said.split()[1].decode())
    assert isinstance(run, ScriptRun) and run.status not in TERMINAL_STATUSES
    assert run.wait_for_completion()["status"] == "Completed"
    assert log_of(run) == "done\n"


def test_a_failed_run_raises_when_it_is_waited_for(submit: Submit) -> None:
    run = submit("raise SystemExit(3)")
    with pytest.raises(SubmitFailed, match="failed with exit code 3"):
        run.wait_for_completion()


def test_a_submitted_run_takes_little_longer_than_starting_its_launcher_and_its_script(submit: Submit) -> None:
    times: list[float] = []
    for _ in range(3):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", "import bridge.launch.launcher"], check=True)
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        between = time.monotonic()
        assert submit("pass").wait_for_completion()["status"] == "Completed"
        times.append((time.monotonic() - between) / (between - begun))
    assert min(times) < 5, times  # about 1.5


def test_a_source_folder_with_too_many_files_starts_no_run(
    submit: Submit, workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_SNAPSHOT_FILES", "1")
    for n in range(10):
        (source / f"{n}.txt").write_text("")
    with pytest.raises(SubmitFailed, match="more than 5 files"):
        submit(HELLO)
    assert list(Experiment(workspace, "submitted").get_runs()) == []


def test_submit_accepts_only_a_script_run_config(workspace: Workspace) -> None:
    with pytest.raises(InvalidValue, match="must be a ScriptRunConfig"):
        Experiment(workspace, "submitted").submit("train.py")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="nonsense"):
        Experiment(workspace, "submitted").submit(ScriptRunConfig("."), nonsense=1)  # type: ignore[call-arg]


def test_cancel_while_packages_are_installed_ends_the_installation(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bridge import CondaDependencies, Environment

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        environment = Environment("slow")
        environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["runbridge-waits-for-it"])
        run = submit("pass", environment=environment)
        connection, _ = silent.accept()  # pip is running
        with connection:
            assert run.status == "Preparing"
            children = launcher_of(run).children(recursive=True)
            run.cancel()
            assert run.status == "Canceled" and children
            until(lambda: not processes_of(run) and all(is_gone(child.pid) for child in children))


def test_a_caller_that_is_killed_before_its_launcher_starts_leaves_a_failed_run(
    workspace: Workspace, source: Path, temporary: Path, tmp_path: Path
) -> None:
    (source / "train.py").write_text("pass")
    killer = tmp_path / "python"
    killer.write_text("#!/bin/sh\nkill -9 $PPID\n")
    killer.chmod(0o755)
    caller = """
import sys
from bridge import Experiment, ScriptRunConfig, Workspace
sys.executable = sys.argv[3]
Experiment(Workspace.open(sys.argv[1]), "submitted").submit(ScriptRunConfig(sys.argv[2], script="train.py"))
"""
    command = [sys.executable, "-c", caller, address_of(workspace), str(source), str(killer)]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    (run,) = Experiment(workspace, "submitted").get_runs()
    assert isinstance(run, ScriptRun)
    assert failure(run)["code"] == "OwnerGone"


def test_control_c_while_a_run_is_submitted_cancels_it(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_launcher = submission.start_launcher  # type: ignore[attr-defined]

    def interrupted_before(*arguments: object) -> None:
        raise KeyboardInterrupt

    def interrupted_after(address: str, run_id: str, hand_over: Callable[[], object]) -> None:
        start_launcher(address, run_id, hand_over)
        raise KeyboardInterrupt

    for interrupted in (interrupted_before, interrupted_after):
        monkeypatch.setattr(submission, "start_launcher", interrupted)
        with pytest.raises(KeyboardInterrupt):
            submit("import time; time.sleep(60)")
    runs = list(Experiment(workspace, "submitted").get_runs())
    assert [run.status for run in runs] == ["Canceled", "Canceled"]
    until(lambda: not any(processes_of(run) for run in runs if isinstance(run, ScriptRun)))


def test_a_run_that_can_neither_be_launched_nor_ended_ends_with_its_process(
    workspace: Workspace, source: Path, temporary: Path
) -> None:
    (source / "train.py").write_text("pass")
    caller = """
import sys
from bridge import Experiment, ScriptRunConfig, StoreUnavailable, Workspace
from bridge.runs import submit
from bridge.store.run_place import RunPlace

def fail(*arguments):
    raise StoreUnavailable("the place", "it is full")

submit.start_launcher = RunPlace.update = fail
try:
    Experiment(Workspace.open(sys.argv[1]), "submitted").submit(ScriptRunConfig(sys.argv[2], script="train.py"))
except StoreUnavailable:
    print("refused")
"""
    command = [sys.executable, "-c", caller, address_of(workspace), str(source)]
    assert subprocess.run(command, timeout=60, check=True, capture_output=True).stdout == b"refused\n"
    (run,) = Experiment(workspace, "submitted").get_runs()
    assert isinstance(run, ScriptRun)
    assert failure(run)["code"] == "OwnerGone"


def test_a_child_that_is_forked_while_a_run_is_submitted_does_not_delay_it(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[Any] = []
    release_lease = JournaledStore.release_lease

    def fork_and_release(self: JournaledStore, run_id: str) -> None:
        if not children:
            children.append(os.fork())
            if not children[0]:
                time.sleep(60)
                os._exit(0)
        release_lease(self, run_id)

    monkeypatch.setattr(JournaledStore, "release_lease", fork_and_release)
    run = submit(HELLO)
    try:
        until(lambda: run.status == "Completed")
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)


@IN_BOTH_PLACES
def test_a_run_opened_by_its_experiment_and_id_is_canceled_with_its_script(submit: Submit) -> None:
    run = submit("import time\nprint('begun')\ntime.sleep(600)\n")
    again = Run(run.experiment, run.id)
    assert isinstance(again, ScriptRun)
    again.cancel()
    assert run.get_details()["status"] == "Canceled"
    assert run.error is None


@IN_BOTH_PLACES
def test_a_run_that_was_deleted_while_it_ran_is_stopped_and_ended_when_it_is_restored(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit("import time; time.sleep(60)")
    until(lambda: run.status == "Running")
    workspace.stores.tracking.delete_runs((run.id,), time.time_ns() // 1_000_000)
    until(lambda: not processes_of(run))
    workspace.stores.tracking.restore_runs((run.id,))
    until(lambda: run.status == "Failed")


@pytest.mark.parametrize("moment", ["before the launcher looks", "after it has looked"])
def test_a_status_that_is_set_just_after_the_script_has_ended_stays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    opened = workspace.stores
    experiment = Experiment(workspace, "submitted")
    record = RunRecord("r1", experiment.id, status="Finalizing", type=SCRIPT_RUN, start_time=1)
    create_run(opened.tracking, record)
    launcher = Launcher(opened, record, Signals())
    get_runs = opened.tracking.get_runs

    def look(run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        monkeypatch.setattr(opened.tracking, "get_runs", get_runs)
        if moment == "before the launcher looks":
            workspace.get_run("r1").fail("it diverged")
        found = get_runs(run_ids, latest)
        if moment == "after it has looked":
            workspace.get_run("r1").fail("it diverged")
        return found

    monkeypatch.setattr(opened.tracking, "get_runs", look)
    launcher._end(Ending("Completed"))
    run = workspace.get_run("r1")
    assert run.status == "Failed" and run.error is not None and run.error["message"] == "it diverged"
