"""Kill, stop and interrupt writers, readers, folds, launchers and `mlflow gc` at random.

    python tests/processes/chaos.py --seed 1000 --kills 1000
    nice python tests/processes/chaos.py --seed 1000 --pieces 10 --kills 1000 --results chaos.jsonl

The seed of a piece determines all random choices, but not the moment at which a signal arrives.
Each piece prints its figures as one line of JSON, and appends them to the file of results. Seeds that are in the file
are skipped, so that a long series of pieces can be interrupted and resumed.
The exit code is 1 if any piece found a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import pkgutil
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SUPPORT = HERE.parents[1] / "support"
sys.path[:0] = [path for path in (str(HERE), str(SUPPORT)) if path not in sys.path]

import psutil  # noqa: E402
from chaos_oracle import ENDS_SECONDS, Oracle  # noqa: E402
from chaos_plants import PLANTS  # noqa: E402
from chaos_victims import SHARED, SLOW_SECONDS, TRAIN, Place, enter, live  # noqa: E402
from forked import Child  # noqa: E402

import bridge  # noqa: E402
import bridge_mlflow  # noqa: E402
from bridge import Experiment, Workspace  # noqa: E402

ROLES = {"writer": 11, "reader": 4, "folder": 2, "collector": 3}
"""The relative frequency of each role."""

ALIVE = 7
"""The number of victims at a time, besides the one that submits scripts."""

LIFE_SECONDS = 0.5
LONG_LIFE_SECONDS = 20.0
"""The average life of a victim. One in twelve lives long, so that a hang would be seen."""

HANGS_SECONDS = 45.0
"""A victim that is not stopped writes a note within this time."""

WAIT_SECONDS = 15.0
"""The longest wait of a reader: the limit of 10 seconds, and some time for a loaded machine."""

PLANTED_SECONDS = 3.0
"""How long runs may take to be ended in a piece with a planted fault."""


@dataclass
class Running:
    """A victim, and the signals that it will get."""

    name: str
    child: Child
    dies_at: float
    signals: list[tuple[float, signal.Signals]]
    stopped: bool = False
    wrote: tuple[int, float] = (0, 0.0)


@dataclass
class Piece:
    """A number of kills in one workspace.

    Args:
        place: the folder.
        seed: the seed of all random choices.
        kills: the number of kills.
        launchers: how many of the kills hit launchers and scripts.
        long_stops: whether some stops last longer than the time limit of locks.
    """

    place: Place
    seed: int
    kills: int
    launchers: int
    long_stops: bool = False
    killed: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    stops: list[tuple[str, float, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.victims: list[Running] = []
        self._born = 0
        self._stopped_at: dict[str, float] = {}

    def run(self) -> dict[str, Any]:
        """Run the piece, check what is stored, and return the figures."""
        begun = time.monotonic()
        self._prepare()
        submitters = self.launchers > 0
        next_launcher = begun + 2
        try:
            while sum(self.killed.values()) < self.kills:
                while sum(not one.name.startswith("submitter") for one in self.victims) < ALIVE:
                    self._start(self.chance.choices(list(ROLES), list(ROLES.values()))[0])
                if submitters and not any(one.name.startswith("submitter") for one in self.victims):
                    self._start("submitter")
                if submitters and time.monotonic() > next_launcher:
                    self._kill_launcher()
                    share = self.killed["launcher"] + self.killed["script"]
                    submitters = share < self.launchers
                    next_launcher = time.monotonic() + self.chance.uniform(0.3, 3)
                self._tick()
                time.sleep(0.002)
            self._wait_for_signs_of_life()
        finally:
            self._kill_all()
        chaos_seconds = time.monotonic() - begun
        oracle = self._look()
        return self._figures(oracle, chaos_seconds, time.monotonic() - begun)

    def _prepare(self) -> None:
        for folder in ("notes", "said", "source"):
            (self.place.folder / folder).mkdir()
        (self.place.source / "train.py").write_text(TRAIN.format(path=sys.path))

        def make(say: Any) -> None:
            enter(self.place)
            workspace = Workspace.create("chaos", path=self.place.workspace)
            experiment = Experiment(workspace, "chaos")
            Experiment(workspace, "rubbish")
            experiment.start_logging(run_id=SHARED, outputs=False, snapshot_directory=None).complete()

        child = Child(make)
        assert child.wait() == 0
        child.close()

    def _start(self, role: str) -> None:
        self._born += 1
        name = f"{role}-{self.seed}-{self._born}"
        now = time.monotonic()
        mean = LONG_LIFE_SECONDS if self.chance.random() < 1 / 12 or role == "submitter" else LIFE_SECONDS
        life = self.chance.expovariate(1 / mean)
        signals: list[tuple[float, signal.Signals]] = []
        if role != "submitter":
            interrupts = int(self.chance.expovariate(1) * 3)
            signals += [(now + self.chance.random() * life, signal.SIGINT) for _ in range(interrupts)]
            if self.chance.random() < 0.3:
                at = now + self.chance.random() * life
                seconds = self.chance.choice((0.005, 0.02, 0.1, 0.3))
                if self.long_stops and self.chance.random() < 0.01:
                    seconds = 13.0
                    life = max(life, at - now + seconds + 1)
                signals += [(at, signal.SIGSTOP), (at + seconds, signal.SIGCONT)]
        child = Child(lambda say: live(self.place, name))
        self.victims.append(Running(name, child, now + life, sorted(signals), wrote=(0, now)))

    def _tick(self) -> None:
        now = time.monotonic()
        for victim in list(self.victims):
            code = victim.child.wait_for(1e-5)
            while victim.signals and victim.signals[0][0] <= now and code is None:
                self._send(victim, victim.signals.pop(0)[1], now)
            if code is None and now >= victim.dies_at:
                self._kill(victim)
            elif code is not None:
                self.victims.remove(victim)
                victim.child.close()
                self._ended(victim, code)
            elif not victim.stopped:
                self._watch(victim, now)

    def _send(self, victim: Running, number: signal.Signals, now: float) -> None:
        if number == signal.SIGINT and not (self.place.notes / victim.name).exists():
            return  # the victim has no handler yet
        victim.child.kill(number)
        self.sent[number.name] += 1
        if number == signal.SIGSTOP:
            victim.stopped = True
            self._stopped_at[victim.name] = now
        elif number == signal.SIGCONT:
            self._went_on(victim, now)

    def _went_on(self, victim: Running, now: float) -> None:
        if victim.stopped:
            self.stops.append((victim.name, self._stopped_at.pop(victim.name), now))
            victim.stopped, victim.wrote = False, (victim.wrote[0], now)

    def _kill(self, victim: Running) -> None:
        victim.child.kill()
        code = victim.child.wait()
        victim.child.close()
        self._went_on(victim, time.monotonic())
        self.victims.remove(victim)
        if code == -signal.SIGKILL:
            self.killed[victim.name.split("-")[0]] += 1
        else:
            self._ended(victim, code)

    def _ended(self, victim: Running, code: int) -> None:
        said = self._said(victim.name)
        if code or not self.long_stops:
            self.faults.append(f"{victim.name} ended with {code}: {said[-300:]}")

    def _said(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.place.folder / "said" / name).read_text()
        return ""

    def _watch(self, victim: Running, now: float) -> None:
        with contextlib.suppress(FileNotFoundError):
            size = (self.place.notes / victim.name).stat().st_size
            if size != victim.wrote[0] or victim.name.startswith("submitter"):
                victim.wrote = size, now
        if now - victim.wrote[1] > HANGS_SECONDS:
            victim.child.kill(signal.SIGUSR1)
            time.sleep(0.5)
            self.faults.append(f"{victim.name} hangs: {self._said(victim.name)[-3000:]}")
            self._kill(victim)

    def _kill_launcher(self) -> None:
        """Kill a launcher, or the script that it runs, if there is one."""
        marks = f"script-submitter-{self.seed}-"
        found = [process for process in self._others() if any(marks in word for word in _words(process))]
        if found:
            process = self.chance.choice(found)
            role = "launcher" if any("bridge.launch.launcher" in word for word in _words(process)) else "script"
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                self.killed[role] += 1

    def _others(self) -> Iterator[psutil.Process]:
        """Return the launchers and scripts of this folder."""
        for process in psutil.process_iter():
            if any(str(self.place.folder) in word for word in _words(process)):
                yield process

    def _wait_for_signs_of_life(self) -> None:
        """Check that every victim continues after the last signal."""
        for victim in self.victims:
            victim.signals = [one for one in victim.signals if one[1] == signal.SIGCONT]
            victim.dies_at = float("inf")
        begun = time.monotonic()
        before = {victim.name: self._size(victim.name) for victim in self.victims}
        while time.monotonic() < begun + 2 or any(
            self._size(one.name) == before[one.name] for one in self.victims if not one.name.startswith("submitter")
        ):
            self._tick()
            time.sleep(0.01)

    def _size(self, name: str) -> int:
        with contextlib.suppress(FileNotFoundError):
            return (self.place.notes / name).stat().st_size
        return 0

    def _kill_all(self) -> None:
        for victim in list(self.victims):
            self._kill(victim)
        while others := list(self._others()):
            for process in others:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.05)

    def _look(self) -> dict[str, Any]:
        """Return the faults that the oracle finds, in a process of its own, because this one continues to fork."""

        def look(say: Any) -> None:
            enter(self.place)
            oracle = Oracle(self.place, PLANTED_SECONDS if self.place.plant else ENDS_SECONDS)
            oracle.check()
            said = {
                "counts": oracle.counts,
                "faults": {kind: found for kind, found in oracle.faults.items() if found},
                "slow": oracle.told.slow,
                "reads": [seconds for seconds in oracle.told.reads if seconds <= SLOW_SECONDS],
                "unavailable": oracle.told.unavailable,
                "notes": oracle.told.counts,
            }
            say(json.dumps(said))

        child = Child(look)
        try:
            return dict(json.loads(child.line()))
        finally:
            child.close()

    def _figures(self, found: dict[str, Any], chaos_seconds: float, all_seconds: float) -> dict[str, Any]:
        faults = dict(found["faults"])
        if self.faults:
            faults["victims"] = self.faults
        waits = [(self._waited(*one[:3]), one[3]) for one in found["slow"]]
        reads = [*found["reads"], *(wait for wait, what in waits if what.startswith("read"))]
        if long := [f"{wait:.1f} s: {what}" for wait, what in waits if wait > WAIT_SECONDS]:
            faults["waits"] = long
        if found["unavailable"] and not self.long_stops:
            faults["unavailable"] = [f"{name} {what}" for name, _, _, what in found["unavailable"]]
        damaged = [
            f"{path.name}: {line}"
            for path in sorted((self.place.folder / "said").iterdir())
            for line in path.read_text().splitlines()
            if "damaged" in line or "torn record" in line
        ]
        if damaged:
            faults["damage"] = damaged
        notes = found["notes"]
        return {
            "seed": self.seed,
            "kills": dict(self.killed),
            "signals": dict(self.sent),
            "calls": notes.get("done", 0),
            "interrupted": notes.get("maybe", 0),
            "cut by a kill": notes.get("cut", 0),
            **found["counts"],
            "reads": notes.get("read", 0),
            "purged": notes.get("deleted", 0),
            "longest read": round(max(reads, default=0.0), 2),
            "unavailable": len(found["unavailable"]),
            "seconds": [round(chaos_seconds, 1), round(all_seconds, 1)],
            "faults": {kind: len(one) for kind, one in faults.items()},
            "found": {kind: one[:20] for kind, one in faults.items()},
        }

    def _waited(self, name: str, begun: float, ended: float) -> float:
        """Return the duration of a call, without the time for which its own process was stopped."""
        own = sum(max(0.0, min(ended, b) - max(begun, a)) for who, a, b in self.stops if who == name)
        return ended - begun - own


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def preload(lightning: bool = False) -> None:
    """Import the modules that victims need, so that starting a victim takes milliseconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _import(lightning)


def _import(lightning: bool) -> None:
    import click.testing
    import mlflow.cli
    import mlflow.entities
    import numpy

    modules = [click.testing, mlflow.cli, mlflow.entities, numpy]
    for package in (bridge, bridge_mlflow):  # because the import system can swallow a handler's TimeoutError
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith("bridge.testing") and found.name != "bridge.store.sql.migrations":
                modules.append(importlib.import_module(found.name))
    if lightning:
        modules.append(importlib.import_module("pytorch_lightning.loggers"))
    assert all(modules)


def run_piece(
    folder: Path,
    seed: int,
    kills: int,
    launchers: int,
    lightning: bool = False,
    long_stops: bool = False,
    plant: str = "",
    sealing: bool = False,
) -> dict[str, Any]:
    """Run a piece in an empty folder, and return its figures."""
    place = Place(folder, lightning=lightning, plant=plant, sealing=sealing)
    return Piece(place, seed, kills, launchers, long_stops).run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1000, help="of the first piece")
    parser.add_argument("--pieces", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000, help="of each piece")
    parser.add_argument("--launchers", type=int, default=30, help="how many of them hit launchers and their scripts")
    parser.add_argument("--no-lightning", action="store_true")
    parser.add_argument("--short-stops", action="store_true")
    parser.add_argument("--sealing", action="store_true", help="compress points often, and in small steps")
    parser.add_argument("--plant", choices=PLANTS, default="", help="a fault that has to be found")
    parser.add_argument("--results", type=Path, help="a file that gets a line for each piece")
    parser.add_argument("--keep", type=Path, help="a folder in which the places of pieces with faults are kept")
    options = parser.parse_args()
    known = set()
    if options.results and options.results.exists():
        known = {json.loads(line)["seed"] for line in options.results.read_text().splitlines()}
    lightning = not options.no_lightning
    preload(lightning)
    failed = False
    for seed in range(options.seed, options.seed + options.pieces):
        if seed in known:
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-", dir="/tmp"))
        stops, plant = not options.short_stops, options.plant
        figures = run_piece(
            folder, seed, options.kills, options.launchers, lightning, stops, plant, sealing=options.sealing
        )
        print(json.dumps(figures), flush=True)
        failed |= bool(figures["faults"])
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(figures) + "\n")
        if figures["faults"] and options.keep:
            shutil.move(folder, options.keep / folder.name)
        else:
            shutil.rmtree(folder)
    return failed


if __name__ == "__main__":
    sys.exit(main())
