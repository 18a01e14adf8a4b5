"""`runbridge compare` shows what differs between runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_workspace import DIGITS, run_named
from terminal import in_pipe, output_of, shown_in_terminal

from bridge import Experiment, Workspace

pytestmark = pytest.mark.slow


def rows(*arguments: str) -> dict[tuple[str, str], list[str]]:
    lines = [line.split("\t") for line in output_of("compare", *arguments).splitlines()]
    return {(line[0], line[1]): line[2:] for line in lines}


def test_only_what_differs_is_printed(workspace: Workspace) -> None:
    found = rows("brave-fox", "calm-owl")
    assert found["SECTION", "KEY"] == [run_named(workspace, name).id for name in ("brave-fox", "calm-owl")]
    assert found["run", "status"] == ["Completed", "Failed"]
    assert found["params", "learning_rate"] == ["0.1", "0.05"]
    assert found["metrics", "loss"] == [repr(1 / 30), repr(1 / 31)]
    assert not {("params", "model"), ("tags", "team"), ("metrics", "Category")} & found.keys()


def test_equal_rows_are_printed_if_asked_for(workspace: Workspace) -> None:
    found = rows("brave-fox", "calm-owl", "--all")
    assert found["params", "model"] == ["cnn", "cnn"]
    assert found["metrics", "Category"] == ["Red", "Red"]
    assert not any(key.startswith("mlflow.") for _, key in found)


def test_a_missing_value_is_a_difference(workspace: Workspace) -> None:
    assert rows("quick-elk", "brave-fox")["params", "model"] == ["", "cnn"]


def test_sources_and_environments_are_compared(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / f"source{number}"
        folder.mkdir()
        (folder / "train.py").write_text(f"print({number})")
        (folder / "same.py").write_text("")
        Experiment(workspace, DIGITS).start_logging(display_name=f"with-{number}", snapshot_directory=folder).complete()
    found = rows("with-0", "with-1")
    assert [key for section, key in found if section == "source"] == ["train.py"]
    assert not any(section in ("environment", "packages") for section, _ in found)
    whole = rows("with-0", "with-1", "--all")
    assert whole["source", "same.py"][0]
    assert whole["packages", "numpy"][0] == whole["packages", "numpy"][1]
    assert whole["environment", "python"]
    assert rows("with-0", "brave-fox")["packages", "numpy"][1] == ""


def test_json_has_an_object_for_each_row(workspace: Workspace) -> None:
    found = [json.loads(line) for line in output_of("compare", "brave-fox", "calm-owl", "--json", "--all").splitlines()]
    (rate,) = [row for row in found if row["key"] == "learning_rate"]
    fox, owl = (run_named(workspace, name).id for name in ("brave-fox", "calm-owl"))
    assert rate == {
        "kind": "comparison",
        "section": "params",
        "key": "learning_rate",
        "different": True,
        "values": {fox: "0.1", owl: "0.05"},
    }
    assert any(not row["different"] for row in found)


@pytest.mark.parametrize("columns", [50, 120])
def test_runs_are_side_by_side_as_far_as_the_terminal_has_room(workspace: Workspace, columns: int) -> None:
    shown = shown_in_terminal("compare", "brave-fox", "calm-owl", "quick-elk", columns=columns)
    assert all(len(line) <= columns for line in shown.splitlines())
    assert shown.count("learning_rate") == (3 if columns == 50 else 1)
    assert "equal row" in shown


def test_numbers_that_differ_do_not_look_equal(workspace: Workspace) -> None:
    for name, value in (("near-0", 0.12345678901), ("near-1", 0.12345678902)):
        run = Experiment(workspace, DIGITS).start_logging(display_name=name, snapshot_directory=None)
        run.log("close", value)
        run.log("nan", float("nan"))
        run.complete()
    shown = shown_in_terminal("compare", "near-0", "near-1")
    assert "0.12345678901" in shown and "0.12345678902" in shown
    assert "  nan" not in shown


@pytest.mark.parametrize("runs", [("brave-fox",), ("brave-fox", "brave-fox"), ("brave-fox", "nope")])
def test_fewer_than_two_runs_are_an_error(workspace: Workspace, runs: tuple[str, ...]) -> None:
    done = in_pipe("compare", *runs)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
