"""Trials: scripts that call one method after another on a tracking store, and record each answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from answers import Answers
from mlflow.entities import Metric
from mlflow.store.tracking.abstract_store import AbstractStore

SIGNED = re.compile(r"^(eyJ[\w=-]+)\.[0-9a-f]{24}$")
"""A page token of our server, with its mark."""
START = 1_700_000_000_000
NOW = re.compile(r"^\d{13}$")
SCENARIOS: dict[str, Callable[[Trial], None]] = {}


class Trial(Answers):
    """One scenario on one store: it makes calls, and records the answer of each call under a name."""

    def __init__(self, store: AbstractStore, name: str, root: str, names: Mapping[str, str] | None = None) -> None:
        super().__init__({root: "<root>", **(names or {})})
        self.store: Any = store  # scripts call private methods too, and give values of wrong types
        self.seen: dict[str, Any] = {}
        self.experiment = store.create_experiment(f"parity {name}", "", [])
        self.runs = 0

    def run(self, **changes: Any) -> str:
        """Create a run in the scenario's experiment, and return its id."""
        given = {
            "experiment_id": self.experiment,
            "user_id": "unknown",
            "start_time": START + self.runs,
            "tags": [],
            "run_name": f"run {self.runs}",
        } | changes
        made = self.store.create_run(**given)
        self.note(made.info.run_id)
        return made.info.run_id

    def note(self, run_id: str) -> str:
        """Give a run the same name in the answers of both stores."""
        self.names[run_id] = f"<run {self.runs}>"
        self.runs += 1
        return run_id

    def see(self, name: str, call: Callable[[], Any]) -> Any:
        """Record what a call returns or raises; return the answer, or None if the call raised."""
        assert name not in self.seen, name
        given: list[Any] = []
        self.seen[name] = self.of(lambda: given.append(call()) or given[0])
        return given[0] if given else None

    def text(self, value: str) -> str:
        return SIGNED.sub(r"\1", super().text(value))

    def number(self, value: int) -> Any:
        return "<now>" if NOW.match(str(value)) and abs(value - START) > 10_000_000 else value


def scenario(script: Callable[[Trial], None]) -> Callable[[Trial], None]:
    """Register a script under its name."""
    SCENARIOS[script.__name__] = script
    return script


def metric(key: str, value: Any, timestamp: Any = START, step: Any = 0) -> Metric:
    return Metric(key, value, timestamp, step)
