"""Arrays and lists that are logged with one call read the same as if each number had been logged with `log`."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from longer import SCALE
from mlflow import MlflowClient
from spelling import spelled

from bridge import Experiment, InvalidState, InvalidValue, Run, Workspace
from bridge.records.series import MLFLOW
from bridge.runs.number_arrays import is_number_array
from bridge.store.one_run import get_series
from bridge.testing.columns import tied_numbers
from bridge.testing.strategies import FLOATS, INTS, TEXTS
from bridge.testing.tracking_points import spelled_record

NUMBER_TYPES = ("float16", "float32", "float64", ">f8", "int8", "uint8", "int16", "uint32", "int64", "uint64", ">i8")

lists = st.one_of(
    st.lists(st.sampled_from((*FLOATS, *INTS)), max_size=6),
    st.lists(tied_numbers, max_size=6),
    st.lists(st.sampled_from((*FLOATS, *INTS, *TEXTS)), max_size=6),
    st.sampled_from(NUMBER_TYPES).flatmap(
        lambda kind: st.lists(st.sampled_from((0, 1, 2, 100)), max_size=6).map(lambda own: numpy.array(own, kind))
    ),
)


def columns_of_ints(count: int) -> st.SearchStrategy[Any]:
    """Draw None, or a list or array of as many integers."""
    own = st.lists(st.sampled_from((0, 1, 2, 2**63 - 1, -(2**63))), min_size=count, max_size=count)
    return st.one_of(st.none(), own, own.map(lambda one: numpy.array(one, numpy.int64)))


calls = lists.flatmap(lambda own: st.tuples(st.just(own), columns_of_ints(len(own)), columns_of_ints(len(own))))


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return Experiment(Workspace.create("work", path=tmp_path_factory.mktemp("series") / "work"), "series")


def test_every_reader_gets_the_same_from_log_series_as_from_log(experiment: Experiment) -> None:
    tracking = experiment.workspace.stores.tracking
    client = MlflowClient(experiment.workspace.get_mlflow_tracking_uri())

    @settings(max_examples=15 * SCALE)
    @given(st.lists(st.tuples(st.sampled_from("ab"), calls), max_size=4), st.booleans())
    def check(done: list[tuple[str, Any]], through_mlflow: bool) -> None:
        whole, single = (experiment.start_logging(snapshot_directory=None, outputs=False) for _ in range(2))
        for key, (values, steps, timestamps) in done:
            times = [5] * len(values) if timestamps is None else timestamps
            whole.log_series(key, values, steps, times)
            for number, value in enumerate(getattr(values, "tolist", lambda own=values: own)()):
                step = None if steps is None else int(steps[number])
                tracking.log(single.id, key, value, int(times[number]), step)
            if through_mlflow:  # a point of MLflow's API that repeats a native one counts once
                for run in (whole, single):
                    tracking.log(run.id, key, 1.0, 5, 0, MLFLOW)
        found, expected = (
            [spelled_record(record) for record in get_series(tracking, run.id)] for run in (whole, single)
        )
        assert found == expected
        assert spelled(whole.get_metrics()) == spelled(single.get_metrics())
        assert whole.warnings == single.warnings
        histories = [
            {
                key: [(one.step, one.timestamp, repr(one.value)) for one in client.get_metric_history(run.id, key)]
                for key in client.get_run(run.id).data.metrics
            }
            for run in (whole, single)
        ]
        assert histories[0] == histories[1]
        whole.complete()
        single.complete()

    check()


@pytest.mark.parametrize("kind", NUMBER_TYPES)
def test_arrays_of_each_type_and_layout_keep_their_values(run: Run, kind: str) -> None:
    array = numpy.array([3, 0, 1, 100, 7, 8], kind)
    frozen = array.copy()
    frozen.setflags(write=False)
    for number, one in enumerate((array, array[::-1], array[::2], array.reshape(2, 3)[:, 1], frozen, array[:0])):
        run.log_list(f"list {number}", one)
        run.log_series(f"series {number}", one, steps=numpy.arange(len(one), dtype="int16"))
        if len(one):
            expected = one[0].item() if len(one) == 1 else one.tolist()
            assert spelled(run.get_metrics(f"list {number}")) == spelled({f"list {number}": expected})
            assert spelled(run.get_metrics(f"series {number}")) == spelled({f"series {number}": expected})
            assert run.get_series(f"series {number}").steps.tolist() == list(range(len(one)))
    assert run.warnings == ()


def test_integers_of_64_bits_are_rounded_with_one_warning(run: Run) -> None:
    for key, kind, values in (("i", "int64", [2**53 + 1, -(2**63), 3]), ("u", "uint64", [2**64 - 1, 2**63, 4])):
        run.log_series(key, numpy.array(values, kind))
        assert run.get_metrics()[key] == [int(float(value)) for value in values]
    assert len(run.warnings) == 2


@pytest.mark.torch
def test_tensors_are_logged_as_their_numbers(run: Run) -> None:
    import torch

    run.log_series("grad", torch.tensor([0.5, 0.25], requires_grad=True), steps=torch.tensor([3, 4]))
    run.log_series("bfloat16", torch.tensor([0.5, 0.25], dtype=torch.bfloat16))
    run.log_series("ints", torch.arange(3))
    assert spelled(run.get_metrics()) == spelled({"grad": [0.5, 0.25], "bfloat16": [0.5, 0.25], "ints": [0, 1, 2]})
    assert run.get_series("grad").steps.tolist() == [3, 4]


def test_a_series_can_be_any_iterable(run: Run) -> None:
    run.log_series("generator", (number / 2 for number in range(3)), steps=range(5, 8), timestamps=(7, 8, 9))
    series = run.get_series("generator")
    assert (series.values.tolist(), series.steps.tolist(), series.timestamps.tolist()) == (
        [0.0, 0.5, 1.0],
        [5, 6, 7],
        [7, 8, 9],
    )


def test_points_without_steps_are_counted(run: Run) -> None:
    run.log("a", 1.0)
    run.log_series("a", numpy.array([2.0, 3.0]))
    run.log_series("a", [4.0, "text"], steps=[50, 60])
    run.log_list("a", numpy.array([5.0]))
    assert run.get_series("a").steps.tolist() == [0, 1, 2, 50, 60, 3]
    assert len(set(run.get_series("a").timestamps[1:3].tolist())) == 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("", [1.0]), "metric name"),
        (("k", 1.0), "value of 'k'"),
        (("k", "text"), "value of 'k'"),
        (("k", numpy.zeros((2, 2))), "value of 'k'"),
        (("k", numpy.float64(3)), "value of 'k'"),
        (("k", [1.0, [2.0]]), "element 1"),
        (("k", numpy.array([1j, 2])), "element 0"),
        (("k", numpy.array([1.0, None])[::-1].astype("O").reshape(1, 2)), "value of 'k'"),
        (("k", [1.0, 10**400]), "element 1"),
        (("k", [1.0, 2.0], [1]), "steps of 'k'.*each of the 2 values, not 1"),
        (("k", [1.0], []), "steps of 'k'"),
        (("k", [1.0], 5), "steps of 'k'.*integers"),
        (("k", [1.0], [1.5]), "steps of 'k', element 0"),
        (("k", [1.0], [True]), "steps of 'k', element 0"),
        (("k", [1.0], [2**63]), "steps of 'k'.*64 bits"),
        (("k", [1.0], ["1"]), "steps of 'k', element 0"),
        (("k", [1.0], b"12345678"), "steps of 'k'"),
        (("k", [1.0], numpy.array([1.0])), "steps of 'k'.*integers"),
        (("k", [1.0], numpy.array([True])), "steps of 'k'.*integers"),
        (("k", [1.0], numpy.array([2**63], "uint64")), "steps of 'k'.*64 bits"),
        (("k", [1.0], numpy.array([[1]])), "steps of 'k'.*integers"),
        (("k", ["text"], numpy.array([1.0])), "steps of 'k'.*integers"),
        (("k", [1.0], None, [1, 2]), "timestamps of 'k'"),
        (("k", [1.0], None, [1.5]), "timestamps of 'k', element 0"),
        (("k", [1.0], [1], numpy.array(["2026-01-01"], "datetime64[ms]")), "timestamps of 'k'"),
    ],
)
def test_a_wrong_argument_is_refused_with_its_name_and_logs_nothing(run: Run, arguments: Any, what: str) -> None:
    run.log("k", 0.5)
    with pytest.raises(InvalidValue, match=what):
        run.log_series(*arguments)
    assert run.get_metrics() == {"k": 0.5}


def test_an_empty_series_is_only_reported(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.log_series("nothing", [], steps=[])
    run.log_list("nothing", numpy.array([]))
    assert run.get_metrics() == {}
    assert len([record for record in caplog.records if "there was no value" in record.getMessage()]) == 2


def test_a_description_comes_before_the_numbers_of_a_list(run: Run) -> None:
    run.log_list("a", numpy.arange(3), description="about a")
    run.log_list("a", [1.5, 2.5], description="about a")
    metric = run.get_metric("a")
    assert (metric.description, metric.points.steps.tolist()) == ("about a", [0, 1, 2, 3, 4])


def test_series_of_a_deleted_run_are_refused(run: Run) -> None:
    run.log_series("a", numpy.arange(3))
    run.place.stores.tracking.delete_runs((run.id,), 1)
    with pytest.raises(InvalidState):
        run.log_series("a", numpy.arange(3))


@pytest.mark.usefixtures("untended")
def test_an_array_may_be_changed_after_the_call_even_if_its_points_wait(run: Run) -> None:
    """No file may grow during the call, so the points are written later."""
    run.log("a", 0.5)
    values, steps = numpy.arange(4.0), numpy.arange(4)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        run.log_series("a", values, steps)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    values[:], steps[:] = 7, 7
    assert run.get_metrics() == {"a": 0.5}
    run.flush()
    series = run.get_series("a")
    assert (series.values.tolist(), series.steps.tolist()) == ([0.5, 0, 1, 2, 3], [0, 0, 1, 2, 3])


@pytest.mark.slow
def test_a_million_points_are_stored_in_several_transactions_in_order(run: Run, tmp_path: Path) -> None:
    numbers = numpy.arange(1_000_000)
    run.log_series("long", numbers / 3, steps=numbers, timestamps=numbers[::-1])
    run.log("long", 1.0)
    series = run.get_series("long")
    assert (series.values[:-1] == numbers / 3).all()
    assert (series.steps[:-1] == numbers).all() and (series.timestamps[:-1] == numbers[::-1]).all()


def test_a_list_is_logged_while_another_thread_imports_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", ModuleType("numpy"))  # as it is at the start of its import

    assert not is_number_array([1.0])
