"""Forwarded calls see experiments and runs immediately after another process has created or changed them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from forked import Fork
from forwarding_traces import EARLY
from mlflow.entities import Metric, TraceInfo, TraceLocation, TraceState, ViewType
from mlflow.exceptions import MlflowException

from bridge import Experiment, Workspace
from bridge_mlflow.tracking_store import BridgeTrackingStore

pytestmark = pytest.mark.slow  # MLflow's own tables are created

PROCESSES, THREADS = 4, 8


def info(experiment_id: str, name: str) -> TraceInfo:
    place = TraceLocation.from_experiment_id(experiment_id)
    return TraceInfo(f"tr-{name}", place, EARLY, TraceState.OK)


def traces(store: Any, experiment_id: str) -> list[str]:
    return sorted(one.trace_id for one in store.search_traces(locations=[experiment_id], max_results=500)[0])


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    yield Workspace.create("demo", path=tmp_path_factory.mktemp("at once") / "workspace")


@pytest.fixture
def store(ws: Workspace) -> Any:
    return BridgeTrackingStore(ws.get_mlflow_tracking_uri())


def test_experiments_of_threads_and_processes_accept_traces_at_once(ws: Workspace, fork: Fork) -> None:
    """MLflow's tables do not exist before the first trace."""
    uri = ws.get_mlflow_tracking_uri()

    def work(process: int, say: Callable[[str], None]) -> None:
        store: Any = BridgeTrackingStore(uri)

        def write(thread: int) -> None:
            name = f"{process}-{thread}"
            experiment_id = store.create_experiment(f"by {name}")
            store.start_trace(info(experiment_id, name))
            assert traces(store, experiment_id) == [f"tr-{name}"]
            say(f"{experiment_id} {name}")

        threads = [threading.Thread(target=write, args=(thread,)) for thread in range(THREADS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    children = [fork(lambda say, process=process: work(process, say)) for process in range(PROCESSES)]
    made = [line.split() for child in children for line in child.rest()]
    assert [child.wait() for child in children] == [0] * PROCESSES
    assert len(made) == PROCESSES * THREADS
    store: Any = BridgeTrackingStore(uri)
    for experiment_id, name in made:
        assert traces(store, experiment_id) == [f"tr-{name}"]
        assert store.get_trace_info(f"tr-{name}").experiment_id == experiment_id


def test_natively_created_experiments_and_runs_are_visible_to_the_next_call(ws: Workspace, store: Any) -> None:
    for number in range(5):
        experiment = Experiment(ws, f"native-{number}")
        run = experiment.start_logging()
        assert store.start_trace(info(experiment.id, f"native-{number}")).experiment_id == experiment.id
        model = store.create_logged_model(experiment.id, "m", run.id).model_id
        store.log_metric(run.id, Metric("acc", 0.5, 1, 1, model_id=model))
        assert [one.run_id for one in store.get_logged_model(model).metrics] == [run.id]
        store.link_traces_to_run([f"tr-native-{number}"], run.id)
        found, _ = store.search_traces(locations=[experiment.id], filter_string=f"run_id = '{run.id}'")
        assert [one.trace_id for one in found] == [f"tr-native-{number}"]
        run.complete()


@pytest.mark.rules
def test_a_run_that_was_just_created_natively_can_be_the_source_of_an_issue(ws: Workspace, store: Any) -> None:
    experiment = Experiment(ws, "with-issues")
    run = experiment.start_logging()
    assert store.create_issue(experiment.id, "i", "d", source_run_id=run.id).source_run_id == run.id
    run.complete()


def test_changes_of_another_process_are_visible_to_the_next_call(ws: Workspace, store: Any, fork: Fork) -> None:
    """The other process makes one change after the other, and this one reads in between."""
    uri, experiment_id = ws.get_mlflow_tracking_uri(), store.create_experiment("of two")
    traces(store, experiment_id)

    def change(call: Callable[[Any], object]) -> None:
        child = fork(lambda say: call(BridgeTrackingStore(uri)))
        assert child.wait() == 0

    store.start_trace(info(experiment_id, "of-two"))
    change(lambda other: other.delete_experiment(experiment_id))
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        store.start_trace(info(experiment_id, "of-two-late"))
    change(lambda other: other.restore_experiment(experiment_id))
    assert store.start_trace(info(experiment_id, "of-two-again")).trace_id == "tr-of-two-again"
    change(lambda other: other.rename_experiment(experiment_id, "renamed"))
    assert store.create_dataset("d", {}, [experiment_id]).experiment_ids == [experiment_id]
    assert traces(store, experiment_id) == ["tr-of-two", "tr-of-two-again"]

    def purge(other: Any) -> None:
        other.delete_experiment(experiment_id)
        other._hard_delete_experiment(experiment_id)

    change(purge)
    assert traces(store, experiment_id) == []
    with pytest.raises(MlflowException, match=f"No Experiment with id={experiment_id} exists"):
        store.start_trace(info(experiment_id, "of-none"))
    again = store.create_experiment("the next one")
    assert (again, traces(store, again)) == (experiment_id, [])


def test_a_run_that_is_purged_while_it_is_linked_leaves_no_row_and_no_error(ws: Workspace, store: Any) -> None:
    """One thread purges runs while another logs metrics of a model to them, which are purged with the runs."""
    experiment_id = store.create_experiment("linked")
    model = store.create_logged_model(experiment_id, "m").model_id
    runs = [store.create_run(experiment_id, "ann", 1, [], f"run {number}").info.run_id for number in range(40)]
    unexpected: list[BaseException] = []

    def log() -> None:
        for run_id in runs:
            for step in range(3):
                try:
                    store.log_metric(run_id, Metric("acc", 0.5, 1, step, model_id=model))
                except MlflowException as error:
                    if error.message != f"Run with id={run_id} not found":
                        unexpected.append(error)

    logging = threading.Thread(target=log)
    logging.start()
    for run_id in runs:
        store._hard_delete_run(run_id)
    logging.join()
    assert not unexpected
    assert store.search_runs([experiment_id], "", ViewType.ALL) == []
    assert not store.get_logged_model(model).metrics
