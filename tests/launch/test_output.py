"""The output of a script is stored with the run immediately, whatever bytes it contains."""

from __future__ import annotations

import hashlib
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from both_places import IN_BOTH_PLACES, address_of
from submitting import Submit, log_of, until

from bridge import Experiment, InvalidValue, Run, SubmitFailed, Workspace

pytestmark = pytest.mark.processes


class TimedText(io.StringIO):
    """A stream that records the time of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[tuple[float, str]] = []

    def write(self, text: str) -> int:
        self.times.append((time.time(), text))
        return super().write(text)

    def time_of(self, text: str) -> float:
        return next(when for when, piece in self.times if text in piece)


def test_output_is_shown_within_a_second(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = TimedText()
    monkeypatch.setattr(sys, "stdout", shown)
    submit(
        """
        import time
        for n in range(4):
            print(f"line {n} at {time.time()}")
            time.sleep(0.7)
        """,
        show_output=True,
    )
    printed = re.findall(r"(line \d) at ([\d.]+)", shown.getvalue())
    assert len(printed) == 4
    late = {line: shown.time_of(line) - float(at) for line, at in printed}
    assert max(late.values()) < 1.0, late


def test_the_shown_output_has_the_layout_of_azure(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    run = submit("print('hello', flush=True); import bridge; bridge.Run.get_context().log('loss', 1)", show_output=True)
    view = f"runbridge ui {run.experiment.workspace.path} --page runs/{run.id}"
    assert run.get_portal_url() == view
    assert (
        capsys.readouterr().out
        == f"""RunId: {run.id}
Web View: {view}

Streaming user_logs/std_log.txt
===============================

hello

Execution Summary
=================
RunId: {run.id}
Web View: {view}

"""
    )


@IN_BOTH_PLACES
def test_a_failure_is_shown_with_its_error(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SubmitFailed, match="exit code 4"):
        submit("print('no newline', end='', flush=True); import sys; sys.exit(4)", show_output=True)
    shown = capsys.readouterr().out
    assert "\n\nno newline\n\nExecution Summary\n" in shown
    error = json.loads(shown[shown.index("Error:\n") + 7 :])
    assert error["error"]["message"] == "train.py failed with exit code 4: no newline"


def test_the_log_of_an_ended_run_is_shown_as_well(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    run = submit("print('hello')")
    run.wait_for_completion()
    run.wait_for_completion(show_output=True)
    assert "\nhello\n" in capsys.readouterr().out


@IN_BOTH_PLACES
def test_output_is_stored_byte_by_byte(submit: Submit) -> None:
    run = submit("import sys; sys.stdout.buffer.write(bytes(range(256)) + 'é 漢 🚀'.encode())")
    run.wait_for_completion()
    (path,) = run.get_all_logs("logs here")
    assert Path(path).read_bytes() == bytes(range(256)) + "é 漢 🚀".encode()
    assert log_of(run).endswith("é 漢 🚀")


def test_characters_that_arrive_in_pieces_are_shown_whole(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    code = """
        import sys, time
        for byte in "é🚀".encode():
            sys.stdout.buffer.write(bytes([byte])); sys.stdout.buffer.flush(); time.sleep(0.3)
    """
    submit(code, show_output=True)
    assert "é🚀\n" in capsys.readouterr().out


def test_ten_megabytes_of_output_are_stored(submit: Submit) -> None:
    run = submit("for n in range(200_000): print('%050d' % n)")
    run.wait_for_completion()
    assert log_of(run) == "".join(f"{n:050d}\n" for n in range(200_000))
    assert run.warnings == ()


@pytest.mark.slow
def test_three_hundred_megabytes_of_output_at_full_speed_are_stored(submit: Submit, workspace: Workspace) -> None:
    code = """
        import hashlib, sys
        printed = hashlib.sha256()
        for n in range(300):
            piece = (b"%09d\\n" % n) * 100_000
            printed.update(piece)
            sys.stdout.buffer.write(piece)
        open("outputs/sha256", "w").write(printed.hexdigest())
    """
    run = submit(code)
    run.wait_for_completion()
    root = run.place.record().artifact_root
    kept = hashlib.sha256()
    for piece in workspace.stores.artifacts.get(root, "user_logs/std_log.txt"):
        kept.update(piece)
    printed = b"".join(workspace.stores.artifacts.get(root, "outputs/sha256")).decode()
    assert kept.hexdigest() == printed
    assert run.warnings == ()


def test_a_line_that_a_progress_bar_redraws_stays_one_line(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    code = """
        import sys
        for n in range(3):
            sys.stderr.write(f"\\r{n}%")
        sys.exit(9)
    """
    with pytest.raises(SubmitFailed, match="exit code 9: 2%"):
        submit(code, show_output=True).wait_for_completion()
    assert "\r0%\r1%\r2%\n" in capsys.readouterr().out


def test_output_and_errors_are_in_order(submit: Submit) -> None:
    run = submit("import sys\nfor n in range(5): print('out', n); print('err', n, file=sys.stderr)")
    run.wait_for_completion()
    assert log_of(run) == "".join(f"out {n}\nerr {n}\n" for n in range(5))


@IN_BOTH_PLACES
def test_logs_are_stored_while_the_script_runs_and_outputs_afterwards(submit: Submit) -> None:
    code = """
        import os, time
        os.makedirs("logs", exist_ok=True)
        open("logs/progress.txt", "w").write("half")
        open("outputs/model.txt", "w").write("weights")
        while not os.path.exists("logs/go"):
            time.sleep(0.05)
    """
    run = submit(code)
    until(lambda: "logs/progress.txt" in run.get_file_names())
    assert run.status == "Running" and "outputs/model.txt" not in run.get_file_names()
    folder = Path(run.get_details()["runDefinition"]["workingDirectory"])
    (folder / "logs" / "go").touch()
    details = run.wait_for_completion()
    assert {"logs/progress.txt", "outputs/model.txt"} <= set(run.get_file_names())
    place = "file:///" if run.experiment.workspace.stores.kind_of_address == "path" else run.get_portal_url()
    assert details["logFiles"]["logs/progress.txt"].startswith(place)
    run.clean()
    assert not folder.exists()
    run.clean()


@IN_BOTH_PLACES
def test_a_completed_run_has_all_of_its_outputs(submit: Submit) -> None:
    run = submit("for number in range(200): open(f'outputs/{number}', 'w').write('x')")
    until(lambda: run.status == "Completed")
    assert len([name for name in run.get_file_names() if name.startswith("outputs/")]) == 200


def test_details_contain_the_submitted_definition(submit: Submit, source: Path) -> None:
    run = submit("print('hello')", arguments=["--alpha", 0.5, Path("x")])
    run.wait_for_completion()
    details = run.get_details()
    assert {"runId", "target", "status", "startTimeUtc", "endTimeUtc", "properties", "inputDatasets"} <= set(details)
    assert {"outputDatasets", "runDefinition", "logFiles", "submittedBy"} <= set(details)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", details["startTimeUtc"])
    definition = details["runDefinition"]
    assert (definition["script"], definition["arguments"]) == ("train.py", ["--alpha", "0.5", "x"])
    assert (definition["target"], definition["sourceDirectory"]) == ("local", str(source))
    assert details["properties"]["ContentSnapshotId"]
    json.dumps(details)


def test_logs_are_written_to_a_folder(submit: Submit, working_folder: Path) -> None:
    run = submit("print('hello')")
    run.wait_for_completion()
    assert run.get_all_logs() == [f"assets/{run.id}/user_logs/std_log.txt"]
    assert (working_folder / "assets" / run.id / "user_logs" / "std_log.txt").read_text() == "hello\n"
    (working_folder / "file").touch()
    with pytest.raises(InvalidValue, match="must be a folder"):
        run.get_all_logs("file")


def test_system_metrics_are_logged(submit: Submit) -> None:
    code = """
        import time
        held, end = bytearray(200 << 20), time.time() + 1.5
        while time.time() < end:
            pass
    """
    run = submit(code)
    run.wait_for_completion()
    (cpu,) = run.get_metrics("system/cpu_percent").values()
    (memory,) = run.get_metrics("system/memory_bytes").values()
    assert 20 < cpu < 250, cpu
    assert 200 << 20 < memory < 400 << 20 and type(memory) is int
    assert run.get_metrics() == {}


def test_an_interactive_run_can_be_waited_for(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run = Experiment(workspace, "interactive").start_logging(outputs=False, snapshot_directory=None)
    threading.Timer(0.5, run.complete).start()
    details = Run.get(workspace, run.id).wait_for_completion(show_output=True)
    assert details["status"] == "Completed" and details["target"] == "local"
    assert "runDefinition" not in details
    assert f"Execution Summary\n=================\nRunId: {run.id}\n" in capsys.readouterr().out


def test_waiting_for_a_run_that_did_not_fail_raises_nothing(submit: Submit) -> None:
    run = submit("raise SystemExit(1)")
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
    assert run.wait_for_completion(raise_on_error=False, show_output=True)["status"] == "Failed"


def test_control_c_ends_the_wait_and_not_the_run(submit: Submit, workspace: Workspace) -> None:
    run = submit("import time; print('hello', flush=True); time.sleep(600)")
    waiter = """
import signal, sys
from bridge import SubmitFailed, Workspace
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    Workspace.open(sys.argv[1]).get_run(sys.argv[2]).wait_for_completion(show_output=True)
except SubmitFailed as error:
    print(error)
"""
    command = [sys.executable, "-u", "-c", waiter, address_of(workspace), run.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "hello\n":
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert "the run continues" in rest
    assert run.status == "Running"


def test_warnings_are_shown(
    submit: Submit, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_SNAPSHOT_BYTES", "1000")
    (source / "weights.bin").write_bytes(b"x" * 2000)
    run = submit("import os; print(os.path.exists('weights.bin'))", show_output=True)
    (warning,) = run.warnings
    assert "weights.bin" in warning
    shown = capsys.readouterr().out
    assert "\nFalse\n" in shown and shown.endswith(f"\n\nWarnings:\n{warning}\n\n")
    assert run.get_details()["warnings"] == [{"source": "runbridge", "message": warning}]


def test_text_that_a_terminal_cannot_show_is_replaced(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    submit("print('é')", show_output=True)
    shown.seek(0)
    assert "\n?\n" in shown.read()


def test_outputs_are_read_from_the_folder_in_which_the_script_was_started(submit: Submit) -> None:
    run = submit(
        """
        import os
        os.mkdir("elsewhere")
        os.makedirs("outputs", exist_ok=True)
        open("outputs/mine", "w").close()
        os.chdir("elsewhere")
        from bridge import Run
        run = Run.get_context()
        os.makedirs("outputs", exist_ok=True)
        open("outputs/other", "w").close()
        run.complete()
        print(sorted(run.get_file_names()))
        """
    )
    run.wait_for_completion()
    assert [name for name in run.get_file_names() if name.startswith("outputs/")] == ["outputs/mine"]
    assert "outputs/mine" in log_of(run)
