"""Clients and their server are killed, stopped and cut off at random, and everything acknowledged exists once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from away_server import AwayServer
from faulty_proxy import Fault
from longer import LONG, SCALE
from submitting import until

from bridge import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(300 * SCALE)]

WRITERS = 8 if LONG else 4
ROUNDS = 6 * SCALE
FAULTS: list[Fault] = ["refuse", "hang", "cut", "500", "429"]

WRITER = """
    import sys, time
    from bridge import BridgeError, Experiment, Workspace
    from bridge.store import background, remote, retries
    from bridge.store.http import patience
    background.FOLD_SECONDS, remote.DELIVERY_SECONDS, retries.LONGEST_PAUSE = 0.1, 2.0, 0.3
    patience.EXIT_SECONDS = 1.0
    ws = None
    while ws is None:
        try:
            ws = Workspace.open(sys.argv[1])
            ws.stores.tracking.server.connection.patience_seconds = 20.0
            run = Experiment(ws, "chaos").start_logging(outputs=False, snapshot_directory=None)
        except BridgeError:
            ws = None
    print("run", run.id, flush=True)
    number = 0
    while True:
        run.log("point", number)
        print("point", number, flush=True)
        if number % 40 == 39:
            try:
                run.tag(f"t{number}", str(number))
                run.upload_file(f"f{number}.txt", sys.argv[2])
                print("tag", number, flush=True)
            except BridgeError:
                pass
        number += 1
        time.sleep(0.002)
"""


class ChaosWriter:
    """A process that logs points, tags and files until it is killed, and what it has acknowledged."""

    def __init__(self, address: str, script: Path) -> None:
        self.run_id, self.point, self.tags = "", -1, list[int]()
        self.process = subprocess.Popen(
            [sys.executable, str(script), address, str(script)], stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, _, value = line.strip().partition(" ")
            if not line.endswith("\n"):
                return
            if word == "run":
                self.run_id = value
            elif word == "point":
                self.point = int(value)
            else:
                self.tags.append(int(value))

    def kill(self) -> None:
        """Kill the process, and read the rest of what it has printed."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def disturb(server: AwayServer, chance: random.Random) -> None:
    """Disturb the server in one way for a short time."""
    kind = chance.choice(["kill", "stop", "fault", "fault"])
    if kind == "kill":
        server.kill()
        time.sleep(chance.uniform(0, 0.5))
        server.start()
    elif kind == "stop":
        server.signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.1, 1))
        server.signal(signal.SIGCONT)
    else:
        server.proxy.fail(chance.choice(FAULTS))
        time.sleep(chance.uniform(0.1, 1))
        server.proxy.fail("none")


def test_everything_acknowledged_exists_exactly_once(server: AwayServer, local: Workspace, tmp_path: Path) -> None:
    chance = random.Random(7 if SCALE == 1 else None)
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER), encoding="utf-8")
    writers = [ChaosWriter(server.address, script) for _ in range(WRITERS)]
    ended: list[ChaosWriter] = []
    for _ in range(ROUNDS):
        disturb(server, chance)
        time.sleep(chance.uniform(0.2, 0.6))
        if chance.random() < 0.5:
            writers.append(ChaosWriter(server.address, script))
            ended.append(writers.pop(chance.randrange(WRITERS)))
            ended[-1].kill()
    until(lambda: all(one.point > 100 for one in writers))
    for one in writers:
        one.kill()
    ended += writers
    with Workspace.open(server.address):  # delivers what the killed processes have left
        started = [one for one in ended if one.run_id]
        assert len(started) >= WRITERS
        for one in started:
            run = local.get_run(one.run_id)
            if one.point >= 0:
                until(lambda run=run, one=one: len(points_of(run)) > one.point)
                assert points_of(run) == list(range(len(points_of(run))))
            until(lambda run=run: run.status == "Failed")
            assert {f"t{number}" for number in one.tags} <= run.get_tags().keys()
            assert {f"f{number}.txt" for number in one.tags} <= set(run.get_file_names())
    assert any(one.tags for one in ended)


def points_of(run: object) -> list[float]:
    """Return the points of a run, or an empty list if none has arrived."""
    found = run.get_metrics("point").get("point", [])  # type: ignore[attr-defined]
    return list(found) if isinstance(found, list) else [found]
