"""`runbridge run` runs a script, also without the command that has started it, and `runbridge cancel` stops it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from command_workspace import run_named
from terminal import Terminal, in_pipe, in_terminal, output_of

from bridge import Experiment, Run, Workspace

pytestmark = pytest.mark.slow


def started(workspace: Workspace, *arguments: str) -> Run:
    """Run the command in a pipe, and return the run whose id it prints."""
    return Run.get(workspace, output_of("run", *arguments).removesuffix("\n"))


def test_the_script_gets_everything_after_its_name(workspace: Workspace) -> None:
    run = started(workspace, "train.py", "--json", "--help", "-w", "x", "--", "y")
    assert run.wait_for_completion()["status"] == "Completed"
    assert (run.experiment.name, run.get_snapshot_id() != "") == ("trials", True)
    log = "".join(run.get_details_with_logs()["logFiles"].values())
    assert "arguments ['--json', '--help', '-w', 'x', '--', 'y']" in log


def test_all_options_are_stored_with_the_run(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "my source"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "train.py").write_text("import pathlib; assert pathlib.Path('deep/train.py').is_file()")
    options = ["--source-directory", str(folder), "--name", "first", "--tag", "a=1", "--tag", "b", "--param", "lr=0.1"]
    record = json.loads(output_of("run", *options, "--json", str(folder / "deep" / "train.py")))
    assert (record["name"], record["experiment"], record["params"]) == ("first", "my-source", {"lr": "0.1"})
    assert {"a": "1", "b": None}.items() <= record["tags"].items()
    run = Run.get(workspace, record["id"])
    assert run.wait_for_completion()["status"] == "Completed"
    chosen = started(workspace, "-e", "digits", "--source-directory", str(folder), "deep/train.py")
    assert (chosen.experiment.name, chosen.wait_for_completion()["status"]) == ("digits", "Completed")


def test_the_logs_are_followed_and_a_failure_is_an_exit_code(workspace: Workspace) -> None:
    done = in_pipe("run", "--follow", "train.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "arguments []\n", "")
    done = in_pipe("run", "--follow", "train.py", "--fail")
    assert (done.returncode, done.stdout, done.stderr) == (3, "arguments ['--fail']\n", "")
    done = in_pipe("run", "--follow", "--json", "train.py")
    assert (done.returncode, done.stderr, json.loads(done.stdout)["status"]) == (0, "arguments []\n", "Completed")


def test_ctrl_c_ends_the_printing_and_not_the_run(workspace: Workspace) -> None:
    with in_terminal("run", "--follow", "--name", "long", "-e", "digits", "train.py", "--wait") as terminal:
        terminal.wait_for("arguments ['--wait']")
        terminal.type("\x03")
        assert terminal.end() == 130
        run = run_named(workspace, "long")
        assert f"`runbridge cancel {run.id}` stops it." in terminal.text
        assert "Traceback" not in terminal.text
    assert run.status == "Running"
    assert json.loads(output_of("cancel", run.id, "--json"))["status"] == "Canceled"


def test_a_run_goes_on_when_its_terminal_is_closed(workspace: Workspace) -> None:
    with in_terminal("run", "--follow", "--name", "long", "-e", "digits", "train.py", "--wait") as terminal:
        terminal.wait_for("arguments ['--wait']")
        terminal.process.send_signal(signal.SIGHUP)
        terminal.end()
    run = run_named(workspace, "long")
    assert run.status == "Running"
    run.cancel()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["nope.py"], 1, "There is no script"),
        (["--source-directory", "nope", "train.py"], 1, "nope"),
        (["--source-directory", "artifacts", "train.py"], 1, "must be below the source folder"),
        (["--param", "lr", "train.py"], 1, "must have the form KEY=VALUE"),
        (["--tag", "=x", "train.py"], 1, "tag key ''"),
        (["--experiment", "no name", "train.py"], 1, "experiment name 'no name'"),
        (["--nope", "train.py"], 2, "No such option"),
        ([], 2, "Missing argument 'SCRIPT'"),
    ],
)
def test_odd_arguments_start_nothing(workspace: Workspace, arguments: list[str], code: int, reason: str) -> None:
    before = [experiment.name for experiment in Experiment.list(workspace)]
    done = in_pipe("run", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert reason in done.stderr
    assert [experiment.name for experiment in Experiment.list(workspace)] == before
    assert [run.display_name for run in Experiment(workspace, "digits").get_runs()][:1] == ["quick-elk"]


def test_several_runs_are_canceled_together(workspace: Workspace) -> None:
    """Also a run that has no launcher, whose program continues."""
    names = ["one", "two"]
    for name in names:
        started(workspace, "--name", name, "-e", "digits", "train.py", "--wait")
    with in_terminal("cancel", *names, "quick-elk", names[0]) as terminal:
        shown = finished(terminal)
    assert "Canceled one, two, quick-elk." in shown
    assert "The program that started quick-elk continues" in shown
    assert {run_named(workspace, name).status for name in (*names, "quick-elk")} == {"Canceled"}
    end_time = run_named(workspace, "quick-elk").place.record().end_time
    output_of("cancel", *names, "quick-elk")
    assert run_named(workspace, "quick-elk").place.record().end_time == end_time


def finished(terminal: Terminal) -> str:
    """Return the output of a command that succeeds."""
    assert terminal.end() == 0, terminal.text
    return terminal.text


def test_nothing_is_canceled_if_a_run_has_ended(workspace: Workspace) -> None:
    for name in ("brave-fox", "calm-owl", "nope", "old-yak"):
        done = in_pipe("cancel", "quick-elk", name)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert run_named(workspace, "quick-elk").status == "Running"
