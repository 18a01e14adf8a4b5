"""`runbridge watch` shows the running runs of an experiment while they change."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from command_workspace import DIGITS, run_named
from terminal import COMMAND, in_pipe, in_terminal

from bridge import Experiment, Workspace
from bridge.records.run import RunRecord

pytestmark = pytest.mark.slow


@contextmanager
def watching(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "watch", DIGITS, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def next_line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    return process.stdout.readline().rstrip("\n").split("\t")


def test_a_pipe_gets_a_line_for_each_change(workspace: Workspace) -> None:
    elk = run_named(workspace, "quick-elk")
    with watching() as process:
        assert next_line(process) == ["TIME", "ID", "NAME", "STATUS", "METRICS"]
        assert next_line(process)[1:] == [elk.id, "quick-elk", "Running", "loss=0.5"]
        elk.log("loss", 0.25)
        elk.flush()
        assert next_line(process)[3:] == ["Running", "loss=0.25"]
        new = Experiment(workspace, DIGITS).start_logging(display_name="new-ant", snapshot_directory=None)
        assert next_line(process)[1:4] == [new.id, "new-ant", "Running"]
        new.complete()
        assert next_line(process)[1:4] == [new.id, "new-ant", "Completed"]
        ended = RunRecord("a" * 32, new.experiment.id, display_name="short-bee", status="Completed")
        workspace.stores.tracking.create_runs([ended])
        assert next_line(process)[1:4] == [ended.id, "short-bee", "Completed"]
        assert interrupted(process) == (0, "")


def test_json_has_a_run_for_each_change(workspace: Workspace) -> None:
    elk = run_named(workspace, "quick-elk")
    with watching("--json") as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["metrics"] == {"loss": 0.5}
        elk.complete()
        assert json.loads(process.stdout.readline())["status"] == "Completed"
        assert interrupted(process) == (0, "")


def test_chosen_columns_are_printed(workspace: Workspace) -> None:
    run_named(workspace, "quick-elk").log("loss", 0.75)
    run_named(workspace, "quick-elk").flush()
    with watching("--columns", "metrics.loss:min,metrics.loss") as process:
        assert next_line(process)[4:] == ["metrics.loss:min", "metrics.loss"]
        assert next_line(process)[4:] == ["0.5", "0.75"]


def test_a_terminal_has_a_live_table_until_ctrl_c(workspace: Workspace) -> None:
    elk = run_named(workspace, "quick-elk")
    with in_terminal("watch", DIGITS, columns=80) as terminal:
        terminal.wait_for("digits: 1 running, 0 runs ended. Ctrl-C ends this.")
        assert "brave-fox" not in terminal.text
        elk.log("accuracy", 0.875)
        elk.flush()
        terminal.wait_for("0.875")
        elk.complete()
        terminal.wait_for("digits: 0 running, 1 run ended.")
        terminal.type("\x03")
        assert terminal.end() == 0
    assert terminal.raw.rstrip().endswith(b"\x1b[?25h"), "the cursor is visible again"
    assert "Traceback" not in terminal.text


def test_the_table_fits_a_small_terminal(workspace: Workspace) -> None:
    runs = [
        Experiment(workspace, DIGITS).start_logging(display_name=f"many-{number}", snapshot_directory=None)
        for number in range(12)
    ]
    with in_terminal("watch", DIGITS, columns=60, rows=10) as terminal:
        terminal.wait_for("7 not shown")
        assert terminal.text.count("many-") == 6
    for run in runs:
        run.complete()


def test_an_unknown_experiment_is_one_sentence(workspace: Workspace) -> None:
    done = in_pipe("watch", "nope")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
