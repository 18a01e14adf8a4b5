"""Scripts of calls that are forwarded to MLflow's own tables; they run on MLflow's own store and on ours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import mlflow
import pandas as pd
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from mlflow import MlflowClient
from mlflow.entities import EvaluationDataset, Span
from mlflow.genai import datasets as genai
from mlflow.store.model_registry.abstract_store import AbstractStore as AbstractRegistry
from parity import Trial
from pydantic import BaseModel

DRAWN = re.compile(r"(?<![0-9a-z])(?:[a-z]+-)?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])")
"""A random id of MLflow's, with its prefix."""
ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+(?=>)")
SPAN = re.compile(r"(?<![0-9a-z])(?:0x)?[0-9a-f]{16}(?![0-9a-f])")
YEAR = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")
SIZES = ("mlflow.trace.sizeBytes", "mlflow.trace.sizeStats")
"""The size of a trace, which depends on its duration."""
OF_SPANS = "name span_type trace_id span_id parent_id start_time_ns end_time_ns status inputs outputs attributes events"
SCRIPTS: dict[str, Callable[[Forwarded], None]] = {}


class Forwarded(Trial):
    """One script on one store: it makes calls as users do, and records the answer of each call under a name.

    Random ids are replaced by numbers in order of appearance, and current times by one placeholder.
    """

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client = client
        self.uri = client.tracking_uri
        self.registry: AbstractRegistry = client._get_registry_client().store
        self.began = time.time() - 60
        self.drawn: dict[str, str] = {}
        store = client._tracking_client.store
        super().__init__(store, name, store.artifact_root_uri)
        self.names |= {
            self.experiment_place(): "<place>",
            client.tracking_uri: "<store>",
            type(store).__name__: "<class>",
        }
        self.names["SqlAlchemyStore"] = "<class>"  # its messages contain its class name

    def see(self, name: str, call: Callable[[], Any]) -> None:
        super().see(self.text(name), call)

    def experiment_place(self) -> str:
        """The artifact location of the script's experiment."""
        return str(self.store.get_experiment(self.experiment).artifact_location)

    def plain(self, value: Any) -> Any:
        if isinstance(value, Span):
            return self.plain({name: getattr(value, name) for name in OF_SPANS.split()})
        if isinstance(value, (EvaluationDataset, genai.EvaluationDataset)):
            return self.plain(value.to_dict() | {"digest": "<digest>"})
        if is_dataclass(value) and not isinstance(value, type):  # some properties have names of earlier releases
            held = {one.name: getattr(value, one.name) for one in fields(value)}
            return {"is": type(value).__name__} | self.plain(held | getattr(value, "__dict__", {}))
        if isinstance(value, Enum):
            return f"{type(value).__name__}.{value.name}"
        if isinstance(value, Message):
            return self.plain(MessageToDict(value))
        if isinstance(value, BaseModel):
            return {"is": type(value).__name__} | self.plain(value.model_dump())
        if isinstance(value, pd.DataFrame):
            return {"columns": list(value.columns), "rows": self.plain(value.to_dict("records"))}
        if isinstance(value, pd.Timestamp):
            return self.text(value.isoformat())
        if isinstance(value, (set, frozenset)):
            return sorted(map(self.plain, value), key=str)
        if isinstance(value, dict):
            if value.get("execution_duration") is not None and self.number(value.get("request_time") or 0) == "<now>":
                value = value | {"execution_duration": "<duration>"}
            value = {key: "<size>" if key in SIZES else item for key, item in value.items()}
        elif callable(value) and hasattr(value, "__qualname__"):
            return value.__qualname__
        return super().plain(value)

    def text(self, value: str) -> str:
        value = ADDRESS.sub("<address>", super().text(value))
        for pattern, name in ((DRAWN, "id"), (SPAN, "span")):
            value = pattern.sub(lambda found, name=name: self._numbered(found[0], name), value)
        value = re.sub(r"(?<!\d)1[78]\d{8}(?:\d{3}){0,3}(?!\d)", lambda found: str(self.number(int(found[0]))), value)
        return YEAR.sub("<now>", value)

    def number(self, value: int) -> Any:
        for unit in (1, 10**3, 10**6, 10**9):
            if abs(value / unit - time.time()) < time.time() - self.began:
                return "<now>"
        return value

    def _numbered(self, drawn: str, name: str) -> str:
        kind = drawn.partition("-")[0] if drawn[1:2] == "-" or drawn[2:3] == "-" else name
        return self.drawn.setdefault(drawn.removeprefix("0x"), f"<{kind} {len(self.drawn)}>")


def script(call: Callable[[Forwarded], None]) -> Callable[[Forwarded], None]:
    """Register a script under its name."""
    SCRIPTS[call.__name__] = call
    return call


def seen(name: str, client: MlflowClient) -> dict[str, Any]:
    """Run a script with one client, which MLflow's global calls use too, and return what it recorded."""
    mlflow.set_tracking_uri(client.tracking_uri)
    mlflow.tracing.reset()
    one = Forwarded(client, name)
    mlflow.set_experiment(experiment_id=one.experiment)
    SCRIPTS[name](one)
    return one.seen
