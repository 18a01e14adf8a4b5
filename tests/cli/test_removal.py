"""`runbridge gc` removes permanently what was deleted, and nothing else."""

from __future__ import annotations

import json

import pytest
from command_workspace import DIGITS, is_deleted, run_named
from terminal import in_pipe, in_terminal, output_of

from bridge import Experiment, Workspace
from bridge.cli.removal import age_ms
from bridge.errors import InvalidValue
from bridge.records.search import RunQuery
from bridge.records.times import now_ms

pytestmark = pytest.mark.slow

DAY = 86_400_000


def names(workspace: Workspace) -> list[str]:
    """Return the names of all runs of `digits`, also of deleted ones."""
    found = workspace.stores.tracking.search_runs(RunQuery((Experiment(workspace, DIGITS).id,), view="all")).items
    return sorted(run.display_name for run in found)


def test_an_age_has_units() -> None:
    assert [age_ms(text) for text in ("30d", "1d12h", "5m", "90s", "0")] == [
        30 * DAY, DAY + DAY // 2, 300_000, 90_000, 0,
    ]  # fmt: skip
    for text in ("", "90", "d", "1y", "-1d", "1h1d", "1.5d", "٣d", "9" * 30):
        with pytest.raises(InvalidValue):
            age_ms(text)


def test_deleted_runs_are_removed_with_their_files(workspace: Workspace) -> None:
    files = workspace.path / "artifacts"
    assert len(list(files.rglob("old.bin"))) == 1
    lines = output_of("gc", "--dry-run").splitlines()
    assert [line.split("\t")[1] for line in lines] == ["NAME", "old-yak"]
    assert is_deleted(workspace, "old-yak")
    record = json.loads(output_of("gc", "--yes", "--json"))
    assert (record["kind"], record["name"], record["stage"]) == ("run", "old-yak", "deleted")
    assert names(workspace) == ["brave-fox", "calm-owl", "quick-elk"]
    assert list(files.rglob("old.bin")) == []
    assert len(list(files.rglob("model.bin"))) == 2
    assert output_of("gc", "--yes", "--json") == ""


def test_only_old_runs_are_removed(workspace: Workspace) -> None:
    tracking = workspace.stores.tracking
    tracking.delete_runs([run_named(workspace, "brave-fox").id], now_ms() - 2 * DAY)
    output_of("gc", "--older-than", "1d", "--yes")
    assert names(workspace) == ["calm-owl", "old-yak", "quick-elk"]


def test_an_age_without_a_unit_is_refused(workspace: Workspace) -> None:
    done = in_pipe("gc", "--older-than", "30", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be an age with units, such as 30d" in done.stderr
    assert "old-yak" in names(workspace)


def test_a_person_is_asked(workspace: Workspace) -> None:
    for answer, code in (("n\n", 1), ("\x03", 130), ("yes\n", 0)):
        assert "old-yak" in names(workspace)
        with in_terminal("gc") as terminal:
            terminal.wait_for("Remove 1 run permanently? [y/N] ")
            assert "old-yak" in terminal.text
            terminal.type(answer)
            assert terminal.end() == code, terminal.text
    assert "Removed 1 run. This freed " in terminal.text
    assert "old-yak" not in names(workspace)


def test_a_pipe_needs_the_option(workspace: Workspace) -> None:
    for arguments in ((), ("--json",)):
        done = in_pipe("gc", *arguments, input="y\n")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "add --yes" in done.stderr
    assert "old-yak" in names(workspace)


def test_deleted_experiments_are_removed_unless_they_have_active_runs(workspace: Workspace) -> None:
    tracking = workspace.stores.tracking
    ids = {name: tracking.create_experiment(name, now_ms()).id for name in ("empty", "kept")}
    with Experiment(workspace, "kept").start_logging(snapshot_directory=None) as run:
        pass
    for id in ids.values():
        tracking.delete_experiment(id, now_ms())
    tracking.restore_runs([run.id])
    kinds = [json.loads(line)["name"] for line in output_of("gc", "--yes", "--json").splitlines()]
    assert kinds == ["old-yak", "empty"]
    assert tracking.find_experiment("empty") is None
    assert tracking.find_experiment("kept") is not None
    assert run.status == "Completed"
