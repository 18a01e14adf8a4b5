"""A listing of runs shows one moment, however many runs there are and whatever changes during the read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest
from longer import LONG

from bridge import Experiment, Run, Workspace
from bridge.records.run import SCRIPT_RUN, SOURCE_PROPERTY, RunRecord, new_run_id
from bridge.records.search import CLAUSES, RunQuery
from bridge.records.times import now_ms
from bridge.store.run_listing import list_runs

MANY = 1_050
"""More than twice the number of runs that one query reads."""


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
def test_a_listing_repeats_and_omits_no_run_while_others_are_created_and_purged(parent: Run, listing: str) -> None:
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
    # The record of the first purged run had already been read.
    assert [*first, *rest] == [run_id for run_id in whole if run_id not in gone[1:]]


def test_any_number_of_runs_of_one_millisecond_are_listed_newest_first(experiment: Experiment) -> None:
    records = [RunRecord(new_run_id(), experiment.id, status="Running", start_time=5) for _ in range(MANY)]
    experiment.workspace.stores.tracking.create_runs(records)
    assert [run.id for run in experiment.get_runs()] == [record.id for record in reversed(records)]


def test_a_listing_shows_the_moment_of_the_call(parent: Run) -> None:
    reading = parent.get_children()
    parent.create_children(1)
    assert len(list(reading)) == MANY


LABELS: list[Any] = [None, "key", {"key": "1"}, {"key": 1}, {"key": None}, {"key": "2"}, {"key": "1", "other": "1"}]
STORED: list[dict[str, str | None]] = [{}, {"key": "1"}, {"key": "2"}, {"key": "1", "other": "1"}]


@pytest.fixture
def labelled(experiment: Experiment) -> Experiment:
    """An experiment with a run for each combination of tags, properties, type, source, status and parent."""
    types = (None, SCRIPT_RUN), (None, SCRIPT_RUN, "other"), ("Running", "Failed"), (None, "parent")
    records = [
        RunRecord(
            new_run_id(),
            experiment.id,
            status=status,  # type: ignore[arg-type]  # it is one
            type=type,
            parent_id=parent,
            start_time=number,
            tags=tags,  # type: ignore[arg-type]
            properties={**properties, **({SOURCE_PROPERTY: source} if source else {})},  # type: ignore[arg-type, dict-item]
        )
        for number, (tags, properties, type, source, status, parent) in enumerate(
            product([*STORED, {"key": None}], STORED, *types)
        )
    ]
    tracking = experiment.workspace.stores.tracking
    tracking.create_runs(records)
    for number, record in enumerate(records[:20]):  # a logged text is not a tag
        tracking.log(record.id, "key", "1", number)
    return experiment


def has(stored: Any, wanted: Any) -> bool:
    """Return whether labels match, by a simple reference rule: a key, or pairs that are equal as text."""
    if wanted is None or isinstance(wanted, str):
        return wanted is None or wanted in stored
    return all(key in stored and stored[key] == (None if one is None else str(one)) for key, one in wanted.items())


def test_the_filter_of_the_store_agrees_with_the_reference_rule(labelled: Experiment) -> None:
    tracking = labelled.workspace.stores.tracking
    records = list(list_runs(tracking, RunQuery((labelled.id,)), latest=False))
    types = (None, SCRIPT_RUN, "other", "none")
    queries = product(LABELS, LABELS, types, (None, "Failed"), (True, False))
    # A third of the queries has every combination of three of the values.
    for tags, properties, type, status, children in islice(queries, 0, None, 1 if LONG else 3):
        found = Run.list(labelled, type, tags, properties, status, children)
        assert [run.id for run in found] == [
            record.id
            for record in records
            if has(record.tags, tags)
            and has(record.properties, properties)
            and type in (None, record.type, record.properties.get(SOURCE_PROPERTY))
            and status in (None, record.status)
            and (children or record.parent_id is None)
        ], (tags, properties, type, status, children)


@pytest.mark.parametrize(
    "wanted",
    [
        {"tags": {"rare": "yes"}},
        {"tags": "rare"},
        {"properties": {"rare": "yes"}},
        {"type": "rare"},
        {"status": "Failed"},
        {"include_children": False},
    ],
    ids=str,
)
def test_a_listing_reads_only_the_records_that_match(
    parent: Run, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = parent.place.stores.tracking
    properties = {"rare": "yes", SOURCE_PROPERTY: "rare"}
    for number in range(3):
        record = RunRecord(f"rare{number}", parent.experiment.id, status="Failed", start_time=1, properties=properties)
        tracking.create_runs([replace(record, tags={"rare": "yes"})])
    read: list[str] = []
    get_runs = tracking.get_runs

    def counting(run_ids: Any, latest: bool = True) -> dict[str, RunRecord]:
        read.extend(run_ids)
        return get_runs(run_ids, latest)

    monkeypatch.setattr(tracking, "get_runs", counting)
    found = [run.id for run in Run.list(parent.experiment, **{"include_children": True, **wanted})]
    assert sorted(read) == sorted(found)
    assert set(found) - {parent.id} == {"rare0", "rare1", "rare2"}


def test_more_labels_than_one_search_accepts_are_compared_too(experiment: Experiment) -> None:
    many = {f"key{number}": str(number) for number in range(CLAUSES + 100)}
    tracking = experiment.workspace.stores.tracking
    tracking.create_runs([RunRecord("all", experiment.id, tags=many)])
    tracking.create_runs([RunRecord("most", experiment.id, tags={**many, "key0": "other"})])
    assert [run.id for run in experiment.get_runs(tags=many)] == ["all"]
