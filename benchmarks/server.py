"""Measure how fast `runbridge server` takes points, and compare it with other servers of MLflow's REST API.

All servers get the same requests over 8 connections, one run each. The requests are prepared, and all are different.
The servers are ours, MLflow's own with one worker on SQLite, FastTrackML if its command `fml` is installed, and a
server on the same stack that only reads requests.
"Until read" is the time until a reader has got the last point of each run.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import quantile
from benchmarks.harness.requests import Connection, send_all
from benchmarks.harness.rows import Row, better_than_mlflow
from benchmarks.harness.servers import API, echo, fasttrackml, mlflow_server, ours
from bridge.store.create import create_store

CONNECTIONS, POINTS = 8, 1_000
FIRST = 1_700_000_000_000
PATIENCE_SECONDS = 600


class Rates(NamedTuple):
    """The points that a server takes in a second, and the share of a core that the sender needs."""

    acknowledged: float
    until_read: float
    sender: float


def bodies(keys: int, count: int, seed: int) -> list[str]:
    """Return prepared bodies of 1,000 points each, with a placeholder for the run id."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        metrics = [
            {
                "key": f"metric_{at % keys}",
                "value": draw.random(),
                "timestamp": FIRST + number,
                "step": (number * POINTS + at) // keys,
            }
            for at in range(POINTS)
        ]
        found.append(json.dumps({"run_id": "0" * 32, "metrics": metrics}))
    return found


def batch_rates(port: int, texts: list[list[str]], keys: int, is_echo: bool = False) -> Rates:
    """Measure log-batch with prepared bodies for each connection."""
    connections = [Connection(port) for _ in texts]
    run_ids = ["0" * 32] * len(texts) if is_echo else [new_run(one) for one in connections]
    requests = [
        [connection.prepared(f"{API}/runs/log-batch", text.replace("0" * 32, run_id, 1).encode()) for text in own]
        for connection, own, run_id in zip(connections, texts, run_ids, strict=True)
    ]
    for connection, own in zip(connections, requests, strict=True):
        connection.send(own[0])  # the first request of a run defines its series
    sent = send_all(connections, [own[1:] for own in requests])
    count = sum(len(own) - 1 for own in requests) * POINTS
    begun = time.perf_counter()
    last = (len(texts[0]) * POINTS - 1) // keys
    if not is_echo:
        for connection, run_id in zip(connections, run_ids, strict=True):
            wait_for(connection, run_id, last)
    read = sent.seconds + time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return Rates(count / sent.seconds, count / read, sent.own / sent.seconds)


def new_run(connection: Connection) -> str:
    """Create a run, and return its id."""
    made = connection.ask(f"{API}/runs/create", {"experiment_id": "0", "start_time": FIRST})
    run_id: str = made["run"]["info"]["run_id"]
    return run_id


def wait_for(connection: Connection, run_id: str, step: int) -> None:
    """Wait until a reader of the run gets a point with the step."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        run = connection.get(f"{API}/runs/get?run_id={run_id}")["run"]
        if max(int(metric["step"]) for metric in run["data"].get("metrics", [{"step": -1}])) >= step:
            return
    raise RuntimeError(f"the step {step} of run {run_id} does not appear")


def metric_seconds(port: int, calls: int, is_echo: bool = False) -> float:
    """Return the median time of a call of log-metric, one after another."""
    connection = Connection(port)
    run_id = "0" * 32 if is_echo else new_run(connection)
    times = []
    for step in range(calls + 20):
        body = {"run_id": run_id, "key": "loss", "value": 1 / (step + 1), "timestamp": FIRST + step, "step": step}
        request = connection.prepared(f"{API}/runs/log-metric", json.dumps(body).encode())
        begun = time.perf_counter()
        connection.send(request)
        times.append(time.perf_counter() - begun)
    connection.close()
    return quantile(times[20:], 0.5)


def rows(options: Options) -> Iterator[Row]:
    with ExitStack() as stack:
        workspace = options.new_folder("served") / "workspace"
        create_store(workspace, "served").close()
        ports = {"echo": stack.enter_context(echo(options)), "ours": stack.enter_context(ours(options, workspace))}
        if options.size != "tiny":
            ports["mlflow"] = stack.enter_context(mlflow_server(options))
            if (port := stack.enter_context(fasttrackml(options))) is not None:
                ports["fasttrackml"] = port
        for keys in (1, 100):
            yield from batch_rows(options, ports, keys)
        calls = options.pick(20, 300, 1000)
        of = {name: metric_seconds(port, calls, name == "echo") * 1e3 for name, port in ports.items()}
        note = f"FastTrackML: {of['fasttrackml']:.2f} ms" if "fasttrackml" in of else ""
        yield Row(
            "2", "log-metric, median of single calls", of["ours"], "ms", "a server that only reads requests",
            of["echo"], of.get("mlflow"), better_than_mlflow(5), note=note,
        )  # fmt: skip


def batch_rows(options: Options, ports: dict[str, int], keys: int) -> Iterator[Row]:
    """Yield the rows of log-batch."""
    count = options.pick(3, 60, 200)
    texts = [bodies(keys, count, seed) for seed in range(CONNECTIONS)]
    slow = [own[: options.pick(2, 4, 10)] for own in texts]  # others need a second for 8 bodies
    rates = {
        name: batch_rates(port, texts if name in ("ours", "echo") else slow, keys, name == "echo")
        for name, port in ports.items()
    }
    mine, bare = rates["ours"], rates["echo"]
    where = f"log-batch of 1,000 points in {keys} key{'s' if keys > 1 else ''}, {CONNECTIONS} connections"
    note = f"the sender takes {mine.sender:.0%} of a core"
    if "fasttrackml" in rates:
        other = rates["fasttrackml"]
        note += f"; FastTrackML: {other.acknowledged:,.0f} points/s, until read {other.until_read:,.0f}"
    theirs = rates.get("mlflow")
    for name, value, limit, reference in (
        ("acknowledged", mine.acknowledged, 60, bare.acknowledged),
        ("until read", mine.until_read, 30, None),
    ):
        yield Row(
            "2", f"{where}, {name}", value, "points/s", "a server that only reads requests", reference,
            theirs and getattr(theirs, name.replace(" ", "_")), better_than_mlflow(limit), note=note,
        )  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
