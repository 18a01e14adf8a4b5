"""Measure how fast `runbridge server` takes points, and compare it with other servers of MLflow's REST API.

All servers get the same requests over 8 connections, one run each. The requests are prepared, and all are different.
The servers are ours, MLflow's own with one worker on SQLite, FastTrackML if its command `fml` is installed, and a
server on the same stack that only reads requests.
"Until read" is the time until a reader has got the last point of each run. Each case is measured several times, with
all servers in turn.

Native frames go only to our server. Under sustained load, 8 connections send a fixed rate of points, while a reader
asks for a chart and a page of runs.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar

import numpy

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import quantile
from benchmarks.harness.requests import Connection, Sent, send_all, send_at
from benchmarks.harness.rows import Row, better_than_mlflow, value_at_least, value_at_most
from benchmarks.harness.servers import API, echo, fasttrackml, mlflow_server, ours, until_idle
from bridge.records.point_columns import PointColumns
from bridge.store.create import create_store
from bridge.store.http.codec import FRAME_TYPE, dump_call
from bridge.store.http.methods import METHODS

CONNECTIONS, POINTS = 8, 1_000
FIRST = 1_700_000_000_000
PATIENCE_SECONDS = 600
SUSTAINED = 500_000
"""The points per second that are sent under sustained load, which is a quarter more than the bar."""


Prepared = TypeVar("Prepared")


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

    def request(connection: Connection, run_id: str, text: str) -> bytes:
        return connection.prepared(f"{API}/runs/log-batch", text.replace("0" * 32, run_id, 1).encode())

    return rates_of(port, texts, keys, request, is_echo)


def frame_rates(port: int, columns: list[list[PointColumns]], keys: int) -> Rates:
    """Measure the native method `log_points` with prepared frames for each connection."""
    return rates_of(port, columns, keys, frame_request)


def frame_request(connection: Connection, run_id: str, columns: PointColumns) -> bytes:
    """Return a request of the native API that logs points."""
    method = METHODS["log_points"]
    body = dump_call(method.function, {"run_id": run_id, "points": columns})
    return connection.prepared(method.path, bytes(body.content), FRAME_TYPE)


def frame(keys: int, number: int, draw: numpy.random.Generator, points: int = POINTS) -> PointColumns:
    """Return the points of one frame. All values are different."""
    names = tuple(f"metric_{at % keys}" for at in range(points)) if keys > 1 else ("metric_0",)
    steps = (number * points + numpy.arange(points)) // keys
    return PointColumns(names, draw.random(points).tobytes(), FIRST + number, steps.astype("<i8").tobytes())


def rates_of(
    port: int,
    prepared: Sequence[Sequence[Prepared]],
    keys: int,
    request: Callable[[Connection, str, Prepared], bytes],
    is_echo: bool = False,
) -> Rates:
    """Send the prepared points of each connection, 1,000 points a request, and wait until all can be read."""
    connections = [Connection(port) for _ in prepared]
    run_ids = ["0" * 32] * len(prepared) if is_echo else [new_run(one) for one in connections]
    requests = [
        [request(connection, run_id, one) for one in own]
        for connection, own, run_id in zip(connections, prepared, run_ids, strict=True)
    ]
    for connection, own in zip(connections, requests, strict=True):
        connection.send(own[0])  # the first request of a run defines its series
    sent = send_all(connections, [own[1:] for own in requests])
    count = sum(len(own) - 1 for own in requests) * POINTS
    begun = time.perf_counter()
    if not is_echo:
        wait_for_all(connections, run_ids, (len(prepared[0]) * POINTS - 1) // keys)
    read = sent.seconds + time.perf_counter() - begun
    for connection in connections:
        connection.close()
    return Rates(count / sent.seconds, count / read, sent.own / sent.seconds)


def wait_for_all(connections: Sequence[Connection], run_ids: Sequence[str], step: int) -> None:
    """Wait until a reader of each run gets a point with the step."""
    for connection, run_id in zip(connections, run_ids, strict=True):
        wait_for(connection, run_id, step)


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


class Sustained(NamedTuple):
    """A server that gets points for a long time.

    `rate` is the points that it takes in a second, `backlog` the seconds until all points can be read after the last
    was sent, and `reads` the seconds of each read in between.
    """

    rate: float
    backlog: float
    reads: list[float]
    sent: Sent


def sustained(port: int, seconds: float, keys: int = 100) -> Sustained:
    """Send a fixed rate of points over all connections, and read at the same time."""
    connections = [Connection(port) for _ in range(CONNECTIONS)]
    run_ids = [new_run(one) for one in connections]
    draws = [numpy.random.default_rng(seed) for seed in range(CONNECTIONS)]
    count = int(seconds * SUSTAINED / CONNECTIONS / POINTS)

    def make(at: int) -> Iterator[bytes]:
        for number in range(count):
            yield frame_request(connections[at], run_ids[at], frame(keys, number, draws[at]))

    reader = Connection(port)
    questions: list[tuple[str, dict[str, Any]]] = [
        ("sample_series", {"run_ids": (run_ids[0],), "keys": ("metric_7",), "buckets": 500}),
        ("get_runs", {"run_ids": tuple(run_ids)}),
    ]
    reads = [
        reader.prepared(METHODS[name].path, bytes(dump_call(METHODS[name].function, arguments).content))
        for name, arguments in questions
    ]
    sent, times = send_at(connections, [make(at) for at in range(CONNECTIONS)], count / seconds, reader, reads)
    begun = time.perf_counter()
    wait_for_all(connections, run_ids, (count * POINTS - 1) // keys)
    backlog = time.perf_counter() - begun
    for connection in (*connections, reader):
        connection.close()
    return Sustained(CONNECTIONS * count * POINTS / sent.seconds, backlog, times, sent)


def rows(options: Options) -> Iterator[Row]:
    with ExitStack() as stack:
        workspace = options.new_folder("served") / "workspace"
        create_store(workspace, "served").close()
        ports = {"echo": stack.enter_context(echo(options)), "ours": stack.enter_context(ours(options, workspace))}
        if options.size != "tiny":
            ports["mlflow"] = stack.enter_context(mlflow_server(options))
            if (port := stack.enter_context(fasttrackml(options))) is not None:
                ports["fasttrackml"] = port
            until_idle()  # MLflow's server goes on to start processes
        for keys in (1, 100):
            yield from batch_rows(options, ports, keys)
        yield from metric_rows(options, ports)
        for keys in (1, 100):
            yield from frame_rows(options, ports["ours"], keys)
        yield from sustained_rows(options, ports["ours"])


def metric_rows(options: Options, ports: dict[str, int]) -> Iterator[Row]:
    """Yield the row of single calls of log-metric."""
    calls = options.pick(20, 300, 1000)
    repeats = [
        {name: metric_seconds(port, calls, name == "echo") * 1e3 for name, port in ports.items()}
        for _ in range(options.repeats(3))
    ]
    of = {name: statistics.median(one[name] for one in repeats) for name in ports}
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
    repeats = [
        {
            name: batch_rates(port, texts if name in ("ours", "echo") else slow, keys, name == "echo")
            for name, port in ports.items()
        }
        for _ in range(options.repeats(3))
    ]
    rates = {name: median_of([one[name] for one in repeats]) for name in ports}
    mine, bare = rates["ours"], rates["echo"]
    where = f"log-batch of 1,000 points in {keys_text(keys)}, {CONNECTIONS} connections"
    note = f"the sender takes {mine.sender:.0%} of a core"
    if "fasttrackml" in rates:
        other = rates["fasttrackml"]
        note += f"; FastTrackML: {other.acknowledged:,.0f} points/s, until read {other.until_read:,.0f}"
        note += f"; ours is {mine.acknowledged / other.acknowledged:.1f} and {mine.until_read / other.until_read:.1f} ×"
    theirs = rates.get("mlflow")
    for name, value, limit, reference in (
        ("acknowledged", mine.acknowledged, 60, bare.acknowledged),
        ("until read", mine.until_read, 30, None),
    ):
        yield Row(
            "2", f"{where}, {name}", value, "points/s", "a server that only reads requests", reference,
            theirs and getattr(theirs, name.replace(" ", "_")), better_than_mlflow(limit), note=note,
        )  # fmt: skip


def frame_rows(options: Options, port: int, keys: int) -> Iterator[Row]:
    """Yield the rows of native frames."""
    draw = numpy.random.default_rng(keys)
    count = options.pick(3, 250, 1000)
    columns = [[frame(keys, number, draw) for number in range(count)] for _ in range(CONNECTIONS)]
    found = median_of([frame_rates(port, columns, keys) for _ in range(options.repeats(3))])
    where = f"native frames of 1,000 points in {keys_text(keys)}, {CONNECTIONS} connections"
    note = f"the sender takes {found.sender:.0%} of a core"
    yield Row("2", f"{where}, acknowledged", found.acknowledged, "points/s", bar=value_at_least(2_000_000), note=note)
    yield Row("2", f"{where}, until read", found.until_read, "points/s", note=note)


def sustained_rows(options: Options, port: int) -> Iterator[Row]:
    """Yield the rows of sustained load."""
    seconds = options.pick(1, 60, 60)
    found = sustained(port, seconds)
    where = f"native frames for {seconds} s"
    note = f"the sender takes {found.sent.own / found.sent.seconds:.0%} of a core"
    yield Row("2", where, found.rate, "points/s", bar=value_at_least(400_000), note=note)
    yield Row("2", f"{where}, until all can be read", found.backlog, "s", bar=value_at_most(30))
    note = f"{len(found.reads)} reads of a chart or of 8 runs, at most {max(found.reads) * 1e3:.0f} ms"
    yield Row("2", f"{where}, reads, p95", quantile(found.reads, 0.95) * 1e3, "ms", bar=value_at_most(200), note=note)


def median_of(rates: Sequence[Rates]) -> Rates:
    """Return the median of each rate."""
    return Rates(*(statistics.median(one) for one in zip(*rates, strict=True)))


def keys_text(keys: int) -> str:
    return f"{keys} key{'s' if keys > 1 else ''}"


if __name__ == "__main__":
    main(__doc__, rows)
