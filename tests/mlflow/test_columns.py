"""MLflow's API shows the columns of tables as metrics `<metric>.<column>`, as if MLflow had logged them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.store.tracking.abstract_store import AbstractStore
from pair import without_waiting_for_the_disk

from bridge.records.run import RunRecord, new_run_id
from bridge.records.series import COLUMN, DESCRIPTION, IMAGE, NATIVE, PREDICTIONS, SCALAR, Point, Value
from bridge.store.create import create_store
from bridge.store.one_run import create_run
from bridge.store.tracking import TrackingStore
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.naive import LoggedPoint, is_number, log_naively
from bridge.testing.strategies import flat, row
from bridge_mlflow.tracking_store import BridgeTrackingStore

NAMES = ("t", "t.x", "t.y z", "u.x", "u.y z")
TIMESTAMPS, STEPS = st.sampled_from([0, 1, 2]), st.sampled_from([None, 0, 1, -(2**63), 2**63 - 1])
PLAIN = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 5e-324, 3])
VALUES: st.SearchStrategy[Value] = PLAIN | st.sampled_from([math.nan, "Red", True, None])


def rows(key: str, values: st.SearchStrategy[Value]) -> st.SearchStrategy[list[Point]]:
    cells = st.dictionaries(st.sampled_from(["x", "y z"]), values, min_size=1)
    return st.builds(row, st.just(key), cells, TIMESTAMPS, STEPS)


def scalars(key: str) -> st.SearchStrategy[Point]:
    # Without NaN, which MLflow compares as 0: if two series of one name have equal values, we show the scalar.
    return st.builds(lambda value, timestamp, step: Point(key, value, timestamp, step), PLAIN, TIMESTAMPS, STEPS)


others = st.sampled_from([Point("t.x", "1.png", 1, None, IMAGE), Point("t", "about", 1, 0, DESCRIPTION)])
LOGGED = st.lists(
    st.one_of(rows("t", PLAIN), rows("u", VALUES), scalars("t"), scalars("t.x"), others), min_size=1, max_size=12
).map(flat)


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory, make_mlflow_database: Callable[[Path], str]
) -> Iterator[tuple[AbstractStore, BridgeTrackingStore, TrackingStore]]:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("columns")
    with without_waiting_for_the_disk():
        theirs = SqlAlchemyStore(make_mlflow_database(folder / "mlflow.db"), f"{folder}/artifacts")
        opened = create_store(folder / "workspace", "tests")
        yield theirs, BridgeTrackingStore(f"bridge://{opened.address}"), opened.tracking


@pytest.mark.rules
@pytest.mark.slow
@settings(max_examples=40)
@given(logged=LOGGED, most=st.sampled_from((1, 2, 1000)))
def test_a_column_equals_a_metric_that_mlflow_has_logged(
    stores: tuple[AbstractStore, BridgeTrackingStore, TrackingStore], logged: list[Point], most: int
) -> None:
    theirs, ours, native = stores
    run_id = new_run_id()
    create_run(native, RunRecord(run_id, "0", start_time=1))
    native.log_points(run_id, logged)
    same = theirs.create_run("0", "ada", 1, [], None).info.run_id
    metrics = as_metrics(logged)
    theirs.log_batch(same, metrics, [], [])
    assert shown(ours, run_id, most) == shown(theirs, same, most)


def as_metrics(logged: list[Point]) -> list[Metric]:
    """Return the numbers as MLflow metrics, each with its step in the column."""
    points: dict[str, list[LoggedPoint]] = {}
    log_naively(points, logged, NATIVE)
    return [
        Metric(f"{key}.{p.column}" if p.kind == COLUMN else key, float(p.value), p.timestamp, p.step)  # type: ignore[arg-type]
        for key, own in points.items()
        for p in own
        if p.kind in (SCALAR, COLUMN) and is_number(p.value)
    ]


def shown(store: AbstractStore, run_id: str, most: int) -> dict[str, list[str]]:
    seen = {"latest": sorted(f"{key} {value!r}" for key, value in store.get_run(run_id).data.metrics.items())}
    for name in NAMES:
        seen[f"history {name}"] = texts(store.get_metric_history(run_id, name))
        seen[f"sample {name}"] = texts(store.get_metric_history_bulk_interval([run_id], name, most, None, None))
        seen[f"part {name}"] = texts(store.get_metric_history_bulk_interval([run_id], name, most, 0, 1))
    return seen


def texts(points: Sequence[Metric]) -> list[str]:
    return [f"{point.step} {point.timestamp} {point.value!r}" for point in points]


@pytest.fixture
def waves(opened: WorkspaceStores) -> WorkspaceStores:
    """Create runs with a table each."""
    for run_id, angle in (("a" * 32, 1), ("b" * 32, 2.5), ("c" * 32, math.nan), ("d" * 32, "steep")):
        create_run(opened.tracking, RunRecord(run_id, "0", start_time=1))
        for value in (9.0, angle):
            cells: dict[str, Value] = {"angle": value, "cosine": 0.5}
            opened.tracking.log_points(run_id, row("Cosine Wave", cells, 1))
    return opened


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ('metrics."Cosine Wave.angle" < 3', "ab"),
        ("metrics.`Cosine Wave.angle` >= 9", "d"),
        ("metrics.`Cosine Wave.angle` != 1", "bcd"),
        ("metrics.`Cosine Wave.cosine` = 0.5 and metrics.`Cosine Wave.angle` = 2.5", "b"),
        ("metrics.`Cosine Wave.none` > 0", ""),
        ("metrics.`Cosine Wave` > 0", ""),
    ],
)
def test_a_filter_can_use_a_column(waves: WorkspaceStores, uri: str, text: str, runs: str) -> None:
    found = MlflowClient(uri).search_runs(["0"], text)
    assert "".join(sorted(run.info.run_id[0] for run in found)) == runs


def test_an_order_can_use_a_column(waves: WorkspaceStores, uri: str) -> None:
    client = MlflowClient(uri)
    for direction, order in (("ASC", "abdc"), ("DESC", "dbac")):
        found = client.search_runs(["0"], order_by=[f"metrics.`Cosine Wave.angle` {direction}"])
        assert "".join(run.info.run_id[0] for run in found) == order


def test_texts_images_and_descriptions_are_neither_metrics_nor_tags(opened: WorkspaceStores, uri: str) -> None:
    create_run(opened.tracking, RunRecord("a" * 32, "0", start_time=1))
    opened.tracking.log_points(
        "a" * 32,
        [
            *row("t", {"color": "Red", "right": True, "none": None}, 1),
            Point("image", "1.png", 1, None, IMAGE),
            Point("json", "1.json", 1, None, PREDICTIONS),
            Point("t", "about", 1, 0, DESCRIPTION),
        ],
    )
    data = MlflowClient(uri).get_run("a" * 32).data
    assert data.metrics == {}
    assert {key for key in data.tags if not key.startswith("mlflow.")} == set()
    for name in ("t", "t.color", "image", "json"):
        assert MlflowClient(uri).get_metric_history("a" * 32, name) == []


def test_the_results_of_a_search_have_the_columns_too(waves: WorkspaceStores, uri: str) -> None:
    (found,) = MlflowClient(uri).search_runs(["0"], "metrics.`Cosine Wave.angle` = 1")
    assert found.data.metrics == {"Cosine Wave.angle": 1.0, "Cosine Wave.cosine": 0.5}
