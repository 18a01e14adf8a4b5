"""A server reads a bounded amount for one answer, and its clients ask for the rest in parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_site import Header, ServerSite, bearer, new_token, server_site

from bridge.errors import InvalidValue
from bridge.records.run import RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import Point
from bridge.records.views import Column
from bridge.server.native import answer as native_answer
from bridge.server.portal import serve as portal_serve
from bridge.store.create import create_store
from bridge.store.http import parts
from bridge.store.http.backend import HttpBackend
from bridge.store.sql.seal import seal
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.server.hot import metrics as hot_metrics
from bridge_mlflow.server.hot import routes as hot_routes

RUNS = [f"{number:032x}" for number in range(8)]
POINTS = 1_000
JSON: Header = ("Content-Type", "application/json")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    experiment = stores.tracking.create_experiment("ours", 1).id
    tags = {f"tag {number}": "x" * 1_000 for number in range(20)}
    stores.tracking.create_runs([RunRecord(id, experiment, status="Running", start_time=1, tags=tags) for id in RUNS])
    for id in RUNS:
        stores.tracking.log_points(id, [Point("loss", 0.5, 1, step) for step in range(POINTS)])
        stores.tracking.log_points(id, [Point("word", "x" * 100, 1, step) for step in range(10)])
    yield stores
    stores.close()


@pytest.fixture
def site(stores: WorkspaceStores, tmp_path: Path) -> Iterator[ServerSite]:
    with server_site({"demo": stores}, tmp_path / "home") as running:
        yield running


@pytest.fixture
def reader(site: ServerSite) -> Iterator[HttpBackend]:
    backend = HttpBackend(site.origin, new_token(site.home, "reader"))
    yield backend
    backend.close()


def limit(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Set the greatest size of what is read for one answer."""
    for module in (native_answer, portal_serve, hot_routes):
        monkeypatch.setattr(module, "ANSWER_BYTES", size)


def test_points_of_many_runs_arrive_in_parts(
    stores: WorkspaceStores, reader: HttpBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reader.get_series_of(RUNS)
    tails = reader.views.get_tail({(id, "loss"): 10 for id in RUNS})
    limit(monkeypatch, 3 * 33 * POINTS)
    found = reader.get_series_of(RUNS)
    assert list(found) == RUNS
    assert [one.numbers.tolist() for id in RUNS for one in found[id] if one.numbers is not None] == [
        one.numbers.tolist() for id in RUNS for one in whole[id] if one.numbers is not None
    ]
    assert {name: len(some) for name, some in reader.views.get_tail({(id, "loss"): 10 for id in RUNS}).items()} == {
        name: len(some) for name, some in tails.items()
    }


def test_the_points_of_one_run_that_are_too_many_are_refused(
    stores: WorkspaceStores, reader: HttpBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, POINTS)
    with pytest.raises(InvalidValue, match="is too large: ask for fewer runs, keys or points"):
        reader.get_series_of(RUNS[:1])


def test_compressed_points_are_counted(
    stores: WorkspaceStores, reader: HttpBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.get_series_of(RUNS)  # so that all points are folded
    database = stores.open_store.sql_database
    with database.read() as c:
        series = [id for (id,) in c.execute("SELECT id FROM series")]
    seal(database, series)
    with database.read() as c:
        assert c.execute("SELECT sum(points) FROM chunk").fetchone()[0] >= POINTS
        assert not c.execute("SELECT count(*) FROM point_block WHERE points > 500").fetchone()[0]
    assert len(reader.get_series_of(RUNS[:1])[RUNS[0]]) == 2
    limit(monkeypatch, 30 * POINTS)
    with pytest.raises(InvalidValue, match="is too large"):
        reader.get_series_of(RUNS[:1])


def test_a_long_history_arrives_in_pages(reader: HttpBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 24 * 300)
    monkeypatch.setattr(parts, "POINTS", 250)
    assert reader.views.get_history(RUNS[0], "loss").steps.tolist() == list(range(POINTS))
    assert reader.views.get_history(RUNS[0], "loss", 100, 700).steps.tolist() == list(range(100, 800))
    assert reader.views.get_history(RUNS[0], "loss", 999).steps.tolist() == [999]
    monkeypatch.setattr(parts, "POINTS", 400)
    with pytest.raises(InvalidValue, match="is too large"):
        reader.views.get_history(RUNS[0], "loss")


def test_a_chart_is_bounded_by_its_buckets_and_not_by_its_points(
    reader: HttpBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 20 * 33 * POINTS)
    for _ in range(3):
        assert len(reader.views.sample_series(RUNS, ["loss"] * 9, 10)) == 9 * len(RUNS)
    groups = {id: id[-1] for id in RUNS}
    for buckets in (10_000, 30_000_000, 2**40):
        with pytest.raises(InvalidValue, match="is too large"):
            reader.views.sample_series(RUNS[:1], ["loss"], buckets)
        with pytest.raises(InvalidValue, match="is too large"):
            reader.views.sample_series(RUNS, ["loss"], buckets, groups=groups)


def test_a_table_of_many_cells_is_refused(reader: HttpBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [Column("metric", f"loss {number}") for number in range(100)]
    query = RunQuery(("1",))
    assert len(reader.views.get_columns(query, columns).ids) == len(RUNS)
    limit(monkeypatch, 1_000)
    with pytest.raises(InvalidValue, match="is too large"):
        reader.views.get_columns(query, columns)


def test_runs_arrive_in_parts(reader: HttpBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reader.get_runs(RUNS)
    query = RunQuery((found[RUNS[0]].experiment_id,))
    searched = reader.search_runs(query)
    limit(monkeypatch, 70_000)
    monkeypatch.setattr(parts, "RUNS", 2)
    assert reader.get_runs(RUNS) == found
    assert reader.search_runs(query) == searched
    with pytest.raises(InvalidValue, match="is too large"):
        reader.search_runs(RunQuery(query.experiment_ids, max_results=8))


def test_requests_of_mlflow_and_of_the_page_are_bounded(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    token = bearer(new_token(site.home, "reader"))
    search = json.dumps({"experiment_ids": ["1"], "max_results": 8}).encode()
    requests = (
        ("POST", "/api/2.0/mlflow/runs/search", search),
        ("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=loss&run_id={RUNS[0]}", None),
        ("GET", f"/portal/api/runs/{RUNS[0]}/values/loss", None),
    )
    assert [site.ask(method, path, token, JSON, body=body).status for method, path, body in requests] == [200] * 3
    limit(monkeypatch, POINTS)
    for method, path, body in requests:
        answer = site.ask(method, path, token, JSON, body=body)
        assert answer.status == 400 and b"is too large" in answer.body, path


def test_a_history_for_mlflow_has_pages(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_metrics, "MOST_OF_PAGE", 400)
    token, steps, more = bearer(new_token(site.home, "reader")), [], ""
    for count in (400, 400, 200):
        path = f"/api/2.0/mlflow/metrics/get-history?run_id={RUNS[0]}&metric_key=loss{more}"
        answer = json.loads(site.ask("GET", path, token).body)
        steps += [int(point["step"]) for point in answer["metrics"]]
        assert len(answer["metrics"]) == count
        more = f"&page_token={answer.get('next_page_token')}"
    assert steps == list(range(POINTS)) and "next_page_token" not in answer
