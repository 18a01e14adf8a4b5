"""`runbridge export` writes the runs of an experiment as CSV or JSON."""

from __future__ import annotations

import csv
import io
import os
import threading
from pathlib import Path

import pytest
from command_workspace import DIGITS, run_named
from terminal import in_pipe, in_terminal, output_of

from bridge import Workspace
from bridge.cli.export import opened_file

pytestmark = pytest.mark.slow


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_run_has_a_row_with_its_params_metrics_and_tags(workspace: Workspace) -> None:
    found = rows(output_of("export", DIGITS, "--csv"))
    assert [row["name"] for row in found] == ["quick-elk", "calm-owl", "brave-fox"]
    fox = found[2]
    assert fox["id"] == run_named(workspace, "brave-fox").id
    assert float(fox["metrics.loss"]) == 1 / 30
    assert (fox["params.learning_rate"], fox["tags.team"], found[0]["params.model"]) == ("0.1", "vision", "")
    assert int(fox["end_time"]) - int(fox["start_time"]) == float(fox["duration"])
    assert not any("mlflow." in name or "Category" in name for name in fox)


def test_odd_values_survive(workspace: Workspace) -> None:
    run = run_named(workspace, "quick-elk")
    odd = 'a,"b"\n;\tü€𝄞'
    run.tag('key,"x"', odd)
    run.log_metrics({"nan": float("nan"), "inf": float("-inf"), "tenth": 0.1})
    run.log_row("table", lr=0.25)
    run.flush()
    row = rows(output_of("export", DIGITS))[0]
    assert row['tags.key,"x"'] == odd
    assert (row["metrics.nan"], row["metrics.inf"], row["metrics.tenth"]) == ("NaN", "-Infinity", "0.1")
    assert row["metrics.table.lr"] == "0.25"


def test_a_spreadsheet_calculates_nothing(workspace: Workspace, tmp_path: Path) -> None:
    run_named(workspace, "quick-elk").set_tags({"=1+1": "=cmd()", "plus": "+1", "plain": "a=b"})
    run_named(workspace, "quick-elk").log("loss", -0.5)
    run_named(workspace, "quick-elk").flush()
    columns = "tags.=1+1,tags.plus,tags.plain,metrics.loss"
    file = tmp_path / "runs.csv"
    output_of("export", DIGITS, file, "--spreadsheet", "-c", columns)
    text = file.read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    assert list(rows(text[1:])[0].values()) == ["'=cmd()", "'+1", "a=b", "-0.5"]
    assert list(rows(output_of("export", DIGITS, "-c", columns))[0].values()) == ["=cmd()", "+1", "a=b", "-0.5"]


def test_chosen_columns_of_runs_that_match_are_written_in_an_order(workspace: Workspace) -> None:
    options = ("--filter", "metrics.loss < 0.4", "--columns", "name,metrics.loss:max", "--sort", "-metrics.loss:max")
    assert output_of("export", DIGITS, *options) == "name,metrics.loss:max\nbrave-fox,1.0\ncalm-owl,0.5\n"


def test_json_has_an_object_for_each_run(workspace: Workspace, tmp_path: Path) -> None:
    output_of("export", DIGITS, "--json", tmp_path / "runs.jsonl")
    assert (tmp_path / "runs.jsonl").read_text() == output_of("list", DIGITS, "--json")
    assert in_pipe("export", DIGITS, "--json", "--csv").returncode == 2


def test_a_file_is_replaced_only_when_the_new_one_is_complete(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("old")
    assert in_pipe("export", DIGITS, file, "--filter", "nonsense").returncode == 1
    assert in_pipe("export", DIGITS, file, "--columns", "nonsense").returncode == 1
    with pytest.raises(KeyboardInterrupt), opened_file(file) as output:
        output.write("a part")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["runs.csv", "trials"]
    with in_terminal("export", DIGITS, file) as terminal:
        assert terminal.end() == 0
    assert f"3 runs written to {file}." in terminal.text.replace("\n", "")
    assert len(rows(file.read_text())) == 3


def test_a_named_pipe_is_written_to(workspace: Workspace, tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    thread.start()
    output_of("export", DIGITS, pipe)
    thread.join(30)
    assert len(rows(read[0])) == 3
    assert pipe.is_fifo()


def test_a_folder_or_a_missing_folder_is_one_sentence(workspace: Workspace, tmp_path: Path) -> None:
    for file, code in ((tmp_path, 2), (tmp_path / "missing" / "runs.csv", 1)):
        done = in_pipe("export", DIGITS, file)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)


def test_the_progress_is_shown_to_a_person(workspace: Workspace, tmp_path: Path) -> None:
    with in_terminal("export", DIGITS, tmp_path / "runs.csv") as terminal:
        assert terminal.end() == 0
    assert "Exporting runs" in terminal.text and "3/3" in terminal.text
