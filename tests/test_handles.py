"""The public classes: workspaces, experiments and runs."""

from __future__ import annotations

import errno
import io
import os
import pickle
import stat
import threading
import time
import traceback
from pathlib import Path

import numpy
import pytest

from bridge import (
    AlreadyExists,
    BridgeError,
    Experiment,
    InvalidState,
    InvalidValue,
    NotAllowed,
    NotFound,
    ParamChanged,
    Run,
    SubmitFailed,
    Workspace,
    errors,
)
from bridge.capture.session import RunSession
from bridge.environments.conda import CondaDependencies
from bridge.environments.environment import Environment
from bridge.journal import system
from bridge.launch.runconfig import RunConfiguration
from bridge.store.one_run import get_run


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "my work")


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return Experiment(workspace, "digits").start_logging(
        display_name="cnn", tags={"team": "vision"}, snapshot_directory=None
    )


# Workspaces


def test_a_workspace_is_opened_by_its_folder_or_its_uri(workspace):
    uri = workspace.get_mlflow_tracking_uri()
    assert uri.startswith("bridge:///") and uri.endswith("/my%20work")
    for address in (workspace.path, str(workspace.path), uri):
        other = Workspace.open(address)
        assert (other.name, other.id, other.path) == ("work", workspace.id, workspace.path)


def test_a_workspace_is_created_once(workspace):
    with pytest.raises(AlreadyExists, match="exist_ok=True"):
        Workspace.create("other", path=workspace.path)
    assert Workspace.create("other", path=workspace.path, exist_ok=True).name == "work"


def test_a_workspace_without_a_path_is_created_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
    assert Workspace.create("team").path == tmp_path / "team"


@pytest.mark.parametrize("name", ["a", "7", "a" * 34, "a_-" * 85, "aé" * 85])
def test_a_workspace_name_has_1_to_255_bytes(tmp_path, monkeypatch, name):
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
    assert Workspace.create(name).path == tmp_path / name
    assert Workspace.get(name).name == name
    run = Experiment(Workspace.get(name), "digits").start_logging(snapshot_directory=None)
    assert Run.get(Workspace.open(tmp_path / name), run.id).status == "Running"


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "_a", "a b", "a.b", "a/b", "a\n", "a" * 256, "aé" * 86, None, 3])
def test_an_invalid_workspace_name_is_refused(tmp_path, name):
    with pytest.raises(InvalidValue, match="workspace name"):
        Workspace.create(name, path=tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_an_unknown_durability_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InvalidValue, match="process, power"):
        Workspace.create("work", path=tmp_path / "work", durability="disk")  # type: ignore[arg-type]
    monkeypatch.setenv("BRIDGE_DURABILITY", "strong")
    with pytest.raises(InvalidValue, match="process, power"):
        Workspace.create("work", path=tmp_path / "work")


def test_a_folder_that_was_removed_and_recreated_is_a_new_workspace(tmp_path):
    """Notebooks do this: they run `rm -r demo`, and then the cell that creates it again."""
    import shutil

    first = Workspace.create("work", path=tmp_path / "work")
    Experiment(first, "digits").start_logging().complete()
    shutil.rmtree(tmp_path / "work")
    second = Workspace.create("work", path=tmp_path / "work")

    assert second.id != first.id
    assert list(second.experiments) == []
    with Experiment(second, "digits").start_logging() as run:
        run.log("loss", 1.0)
    assert run.get_metrics() == {"loss": 1.0}


def test_a_moved_workspace_is_complete(workspace, run, tmp_path):
    run.log("loss", 0.5)
    run.upload_file("a.txt", io.BytesIO(b"text"))
    run.complete()
    workspace.stores.tracking.close()
    workspace.path.rename(tmp_path / "moved")

    moved = Workspace.open(tmp_path / "moved").get_run(run.id)
    assert moved.get_metrics() == {"loss": 0.5}
    assert moved.get_file_names() == ["a.txt"]


def test_a_shared_workspace_belongs_to_the_group(tmp_path):
    """The folder's group can write every file in it, as with `git init --shared`."""
    workspace = Workspace.create("work", path=tmp_path / "work", shared=True)
    with Experiment(workspace, "digits").start_logging() as run:
        run.log("loss", 0.5)
        run.upload_file("folder/a.txt", io.BytesIO(b"text"))
        paths = [workspace.path, *workspace.path.rglob("*")]
        assert any(path.suffix == ".log" for path in paths)
        private = [str(path) for path in paths if not path.stat().st_mode & 0o020]
    assert private == []


# Experiments


def test_an_experiment_is_created_once_and_found_by_name(workspace):
    first, second = Experiment(workspace, "digits"), Experiment(workspace, "digits")
    assert first.id == second.id == "1"
    assert {name: e.id for name, e in workspace.experiments.items()} == {"digits": "1"}


@pytest.mark.parametrize("name", ["", " a", "-a", "a/b", "a" * 256, None, 3])
def test_an_invalid_experiment_name_is_refused(workspace, name):
    with pytest.raises(InvalidValue, match="experiment name"):
        Experiment(workspace, name)
    assert list(workspace.experiments) == []


def test_an_experiment_refuses_a_name_as_its_workspace():
    with pytest.raises(InvalidValue, match=r"workspace 'work': must be a Workspace; use Workspace\.get"):
        Experiment("work", "digits")  # type: ignore[arg-type]


def test_opening_a_deleted_experiment_reports_that_it_is_deleted(workspace):
    experiment = Experiment(workspace, "digits")
    workspace.stores.tracking.delete_experiment(experiment.id, 1)
    with pytest.raises(InvalidState, match="'digits' is archived"):
        Experiment(workspace, "digits")
    assert list(workspace.experiments) == []


def test_the_default_experiment_of_mlflow_is_listed_once_it_has_runs(workspace):
    def names(view="ActiveOnly"):
        return [experiment.name for experiment in Experiment.list(workspace, view_type=view)]

    default = Experiment(workspace, "Default")
    assert (default.id, names(), names("All"), list(workspace.experiments)) == ("0", [], [], [])
    assert Experiment.list(workspace, "Default") == []
    run = default.start_logging(snapshot_directory=None)
    assert (names(), list(workspace.experiments)) == (["Default"], ["Default"])
    workspace.stores.tracking.delete_runs((run.id,), 1)
    assert names() == ["Default"]
    default.archive()
    assert (names(), names("ArchivedOnly")) == ([], ["Default"])


def test_an_experiment_renamed_by_another_process_is_listed(workspace):
    workspace.stores.tracking.rename_experiment("0", "mine", 1)
    assert list(workspace.experiments) == ["mine"]


def test_tags_of_an_experiment(workspace):
    experiment = Experiment(workspace, "digits")
    experiment.tag("rank", 1)
    experiment.set_tags({"favorite": None, "team": "vision"})
    assert experiment.tags == {"rank": "1", "favorite": None, "team": "vision"}
    experiment.remove_tags(["rank"])
    with pytest.raises(NotFound):
        experiment.remove_tags(["team", "rank"])
    assert experiment.tags == {"favorite": None, "team": "vision"}


def test_runs_are_listed_newest_first_and_by_their_labels(workspace):
    experiment = Experiment(workspace, "digits")
    runs = []
    for number in range(3):
        run = experiment.start_logging(tags={"number": number, "even": None} if number != 1 else {"number": 1})
        run.add_properties({"author": "ada" if number else "bob"})
        runs.append(run)
        time.sleep(0.002)

    def ids(**wanted):
        return [runs.index(next(r for r in runs if r.id == found.id)) for found in experiment.get_runs(**wanted)]

    assert ids() == [2, 1, 0]
    assert ids(tags="even") == [2, 0]
    assert ids(tags={"number": "1"}) == [1]
    assert ids(tags={"even": None}, properties={"author": "ada"}) == [2]
    assert ids(properties={"author": "eve"}) == []
    assert ids(tags={"number": 1}) == [1]  # the number becomes text, as in the tag
    for wanted in ({"tags": 5}, {"properties": ["author"]}):
        with pytest.raises(InvalidValue, match="must be a dict of keys and values"):
            ids(**wanted)
    assert [run.number for run in experiment.get_runs()] == [3, 2, 1]


# Runs


def test_a_new_run_is_running_and_describes_itself(workspace, run):
    assert (run.status, run.get_status(), run.number, run.display_name) == ("Running", "Running", 1, "cnn")
    assert len(run.id) == 32 and int(run.id, 16) >= 0
    assert run.experiment.name == "digits" and run.experiment.workspace is workspace
    assert repr(run) == f"Run(Experiment: digits,\nId: {run.id},\nType: None,\nStatus: Running)"
    run.display_name = "better"
    run.description = "with dropout"
    other = Run(Experiment(workspace, "digits"), run.id)
    assert (other.display_name, other.description) == ("better", "with dropout")
    run.description = None
    assert other.description is None


def test_names_and_descriptions_are_text(workspace, run):
    for wrong in ({"display_name": 5}, {"name": 5}, {"description": 5}, {"tags": 5}):
        with pytest.raises(InvalidValue, match="must be"):
            run.experiment.start_logging(**wrong)
    with pytest.raises(InvalidValue, match="description 5"):
        run.description = 5
    assert [one.id for one in run.experiment.get_runs()] == [run.id]
    assert run.description is None


def test_handles_can_be_pickled(workspace, run):
    again = pickle.loads(pickle.dumps(run))
    again.log("loss", 0.5)
    assert (again.id, again.experiment.name, run.get_metrics()) == (run.id, "digits", {"loss": 0.5})
    assert again.experiment.workspace.path == workspace.path
    power = Workspace.open(workspace.path, durability="power")
    assert pickle.loads(pickle.dumps(power)).stores is power.stores is not workspace.stores


def test_html_is_escaped(workspace):
    run = Experiment(workspace, "digits").start_logging(display_name="<script>alert(1)</script>")
    assert "<script>" not in run._repr_html_()
    assert "&lt;script&gt;" in run._repr_html_()
    assert f">runbridge ui &#x27;{workspace.path}&#x27; --page runs/{run.id}<" in run._repr_html_()
    assert run.id in run._repr_html_() and "digits" in run.experiment._repr_html_()
    assert "work" in workspace._repr_html_()


def test_a_run_without_a_name_gets_a_generated_one(workspace):
    name = Experiment(workspace, "digits").start_logging().display_name
    assert len(name.split("-")) == 3


def test_a_run_can_have_a_given_id(workspace):
    experiment = Experiment(workspace, "digits")
    run = experiment.start_logging(run_id="train-on-local_1795498826_efbb4acc")
    assert Run.get(workspace, "train-on-local_1795498826_efbb4acc").number == run.number == 1
    with pytest.raises(InvalidValue, match="run id"):
        experiment.start_logging(run_id="../other")
    time.sleep(0.002)
    with pytest.raises(AlreadyExists):
        experiment.start_logging(run_id=run.id)


def test_an_unknown_run_is_reported(workspace, run):
    for call in (
        lambda: workspace.get_run("f" * 32),
        lambda: Run.get(workspace, "f" * 32),
        lambda: Run(Experiment(workspace, "digits"), "f" * 32),
        lambda: Run(Experiment(workspace, "other"), run.id),
    ):
        with pytest.raises(NotFound, match="There is no run '"):
            call()


def test_scalars_are_read_as_they_were_logged(run):
    run.log("once", 1)
    for value in (1, 2, 3):
        run.log("ints", value)
    for mixed in (1, 2.5):
        run.log("floats", mixed)
    run.log("Category", "Red")
    for color in ("Red", "Green"):
        run.log("colors", color)
    run.log("flag", True)
    run.log("nothing", None)
    for anything in (1, "two", 3.0):
        run.log("anything", anything)

    metrics = run.get_metrics()
    assert metrics == {
        "once": 1,
        "ints": [1, 2, 3],
        "floats": [1.0, 2.5],
        "Category": "Red",
        "colors": ["Red", "Green"],
        "flag": True,
        "nothing": None,
        "anything": [1.0, "two", 3.0],
    }
    assert [type(value) for value in metrics["ints"]] == [int] * 3
    assert [type(value) for value in metrics["floats"]] == [float] * 2
    assert run.get_metrics("once") == {"once": 1}
    assert run.get_metrics("unknown") == {}


def test_a_series_has_steps_timestamps_and_values(run):
    before = time.time_ns() // 1_000_000
    for number in range(3):
        run.log("loss", number / 2, step=10 * number)
    run.log("count", 1)
    run.log("count", 2)
    loss, count = run.get_series("loss"), run.get_series("count")

    assert loss.steps.tolist() == [0, 10, 20] and loss.values.tolist() == [0.0, 0.5, 1.0]
    assert loss.values.dtype == numpy.float64 and loss.steps.dtype == loss.timestamps.dtype == numpy.int64
    assert count.values.dtype == numpy.int64 and count.steps.tolist() == [0, 1]
    assert before <= loss.timestamps[0] <= loss.timestamps[-1] <= time.time_ns() // 1_000_000
    with pytest.raises(NotFound, match="There is no series 'accuracy'"):
        run.get_series("accuracy")


@pytest.mark.torch
def test_numbers_of_numpy_and_torch_become_numbers(run):
    import torch

    for value in (numpy.int64(3), numpy.float32(0.5), numpy.array(2.0), torch.tensor(4), numpy.bool_(True)):
        run.log("value", value)
    assert run.get_metrics()["value"] == [3.0, 0.5, 2.0, 4.0, True]


@pytest.mark.parametrize(
    ("name", "value", "step"),
    [
        ("", 1, None),
        ("a\nb", 1, None),
        ("a" * 256, 1, None),
        (None, 1, None),
        ("list", [1, 2], None),
        ("dict", {}, None),
        ("array", numpy.zeros(2), None),
        ("huge", 10**400, None),
        ("step", 1, 1.5),
        ("step", 1, 2**63),
        ("step", 1, "one"),
        ("long", "x" * 70_000, None),
    ],
)
def test_a_value_that_cannot_be_logged_raises_and_changes_nothing(run, name, value, step):
    with pytest.raises(InvalidValue) as caught:
        run.log(name, value, step=step)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert run.get_metrics() == {}


def test_logging_to_a_deleted_run_raises(workspace, run):
    run.log("loss", 1.0)
    workspace.stores.tracking.delete_runs((run.id,), 1)
    with pytest.raises(InvalidState, match="is deleted"):
        run.log("loss", 2.0)
    with pytest.raises(InvalidState, match="is deleted"):
        run.tag("a")
    assert run.get_metrics() == {"loss": 1.0}
    workspace.stores.tracking.restore_runs((run.id,))
    run.log("loss", 3.0)
    assert run.get_metrics() == {"loss": [1.0, 3.0]}


def test_logging_to_a_run_that_another_process_deleted_raises_within_seconds(workspace, run):
    """A process checks its runs each second."""
    run.log("loss", 1.0)
    other = workspace.stores.tracking.inner
    other.delete_runs((run.id,), 1)
    deadline = time.monotonic() + 30
    with pytest.raises(InvalidState, match="is deleted"):
        while time.monotonic() < deadline:
            run.log("loss", 2.0)
            time.sleep(0.05)


def test_a_tag_can_be_removed_by_its_key(workspace, run):
    for labelled in (run, run.experiment):
        labelled.set_tags({"a": 1, "b": 2, "ab": 3})
        labelled.remove_tags("ab")
        assert {"a", "b", "ab"} & set(labelled.tags) == {"a", "b"}
        with pytest.raises(NotFound, match="'gone'"):
            labelled.remove_tags("gone")


def test_tags_and_properties(run):
    run.tag("My Favorite Run")
    run.tag("Competition Rank", 1)
    run.set_tags({"team": "audio"})
    run.set_tags("My Favorite Run")
    assert run.get_tags() == run.tags == {"team": "audio", "My Favorite Run": None, "Competition Rank": "1"}
    run.remove_tags(["team"])
    with pytest.raises(NotFound):
        run.remove_tags(["Competition Rank", "team"])
    with pytest.raises(InvalidValue, match="tag key"):
        run.set_tags({"good": 1, "": 2})
    with pytest.raises(InvalidValue, match="must be a dict of keys and values"):
        run.set_tags(["a"])
    assert run.tags == {"My Favorite Run": None, "Competition Rank": "1"}

    with pytest.raises(InvalidValue, match="must be a dict of keys and values"):
        run.add_properties("author")
    run.add_properties({"author": "ada", "year": 2026})
    run.add_properties({"author": "ada"})
    run.add_properties({})
    with pytest.raises(InvalidState, match="'author'"):
        run.add_properties({"new": 1, "author": "bob"})
    assert run.get_properties() == run.properties == {"author": "ada", "year": "2026"}


def test_params_are_texts_that_are_set_once(workspace, run):
    run.log_param("lr", 0.1)
    run.log_params({"layers": [64, 32], "warm up": None, "empty": "", "long": 10_000 * "x"})
    run.log_params({"lr": "0.1", "layers": "[64, 32]"})
    run.log_params({})
    with pytest.raises(ParamChanged, match="lr is .*layers is") as caught:
        run.log_params({"new": 1, "lr": 0.2, "layers": 3})
    assert caught.value.changes == (("lr", "0.1", "0.2"), ("layers", "[64, 32]", "3"))
    expected = {"lr": "0.1", "layers": "[64, 32]", "warm up": "None", "empty": "", "long": 10_000 * "x"}
    assert run.params == Run.get(workspace, run.id).params == expected
    with pytest.raises(InvalidValue, match="must be a dict of keys and values"):
        run.log_params("lr")
    with pytest.raises(InvalidValue, match="param key"):
        run.log_params({"good": 1, "": 2})
    assert "good" not in run.params


@pytest.mark.parametrize("key", ["mlflow.runName", "mlflow.note.content", "mlflow.parentRunId"])
def test_a_tag_that_no_api_would_show_is_refused(run, key):
    """MLflow's API shows the run's name, description and parent as these tags."""
    with pytest.raises(InvalidValue, match=f"tag key '{key}': is MLflow's name for the run's"):
        run.tag(key, "x")
    with pytest.raises(InvalidValue, match="tag key"):
        run.experiment.start_logging(tags={key: "x"})
    run.experiment.tag(key, "an experiment has no such attribute")
    assert key not in run.place.record().tags


def test_files(run, tmp_path):
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "below" / "epoch=1.ckpt").write_text("b")
    run.upload_file("logging-api/myfile.txt", str(tmp_path / "in" / "a.txt"))
    run.upload_file("stream.bin", io.BytesIO(b"stream"))
    run.upload_folder("all", tmp_path / "in")
    names = ["all/a.txt", "all/below/epoch=1.ckpt", "logging-api/myfile.txt", "stream.bin"]
    assert run.get_file_names() == names

    run.upload_file("stream.bin", io.BytesIO(b"replaced"))
    run.download_file("stream.bin", tmp_path / "out" / "deep" / "x.bin")
    assert (tmp_path / "out" / "deep" / "x.bin").read_bytes() == b"replaced"
    run.download_file("all/below/epoch=1.ckpt", tmp_path / "out")
    assert (tmp_path / "out" / "epoch=1.ckpt").read_text() == "b"


def test_a_path_without_a_file_is_reported(run, tmp_path):
    with pytest.raises(NotFound, match=r"There is no file 'missing': run .* has no files"):
        run.download_file("missing", tmp_path)
    run.upload_file("a.txt", io.BytesIO(b""))
    with pytest.raises(NotFound, match=r"has the files a\.txt"):
        run.download_file("b.txt", tmp_path)
    with pytest.raises(NotFound):
        run.upload_file("b.txt", tmp_path / "missing")
    with pytest.raises(InvalidValue, match="must be the path"):
        run.upload_file("b.txt", 3)
    with pytest.raises(InvalidValue, match="must be a folder"):
        run.upload_folder("b", tmp_path / "missing")
    for name in ("../b", "/b", "a/../../b", ""):
        with pytest.raises(InvalidValue, match="artifact path"):
            run.upload_file(name, io.BytesIO(b""))
    assert run.get_file_names() == ["a.txt"]


def test_a_folder_is_uploaded_with_the_targets_of_its_links(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("a")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    run.upload_folder("all", tmp_path / "in")
    assert run.get_file_names() == ["all/linked/a.txt"]

    (tmp_path / "in" / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="broken"):
        run.upload_folder("all", tmp_path / "in")


def test_an_object_that_is_not_a_regular_file_is_skipped_with_a_message(run, tmp_path, caplog):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    os.mkfifo(tmp_path / "in" / "pipe")
    run.upload_folder("all", tmp_path / "in")
    assert run.get_file_names() == ["all/a.txt"]
    assert "not a regular file" in caplog.text and "in/pipe" in caplog.text


def test_an_unreadable_subfolder_is_refused_and_not_skipped(run, tmp_path, monkeypatch):
    """`scandir` is made to fail, because root can read every folder."""
    (tmp_path / "in" / "secret").mkdir(parents=True)
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("secret"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    monkeypatch.setattr(system, "OURS", system.OURS | {__name__})  # or it counts as the error of a signal handler
    with pytest.raises(NotAllowed, match="Cannot read .*/in/secret: permission denied"):
        run.upload_folder("all", tmp_path / "in")


def test_a_deleted_run_refuses_files(workspace, run, tmp_path):
    workspace.stores.tracking.delete_runs((run.id,), 1)
    with pytest.raises(InvalidState, match="is deleted"):
        run.upload_file("a.txt", io.BytesIO(b""))
    with pytest.raises(InvalidState, match="is deleted"):
        run.upload_folder("a", tmp_path)
    assert run.get_file_names() == []


def test_a_download_below_a_file_is_refused(run, tmp_path):
    run.upload_file("a.txt", io.BytesIO(b"text"))
    (tmp_path / "file").write_text("text")
    with pytest.raises(InvalidValue, match="must not be below a file"):
        run.download_file("a.txt", tmp_path / "file" / "a.txt")


@pytest.mark.parametrize(
    "write",
    [
        lambda run, path: run.get_all_logs(path),
        lambda run, path: run.restore_snapshot(path=path),
        lambda run, path: run.experiment.workspace.write_config(path),
        lambda run, path: Environment("e").save_to_directory(path),
        lambda run, path: CondaDependencies().save(path / "env.yml"),
        lambda run, path: RunConfiguration().save(path),
    ],
    ids=["logs", "snapshot", "config", "environment", "conda", "runconfig"],
)
def test_a_write_below_a_file_is_refused(run, tmp_path, write):
    (tmp_path / "file").write_text("text")
    run.take_snapshot(tmp_path / "file")
    with pytest.raises(InvalidValue, match="output path .*: must not be below a file"):
        write(run, tmp_path / "file" / "folder")


def test_a_folder_at_the_path_of_a_written_file_is_named(workspace, tmp_path):
    (tmp_path / ".azureml" / "config.json").mkdir(parents=True)
    with pytest.raises(InvalidValue, match="config.json': must be the path of a file, but is a folder"):
        workspace.write_config(tmp_path)


def test_a_download_into_a_pipe_or_a_device_does_not_replace_it(run, tmp_path):
    run.upload_file("a.bin", io.BytesIO(b"a" * 10_000))
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    run.download_file("a.bin", tmp_path / "pipe")
    reader.join(30)
    assert received == [b"a" * 10_000]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "terminal").symlink_to("/dev/null")
    run.download_file("a.bin", tmp_path / "terminal")
    assert (tmp_path / "terminal").is_symlink() and stat.S_ISCHR((tmp_path / "terminal").stat().st_mode)


def test_if_two_threads_end_a_run_one_gets_an_error(workspace, run, monkeypatch):
    other = workspace.get_run(run.id)
    finish = RunSession._finish_captures

    def fail_meanwhile(self):  # between the read of the status and its change
        if self is run.session:
            other.fail("it diverged")
        return finish(self)

    monkeypatch.setattr(RunSession, "_finish_captures", fail_meanwhile)
    with pytest.raises(InvalidState):
        run.complete()
    assert run.status == "Failed" and run.get_details()["error"]["error"]["message"] == "it diverged"


@pytest.mark.parametrize(
    ("details", "code", "last"),
    [
        (ValueError("bad\n  values."), None, "failed: User program failed with ValueError: bad values."),
        ("the disk is full", "DiskFull", "failed: the disk is full."),
        (None, "DiskFull", "failed: DiskFull."),
        ("", None, "failed: UserError."),
    ],
)
def test_the_last_line_of_a_traceback_becomes_the_message(run, details, code, last):
    run.fail(details, code)
    with pytest.raises(SubmitFailed) as raised:
        run.wait_for_completion()
    printed = traceback.format_exception(raised.type, raised.value, raised.tb)
    assert printed[-1].splitlines()[-1] == f"bridge.errors.SubmitFailed: Run {run.id} {last}"
    assert run.get_details()["error"]["error"]["code"] == (code or "UserError")


def test_an_exception_without_a_text_ends_a_run_too(run):
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(Silent), run:
        raise Silent
    assert (run.status, run.error["code"]) == ("Failed", "UserError")
    assert run.error["message"].startswith("User program failed with Silent: <")


def test_completing_again_moves_the_end_time(workspace, run):
    run.complete()
    tracking = workspace.stores.tracking
    first = get_run(tracking, run.id).end_time
    time.sleep(0.005)
    run.complete()

    assert run.status == "Completed"
    last = get_run(tracking, run.id).end_time
    assert first is not None and last is not None and last > first
    run.log("late", 1.0)
    assert run.get_metrics() == {"late": 1.0}
    assert run.status == "Completed"


def test_a_run_ends_once(run):
    run.fail("out of data", error_code="DataError")
    assert run.status == "Failed"
    assert run.error == {"code": "DataError", "message": "out of data"}
    for end in (run.complete, run.cancel):
        with pytest.raises(InvalidState, match="is Failed"):
            end()
    with pytest.raises(InvalidValue, match="must be text or an exception"):
        run.fail(3)
    run.fail(ValueError("again"))
    assert run.error is not None and run.error["message"] == "User program failed with ValueError: again"


def test_every_error_is_ours_and_none_is_an_os_error(workspace, tmp_path):
    with pytest.raises(LookupError):
        workspace.get_run("f" * 32)
    with pytest.raises(ValueError):
        Experiment(workspace, "")
    with pytest.raises(AlreadyExists):
        Workspace.create("work", path=workspace.path)
    with pytest.raises(BridgeError):
        Workspace.open(tmp_path / "nowhere")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BridgeError)]
    assert len(kinds) > 10 and not any(issubclass(kind, OSError) for kind in kinds)
