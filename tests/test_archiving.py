"""Experiments are listed, archived and reactivated."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bridge import Experiment, InvalidState, InvalidValue, NotFound, Workspace
from bridge.handles.experiment import ViewType


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create("archive", path=tmp_path / "ws")


def names(found: list[Experiment]) -> list[str]:
    return [experiment.name for experiment in found if experiment.name != "Default"]


def test_an_archived_experiment_is_hidden_and_complete_after_reactivation(ws: Workspace) -> None:
    experiment = Experiment(ws, "old")
    with experiment.start_logging() as run:
        run.log("loss", 0.5)
    assert experiment.archived_time is None
    before = time.time()
    experiment.archive()
    assert "old" not in ws.experiments
    assert names(Experiment.list(ws)) == []
    assert names(Experiment.list(ws, view_type=ViewType.ArchivedOnly)) == ["old"]
    archived = Experiment.list(ws, "old", ViewType.All)[0].archived_time
    assert archived is not None
    assert abs((archived - datetime.fromtimestamp(before, timezone.utc)).total_seconds()) < 60
    with pytest.raises(InvalidState):
        run.log("loss", 0.4)
    with pytest.raises(InvalidState, match="reactivate"):
        Experiment(ws, "old")
    with pytest.raises(NotFound):
        experiment.archive()
    Experiment.list(ws, "old", ViewType.ArchivedOnly)[0].reactivate()
    assert Experiment(ws, "old").id == experiment.id
    assert [run.get_metrics() for run in ws.experiments["old"].get_runs()] == [{"loss": 0.5}]
    with pytest.raises(NotFound):
        experiment.reactivate()


def test_reactivation_refuses_a_new_name(ws: Workspace) -> None:
    experiment = Experiment(ws, "old")
    experiment.archive()
    with pytest.raises(InvalidValue, match="new_name"):
        experiment.reactivate("other")


def test_deleting_by_id_archives_the_experiment(ws: Workspace) -> None:
    Experiment.delete(ws, Experiment(ws, "old").id)
    assert names(Experiment.list(ws, view_type=ViewType.ArchivedOnly)) == ["old"]


def test_a_list_can_be_limited_by_name_tags_and_view(ws: Workspace) -> None:
    for name, tags in (("a", {"k": "v"}), ("b", {"k": "w", "l": "1"}), ("c", {})):
        Experiment(ws, name).set_tags(tags)
    assert names(Experiment.list(ws)) == ["a", "b", "c"]
    assert names(Experiment.list(ws, experiment_name="b")) == ["b"]
    assert names(Experiment.list(ws, tags="k")) == ["a", "b"]
    assert names(Experiment.list(ws, tags={"k": "w", "l": 1})) == ["b"]
    with pytest.raises(InvalidValue, match="ActiveOnly"):
        Experiment.list(ws, view_type="Deleted")


def test_a_handle_gets_a_new_name(ws: Workspace) -> None:
    experiment = Experiment(ws, "old")
    ws.stores.tracking.rename_experiment(experiment.id, "new", 1)
    experiment.refresh()
    assert experiment.name == "new"


def test_an_experiment_shows_how_to_view_it(ws: Workspace) -> None:
    experiment = Experiment(ws, "shown")
    command = f"runbridge ui {ws.path} --page experiments/{experiment.id}"
    assert experiment.get_portal_url() == command
    shown = experiment._repr_html_()
    for text in ("Report Page", command, "Docs Page", experiment.get_docs_url()):
        assert text in shown
    assert experiment.workspace_object is ws
