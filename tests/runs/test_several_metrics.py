"""`log_metrics` logs several metrics at one step, and they read as if each had been logged with `log`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy
import pytest
from spelling import spelled

from bridge import InvalidState, InvalidValue, Run, Workspace
from bridge.testing.strategies import FLOATS, INTS, TEXTS


def test_several_metrics_have_one_step_and_one_time(workspace: Workspace, run: Run) -> None:
    for step in (7, 9):
        run.log_metrics({"loss": 0.5 / step, "accuracy": 0.9, "epoch": step}, step=step)
    run.log_metrics({"loss": 3.0, "accuracy": 4.0})
    run.log_metrics({"loss": 5.0})
    other = Run.get(workspace, run.id)
    assert spelled(other.get_metrics()) == spelled(
        {"loss": [0.5 / 7, 0.5 / 9, 3.0, 5.0], "accuracy": [0.9, 0.9, 4.0], "epoch": [7, 9]}
    )
    loss, accuracy = other.get_series("loss"), other.get_series("accuracy")
    assert (loss.steps.tolist(), accuracy.steps.tolist()) == ([7, 9, 0, 1], [7, 9, 0])
    assert loss.timestamps.tolist()[:3] == accuracy.timestamps.tolist()
    assert (loss.timestamps > 1_600_000_000_000).all()


def test_an_empty_dict_logs_nothing_and_writes_no_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    several: tuple[Mapping[str, float], ...] = ({}, MappingProxyType({}), OrderedDict())
    for metrics in several:
        run.log_metrics(metrics)
        run.log_metrics(metrics, step=3)
    assert (run.get_metrics(), run.warnings, caplog.records) == ({}, (), [])
    run.log_metrics({"loss": 0.5})
    assert run.get_series("loss").steps.tolist() == [0]  # the empty calls have not counted as steps


@pytest.mark.parametrize("step", [None, 3])
def test_every_value_reads_as_if_it_had_been_logged_with_log(run: Run, step: int | None) -> None:
    values: list[Any] = [*FLOATS, *INTS, *TEXTS, numpy.float32(0.5), numpy.int8(3), numpy.bool_(True), numpy.array([2])]
    metrics = {f"metric {number}": value for number, value in enumerate(values)}
    for _ in range(3):
        run.log_metrics(metrics, step)
    for key, value in metrics.items():
        for _ in range(3):
            run.log(f"alone {key}", value, step=step)
    read = run.get_metrics()
    assert len(read) == 2 * len(metrics)
    for key in metrics:
        assert spelled(read[key]) == spelled(read[f"alone {key}"])
        assert run.get_series(key).steps.tolist() == run.get_series(f"alone {key}").steps.tolist()
    imprecise = [warning for warning in run.warnings if "beyond" in warning]
    assert len(imprecise) == 2 * sum(type(value) is int and abs(value) > 2**53 for value in values)


@pytest.mark.parametrize("values", [(1, 2), (1, 2.5), (True, 1.5), ("text", 2), (numpy.float32(1), 2)])
def test_metrics_can_be_any_mapping_of_any_values(run: Run, values: tuple[Any, Any]) -> None:
    metrics = dict(zip("ab", values, strict=True))
    for mapping in (metrics, MappingProxyType(metrics), OrderedDict(metrics)):
        run.log_metrics(mapping, step=1)
    plain = {key: value.item() if isinstance(value, numpy.generic) else value for key, value in metrics.items()}
    assert spelled(run.get_metrics()) == spelled({key: 3 * [value] for key, value in plain.items()})


@pytest.mark.parametrize(
    "metrics", [None, "loss", ["loss"], {"good": 1.0, "": 2.0}, {"good": 1.0, 7: 2.0}, {"good": 1.0, "bad": [1, 2]},
                {"good": 1.0, "bad": 10**400}, {"good": numpy.float32(1), "bad": numpy.arange(2)}, {"": 1.0}]
)  # fmt: skip
def test_nothing_is_logged_if_one_metric_is_not_valid(run: Run, metrics: Any) -> None:
    run.log_metrics({"good": 0.0, "fine": 0.0})
    for _ in range(2):
        with pytest.raises(InvalidValue):
            run.log_metrics(metrics)
    assert run.get_metrics() == {"good": 0.0, "fine": 0.0}


@pytest.mark.parametrize("step", [1.5, "1", 2**63, True])
def test_nothing_is_logged_if_the_step_is_not_valid(run: Run, step: Any) -> None:
    run.log_metrics({"a": 0.0, "b": 0.0})
    refused: tuple[dict[str, Any], ...] = ({"a": 1.0, "b": 2.0}, {"a": 1.0}, {"a": 1.0, "b": "text"})
    for metrics in refused:
        with pytest.raises(InvalidValue, match="step"):
            run.log_metrics(metrics, step)
    assert run.get_metrics() == {"a": 0.0, "b": 0.0}


def test_metrics_of_a_deleted_run_are_refused(run: Run) -> None:
    for _ in range(2):
        run.log_metrics({"a": 0.0, "b": 0.0})
    run.place.stores.tracking.delete_runs((run.id,), 1)
    with pytest.raises(InvalidState):
        run.log_metrics({"a": 1.0, "b": 1.0})
    run.place.stores.tracking.restore_runs((run.id,))
    assert run.get_metrics() == {"a": [0.0, 0.0], "b": [0.0, 0.0]}
