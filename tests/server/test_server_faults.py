"""A server that is killed, restarted, and whose disk is full keeps everything that it has acknowledged, exactly once.

Writers use only HTTP: they send a request again, with the same key, until it is acknowledged. `RUNBRIDGE_LONG=20` makes
100 faults, with another seed each time.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from loaded_server import Client, point_json
from longer import LONG, SCALE
from served_workspaces import ServedBySubprocess, served

from bridge.store.create import create_store
from bridge.store.open import open_store

pytestmark = [pytest.mark.slow, pytest.mark.processes]

WRITERS = 4
FAULTS = 5 * SCALE
SEED = 14
FILLED_BYTES = 4096


@dataclass
class Acknowledged:
    """The points and tags that are stored. `plain` are points without a key, which may be stored twice."""

    steps: dict[str, list[int]] = field(default_factory=dict)
    plain: dict[str, list[int]] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)


class Writers:
    """Threads that create runs, log points and set tags, until they are stopped.

    Args:
        address: returns the present address of the workspace.
    """

    def __init__(self, address: list[str]) -> None:
        self._address, self._stopped = address, threading.Event()
        self.done = Acknowledged()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def start(self) -> None:
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
        run = uuid.uuid4().hex
        self._repeat("create_runs", records=[{"id": run, "experiment_id": "0", "start_time": 1}], leases=[])
        self.done.steps[run], self.done.plain[run] = [], []
        for batch in range(10):
            if self._stopped.is_set():
                return
            steps = list(range(batch * 10, batch * 10 + 10))
            self._repeat("log_points", run_id=run, points=[point_json("loss", step) for step in steps])
            self.done.steps[run] += steps
            plain = [point_json("plain", step) for step in steps]
            self._repeat("log_points", with_key=False, run_id=run, points=plain)
            self.done.plain[run] += steps
            self._repeat("update_runs", run_ids=[run], changes={"tags": {"batch": str(batch)}})
            self.done.tags[run] = batch

    def _repeat(self, method: str, with_key: bool = True, **arguments: object) -> None:
        """Send a request until it is acknowledged. Points without a key go into the server's journal."""
        key = uuid.uuid4().hex if with_key else ""
        while True:
            client = Client(self._address[0])
            try:
                status, headers, body = client.try_call(method, key, **arguments)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            finally:
                client.close()
            self.done.answers.append(status)
            if status == 200:
                return
            assert status in (429, 503) and headers["Retry-After"], (status, body)
            time.sleep(0.1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root on Linux mounts a small disk in memory")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Fill the disk."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 20)):
                pass
        except OSError:
            pass
        try:
            while file.write(bytes(FILLED_BYTES)):
                pass
        except OSError:
            pass


def fault(chance: random.Random, server: ServedBySubprocess, disk: Path) -> None:
    """Kill the server, stop it in order, suspend it, or fill its disk."""
    kind = chance.choice(["kill", "kill", "term", "suspend", "fill"])
    if kind == "kill":
        server.process.kill()
    elif kind == "term":
        server.process.send_signal(signal.SIGTERM)
    elif kind == "suspend":
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.1, 0.5))
        server.process.send_signal(signal.SIGCONT)
    else:
        fill(disk)
        time.sleep(chance.uniform(0.2, 1.0))
        if chance.random() < 0.5:
            server.process.kill()
        (disk / "filler").unlink()
    if kind in ("kill", "term"):
        server.process.wait(30)


def test_everything_acknowledged_exists_exactly_once(disk: Path, tmp_path: Path) -> None:
    create_store(disk / "demo", "demo").close()
    seed = int(time.time()) if LONG else SEED
    chance, address, faults = random.Random(seed), ["http://127.0.0.1:1"], 0
    writers = Writers(address)
    writers.start()
    try:
        while faults < FAULTS:
            with served({"demo": disk / "demo"}, tmp_path / f"log{faults}", "--mlflow", "off") as server:
                address[0] = server.at("demo")
                while server.process.poll() is None and faults < FAULTS:
                    time.sleep(chance.uniform(0.2, 1.5))
                    fault(chance, server, disk)
                    faults += 1
        with served({"demo": disk / "demo"}, tmp_path / "log", "--mlflow", "off") as server:
            address[0] = server.at("demo")
            time.sleep(0.5)
            writers.stop()
    finally:
        writers.stop()
    assert not writers.done.failures, (seed, writers.done.failures)
    check(disk / "demo", writers.done, seed)
    logs = "".join(path.read_text(errors="replace") for path in tmp_path.glob("log*"))
    assert "Traceback" not in logs, (seed, logs[-3_000:])


def check(folder: Path, done: Acknowledged, seed: int) -> None:
    """Compare the workspace with what was acknowledged."""
    stores = open_store(folder)
    runs = list(done.steps)
    assert len(runs) >= WRITERS and sum(map(len, done.steps.values())) > 100, seed
    records = stores.tracking.get_runs(runs)
    series = stores.tracking.get_series_of(runs)
    for run in runs:
        stored, plain = (
            [step for one in series[run] if one.key == key for step in one.steps.tolist()] for key in ("loss", "plain")
        )
        assert set(done.plain[run]) <= set(plain), f"seed {seed}: run {run} has lost points of the journal"
        assert len(stored) == len(set(stored)), f"seed {seed}: run {run} has points twice"
        missing = set(done.steps[run]) - set(stored)
        assert not missing, f"seed {seed}: run {run} has lost {sorted(missing)}"
        assert int(records[run].tags.get("batch") or -1) >= done.tags.get(run, -1), f"seed {seed}: run {run} lost a tag"
    stores.close()
