"""A server folds what it takes, and refuses what it cannot store."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path

import pytest
from loaded_server import Client, Stream, until
from served_workspaces import served
from server_site import bearer, new_token, server_site
from small_disk import filled, mounted_disk

from bridge.errors import StoreUnavailable, TooManyRequests
from bridge.journal.file import JournalFile
from bridge.records.point_columns import PointColumns
from bridge.records.run import RunRecord
from bridge.records.series import Point
from bridge.server import admission
from bridge.server.serve import serve_background
from bridge.store import intake as intakes
from bridge.store.backend import Backend
from bridge.store.create import create_store
from bridge.store.http.codec import dump_call
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores

RUN = "a" * 32


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    stores.tracking.create_runs([RunRecord(RUN, "0")])
    yield stores
    stores.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path / "disk", 24) as disk:
        yield disk


def log(stores: WorkspaceStores, step: int) -> None:
    stores.tracking.log_points(RUN, [Point("loss", float(step), 1_700_000_000_000, step)])


def steps(stores: WorkspaceStores) -> list[int]:
    found = stores.tracking.get_series_of([RUN])[RUN]
    return found[0].steps.tolist() if found else []


def test_reads_fold_only_after_a_write_or_from_time_to_time(
    stores: WorkspaceStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intakes, "READ_SECONDS", 1e9)
    tracking = stores.tracking
    tracking.be_served()
    folds = []
    folding = tracking._folding
    fold = folding.fold
    monkeypatch.setattr(folding, "fold", lambda wait=True: folds.append(wait) or fold(wait))
    log(stores, 0)
    assert steps(stores) == [0]
    folds.clear()
    for _ in range(50):
        assert steps(stores) == [0]
    assert folds == []
    log(stores, 1)
    assert steps(stores) == [0, 1] and len(folds) == 1
    monkeypatch.setattr(intakes, "READ_SECONDS", 0.0)
    assert steps(stores) == [0, 1] and len(folds) == 2, "points of other processes must be seen too"


def test_reads_do_not_wait_while_many_points_are_not_folded(
    stores: WorkspaceStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = stores.tracking.be_served()
    log(stores, 0)
    assert steps(stores) == [0]
    log(stores, 1)
    intake.backlog_bytes = intakes.BEHIND_BYTES + 1
    assert steps(stores) == [0]
    intake.fold()
    assert intake.backlog_bytes == 0 and steps(stores) == [0, 1]


def test_the_backlog_is_the_size_of_what_is_not_folded(stores: WorkspaceStores) -> None:
    intake = stores.tracking.be_served()
    for step in range(1000):
        log(stores, step)
    assert stores.tracking._folding.backlog_bytes() > 1000 * 16
    intake.fold()
    assert stores.tracking._folding.backlog_bytes() == 0


def test_too_many_points_are_refused_until_they_are_folded(
    stores: WorkspaceStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = stores.tracking.be_served()
    intake.check_backlog()
    intake.backlog_bytes = intakes.MOST_BYTES + 1
    with pytest.raises(TooManyRequests, match="256 MB of points are not in the database yet"):
        intake.check_backlog()


@pytest.mark.slow
def test_a_backlog_answers_429_and_training_continues_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the database, so nothing can be folded."""
    create_store(tmp_path / "demo", "demo").close()
    code = (
        "import sys; from bridge.store import intake; intake.MOST_BYTES = 20_000; sys.argv[:1] = ['runbridge'];"
        "from bridge.cli.command import main; main()"
    )
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", program=("-c", code)) as server:
        client = Client(server.at("demo"))
        run = client.new_run()
        client.log(run, "loss", [0])
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "demo")], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        acknowledged = 1

        def refused() -> tuple[HTTPMessage, bytes] | None:
            nonlocal acknowledged
            points = [["loss", 1.0, 17000, acknowledged + place] for place in range(100)]
            status, headers, body = client.try_call("log_points", run_id=run, points=points)
            if status == 429:
                return headers, body
            assert status == 200, body
            acknowledged += 100
            return None

        headers, body = until(refused, "points are refused")
        assert headers["Retry-After"] and b"not in the database yet" in body
        holder.stdin.close()
        holder.wait(20)
        holder.stdout.close()
        until(lambda: client.try_call("log_points", run_id=run, points=[["loss", 1.0, 17000, 7]])[0] == 200, "later")
    stores = open_store(tmp_path / "demo")
    assert len(stores.tracking.get_series_of([run])[run][0].steps) == acknowledged + 1
    stores.close()


HOLD = """
import sys
from bridge.journal.folder import JournalFolder
from pathlib import Path
folder = JournalFolder(Path(sys.argv[1]) / "journal")
with folder.folding(True):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_full_disk_answers_503_before_anything_is_acknowledged(small_disk: Path, tmp_path: Path) -> None:
    create_store(small_disk / "demo", "demo").close()
    with served({"demo": small_disk / "demo"}, tmp_path / "log") as server:
        client = Client(server.at("demo"))
        run = client.new_run()
        client.log(run, "loss", [0])
        until(lambda: client.call("get_runs", run_ids=[run])[run]["latest"], "the first point")
        with filled(small_disk):
            time.sleep(intakes.SPACE_SECONDS)
            for path, body in (
                ("/api/bridge/v1/log_points", None),
                ("/api/bridge/v1/create_runs", b'{"records": [], "leases": []}'),
                ("/portal/api/runs", None),
            ):
                method = "PATCH" if path == "/portal/api/runs" else "POST"
                status, headers, answer = client.ask(method, path, body or b"{}", Content_Type="application/json")
                assert (status, headers["Retry-After"]) == (503, "2") and b"the disk is full" in answer, answer
                assert str(small_disk).encode() not in answer, "clients need not know the folders of the server"
            assert Client(server.address).ask("GET", "/readyz")[0] == 503
            assert client.call("get_runs", run_ids=[run])[run]["latest"]["loss"][2] == 0, "reads still work"
        client.log(run, "loss", [1])
        until(lambda: Client(server.address).ask("GET", "/readyz")[0] == 200, "ready again")
    stores = open_store(small_disk / "demo")
    assert stores.tracking.get_series_of([run])[run][0].steps.tolist() == [0, 1]
    stores.close()


def test_a_point_that_cannot_be_written_is_refused_and_not_kept(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = create_store(small_disk / "demo", "demo")
    stores.tracking.create_runs([RunRecord(RUN, "0")])
    stores.tracking.be_served()
    log(stores, 0)
    with filled(small_disk), pytest.raises(StoreUnavailable, match="cannot be written"):
        for step in range(1, 10_000):
            log(stores, step)
    refused = step
    log(stores, 77_777)
    assert steps(stores) == [*range(refused), 77_777]
    stores.close()


def test_a_token_has_a_number_of_streams_and_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "STREAMS", 3)
    monkeypatch.setattr(admission, "BYTES_IN_FLIGHT", 1_000)
    named = {"first": create_store(tmp_path / "first", "first")}
    text, other = (str(new_token(tmp_path / "home", "writer")) for _ in range(2))
    with server_site(named, tmp_path / "home") as site:
        address = f"{site.origin}/w/first"
        streams = [Stream(address, token=text) for _ in range(3)]
        answer = site.ask("GET", "/w/first/portal/api/changes", bearer(text))
        assert answer.status == 429 and answer.kind == "TooManyRequests" and answer.headers["retry-after"]
        streams.append(Stream(address, token=other))
        streams[0].close()
        until(lambda: site.ask("GET", "/w/first/portal/api/changes", bearer(text)).status == 200, "one may be opened")
        waiting = Stream(address, token=text, head="PATCH", path="/portal/api/runs", length=900)
        until(
            lambda: site.ask("PATCH", "/w/first/portal/api/runs", bearer(text), body=bytes(500)).status == 429,
            "the body that is on its way counts",
        )
        assert site.ask("PATCH", "/w/first/portal/api/runs", bearer(other), body=bytes(500)).status == 400
        waiting.close()
        until(
            lambda: site.ask("PATCH", "/w/first/portal/api/runs", bearer(text), body=bytes(500)).status == 400,
            "it is forgotten",
        )
        for stream in streams:
            stream.close()
    named["first"].close()


def test_points_that_wait_for_the_disk_are_not_written_in_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    sync = JournalFile.sync

    def watched(file: JournalFile) -> None:
        threads.append(threading.current_thread().name)
        sync(file)

    monkeypatch.setattr(JournalFile, "sync", watched)
    stores = create_store(tmp_path / "demo", "demo", durability="power")
    points = PointColumns(("loss",), struct.pack("<2d", 1, 2), 1_700_000_000_000, struct.pack("<2q", 1, 2))
    metrics = [{"key": key, "value": 1.0, "timestamp": 1, "step": 1} for key in ("a", "b")]
    with serve_background([stores]) as server:
        client = Client(server.local_address)
        run = client.new_run()
        for _ in range(3):
            frame = dump_call(Backend.log_points, {"run_id": run, "points": points})
            sent = [("/api/bridge/v1/log_points", bytes(frame.content), frame.media_type)]
            for route, body in (("log-metric", metrics[0]), ("log-batch", {"metrics": metrics})):
                text = json.dumps({"run_id": run, **body}).encode()
                sent.append((f"/api/2.0/mlflow/runs/{route}", text, "application/json"))
            for path, content, kind in sent:
                assert client.ask("POST", path, content, Content_Type=kind)[0] == 200
    assert len(threads) >= 9
    assert not [name for name in threads if name.startswith("runbridge server")]
    stores.close()
