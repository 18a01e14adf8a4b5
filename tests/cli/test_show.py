"""`runbridge show` shows everything about one run."""

from __future__ import annotations

import json

import pytest
from command_workspace import run_named
from terminal import in_pipe, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


def test_a_run_is_shown_with_all_its_parts(workspace: Workspace) -> None:
    text = output_of("show", "brave-fox")
    for part in ("Completed", "learning_rate = 0.1", "team = vision", "outputs/model.bin", "Category"):
        assert part in text
    assert "mlflow.user" not in text


def test_a_sparkline_is_shown_in_a_terminal(workspace: Workspace) -> None:
    line = next(line for line in shown_in_terminal("show", "brave-fox").splitlines() if line.startswith("  loss"))
    assert "█" in line
    assert line.split()[1:4] == ["0.0333333", "0.0333333", "1"]


def test_the_error_of_a_failed_run_is_shown(workspace: Workspace) -> None:
    assert "DiskFull: The disk is full." in output_of("show", "calm-owl")


def test_the_traceback_of_an_exception_is_shown(workspace: Workspace) -> None:
    run = run_named(workspace, "quick-elk")
    try:
        raise ValueError("lost \x1b[31mcolours")
    except ValueError as error:
        run.fail(error)
    text = output_of("show", "quick-elk")
    assert "Traceback (most recent call last):" in text
    assert "ValueError: lost \\x1b[31mcolours" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["id", "prefix", "calm-owl"])
def test_a_run_is_named_by_its_id_a_prefix_or_its_name(workspace: Workspace, name: str) -> None:
    id = run_named(workspace, "calm-owl").id
    asked = {"id": id, "prefix": id[:12]}.get(name, name)
    assert json.loads(output_of("show", asked, "--json"))["id"] == id


def test_the_latest_and_the_running_run_have_names(workspace: Workspace) -> None:
    id = run_named(workspace, "quick-elk").id
    for name in ("@latest", "@running"):
        assert json.loads(output_of("show", name, "--json"))["id"] == id


def test_a_name_of_several_runs_is_refused_with_their_ids(workspace: Workspace) -> None:
    ids = [run_named(workspace, name).id for name in ("brave-fox", "calm-owl")]
    for id in ids:
        workspace.get_run(id).display_name = "twin"
    done = in_pipe("show", "twin")
    assert done.returncode == 1
    assert all(id in done.stderr for id in ids)


def test_a_name_cannot_change_the_terminal(workspace: Workspace) -> None:
    run = run_named(workspace, "brave-fox")
    run.display_name = "evil\x1b[31m\u202ename"
    run.tag("note", "two\nlines\x9b31m")
    for text in (output_of("show", run.id), shown_in_terminal("show", run.id)):
        assert "\x1b[31m" not in text
        assert "\u202e" not in text
        assert "\x9b" not in text
        assert "evil\\x1b[31m" in text
