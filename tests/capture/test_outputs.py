"""Files in the folder `outputs` are stored when a run ends, and no problem with them fails the run."""

from __future__ import annotations

import os
import threading
import time
import traceback
from pathlib import Path

import pytest
from both_places import IN_A_FOLDER
from capturing import content

from bridge import Experiment, Run, Workspace
from bridge.store.folder.artifacts import FolderArtifacts

NOBODY = 65534


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}")


def give_away(folder: Path) -> None:
    """Give a folder and its content to another user."""
    for place in (folder, *folder.rglob("*")):
        os.chown(place, NOBODY, NOBODY)


def begin(experiment: Experiment, **options: object) -> Run:
    return experiment.start_logging(snapshot_directory=None, **options)  # type: ignore[arg-type]


def test_outputs_are_stored_below_their_prefix(experiment, working_folder):
    run = begin(experiment)
    assert (working_folder / "outputs").is_dir()
    make(working_folder / "outputs", "model.pkl", "a/b/c.txt", ".hidden")
    assert run.get_file_names() == []
    run.complete()
    assert run.get_file_names() == ["outputs/.hidden", "outputs/a/b/c.txt", "outputs/model.pkl"]
    assert content(run, "outputs/a/b/c.txt") == "content of a/b/c.txt"
    assert run.warnings == ()


@IN_A_FOLDER
@pytest.mark.parametrize("end", [Run.complete, Run.fail, Run.cancel], ids=lambda end: end.__name__)
def test_outputs_are_stored_before_the_run_gets_its_final_status(experiment, working_folder, end, monkeypatch):
    run = begin(experiment)
    make(working_folder / "outputs", "x")
    statuses = []
    put = FolderArtifacts.put

    def watched(*arguments):
        statuses.append(run.status)
        return put(*arguments)

    monkeypatch.setattr(FolderArtifacts, "put", watched)
    end(run)
    assert statuses == ["Running"]
    assert run.get_file_names() == ["outputs/x"]


@pytest.mark.parametrize("outputs", [None, True])
def test_none_and_true_mean_the_folder_outputs(experiment, working_folder, outputs):
    with begin(experiment, outputs=outputs) as run:
        make(working_folder, "outputs/x", "other/y")
    assert run.get_file_names() == ["outputs/x"]


def test_false_means_no_folder(experiment, working_folder):
    with begin(experiment, outputs=False) as run:
        assert not (working_folder / "outputs").exists()
        make(working_folder, "outputs/x")
    assert run.get_file_names() == []


def test_files_of_another_folder_are_stored_below_outputs(experiment, working_folder, tmp_path):
    for outputs in (tmp_path / "far away", os.path.relpath(tmp_path / "far away"), "./near/../near"):
        with begin(experiment, outputs=outputs) as run:
            make(Path(outputs), "a/x")
        assert run.get_file_names() == ["outputs/a/x"]


def test_a_script_can_change_its_working_folder(experiment, working_folder, tmp_path, monkeypatch):
    with begin(experiment) as run:
        make(working_folder / "outputs", "x")
        monkeypatch.chdir(tmp_path)
    assert run.get_file_names() == ["outputs/x"]


@IN_A_FOLDER
def test_completing_again_stores_only_changed_files(experiment, working_folder, monkeypatch):
    run = begin(experiment)
    make(working_folder / "outputs", "same", "changed")
    run.complete()
    put: list[str] = []
    original = FolderArtifacts.put
    monkeypatch.setattr(
        FolderArtifacts, "put", lambda self, root, path, source: put.append(path) or original(self, root, path, source)
    )
    run.complete()
    assert put == []
    (working_folder / "outputs" / "changed").write_text("again")
    make(working_folder / "outputs", "new")
    Run.get(experiment.workspace, run.id).complete()
    run.complete()
    assert put == ["outputs/changed", "outputs/new"]
    assert content(run, "outputs/changed") == "again"


def test_links_are_followed_but_not_in_a_cycle(experiment, working_folder, tmp_path):
    make(tmp_path, "data/x")
    with begin(experiment) as run:
        outputs = working_folder / "outputs"
        (outputs / "folder").symlink_to(tmp_path / "data")
        (outputs / "file").symlink_to(tmp_path / "data" / "x")
        (outputs / "circle").symlink_to(outputs)
    assert run.get_file_names() == ["outputs/file", "outputs/folder/x"]
    assert run.warnings == ()


def test_a_file_that_cannot_be_stored_causes_a_warning_with_its_name(experiment, working_folder):
    run = begin(experiment)
    outputs = working_folder / "outputs"
    make(outputs, "good", "bad\nname")
    (outputs / "dangling").symlink_to("nowhere")
    os.mkfifo(outputs / "pipe")
    (outputs / os.fsdecode(b"\xff")).write_text("not text")
    run.complete()
    assert run.status == "Completed"
    assert run.get_file_names() == ["outputs/good"]
    warnings = "\n".join(run.warnings)
    assert len(run.warnings) == 4
    for name, reason in (
        ("dangling", "no such file or directory"),
        ("pipe", "not a regular file"),
        ("bad", "must not contain control characters"),
        ("\\udcff", "UTF-8"),
    ):
        assert any(name in warning and reason in warning for warning in run.warnings), (name, warnings)
    run.complete()
    assert len(run.warnings) == 4, "one warning for each"


def test_an_unreadable_file_causes_a_warning(working_folder):
    make(working_folder / "outputs", "secret", "x")
    (working_folder / "outputs" / "secret").chmod(0)
    for folder in (working_folder, *working_folder.parents):
        if os.stat(folder).st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o755)
    working_folder.chmod(0o777)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            workspace = Workspace.create("nobodys", path=working_folder / "nobodys")
            with begin(Experiment(workspace, "outputs"), outputs=str(working_folder / "first")):
                make(working_folder / "first", "x")  # so that all modules are loaded
            if os.geteuid() == 0:  # root can read everything
                workspace.stores.tracking.close()
                give_away(workspace.path)
                os.setuid(NOBODY)
            with begin(Experiment(Workspace.open(workspace.path), "outputs")) as run:
                pass
            assert run.get_file_names() == ["outputs/x"], run.get_file_names()
            assert "secret" in run.warnings[0] and "permission denied" in run.warnings[0], run.warnings
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


@IN_A_FOLDER
def test_a_file_that_vanishes_during_the_upload_causes_a_warning(experiment, working_folder, monkeypatch):
    run = begin(experiment)
    make(working_folder / "outputs", "a", "b", "c")
    put = FolderArtifacts.put

    def removing(self, root, path, source):
        (working_folder / "outputs" / "b").unlink(missing_ok=True)
        return put(self, root, path, source)

    monkeypatch.setattr(FolderArtifacts, "put", removing)
    run.complete()
    assert run.get_file_names() == ["outputs/a", "outputs/c"]
    (warning,) = run.warnings
    assert "outputs/b" in warning and "no such file" in warning


def test_many_problems_are_counted(experiment, working_folder):
    with begin(experiment) as run:
        for number in range(50):
            (working_folder / "outputs" / f"{number}").symlink_to("nowhere")
    assert len(run.warnings) == 21
    assert run.warnings[-1] == "30 more files were not stored."


@IN_A_FOLDER
def test_a_store_that_refuses_files_fails_no_run(experiment, working_folder):
    run = begin(experiment)
    make(working_folder / "outputs", "a")
    artifacts = experiment.workspace.path / "artifacts"
    artifacts.rename(artifacts.with_name("moved"))
    artifacts.write_text("no folder")
    run.complete()
    assert run.status == "Completed"
    (warning,) = run.warnings
    assert "outputs/a was not stored" in warning


def test_a_folder_that_cannot_be_created_causes_a_warning(experiment, working_folder):
    (working_folder / "outputs").write_text("a file")
    with begin(experiment) as run:
        run.log("loss", 1.0)
    assert run.status == "Completed"
    assert "outputs could not be created" in run.warnings[0]


def test_a_workspace_in_the_folder_is_not_an_output(working_folder):
    workspace = Workspace.create("work", path=working_folder / "outputs" / "work")
    with begin(Experiment(workspace, "inside")) as run:
        make(working_folder / "outputs", "x")
    assert run.get_file_names() == ["outputs/x"]


def test_debug_logs_of_the_azure_ml_sdk_are_not_outputs(experiment, working_folder):
    with begin(experiment) as run:
        make(working_folder / "outputs", "x.log", "12_azureml.log")
    assert run.get_file_names() == ["outputs/x.log"]


@IN_A_FOLDER
def test_an_experiment_with_its_own_artifact_location_causes_a_warning(workspace, working_folder, tmp_path):
    workspace.stores.tracking.create_experiment("far", 0, artifact_location=str(tmp_path / "far"))
    run = begin(Experiment(workspace, "far"))
    make(working_folder / "outputs", "x")
    run.complete()
    assert run.status == "Completed"
    assert "far" in run.warnings[0]


@IN_A_FOLDER
@pytest.mark.slow
def test_a_thousand_files_are_stored_in_seconds(experiment, working_folder):
    run = begin(experiment)
    make(working_folder / "outputs", *(f"{number % 10}/{number}" for number in range(1_000)))
    begun = time.process_time()
    run.complete()
    assert time.process_time() - begun < 10
    assert len(run.get_file_names()) == 1_000
    begun = time.process_time()
    run.complete()
    assert time.process_time() - begun < 1


def test_a_child_stores_no_outputs_unless_requested(experiment, working_folder):
    with begin(experiment) as parent:
        make(working_folder / "outputs", "x")
        with parent.child_run() as child:
            pass
        with parent.child_run(outputs="own") as other:
            make(working_folder / "own", "y")
    assert (child.get_file_names(), other.get_file_names()) == ([], ["outputs/y"])
    assert parent.get_file_names() == ["outputs/x"]


# The end of a process


def test_a_run_left_open_stores_its_outputs_at_the_end_of_the_process(script, only_run):
    ended = script("run = experiment.start_logging()\nPath('outputs/x').write_text('late')\n")
    assert ended.returncode == 0, ended.stderr
    run = only_run()
    assert (run.status, run.get_file_names(), content(run, "outputs/x")) == ("Completed", ["outputs/x"], "late")


def test_a_run_that_fails_stores_its_outputs(script, only_run):
    script("run = experiment.start_logging()\nPath('outputs/x').write_text('late')\nraise ValueError\n")
    run = only_run()
    assert (run.status, run.get_file_names()) == ("Failed", ["outputs/x"])


def test_a_run_that_another_process_ended_stores_its_outputs(script, only_run):
    code = (
        "run = experiment.start_logging()\n"
        "from bridge.records.run import RunChanges\n"
        "run.place.update(RunChanges(status='Canceled'))\n"
        "Path('outputs/x').write_text('late')\n"
    )
    script(code)
    run = only_run()
    assert (run.status, run.get_file_names()) == ("Canceled", ["outputs/x"])


def test_a_forked_child_that_ends_the_run_stores_its_outputs(script, only_run):
    code = (
        "run = experiment.start_logging()\n"
        "Path('logs').mkdir(); Path('logs/a').write_text('1')\n"
        "Path('outputs/x').write_text('late')\n"
        "while 'logs/a' not in run.get_file_names(): time.sleep(0.02)\n"
        "if os.fork() == 0:\n"
        "    Path('logs/a').write_text('12')\n"
        "    run.complete()\n"
        "    os._exit(0)\n"
        "os._exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    ended = script(code)
    assert ended.returncode == 0, ended.stderr
    run = only_run()
    assert (run.status, run.get_file_names()) == ("Completed", ["logs/a", "outputs/x"])
    assert content(run, "logs/a") == "12"


def test_a_child_can_be_forked_while_a_thread_loads_what_stores_logs(script, only_run):
    code = (
        "def load_slowly(loader, module):\n"
        "    if threading.current_thread().name == 'bridge-capture' and not begun:\n"
        "        begun.append(module)\n"
        "        time.sleep(0.5)\n"
        "    return load(loader, module)\n"
        "begun = []\n"
        "load, SourceFileLoader.exec_module = SourceFileLoader.exec_module, load_slowly\n"
        "run = experiment.start_logging()\n"
        "Path('logs').mkdir(); Path('logs/a').write_text('1')\n"
        "while not begun:\n"
        "    time.sleep(0.01)\n"
        "if os.fork() == 0:\n"
        "    signal.alarm(20)\n"
        "    run.complete()\n"
        "    os._exit(0)\n"
        "os._exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    ended = script("import signal, threading\nfrom importlib.machinery import SourceFileLoader\n" + code)
    assert ended.returncode == 0, ended.stderr
    assert (only_run().status, only_run().get_file_names()) == ("Completed", ["logs/a"])


def test_threads_can_end_a_run_at_once(experiment, working_folder):
    run = begin(experiment)
    make(working_folder / "outputs", *"abcdef")
    threads = [threading.Thread(target=run.complete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (run.status, len(run.get_file_names()), run.warnings) == ("Completed", 6, ())
