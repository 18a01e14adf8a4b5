"""A listing of runs is that of one moment, however many there are and whatever happens while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from bridge import Experiment, Run, Workspace
from bridge.records.run import RunRecord, new_run_id
from bridge.records.times import now_ms

MANY = 1_050
"""More than two times what is read at once."""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment(Workspace.create("work", path=tmp_path / "work"), "many")


@pytest.fixture
def parent(experiment: Experiment) -> Run:
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    run.create_children(MANY)
    return run


LISTINGS: dict[str, Callable[[Run], Iterator[Run]]] = {
    "get_children": lambda parent: parent.get_children(),
    "get_runs": lambda parent: parent.experiment.get_runs(include_children=True, tags="azureml.batch_child_number"),
    "Run.list": lambda parent: Run.list(parent.experiment, status="Running", include_children=True),
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_repeats_and_hides_no_run_whatever_starts_and_goes_meanwhile(parent: Run, listing: str) -> None:
    whole = [run.id for run in LISTINGS[listing](parent)]
    assert len(whole) >= MANY
    tracking = parent.experiment.workspace.stores.tracking
    reading = LISTINGS[listing](parent)
    first = [run.id for run in islice(reading, 10)]
    parent.create_children(3)
    gone = [whole[20], *whole[600:650], whole[-2]]
    for run_id in gone:
        tracking.delete_runs((run_id,), now_ms())
    for run_id in gone[:10]:
        tracking.purge_runs([run_id])
    rest = [run.id for run in reading]
    # The record of the first run that went was read already.
    assert [*first, *rest] == [run_id for run_id in whole if run_id not in gone[1:]]


def test_runs_that_began_in_one_millisecond_come_newest_first_however_many_there_are(experiment: Experiment) -> None:
    records = [RunRecord(new_run_id(), experiment.id, status="Running", start_time=5) for _ in range(MANY)]
    experiment.workspace.stores.tracking.create_runs(records)
    assert [run.id for run in experiment.get_runs()] == [record.id for record in reversed(records)]


def test_a_listing_is_that_of_the_moment_of_the_call(parent: Run) -> None:
    reading = parent.get_children()
    parent.create_children(1)
    assert len(list(reading)) == MANY
