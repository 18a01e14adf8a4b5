"""Threads that write to a server with requests of their own, without Runbridge's client.

They send a request again, with the same key, until it is acknowledged. MLflow's requests have no key.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from faulty_proxy import ANSWER
from loaded_server import Client, Reply, point_json

from bridge.records.series import SeriesRecord
from bridge.store.workspace_stores import WorkspaceStores

WRITERS = 2
STEPS = 10
"""The number of points of each request."""

OF_PROXY = ANSWER[ANSWER.index("\r\n\r\n") + 4 :].encode()
LOG_BATCH = "/api/2.0/mlflow/runs/log-batch"


@dataclass
class Acknowledged:
    """The acknowledged data, by the ids of runs.

    `once` are the steps of points with a key. `often` are those of points without a key, which may be stored again if
    an answer was lost. `tags` and `params` are the numbers of the last batch.
    """

    once: dict[str, list[int]] = field(default_factory=dict)
    often: dict[str, list[int]] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    params: dict[str, int] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)


class PlainWriters:
    """Threads that create runs, log points, and set tags and params, until they are stopped.

    Args:
        address: the address of the workspace.
    """

    def __init__(self, address: str) -> None:
        self._address, self._stopped = address, threading.Event()
        self.done = Acknowledged()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def start(self) -> None:
        """Start writing."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, after the present request of each was acknowledged."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a writer hangs"

    def _write(self) -> None:
        try:
            while not self._stopped.is_set():
                self._one_run()
        except BaseException as error:
            self.done.failures.append(error)
            raise

    def _one_run(self) -> None:
        run, done = uuid.uuid4().hex, self.done
        self._call("create_runs", records=[{"id": run, "experiment_id": "0", "start_time": 1}], leases=[])
        done.once[run], done.often[run] = [], []
        for batch in range(10):
            if self._stopped.is_set():
                return
            steps = list(range(batch * STEPS, batch * STEPS + STEPS))
            self._call("log_points", run_id=run, points=[point_json("once", step) for step in steps])
            done.once[run] += steps
            self._call("update_runs", run_ids=[run], changes={"tags": {"batch": str(batch)}})
            done.tags[run] = batch
            self._log_batch(run, batch, steps)
            done.often[run] += steps
            done.params[run] = batch
            self._stopped.wait(0.05)

    def _call(self, method: str, **arguments: object) -> None:
        key = uuid.uuid4().hex
        self._repeat(lambda client: client.try_call(method, key, **arguments))

    def _log_batch(self, run: str, batch: int, steps: list[int]) -> None:
        metrics = [{"key": "often", "value": float(step), "timestamp": 1, "step": step} for step in steps]
        body = {"run_id": run, "metrics": metrics, "params": [{"key": f"p{batch}", "value": str(batch)}]}
        content = json.dumps(body).encode()
        self._repeat(lambda client: client.ask("POST", LOG_BATCH, content, Content_Type="application/json"))

    def _repeat(self, send: Callable[[Client], Reply]) -> None:
        """Send a request until it is acknowledged."""
        while True:
            client = Client(self._address)
            try:
                status, headers, body = send(client)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            finally:
                client.close()
            if status == 200:
                return
            assert body == OF_PROXY or (status in (429, 503) and headers["Retry-After"]), (status, body)
            time.sleep(0.1)


def check(stores: WorkspaceStores, done: Acknowledged) -> int:
    """Compare a workspace with what was acknowledged, and return the number of acknowledged points."""
    records = stores.tracking.get_runs(list(done.once))
    series = stores.tracking.get_series_of(list(done.once))
    for run, steps in done.once.items():
        once, often = (_steps(series[run], key) for key in ("once", "often"))
        assert len(once) == len(set(once)), f"run {run} has points twice"
        assert set(steps) <= set(once), f"run {run} has lost {sorted(set(steps) - set(once))}"
        assert set(done.often[run]) <= set(often), f"run {run} has lost {sorted(set(done.often[run]) - set(often))}"
        assert int(records[run].tags.get("batch") or -1) >= done.tags.get(run, -1), f"run {run} has lost a tag"
        assert len(records[run].params) > done.params.get(run, -1), f"run {run} has lost a param"
        assert all(key == f"p{value}" for key, value in records[run].params.items())
    return sum(map(len, (*done.once.values(), *done.often.values())))


def _steps(series: list[SeriesRecord], key: str) -> list[int]:
    return [step for one in series if one.key == key for step in one.steps.tolist()]
