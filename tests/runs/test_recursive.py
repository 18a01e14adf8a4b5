"""Metrics of a run and its descendants are read in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge import Experiment, Run, Workspace
from bridge.records.run import SCRIPT_RUN, RunRecord
from bridge.store.one_run import create_run


@pytest.fixture
def family(workspace: Workspace, run: Run) -> dict[str, Run]:
    """A run with a child of a launcher, a child in another experiment, and a grandchild; one of them logs nothing."""
    other = Experiment(workspace, "other")
    tracking = workspace.stores.tracking
    create_run(tracking, RunRecord("launched", run.experiment.id, parent_id=run.id, type=SCRIPT_RUN))
    create_run(tracking, RunRecord("elsewhere", other.id, parent_id=run.id))
    create_run(tracking, RunRecord("grandchild", other.id, parent_id="elsewhere"))
    create_run(tracking, RunRecord("silent", run.experiment.id, parent_id="launched"))
    create_run(tracking, RunRecord("stranger", run.experiment.id))
    runs = {"root": run}
    for name in ("launched", "elsewhere", "grandchild", "silent", "stranger"):
        runs[name] = Run.get(workspace, name)
    for name, one in runs.items():
        if name != "silent":
            one.log("name", name)
            one.log_image("picture", b"GIF89a " + name.encode())
    runs["silent"].log("system/cpu", 0.5)
    return runs


def test_a_run_and_its_descendants_with_metrics_are_read(workspace: Workspace, family: dict[str, Run]) -> None:
    metrics = Run.get(workspace, family["root"].id).get_metrics(recursive=True)
    assert {run_id: own["name"] for run_id, own in metrics.items()} == {
        family["root"].id: "root",
        "launched": "launched",
        "elsewhere": "elsewhere",
        "grandchild": "grandchild",
    }
    for run_id, own in metrics.items():
        assert own["picture"].startswith(f"aml://artifactId/ExperimentRun/dcid.{run_id}/images/picture+step+0+")
    assert family["elsewhere"].get_metrics("name", recursive=True) == {
        "elsewhere": {"name": "elsewhere"},
        "grandchild": {"name": "grandchild"},
    }


def test_images_are_read_from_the_run_that_logged_them(family: dict[str, Run]) -> None:
    metrics = family["root"].get_metrics(recursive=True, populate=True)
    assert len(metrics) == 4
    for own in metrics.values():
        assert own["picture"].data == b"GIF89a " + own["name"].encode()


def test_the_type_of_run_can_be_chosen(family: dict[str, Run]) -> None:
    metrics = family["root"].get_metrics("name", recursive=True, run_type=SCRIPT_RUN)
    assert metrics == {"launched": {"name": "launched"}}
    assert family["root"].get_metrics(recursive=True, run_type="other") == {}


def test_system_metrics_are_read_by_name(family: dict[str, Run]) -> None:
    assert family["root"].get_metrics("system/cpu", recursive=True) == {"silent": {"system/cpu": 0.5}}


def test_a_hundred_runs_take_as_many_statements_as_one(tmp_path: Path) -> None:
    workspace = Workspace.create("many", path=tmp_path / "many")
    counts = []
    for children in (1, 100):
        with Experiment(workspace, f"with{children}").start_logging(snapshot_directory=None, outputs=False) as root:
            for number in range(children):
                run_id = f"child-{children}-{number}"
                record = RunRecord(run_id, root.experiment.id, parent_id=root.id)
                create_run(workspace.stores.tracking, record)
                Run.get(workspace, run_id).log_row("m", x=number, y="a")
            root.get_metrics(recursive=True)  # this call folds, and the first search gives the connection a large cache
            said: list[str] = []
            inner: Any = workspace.stores.tracking.inner
            connection = inner.database._connection()  # only statements of this thread
            connection.set_trace_callback(said.append)
            metrics = root.get_metrics(recursive=True)
            connection.set_trace_callback(None)
        assert len(metrics) == children
        assert sorted(own["m"]["x"] for own in metrics.values()) == list(range(children))
        counts.append(len(said))
    assert 0 < counts[0] == counts[1]
