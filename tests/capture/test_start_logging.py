"""An interactive run stores its source code and Git state, and ends with its `with` block or its process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from both_places import IN_A_FOLDER
from longer import LONG

from bridge import Run
from bridge.source.empty import EMPTY
from bridge.source.snapshot import restore_snapshot

SNAPSHOT = "ContentSnapshotId"


def test_the_source_is_stored_as_a_snapshot(experiment, working_folder, tmp_path):
    (working_folder / "train.py").write_text("print('hello')")
    run = experiment.start_logging()
    run.complete()
    restore_snapshot(run.place.stores.artifacts, run.properties[SNAPSHOT], tmp_path / "restored")
    assert [path.name for path in (tmp_path / "restored").iterdir()] == ["train.py"]
    again = experiment.start_logging()
    again.complete()
    assert again.properties == run.properties, "what a run writes is no source"


def test_another_folder_can_be_the_source(experiment, working_folder, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_text("1")
    run = experiment.start_logging(snapshot_directory=source)
    run.complete()
    restore_snapshot(run.place.stores.artifacts, run.properties[SNAPSHOT], tmp_path / "restored")
    assert (tmp_path / "restored" / "a.py").read_text() == "1"


def test_none_stores_no_source(experiment, working_folder):
    (working_folder / "train.py").write_text("1")
    run = experiment.start_logging(snapshot_directory=None)
    run.complete()
    assert run.properties == {}


def test_all_empty_folders_share_one_snapshot(experiment, working_folder):
    (working_folder / "outputs").mkdir()
    (working_folder / "outputs" / "x").write_text("no source")
    for _ in range(2):
        with experiment.start_logging() as run:
            assert run.properties == {SNAPSHOT: EMPTY}


def test_a_failed_snapshot_causes_a_warning(experiment, working_folder):
    run = experiment.start_logging(snapshot_directory="nowhere")
    run.log("loss", 1.0)
    run.complete()
    assert (run.status, run.get_metrics(), run.properties) == ("Completed", {"loss": 1.0}, {})
    (warning,) = run.warnings
    assert warning.startswith("No snapshot was taken of 'nowhere': ")


def test_a_removed_working_folder_fails_no_run(experiment, working_folder):
    working_folder.rmdir()
    with experiment.start_logging() as run:
        run.log("loss", 1.0)
    assert (run.status, run.get_metrics(), len(run.warnings)) == ("Completed", {"loss": 1.0}, 2)


def test_properties_describe_the_git_repository(experiment, working_folder, monkeypatch):
    for variable in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(variable, "ada")
    below = working_folder / "below"
    below.mkdir()
    (working_folder / "train.py").write_text("1")
    for command in ("init -q -b trunk", "add train.py", "commit -q -m first"):
        subprocess.run(["git", *command.split()], cwd=working_folder, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=working_folder, check=True, capture_output=True, text=True
    )
    for folder in (working_folder, below):
        run = experiment.start_logging(snapshot_directory=folder, outputs=False)
        run.complete()
        assert run.properties["azureml.git.commit"] == commit.stdout.strip()
        assert run.properties["azureml.git.branch"] == "trunk"


def test_git_properties_can_come_from_environment_variables(experiment, working_folder, monkeypatch):
    monkeypatch.setenv("AZUREML_GIT_COMMIT", "abc")
    run = experiment.start_logging()
    run.complete()
    assert run.properties["azureml.git.commit"] == "abc"


# The end of a block and of a process


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(0), "Completed"),
        (SystemExit(), "Completed"),
        (SystemExit(3), "Failed"),
        (SystemExit("said why"), "Failed"),
        (KeyboardInterrupt(), "Failed"),
        (ValueError("bad"), "Failed"),
    ],
    ids=repr,
)
def test_an_exception_ends_the_run_according_to_its_type_and_propagates(experiment, error, status):
    with pytest.raises(type(error)) as caught, experiment.start_logging() as run:
        raise error
    assert caught.value is error
    assert run.status == status
    if status == "Failed":
        assert run.error is not None and type(error).__name__ in run.error["message"]


def test_an_exception_fails_child_and_parent(experiment):
    with pytest.raises(ValueError), experiment.start_logging() as parent, parent.child_run() as child:
        raise ValueError("bad")
    assert (parent.status, child.status) == ("Failed", "Failed")


EXITS = [
    ("sys.exit(0)", 0, "Completed"),
    ("sys.exit()", 0, "Completed"),
    ("sys.exit(3)", 3, "Failed"),
    ("sys.exit('said why')", 1, "Failed"),
    ("try:\n    sys.exit(3)\nexcept SystemExit:\n    pass", 0, "Completed"),
    ("try:\n    sys.exit(3)\nexcept SystemExit as error:\n    kept = error", 0, "Completed"),
    ("try:\n    sys.exit(3)\nexcept SystemExit as error:\n    kept = error\nsys.exit(0)", 0, "Completed"),
    ("import argparse\nargparse.ArgumentParser().parse_args(['--unknown'])", 2, "Failed"),
    ("import threading\nt = threading.Thread(target=sys.exit, args=(3,))\nt.start()\nt.join()", 0, "Completed"),
    ("try:\n    sys.exit(3)\nfinally:\n    print('last')", 3, "Failed"),
    ("def main():\n    sys.exit(3)\ntry:\n    main()\nexcept ValueError:\n    pass", 3, "Failed"),
    ("def main():\n    try:\n        sys.exit(3)\n    except SystemExit:\n        pass\nmain()", 0, "Completed"),
    (
        "try:\n    sys.exit(3)\nexcept SystemExit as error:\n    assert type(error) is SystemExit\n    raise",
        3,
        "Failed",
    ),
]
"""The last lines of scripts, their exit codes, and the statuses of their runs."""


@IN_A_FOLDER
@pytest.mark.parametrize(("code", "exit_code", "status"), EXITS)
def test_a_run_left_open_ends_according_to_the_exit_code(script, only_run, code, exit_code, status):
    ended = script("run = experiment.start_logging()\n" + code)
    assert ended.returncode == exit_code, ended.stderr
    run = only_run()
    assert run.status == status
    if status == "Failed":
        assert run.error is not None and "SystemExit" in run.error["message"]


@pytest.mark.slow
@pytest.mark.parametrize("workspace", ["server"], indirect=True)
@pytest.mark.parametrize(("code", "exit_code", "status"), EXITS if LONG else EXITS[1:4])
def test_a_run_on_a_server_ends_according_to_the_exit_code(script, only_run, code, exit_code, status):
    """The exit code is read in the same way. With RUNBRIDGE_LONG, each script runs on a server, too."""
    test_a_run_left_open_ends_according_to_the_exit_code(script, only_run, code, exit_code, status)


@pytest.mark.parametrize("code", [0, 3])
def test_an_error_after_a_caught_exit_fails_the_run(script, only_run, code):
    caught = f"try:\n    sys.exit({code})\nexcept SystemExit:\n    pass\n"
    ended = script("run = experiment.start_logging()\n" + caught + "raise ValueError('bad data')")
    assert ended.returncode == 1, ended.stderr
    run = only_run()
    assert run.status == "Failed"
    assert run.error is not None and "ValueError: bad data" in run.error["message"]


def test_sys_exit_is_pythons_own_when_no_run_is_open(experiment):
    before = sys.exit
    run = experiment.start_logging()
    run.complete()
    assert sys.exit is before


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise ValueError('the child')"])
def test_a_forked_child_that_leaves_the_block_does_not_end_the_run(script, only_run, end):
    ended = script(
        "run = experiment.start_logging(outputs=False)\n"
        "with run:\n"
        "    if os.fork() == 0:\n"
        "        run.log('child', 1)\n"
        f"        {end}\n"
        "    os.wait()\n"
        "    print(run.status)\n"
    )
    assert ended.stdout == "Running\n", ended.stderr
    run = only_run()
    assert (run.status, run.error, run.get_metrics()) == ("Completed", None, {"child": 1})


def test_a_reopened_run_ends_when_it_is_completed(experiment, working_folder):
    first = experiment.start_logging()
    (working_folder / "outputs" / "x").write_text("1")
    Run(experiment, first.id).complete()
    assert (first.status, first.get_file_names()) == ("Completed", ["outputs/x"])


def test_a_reopened_run_can_store_outputs_of_its_own(experiment, working_folder):
    first = experiment.start_logging()
    again = Run(experiment, first.id, outputs="own")
    (working_folder / "own" / "x").write_text("1")
    (working_folder / "outputs" / "y").write_text("2")
    again.complete()
    assert first.get_file_names() == ["outputs/x", "outputs/y"]


def test_the_folder_of_outputs_is_created_when_the_run_starts(experiment, working_folder: Path):
    run = experiment.start_logging()
    run.complete()
    assert [path.name for path in working_folder.iterdir()] == ["outputs"]


def test_no_run_starts_if_no_more_files_can_be_opened(experiment, working_folder, monkeypatch):
    """Python cannot load the modules that the run needs then."""

    class Refusing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "bridge.capture.capture":
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    import bridge.capture.capture

    monkeypatch.delattr(bridge.capture, "capture")
    monkeypatch.delitem(sys.modules, "bridge.capture.capture")
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    with pytest.raises(OSError, match="Too many open files"):
        experiment.start_logging()
    assert list(experiment.get_runs()) == []
