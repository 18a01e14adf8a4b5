"""`runbridge search` finds runs with a filter, and prints chosen columns."""

from __future__ import annotations

import json

import pytest
from command_workspace import DIGITS, run_named
from terminal import completions, in_pipe, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


def rows(*arguments: str) -> list[list[str]]:
    return [line.split("\t") for line in output_of("search", DIGITS, *arguments).splitlines()]


def test_runs_that_match_are_listed_with_the_columns_of_the_filter_and_the_order(workspace: Workspace) -> None:
    headers, *found = rows("metrics.loss < 0.4 and params.model = 'cnn'", "--sort", "params.learning_rate")
    usual = ["ID", "NAME", "STATUS", "STARTED", "DURATION"]
    assert headers == [*usual, "metrics.loss", "params.model", "params.learning_rate"]
    assert [(row[1], row[5], row[7]) for row in found] == [
        ("calm-owl", repr(1 / 31), "0.05"),
        ("brave-fox", repr(1 / 30), "0.1"),
    ]


def test_chosen_columns_are_printed_in_their_order(workspace: Workspace) -> None:
    columns = "metrics.loss:max,metrics.loss:@2,metrics.loss:step,tags.team,tags.Category,number,name"
    headers, fox = rows("run_name = 'brave-fox'", "--columns", columns)
    assert headers == ["ID", *columns.split(",")[:-1], "NAME"]
    assert fox[1:] == ["1.0", repr(1 / 3), "29.0", "vision", "Red", "1", "brave-fox"]


def test_runs_are_ordered_by_values_that_no_store_orders_by(workspace: Workspace) -> None:
    for sort, names in {
        "metrics.loss:max": ["quick-elk", "calm-owl", "brave-fox"],
        "-metrics.loss:max": ["brave-fox", "quick-elk", "calm-owl"],
        "-metrics.loss,name": ["quick-elk", "brave-fox", "calm-owl"],
        "metrics.loss DESC, name ASC": ["quick-elk", "brave-fox", "calm-owl"],
        "name": ["brave-fox", "calm-owl", "quick-elk"],
    }.items():
        assert [row[1] for row in rows("--sort", sort, "--columns", "name")[1:]] == names, sort


@pytest.mark.parametrize("sort", ["name", "metrics.loss:max"])
def test_a_limit_is_respected_and_reported_to_a_person_only(workspace: Workspace, sort: str) -> None:
    assert len(output_of("search", DIGITS, "--sort", sort, "-n", "2", "--quiet").splitlines()) == 2
    assert len(output_of("search", DIGITS, "--sort", sort, "-n", "2", "--all", "-q").splitlines()) == 3
    assert "More than 2 runs match" in shown_in_terminal("search", DIGITS, "--sort", sort, "-n", "2")
    assert "More" not in shown_in_terminal("search", DIGITS, "--sort", sort, "-n", "3")


def test_json_has_the_run_and_the_chosen_columns(workspace: Workspace) -> None:
    (found,) = output_of(
        "search", DIGITS, "status = 'Failed'", "--json", "-c", "metrics.loss:min,params.no"
    ).splitlines()
    record = json.loads(found)
    assert record["id"] == run_named(workspace, "calm-owl").id
    assert record["columns"] == {"metrics.loss:min": 1 / 31, "params.no": None}


def test_no_match_is_an_empty_table_and_a_note_for_a_person(workspace: Workspace) -> None:
    assert len(rows("params.model = 'mlp'")) == 1
    assert "No runs match." in shown_in_terminal("search", DIGITS, "params.model = 'mlp'")


def test_a_table_fits_the_terminal(workspace: Workspace) -> None:
    shown = shown_in_terminal("search", DIGITS, "metrics.loss < 2", columns=80)
    assert "brave-fox" in shown and "0.0333333" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_ids_are_whole_however_many_columns_a_terminal_has(workspace: Workspace) -> None:
    columns = "name,user,start_time,metrics.loss:min,metrics.loss:max,params.learning_rate,params.model,tags.team"
    shown = shown_in_terminal("search", DIGITS, "-c", columns, columns=70)
    assert run_named(workspace, "brave-fox").id[:8] in shown
    assert all(len(line) <= 70 for line in shown.splitlines())


def test_headers_are_short_in_a_terminal_unless_they_would_be_equal(workspace: Workspace) -> None:
    assert "  loss" in shown_in_terminal("search", DIGITS, "-c", "metrics.loss,params.model")
    assert "metrics.loss" in shown_in_terminal("search", DIGITS, "-c", "metrics.loss,tags.loss")


def test_deleted_runs_are_found_only_if_asked_for(workspace: Workspace) -> None:
    run = run_named(workspace, "brave-fox")
    workspace.stores.tracking.delete_runs([run.id], 1_700_000_000_000)
    assert run.id not in output_of("search", DIGITS, "-q")
    assert run.id in output_of("search", DIGITS, "-q", "--deleted").splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ("metrics.loss <",),
        ("--columns", "nonsense"),
        ("--columns", ",,"),
        ("--sort", "metrics."),
        ("--sort", ",".join(["name"] * 9)),
        ("--columns", ",".join(f"params.{n}" for n in range(201))),
        ("params.a LIKE 3",),
    ],
)
def test_a_wrong_filter_or_column_is_one_sentence(workspace: Workspace, arguments: tuple[str, ...]) -> None:
    done = in_pipe("search", DIGITS, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert not done.stderr.rstrip("\n").endswith("..")


def test_an_experiment_is_completed_in_the_shell(workspace: Workspace) -> None:
    assert completions("search", "di") == [DIGITS]


def test_a_key_with_a_control_character_cannot_change_the_terminal(workspace: Workspace) -> None:
    headers, *_ = output_of("search", DIGITS, "-c", "tags.evil\x1b[31m\tkey").splitlines()
    assert headers == "ID\ttags.evil\\x1b[31m\\tkey"
