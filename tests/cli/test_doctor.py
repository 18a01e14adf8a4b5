"""`runbridge doctor` in a pipe and in a terminal: a healthy workspace, a fault, and its repair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filled import ROOT, age, change, copy_of, files_of, fill
from terminal import in_pipe, in_terminal, output_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "work"
    fill(path)
    return path


@pytest.fixture
def work(template: Path, tmp_path: Path) -> Path:
    return copy_of(template, tmp_path / "work")


def plant(work: Path) -> None:
    """Plant a fault that can be repaired, and one that cannot."""
    change(work, "UPDATE series SET latest_step = -5 WHERE latest_step = 401")
    (work / "artifacts" / ROOT / "notes.txt").unlink()


def test_a_healthy_workspace_is_said_to_be_healthy(work: Path) -> None:
    before = files_of(work)
    assert output_of("doctor", "--workspace", work) == f"The workspace {work} is healthy.\n"
    assert output_of("doctor", "--quick", "--json", "--workspace", work) == ""
    assert files_of(work) == before


def test_faults_are_listed_and_repaired_in_a_pipe(work: Path) -> None:
    plant(work)
    before = files_of(work)
    done = in_pipe("doctor", "--workspace", work)
    assert (done.returncode, done.stderr) == (3, "")
    assert "[series.facts]" in done.stdout and "[artifact.missing]" in done.stdout
    assert "Found 2 errors. `runbridge doctor --repair` repairs 1 of them." in done.stdout
    assert files_of(work) == before
    done = in_pipe("doctor", "--repair", "--workspace", work)
    assert done.returncode == 3
    assert "repaired: run aaaa" in done.stdout and f"A copy of what was changed is in {work}/repairs/" in done.stdout
    assert done.stdout.endswith("Repaired 1 fault. 1 error is left.\n")


def test_json_has_one_object_for_each_fault(work: Path) -> None:
    plant(work)
    done = in_pipe("doctor", "--repair", "--json", "--workspace", work)
    repaired, left = map(json.loads, done.stdout.splitlines())
    assert (repaired["kind"], repaired["code"], repaired["repaired"]) == ("finding", "series.facts", True)
    assert (left["code"], left["repaired"], left["repairable"], left["copies"]) == (
        "artifact.missing",
        False,
        False,
        None,
    )
    assert Path(repaired["copies"], "rows.db").is_file()


def test_notes_do_not_change_the_exit_code(work: Path) -> None:
    (work / ".0123456789abcdef.part").write_bytes(b"x")
    age(work / ".0123456789abcdef.part")
    assert "1 note" in output_of("doctor", "--workspace", work)


def test_a_terminal_shows_the_findings_in_its_width(work: Path) -> None:
    plant(work)
    with in_terminal("doctor", "--workspace", work, columns=60) as terminal:
        assert terminal.end() == 3
        shown = terminal.text
    assert max(len(line.rsplit("\r")[-1]) for line in shown.splitlines()) <= 60
    assert "✗ error:" in shown and "Found 2 errors." in shown
    with in_terminal("doctor", "--repair", "--workspace", work) as terminal:
        assert terminal.end() == 3
        assert "✓ repaired:" in terminal.text


def test_a_folder_without_a_workspace_is_one_sentence(tmp_path: Path) -> None:
    done = in_pipe("doctor", "--workspace", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "There is no workspace" in done.stderr
