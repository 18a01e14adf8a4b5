"""A server has 100 event streams and 500 idle clients, and its memory does not grow under a mixed load."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest
from loaded_server import Client, Stream, until
from longer import SCALE
from served_workspaces import ServedBySubprocess, served

from bridge.store.create import create_store

pytestmark = pytest.mark.slow

STREAMS, IDLE = 100, 500
BYTES_OF_A_CLIENT = 100_000
"""The most memory that a connection without a request, or with a stream, may take."""

WARM_UP, ROUNDS, MOST_GROWTH = 300 if SCALE == 1 else 5_000, 300, 4_000_000
"""The load writes little, because each thread that reads keeps up to 16 MB of the database in memory.

All caches are full after about 4,500 rounds.
"""

LONG_SECONDS = 3_600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServedBySubprocess]:
    create_store(tmp_path / "demo", "demo").close()
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as running:
        yield running


def source(number: int) -> str:
    """Return one of the addresses of this computer. Each client address may have 100 connections."""
    return f"127.0.0.{2 + number // 90}"


def memory(server: ServedBySubprocess) -> int:
    return int(psutil.Process(server.process.pid).memory_info().rss)


def test_many_streams_and_idle_clients(server: ServedBySubprocess) -> None:
    writer = Client(server.at("demo"))
    run = writer.new_run()
    before = memory(server)
    idle = [Client(server.address, source(number)) for number in range(IDLE)]
    for client in idle:
        assert client.ask("GET", "/healthz")[0] == 200
    streams = [Stream(server.at("demo"), source(IDLE + number)) for number in range(STREAMS)]
    assert memory(server) - before < (STREAMS + IDLE) * BYTES_OF_A_CLIENT
    writer.log(run, "loss", [1])
    for stream in streams:
        stream.read_until(run.encode())
    text = Client(server.address).ask("GET", "/metrics")[2].decode()
    assert f"runbridge_connections {STREAMS + IDLE + 2}\n" in text
    for client in idle:
        assert client.ask("GET", "/healthz")[0] == 200, "its connection is still open"
    refused, _, body = Client(server.address).ask("GET", "/w/demo/portal/api/changes", Accept="text/event-stream")
    assert refused == 503 and b"100 pages use it already" in body
    for stream in streams:
        stream.close()
    for client in idle:
        client.close()
    until(
        lambda: "runbridge_connections 2\n" in Client(server.address).ask("GET", "/metrics")[2].decode(),
        "closed connections are forgotten",
    )


def test_memory_is_flat_under_a_mixed_load(server: ServedBySubprocess) -> None:
    client, steps = Client(server.at("demo")), count()
    runs = [client.new_run() for _ in range(5)]

    def work(rounds: int) -> None:
        for number in range(rounds):
            run = runs[number % len(runs)]
            client.log(run, f"metric {number % 7}", [next(steps)])
            query = {"experiment_ids": ["0"], "limit": 10}
            assert client.try_call("search_runs", query=query)[0] in (200, 400)
            series = json.dumps({"runs": runs, "keys": ["metric 0", "metric 1"], "buckets": 200}).encode()
            assert client.ask("POST", "/portal/api/series", series)[0] == 200
            assert client.ask("GET", f"/portal/api/runs/{run}")[0] == 200
            assert client.ask("GET", "/portal/api/experiments/0/table")[0] == 200
            assert client.ask("GET", "/portal/api/nothing")[0] == 404
            if number % 50 == 0:
                stream = Stream(server.at("demo"))
                stream.close()

    work(WARM_UP)
    before = memory(server)
    end = time.monotonic() + (LONG_SECONDS if SCALE > 1 else 0)
    work(ROUNDS)
    while time.monotonic() < end:
        work(ROUNDS)
    grown = memory(server) - before
    assert grown < MOST_GROWTH, f"{grown / 1e6:.1f} MB more after the load"
