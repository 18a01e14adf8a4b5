"""Points from small pools give the same metrics, history and samples on MLflow's own store and ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import Metric
from mlflow.store.tracking.abstract_store import AbstractStore
from pair import without_waiting_for_the_disk

from bridge_mlflow import metric_columns, mlflow_private
from bridge_mlflow.tracking_store import BridgeTrackingStore

BIG = 1.7976931348623157e308
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, BIG, 5e-324])
STEPS = st.sampled_from([0, 1, 2, -(2**63), 2**63 - 1])
POINTS = st.builds(Metric, st.sampled_from(["a", "b"]), VALUES, st.sampled_from([0, 1, 2]), STEPS)
BATCHES = st.lists(st.lists(POINTS, min_size=1, max_size=12), min_size=1, max_size=4)  # at most 48 points


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory,
    make_mlflow_database: Callable[[Path], str],
    make_workspace: Callable[[Path], str],
) -> Iterator[tuple[AbstractStore, AbstractStore]]:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("points")
    with without_waiting_for_the_disk():
        theirs = SqlAlchemyStore(make_mlflow_database(folder / "mlflow.db"), f"{folder}/artifacts")
        yield theirs, BridgeTrackingStore(make_workspace(folder / "workspace"))


@pytest.mark.rules
@pytest.mark.slow
@settings(max_examples=40)
@given(batches=BATCHES, singly=st.booleans(), most=st.sampled_from((1, 2, 50)))
def test_both_stores_return_the_same_points(
    stores: tuple[AbstractStore, AbstractStore], batches: list[list[Metric]], singly: bool, most: int
) -> None:
    theirs, ours = (_shown(store, batches, singly, most) for store in stores)
    assert ours == theirs  # samples of a longer history differ; see test_samples.py


def test_mlflow_accepts_every_key_that_is_not_checked_by_mlflow() -> None:
    keys = [*map("".join, chain.from_iterable(product("aZé_1.-/: \n", repeat=length) for length in range(5)))]
    plain = [key for key in keys if metric_columns.PLAIN_KEY.fullmatch(key)]
    for key in plain:
        mlflow_private.check_metric(key, 0.0, 0, 0)
    assert {"a", "Z.1", "a/_-"} <= set(plain) and len(plain) < len(keys) / 2


def _shown(store: AbstractStore, batches: list[list[Metric]], singly: bool, most: int) -> dict[str, list[str]]:
    run = store.create_run("0", "ada", 1, [], None).info.run_id
    for batch in batches:
        if singly:
            for point in batch:
                store.log_metric(run, point)
        else:
            store.log_batch(run, batch, [], [])
    shown = {}
    for key in ("a", "b"):
        shown[f"latest {key}"] = [repr(store.get_run(run).data.metrics.get(key))]
        shown[f"history {key}"] = _texts(store.get_metric_history(run, key))
        shown[f"sample {key}"] = _texts(store.get_metric_history_bulk_interval([run], key, most, None, None))
        shown[f"part {key}"] = _texts(store.get_metric_history_bulk_interval([run], key, most, 0, 1))
    return shown


def _texts(points: Sequence[Metric]) -> list[str]:
    return [f"{point.step} {point.timestamp} {point.value!r}" for point in points]
