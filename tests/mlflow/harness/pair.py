"""MLflow's own SQL store and ours, with the same clock, ids and names, so that all answers are equal."""

from __future__ import annotations

import hashlib
import locale
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import mlflow.store.tracking.sqlalchemy_store as sql
import mlflow.tracking._tracking_service.client as clients
import sqlalchemy
from answers import Answers, difference
from deviations import DEVIATIONS
from mlflow import MlflowClient

import bridge_mlflow.runs as native
from bridge_mlflow import database
from bridge_mlflow.tracked_workspace import TrackedWorkspace

START = 1_700_000_000_000

Known = str | Callable[[Any, Any], "str | None"] | None


class Side(Answers):
    """One of the two: a store and a client of it."""

    def __init__(self, client: MlflowClient) -> None:
        self.client = client
        self.store: Any = client._tracking_client.store
        super().__init__({self.store.artifact_root_uri: "<root>"})

    def number(self, value: int) -> Any:
        # The default experiment is created before the clock is replaced.
        return "<now>" if len(str(value)) == 13 and value > START + 10_000_000_000 else value


class Pair:
    """Both stores; every call is made on both, and must return the same."""

    def __init__(self, theirs: str, ours: str) -> None:
        self.steps = self.calls = self.drawn = 0
        self.theirs = Side(MlflowClient(theirs))
        self.ours = Side(MlflowClient(ours))
        self.deviations: set[str] = set()
        self.given: tuple[Any, ...] = (None, None)
        """The accepted differences that were seen."""

    def same_chance(self) -> ExitStack:
        """Give both stores the same time, ids and run names while the block runs."""
        chance = ExitStack()
        for module, name, drawn in (
            (sql, "uuid", SimpleNamespace(uuid4=self._draw)),
            (native, "new_run_id", lambda: self._draw().hex),
            (sql, "get_current_time_millis", self.now),
            (TrackedWorkspace, "now", staticmethod(self.now)),
            (database, "_now", self.now),
            (clients, "get_current_time_millis", self.now),
            (sql, "_generate_random_name", self._name),
            (native, "new_display_name", self._name),
        ):
            chance.enter_context(mock.patch.object(module, name, drawn))
        return chance

    def now(self) -> int:
        """Return the time, which is the same for several calls."""
        return START + self.calls // 3

    def both(self, what: str, call: Callable[[Any], Any], known: Known = None) -> Any:
        """Make one call on both stores, and return MLflow's answer, which equals ours.

        Args:
            what: a name of the call; the message of a difference has it.
            call: makes the call.
            known: the line of deviations.toml, as `table/line`, that accepts the difference, or a function that returns
                it for both answers.
        """
        self.calls += 1
        given: list[Any] = []
        seen = []
        for side in (self.theirs, self.ours):
            self.drawn = 0
            given.append(None)
            seen.append(side.of(lambda side=side: given.__setitem__(-1, call(side)) or given[-1]))
        if seen[0] != seen[1]:
            line = known(*seen) if callable(known) else known
            assert line, f"{what} differs in {difference(*seen)}"
            scenario, step = line.split("/")
            assert step in DEVIATIONS[scenario], f"{line} is missing in deviations.toml"
            self.deviations.add(line)
        self.given = tuple(given)
        return given[0]

    def token_for(self, at: Any) -> Any:
        """Return the token of the last page of a side; None if the call failed, or if there is no next page."""
        page = self.given[at is self.ours]
        return page.token if page else None

    def _draw(self) -> uuid.UUID:
        self.drawn += 1
        return uuid.UUID(hashlib.md5(f"{self.calls} {self.drawn}".encode()).hexdigest())

    def _name(self) -> str:
        return f"some-name-{self.calls}"


@contextmanager
def without_the_locale() -> Iterator[None]:
    """Let C functions ignore the locale of the user while the block runs.

    In the Turkish locale Python's `sqlite3` does not recognise `INSERT`, because it compares without regard to case and
    "I" is not the capital of "i" there. MLflow's own SQLite store then begins no transaction, and a refused call leaves
    rows. Ours begins its transactions itself.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        yield
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


@contextmanager
def without_waiting_for_the_disk() -> Iterator[None]:
    """Make new connections of MLflow's SQLite stores not wait for the disk while the block runs; ours seldom do."""
    engine = sqlalchemy.engine.Engine
    sqlalchemy.event.listen(engine, "connect", _without_waiting)
    try:
        yield
    finally:
        sqlalchemy.event.remove(engine, "connect", _without_waiting)


def _without_waiting(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
