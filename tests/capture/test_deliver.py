"""Runs can be delivered to another workspace any number of times; nothing is lost or stored twice."""

from __future__ import annotations

import io
import math
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from both_places import address_of, no_open_runs
from capturing import content
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import Experiment, InvalidState, InvalidValue, NotFound, Run, Workspace
from bridge.records.run import RunChanges
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, read_environment
from bridge.source.snapshot import restore_snapshot
from bridge.store.one_run import get_series

ON_A_SERVER = [pytest.mark.slow, pytest.mark.processes]
PLACES = ("folders", pytest.param("from a server", marks=ON_A_SERVER), pytest.param("to a server", marks=ON_A_SERVER))


@pytest.fixture(params=PLACES)
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Workspace, Workspace]]:
    """Two empty workspaces: both in folders, or one of them on a server."""
    opened = []
    for end, name in (("from", "work"), ("to", "target")):
        if request.param.startswith(end):
            opened.append(Workspace.open(next(request.getfixturevalue("empty_addresses"))))
        else:
            opened.append(Workspace.create(name, path=tmp_path / name))
    with opened[0], opened[1], no_open_runs(opened[0]):
        yield opened[0], opened[1]


@pytest.fixture
def workspace(places: tuple[Workspace, Workspace]) -> Workspace:
    return places[0]


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "capture")


@pytest.fixture
def target(places: tuple[Workspace, Workspace]) -> Workspace:
    return places[1]


def everything(run: Run) -> dict[str, object]:
    """Return all points of a run, bit by bit."""
    found: dict[str, object] = {}
    for record in get_series(run.place.stores.tracking, run.id):
        values = record.texts if record.numbers is None else [struct.pack("<d", number) for number in record.numbers]
        place = (record.key, record.column, record.kind, record.value_type)
        found[str(place)] = (record.all_ints, record.steps.tolist(), record.timestamps.tolist(), values)
    return found


def test_a_run_is_delivered_completely(workspace, experiment, target, working_folder, tmp_path):
    (working_folder / "train.py").write_text("1")
    Experiment(target, "capture").start_logging(snapshot_directory=None).complete()
    with experiment.start_logging(display_name="first", description="text", tags={"team": "vision"}) as run:
        for step in range(5):
            run.log("loss", step / 3, step=step)
        run.log("Category", "Red")
        run.log_list("list", [1, math.nan, 2])
        run.log_row("row", a=1, b="x")
        run.log_row("row", b="y", c=2.5)
        run.log_table("table", {"x": [1, 2], "y": [3.0, 4.0]})
        run.log_image("image", io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"0" * 20).getvalue())
        run.add_properties({"author": "ada"})
        run.place.update(RunChanges(params={"lr": "0.1"}))
        run.upload_file("a/b.bin", io.BytesIO(b"\x00" * 3_000_000))
        (working_folder / "outputs" / "model.pkl").write_text("model")
        print("hello")

    assert workspace.deliver(target) == [run.id]
    there = target.get_run(run.id)
    assert there.experiment.name == "capture"
    assert (run.number, there.number) == (1, 2)
    assert (there.status, there.display_name, there.description) == ("Completed", "first", "text")
    assert (there.tags, there.params, there.properties) == (run.tags, run.params, run.properties)
    assert everything(there) == everything(run)
    assert repr(there.get_metrics()) == repr(run.get_metrics())
    assert there.get_file_names() == run.get_file_names()
    for name in ("outputs/model.pkl", "logs/user_log.txt"):
        assert content(there, name) == content(run, name)
    ours, theirs = run.place.record(), there.place.record()
    assert (ours.start_time, ours.end_time) == (theirs.start_time, theirs.end_time)
    restore_snapshot(target.stores.artifacts, there.properties["ContentSnapshotId"], tmp_path / "restored")
    assert (tmp_path / "restored" / "train.py").read_text() == "1"
    environment = read_environment(target.stores.artifacts, there.properties[ENVIRONMENT_PROPERTY])
    assert environment["executable"] == sys.executable


def test_delivering_again_copies_only_what_is_new(workspace, experiment, target):
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    run.log_row("row", a=1, b=2)
    run.log("loss", 1)
    run.place.stores.artifacts.append(run.place.root(), "logs/x", b"one\n")
    workspace.deliver(target)
    there = target.get_run(run.id)
    assert (there.status, there.get_metrics()) == ("Running", {"row": {"a": 1, "b": 2}, "loss": 1})
    put = there.place.stores.artifacts.stat(there.place.root(), "logs/x")
    workspace.deliver(target)
    assert everything(there) == everything(run)
    assert there.place.stores.artifacts.stat(there.place.root(), "logs/x") == put

    run.log_row("row", a=3, c=4)
    run.log("loss", "text")
    run.log("late", 5)
    run.place.stores.artifacts.append(run.place.root(), "logs/x", b"two\n")
    run.fail("the end")
    for _ in range(2):
        workspace.deliver(target)
    assert everything(there) == everything(run)
    assert there.get_metrics() == run.get_metrics()
    assert content(there, "logs/x") == "one\ntwo\n"
    assert (there.status, there.error, there.warnings) == ("Failed", run.error, ())


def test_children_are_delivered_as_children_of_their_parents(workspace, experiment, target):
    with experiment.start_logging(snapshot_directory=None) as parent, parent.child_run("fold") as child:
        child.log("loss", 1)
    assert workspace.deliver(target) == [parent.id, child.id]
    there = target.get_run(child.id).parent
    assert there is not None and there.id == parent.id


def test_a_delivery_can_be_limited_to_some_runs(workspace, experiment, target):
    first, second = (experiment.start_logging(snapshot_directory=None) for _ in range(2))
    assert workspace.deliver(target, [second.id]) == [second.id]
    with pytest.raises(NotFound):
        target.get_run(first.id)
    with pytest.raises(NotFound):
        workspace.deliver(target, ["0" * 32])
    assert workspace.deliver(target, first.id) == [first.id]


def test_only_the_snapshots_of_delivered_runs_are_copied(workspace, experiment, target, tmp_path):
    sources = {}
    for name in ("mine", "others", "deleted"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.py").write_text(name)
        (tmp_path / name / "same.py").write_text("same")
        sources[name] = experiment.start_logging(snapshot_directory=tmp_path / name)
    workspace.stores.tracking.delete_runs((sources["deleted"].id,), 1)

    def delivered() -> list[str]:
        records = target.stores.artifacts.list("snapshots", recursive=True)
        pieces = [b"".join(target.stores.artifacts.get("snapshots", record.path)) for record in records]
        return sorted(piece.decode() for piece in pieces if not piece.startswith(b"{"))

    for _ in range(2):
        workspace.deliver(target, [sources["mine"].id])
        assert delivered() == ["mine", "same"]
    there = target.get_run(sources["mine"].id)
    restore_snapshot(target.stores.artifacts, there.get_snapshot_id(), tmp_path / "restored")
    assert (tmp_path / "restored" / "train.py").read_text() == "mine"
    workspace.deliver(target)
    assert delivered() == ["mine", "others", "same"]


@pytest.mark.parametrize("places", [PLACES[0], PLACES[2]], indirect=True)  # a server refuses damaged files
def test_a_run_whose_snapshot_cannot_be_read_is_delivered(workspace, experiment, target, caplog, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("1")
    damaged = experiment.start_logging(snapshot_directory=tmp_path / "code")
    (path,) = [r.path for r in workspace.stores.artifacts.list("snapshots", "files", recursive=True)]
    workspace.stores.artifacts.put("snapshots", path, b"2")
    other = experiment.start_logging(snapshot_directory=None)
    other.add_properties({"ContentSnapshotId": "../../x"})
    assert workspace.deliver(target) == [damaged.id, other.id]
    assert f"The snapshot of run {damaged.id} was not delivered" in caplog.text
    assert f"The snapshot of run {other.id} was not delivered" in caplog.text
    stored = target.stores.artifacts.list("snapshots", recursive=True)
    assert not [one.path for one in stored if not one.path.startswith("environments/")]


def test_each_run_that_is_not_delivered_is_reported(workspace, experiment, target, caplog):
    here, deleted, archived, restored = (
        (Experiment(workspace, "old") if number > 1 else experiment).start_logging(snapshot_directory=None)
        for number in range(4)
    )
    workspace.stores.tracking.delete_runs((deleted.id,), 1)
    archived.experiment.archive()
    workspace.stores.tracking.restore_runs((restored.id,))
    ids = [here.id, deleted.id, archived.id, restored.id, here.id]
    assert workspace.deliver(target, ids) == [here.id]
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [
        f"Run {deleted.id} was not delivered: it is deleted.",
        f"Run {archived.id} was not delivered: its experiment 'old' is archived.",
        f"Run {restored.id} was not delivered: its experiment 'old' is archived.",
    ]
    with pytest.raises(NotFound, match=f"'{'0' * 32}, {'1' * 32}'"):
        workspace.deliver(target, ["0" * 32, here.id, "1" * 32])
    assert workspace.deliver(target, []) == []


def test_children_are_delivered_if_their_ids_are_given(workspace, experiment, target):
    parent = experiment.start_logging(snapshot_directory=None)
    child = parent.child_run()
    assert workspace.deliver(target, parent.id) == [parent.id]
    assert list(target.get_run(parent.id).get_children()) == []
    below = [run.id for run in parent.get_children(recursive=True)]
    assert workspace.deliver(target, [parent.id, *below]) == [parent.id, child.id]


def test_values_that_differ_in_the_target_stay_and_are_reported(workspace, experiment, target):
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    run.place.update(RunChanges(params={"lr": "0.1"}, properties={"author": "ada"}))
    workspace.deliver(target)
    there = target.get_run(run.id)
    there.place.update(RunChanges(params={"size": "1"}, properties={"place": "there"}))
    there.complete()
    run.place.update(RunChanges(params={"size": "2", "new": "3"}, properties={"place": "here"}))
    run.cancel()
    for _ in range(2):
        workspace.deliver(target)
    assert there.params == {"lr": "0.1", "size": "1", "new": "3"}
    assert there.properties == {"author": "ada", "place": "there"}
    assert there.status == "Completed"
    assert there.warnings == (
        "Param 'size' is '1' in this workspace, and was '2' in the workspace of origin.",
        "Property 'place' is 'there' in this workspace, and was 'here' in the workspace of origin.",
    )


def test_nothing_is_delivered_to_a_deleted_experiment_or_run(workspace, experiment, target):
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    workspace.deliver(target)
    target.stores.tracking.delete_runs((run.id,), 1)
    with pytest.raises(InvalidState, match="deleted"):
        workspace.deliver(target)
    target.stores.tracking.delete_experiment(target.experiments["capture"].id, 1)
    with pytest.raises(InvalidState, match="deleted"):
        workspace.deliver(target)


def test_a_workspace_is_not_delivered_to_itself(workspace):
    with pytest.raises(InvalidValue, match="another workspace"):
        workspace.deliver(Workspace.open(address_of(workspace)))
    with pytest.raises(InvalidValue, match="target 'there': must be a Workspace"):
        workspace.deliver("there")


VALUES = st.sampled_from([0, 1, -1, 0.5, -0.0, math.nan, math.inf, 2**60, "", "text", True, None])
POINTS = st.lists(st.tuples(st.sampled_from("ab"), VALUES, st.sampled_from([None, 0, 1, -(2**63)])), max_size=6)


@pytest.mark.slow
@settings(max_examples=25)
@given(parts=st.lists(POINTS, min_size=1, max_size=4))
def test_points_logged_between_deliveries_arrive_bit_by_bit(workspace, experiment, target, parts):
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    for part in parts:
        for key, value, step in part:
            run.log(key, value, step=step)
        run.log_row("row", **{key: value for key, value, _ in part}) if part else None
        workspace.deliver(target, [run.id])
        there = target.get_run(run.id)
        assert everything(there) == everything(run)
        for key in "ab":
            if any(point[0] == key for so_far in parts for point in so_far) and key in run.get_metrics():
                ours, theirs = run.get_series(key), there.get_series(key)
                assert all(numpy.array_equal(x.astype(str), y.astype(str)) for x, y in zip(ours, theirs, strict=True))
    run.complete()


@pytest.mark.processes
def test_killed_and_simultaneous_deliveries_store_everything_once(workspace, experiment, target):
    runs = []
    for number in range(12):
        with experiment.start_logging(snapshot_directory=None, outputs=False) as run:
            run.log_list("list", range(500))
            run.upload_file("x", io.BytesIO(str(number).encode() * 100_000))
        runs.append(run)
    code = (
        "import sys\nfrom bridge import Workspace\n"
        f"Workspace.open({address_of(workspace)!r}).deliver(Workspace.open({address_of(target)!r}))"
    )
    for seconds in (0.25, 0.3, 0.35):
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    for run in runs:
        there = target.get_run(run.id)
        assert there.status == "Completed"
        assert there.get_metrics() == run.get_metrics()
        assert content(there, "x") == content(run, "x")
