"""A series of a kind that only a newer version knows is stored, copied and ignored (docs/add_a_metric_kind.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import Experiment, NotFound, Run, Workspace
from bridge.records.series import DESCRIPTION, Point
from bridge.store.place import slice_of

NEWER = DESCRIPTION + 1


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a scalar, and with points of a newer kind under the same key and under two others."""
    experiment = Experiment(Workspace.create("lab", path=tmp_path / "lab"), "kinds")
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    run.log("loss", 0.5)
    points = [
        Point("loss", "a.json", 1, 0, NEWER),
        Point("chart", "b.json", 1, 0, NEWER),
        Point("gain", 2.0, 1, 0, NEWER),
    ]
    experiment.workspace.stores.tracking.append([slice_of(run.id, points, 0)])
    return run


def test_readers_return_only_the_kinds_that_they_know(run: Run) -> None:
    assert run.get_metrics() == {"loss": 0.5}
    assert run.get_metric("loss").kinds == ("scalar",)
    assert run.get_series("loss").values.tolist() == [0.5]
    with pytest.raises(NotFound):
        run.get_metric("chart")
    assert [run.id for run in run.experiment.get_runs()] == [run.id]


def test_series_of_a_newer_kind_are_stored_and_delivered(run: Run, tmp_path: Path) -> None:
    target = Workspace.create("target", path=tmp_path / "target")
    run.experiment.workspace.deliver(target, [run.id])
    for workspace in (run.experiment.workspace, target):
        stored = workspace.stores.tracking.get_series_of([run.id])[run.id]
        assert {(record.key, record.kind) for record in stored} == {
            ("loss", 0),
            ("loss", NEWER),
            ("chart", NEWER),
            ("gain", NEWER),
        }
