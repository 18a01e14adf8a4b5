"""The home page counts the runs of each experiment, and reads only those that have changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portal_calls import Api

from bridge.records.run import RunChanges, RunRecord, Status
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.server.portal import home_rows
from bridge.server.portal.home_rows import DAY_MS, DAYS, NO_RUNS, HomeRows
from bridge.store.backend import Backend
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.oracle.memory import MemoryStore

NOW = 100 * DAY_MS + 5
TIMES = [None, 0, NOW - 40 * DAY_MS, NOW - 29 * DAY_MS, NOW - DAY_MS, NOW - 1, NOW + DAY_MS]
ACTIONS = ("create", "end", "delete", "restore", "purge", "experiment", "delete experiment", "look")
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 3), st.sampled_from(TIMES), st.integers(0, 1)), max_size=14
)


def counted(store: Backend) -> dict[str, dict[str, Any]]:
    """Return the facts about the runs of each experiment, counted from their records."""
    experiments = [one.id for one in store.search_experiments(ExperimentQuery(view="all")).items]
    facts: dict[str, dict[str, Any]] = {}
    for run in store.search_runs(RunQuery(tuple(experiments))).items:
        own = facts.setdefault(run.experiment_id, {**NO_RUNS, "by_status": {}, "days": [0] * DAYS})
        own["runs"] += 1
        own["by_status"][run.status] = own["by_status"].get(run.status, 0) + 1
        times = [time for time in (run.start_time, run.end_time, own["last_activity"]) if time is not None]
        own["last_activity"] = max(times, default=None)
        if run.start_time is not None and 0 <= NOW // DAY_MS - run.start_time // DAY_MS < DAYS:
            own["days"][DAYS - 1 - (NOW // DAY_MS - run.start_time // DAY_MS)] += 1
    return facts


def do(store: Backend, action: str, run: str, time: int | None, experiment: str) -> None:
    """Do one step of a history, if it is possible."""
    exists = bool(store.get_runs([run]))
    active = store.get_experiment(experiment).lifecycle_stage == "active"
    if action == "create" and not exists and active:
        store.create_runs([RunRecord(run, experiment, status="Running", start_time=time)])
    elif action == "end" and store.get_active_runs([run]):
        status: Status = "Failed" if time is None else "Completed"
        store.update_runs([run], RunChanges(status=status, end_time=time))
    elif action in ("delete", "restore", "purge") and exists:
        store.delete_runs([run], 1) if action == "delete" else getattr(store, f"{action}_runs")([run])
    elif action == "delete experiment":
        store.delete_experiment(experiment, 1) if active else store.restore_experiment(experiment, 1)


@given(STEPS, st.sampled_from([0, 1, 500]))
def test_the_counts_are_those_of_the_records(steps: list[tuple[str, int, int | None, int]], most: int) -> None:
    store = MemoryStore()
    other = store.create_experiment("other", 1).id
    rows = HomeRows()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home_rows, "MOST_CHANGED", most)
        for action, run, time, at in [*steps, ("look", 0, None, 0)]:
            do(store, action, f"r{run}", time, ("0", other)[at])
            if action in ("look", "experiment"):
                ids = [one.id for one in store.search_experiments(ExperimentQuery(view="all")).items]
                assert rows.facts(store.views, ids, NOW) == counted(store)


def test_a_request_reads_only_the_runs_that_have_changed(
    stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.tracking.create_runs([RunRecord(f"r{number}", "0") for number in range(30)])
    read: list[int] = []
    views = type(stores.tracking.views)
    get_columns = views.get_columns

    def noted(self: Any, *args: Any) -> Any:
        found = get_columns(self, *args)
        read.append(len(found.ids))
        return found

    monkeypatch.setattr(views, "get_columns", noted)
    assert api.get("/home").json["experiments"][0]["runs"] == 30
    stores.tracking.delete_runs(["r1"], 1)
    stores.tracking.create_runs([RunRecord("new", "0")])
    assert api.get("/home").json["experiments"][0]["runs"] == 30
    api.get("/home")
    assert read == [30, 1]
