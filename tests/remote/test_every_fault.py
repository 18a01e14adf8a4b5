"""Under every fault of a server, and kills of its clients, nothing acknowledged is lost, and no training stops.

Clients log and change runs, while the server is killed, stopped, suspended, made slow, cut off, and its disk is filled.
Each fault lasts until every training has continued during it. `RUNBRIDGE_LONG=10` makes 110 faults, in another order
each time.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy
import pytest
from acknowledged import Comparison, Noted, read_notes, times_of
from away_server import AwayServer
from client_processes import ClientProcess
from faulty_proxy import Fault
from longer import LONG, SCALE
from plain_writers import PlainWriters, check
from small_disk import CAN_MOUNT, filled, mounted_disk
from submitting import until

from bridge import Workspace
from bridge.maintenance.doctor import examine
from bridge.maintenance.findings import is_healthy
from bridge.store.create import create_store
from bridge.store.journal_place import journal_folder

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(300 * SCALE)]

CLIENTS = 8
SEED = 14
OF_PROXY: list[Fault] = ["refuse", "hang", "cut", "tear", "slow", "500", "429"]
KINDS = [*OF_PROXY, "kill", "stop", "suspend", *(["fill"] if CAN_MOUNT else [])]
CONTINUED = 10
"""The number of points of each key after which a training has continued."""

ORPHAN = "artifact.orphan"
KILLED = 0.6
"""The probability that a client is replaced during a fault."""


MOST_RATIO = 4.0
"""How many times as long a log call on the server may take as one in a folder. Without a fault, they take as long."""


class Scene:
    """A server, its clients on two computers, and the faults.

    Args:
        server: the server.
        folder: a folder for everything that is not on the disk of the server.
        seed: the seed of all random choices.
    """

    def __init__(self, server: AwayServer, folder: Path, seed: int) -> None:
        self._server, self._folder, self._chance = server, folder, random.Random(seed)
        self.homes = [folder / "home0", folder / "home1"]
        self._yardstick = folder / "yardstick"
        create_store(self._yardstick, "yardstick").close()
        self.all: list[ClientProcess] = []
        self._present: list[ClientProcess] = []
        self.kinds, self.clients = Counter[str](), Counter[str]()
        for _ in range(CLIENTS):
            self._begin_client()

    def _begin_client(self) -> None:
        home, name = self.homes[len(self.all) % 2], f"client{len(self.all)}"
        client = ClientProcess(self._server.address, name, self._folder, home, self._yardstick)
        self.all.append(client)
        self._present.append(client)

    def fault(self, kind: str) -> None:
        """Let the server have a fault until every training has continued."""
        self.kinds[kind] += 1
        with self._faulty(kind):
            before = {client: client.count for client in self._present}
            if self._chance.random() < KILLED:
                time.sleep(self._chance.uniform(0, 0.3))
                self._replace_client()
            trainings = [client for client, count in before.items() if count and client in self._present]
            for client in trainings:
                until(lambda client=client: client.count >= before[client] + CONTINUED)
            time.sleep(self._chance.uniform(0, 0.5))

    def _replace_client(self) -> None:
        client = self._present.pop(self._chance.randrange(CLIENTS))
        if self._chance.random() < 0.75:
            client.kill()
            self.clients["killed"] += 1
        else:
            client.end()
            self.clients["ended"] += 1
        self._begin_client()

    @contextmanager
    def _faulty(self, kind: str) -> Iterator[None]:
        server = self._server
        if kind == "kill":
            server.kill()
            yield
            server.start()
        elif kind == "stop":
            server.signal(signal.SIGTERM)
            yield
            assert server.wait() == 0
            server.end()
            server.start()
        elif kind == "suspend":
            server.signal(signal.SIGSTOP)
            yield
            server.signal(signal.SIGCONT)
        elif kind == "fill":
            with filled(server.folder.parent):
                if self._chance.random() < 0.5:
                    server.restart()
                yield
                if self._chance.random() < 0.5:
                    server.kill()
            if not server.is_running:
                server.start()
        else:
            server.proxy.fail(kind)  # type: ignore[arg-type]
            yield
            server.proxy.fail("none")

    def wait_for_trainings(self) -> None:
        """Wait until every present client has a run and logs."""
        for client in self._present:
            until(lambda client=client: client.count > CONTINUED)

    def end(self) -> None:
        """Kill half of the clients, and let the others end."""
        for number, client in enumerate(self._present):
            client.kill() if number % 2 else client.end()
        for client in self.all:
            client.wait()

    def deliver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Deliver what killed processes have left on both computers, as the next process there does."""
        for home in self.homes:
            monkeypatch.setenv("BRIDGE_HOME", str(home))
            with Workspace.open(self._server.address) as workspace:
                folder = journal_folder(workspace.id)
                until(lambda folder=folder: not [*folder.glob("*.log"), *folder.glob("*.end")])

    def close(self) -> None:
        """Kill the clients that still run."""
        for client in self.all:
            client.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The disk of the server. It is small, unless this process may not mount a disk."""
    with ExitStack() as stack:
        yield stack.enter_context(mounted_disk(tmp_path / "disk", 200)) if CAN_MOUNT else tmp_path


def deck(chance: random.Random) -> list[str]:
    """Return all faults in a random order. Each kind comes equally often."""
    kinds = KINDS * SCALE
    chance.shuffle(kinds)
    return kinds


def test_everything_acknowledged_exists_exactly_once(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(time.time()) if LONG else SEED
    print(f"seed {seed}")
    chance, folder, log = random.Random(seed), disk / "demo", tmp_path / "server.log"
    create_store(folder, "demo").close()
    with AwayServer(folder, log) as server:
        scene, writers = Scene(server, tmp_path, seed), PlainWriters(server.address)
        writers.start()
        try:
            scene.wait_for_trainings()
            for kind in deck(chance):
                scene.fault(kind)
                time.sleep(chance.uniform(0.3, 0.8))
            scene.wait_for_trainings()
            writers.stop()
            scene.end()
            scene.deliver(monkeypatch)
        finally:
            writers.stop()
            scene.close()
        assert server.end() == 0
    assert not writers.done.failures
    noted = [read_notes(client) for client in scene.all]
    with Workspace.open(folder) as workspace:
        compared = Comparison(workspace, noted)
        compared.compare()
        plain = check(workspace.stores, writers.done)
    # A killed server may leave the file of an upload that was not acknowledged. No API shows it.
    findings = [one for one in examine(folder) if one.code != ORPHAN or one.subject not in compared.interrupted]
    assert is_healthy(findings), findings
    for text in (log.read_text(errors="replace"), *(client.output for client in scene.all)):
        assert "Traceback" not in text, text[-3_000:]
    figures = {**scene.kinds, **scene.clients, **compared.acknowledged, "plain points": plain}
    print(json.dumps({"seed": seed, **figures, "errors": sum(len(one.errors) for one in noted)}))
    check_times(noted)


def check_times(noted: list[Noted]) -> None:
    """Compare the times of log calls with those of the same process in a folder."""
    times = times_of(noted)
    remote, local = times[:, :2], times[:, 2:]
    for percent in (50, 99):
        assert numpy.percentile(remote[:, 0], percent) < MOST_RATIO * numpy.percentile(local[:, 0], percent)
    for name, columns in (("server", remote), ("folder", local)):
        for column, clock in zip(columns.T, ("wall", "processor"), strict=True):
            p50, p99 = numpy.percentile(column, (50, 99)) / 1e3
            shown = f"p50 {p50:.1f}, p99 {p99:.1f}, max {column.max() / 1e3:.0f}"
            print(f"{len(column)} log calls, {name}, {clock}: {shown} µs")
