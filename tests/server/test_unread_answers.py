"""Large answers that a client does not read are bounded, and a client may read them slowly."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_site import ServerSite, bearer, new_token, server_site

from bridge.records.run import RunRecord
from bridge.server import held, protocol
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores

RUN_ID = "a" * 32
TAGS = 200
SEARCH = json.dumps({"run_ids": [RUN_ID]}).encode()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    """A workspace with a run of 13 MB."""
    stores = create_store(tmp_path / "demo", "demo")
    experiment = stores.tracking.create_experiment("ours", 1).id
    tags = {f"tag {number}": "x" * 65_000 for number in range(TAGS)}
    stores.tracking.create_runs([RunRecord(RUN_ID, experiment, start_time=1, tags=tags)])
    yield stores
    stores.close()


@pytest.fixture
def site(stores: WorkspaceStores, tmp_path: Path) -> Iterator[ServerSite]:
    with server_site({"demo": stores}, tmp_path / "home") as running:
        yield running


def asked(site: ServerSite, token: str) -> socket.socket:
    """Ask for the large run, and return the connection after the first bytes of the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", site.server.port))
    head = (
        f"POST /api/bridge/v1/get_runs HTTP/1.1\r\nHost: {site.host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(SEARCH)}\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(head.encode() + SEARCH)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def rest(connection: socket.socket) -> int:
    """Read to the end of the answer, and return the number of bytes."""
    size = 0
    while piece := connection.recv(1 << 20):
        size += len(piece)
    return size


def statuses(site: ServerSite, token: str) -> list[int]:
    """Return the statuses of a read through each API."""
    native = site.ask("POST", "/api/bridge/v1/get_runs", bearer(token), JSON, body=b'{"run_ids": []}')
    hot = site.ask("GET", f"/api/2.0/mlflow/runs/get?run_id={RUN_ID}", bearer(token))
    page = site.ask("GET", "/portal/api/home", bearer(token))
    assert all((one.status == 429) == ("retry-after" in one.headers) for one in (native, hot, page))
    return [native.status, hot.status, page.status]


JSON = ("Content-Type", "application/json")


@pytest.mark.slow
def test_a_sender_that_reads_no_answer_gets_no_more(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "HELD_BYTES", 20 << 20)
    greedy, other = new_token(site.home, "reader"), new_token(site.home, "reader")
    with asked(site, greedy) as first:
        assert statuses(site, greedy) == [200, 200, 200]
        with asked(site, greedy) as second:
            assert statuses(site, greedy) == [429, 429, 429]
            assert statuses(site, other) == [200, 200, 200]
            assert rest(second) > TAGS * 65_000
        assert statuses(site, greedy) == [200, 200, 200]
        assert rest(first) > TAGS * 65_000


@pytest.mark.slow
def test_all_senders_together_are_bounded(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "HELD_BYTES_OF_ALL", 10 << 20)
    with asked(site, new_token(site.home, "reader")):
        assert statuses(site, new_token(site.home, "reader")) == [429, 429, 429]


@pytest.mark.slow
def test_a_client_that_reads_slowly_gets_the_whole_answer(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit is for one piece, and not for the whole answer."""
    monkeypatch.setattr(held, "PIECE_BYTES", 1 << 18)
    monkeypatch.setattr(protocol, "WRITE_SECONDS", 2.0)
    with asked(site, new_token(site.home, "reader")) as connection:
        size = 0
        for _ in range(12):
            connection.settimeout(30)
            left = 1 << 20
            while left and (piece := connection.recv(left)):
                size, left = size + len(piece), left - len(piece)
            time.sleep(0.4)
        assert size + rest(connection) > TAGS * 65_000
