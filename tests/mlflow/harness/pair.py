"""MLflow's own SQL store and ours, which see the same clock and draw the same ids and names, so that all is equal."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import mlflow.store.tracking.sqlalchemy_store as sql
import mlflow.tracking._tracking_service.client as clients
import sqlalchemy
from answers import Answers, difference
from deviations import DEVIATIONS
from mlflow import MlflowClient
from mlflow.store.tracking.abstract_store import AbstractStore

import bridge_mlflow.runs as native
from bridge_mlflow import database
from bridge_mlflow.tracked_workspace import TrackedWorkspace

START = 1_700_000_000_000
SCALE = int(os.environ.get("RUNBRIDGE_LONG", "1"))
"""How many times as long the machines run; beyond once they draw other calls each time."""


Known = str | Callable[[Any, Any], "str | None"] | None


class Door(Answers):
    """One of the two: its store and a client on it."""

    def __init__(self, client: MlflowClient) -> None:
        self.client = client
        self.store: AbstractStore = client._tracking_client.store
        super().__init__({self.store.artifact_root_uri: "<root>"})

    def number(self, value: int) -> Any:
        # The default experiment is made before the clock is ours.
        return "<now>" if len(str(value)) == 13 and value > START + 10_000_000_000 else value


class Pair:
    """Both doors; every call is made at both and must answer the same."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.steps = self.calls = self.drawn = 0
        self.theirs = Door(MlflowClient(f"sqlite:///{folder}/mlflow.db"))
        self.ours = Door(MlflowClient(uri))
        self.deviations: set[str] = set()
        """Which known differences were seen."""

    def same_chance(self) -> ExitStack:
        """While it is open, both take the time, the ids and the names of runs from here."""
        chance = ExitStack()
        for module, name, drawn in (
            (sql, "uuid", SimpleNamespace(uuid4=self._draw)),
            (native, "new_run_id", lambda: self._draw().hex),
            (sql, "get_current_time_millis", self.now),
            (TrackedWorkspace, "now", staticmethod(self.now)),
            (database, "_now", self.now),
            (clients, "get_current_time_millis", self.now),
            (sql, "_generate_random_name", self._name),
            (native, "_generate_random_name", self._name),
        ):
            chance.enter_context(mock.patch.object(module, name, drawn))
        return chance

    def now(self) -> int:
        """The time, which stands still for some calls."""
        return START + self.calls // 3

    def both(self, what: str, call: Callable[[Door], Any], known: Known = None) -> Any:
        """Make one call at both doors; the answer of MLflow's own, which is ours too.

        Args:
            what: the call, for the message when the answers differ.
            call: makes it.
            known: the line of deviations.toml, as `table/line`, that lets the answers differ, or what finds it from
                both answers.
        """
        self.calls += 1
        given: list[Any] = []
        seen = []
        for door in (self.theirs, self.ours):
            self.drawn = 0
            given.append(None)
            seen.append(door.of(lambda door=door: given.__setitem__(-1, call(door)) or given[-1]))
        if seen[0] != seen[1]:
            line = known(*seen) if callable(known) else known
            assert line, f"{what} differs in {difference(*seen)}"
            scenario, step = line.split("/")
            assert step in DEVIATIONS[scenario], f"{line} is missing in deviations.toml"
            self.deviations.add(line)
        return given[0]

    def _draw(self) -> uuid.UUID:
        self.drawn += 1
        return uuid.UUID(hashlib.md5(f"{self.calls} {self.drawn}".encode()).hexdigest())

    def _name(self) -> str:
        return f"some-name-{self.calls}"


@contextmanager
def without_waiting_for_the_disk() -> Iterator[None]:
    """What MLflow's own stores on SQLite connect to while it is open does not wait for the disk; ours seldom does."""
    engine = sqlalchemy.engine.Engine
    sqlalchemy.event.listen(engine, "connect", _without_waiting)
    try:
        yield
    finally:
        sqlalchemy.event.remove(engine, "connect", _without_waiting)


def _without_waiting(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
