"""`runbridge log` logs one value of a run, which it does not own."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from command_workspace import run_named
from terminal import in_pipe, output_of, shown_in_terminal

from bridge import Experiment, Run, Workspace
from bridge.cli.logged_value import MOST_JOURNALS, value_of
from bridge.store.layout import JOURNAL

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+07", 7),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("٣", "٣"),
        (" 3", " 3"),
        ("warm-up", "warm-up"),
        ("", ""),
    ],
)
def test_a_text_is_a_number_if_it_looks_like_one(text: str, value: object) -> None:
    assert repr(value_of(text)) == repr(value)


def test_values_are_logged_in_a_pipe_and_in_a_terminal(workspace: Workspace) -> None:
    run = run_named(workspace, "quick-elk")
    assert output_of("log", run.id, "score", "-0.5") == ""
    assert output_of("log", "quick-elk", "score", "nan", "--step", "-7") == ""
    assert "Logged phase = warm up for quick-elk." in shown_in_terminal("log", "@running", "phase", "warm up")
    assert repr(run.get_metrics()["score"]) == "[-0.5, nan]"
    assert run.get_series("score").steps.tolist() == [0, -7]
    assert run.get_metrics()["phase"] == "warm up"


def test_json_repeats_the_point(workspace: Workspace) -> None:
    record = json.loads(output_of("log", "quick-elk", "score", "-inf", "-s", "4", "--json"))
    assert record.pop("timestamp") > 1.7e12
    id = run_named(workspace, "quick-elk").id
    assert record == {"kind": "point", "run": id, "key": "score", "value": "-Infinity", "step": 4}


def test_a_script_logs_to_its_own_run(workspace: Workspace) -> None:
    run = run_named(workspace, "quick-elk")
    assert output_of("log", "@current", "score", "1", BRIDGE_RUN_ID=run.id, BRIDGE_WORKSPACE=str(workspace.path)) == ""
    assert run.get_metrics()["score"] == 1
    done = in_pipe("log", "@current", "score", "1", BRIDGE_RUN_ID="")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no run '@current'" in done.stderr


def test_a_submitted_script_logs_with_the_command(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "bridge", "log", "@current", "score", "0.5"]
    (workspace.path / "train.sh.py").write_text(f"import subprocess; subprocess.run({command}, check=True)")
    run = Run.get(workspace, output_of("run", "train.sh.py").strip())
    assert run.wait_for_completion()["status"] == "Completed"
    assert run.get_metrics() == {"score": 0.5}


def test_the_command_neither_owns_nor_ends_the_run(workspace: Workspace) -> None:
    leases = workspace.stores.tracking.get_leases()
    output_of("log", "quick-elk", "score", "1")
    output_of("log", "brave-fox", "score", "1")
    assert workspace.stores.tracking.get_leases() == leases
    assert [run_named(workspace, name).status for name in ("quick-elk", "brave-fox")] == ["Running", "Completed"]


def test_many_commands_leave_few_journals(tmp_path: Path) -> None:
    """A loop of a shell logs, and no other process reads the workspace. So the command must fold."""
    numbers = range(MOST_JOURNALS + 4)
    with Workspace.create("looped", path=tmp_path) as workspace:
        run = Experiment(workspace, "digits").start_logging(snapshot_directory=None, outputs=False)
        run.complete()
    for number in numbers:
        output_of("log", run.id, "score", str(number), "-w", tmp_path)
    assert len(list((tmp_path / JOURNAL).iterdir())) < MOST_JOURNALS
    assert run.get_metrics()["score"] == list(numbers)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nope", "score", "1"], 1),
        (["old-yak", "score", "1"], 1),
        (["quick-elk", "", "1"], 1),
        (["quick-elk", "score", "1", "--step", "9223372036854775808"], 1),
        (["quick-elk", "score", "1", "--step", "x"], 2),
        (["quick-elk", "score"], 2),
        (["quick-elk", "score", "1", "2"], 2),
    ],
)
def test_odd_arguments_log_nothing(workspace: Workspace, arguments: list[str], code: int) -> None:
    done = in_pipe("log", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert list(run_named(workspace, "quick-elk").get_metrics()) == ["loss"]
