"""Journeys: scripts of fluent and client calls on each store. All answers and everything stored are compared."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import mlflow
import mlflow.store.tracking.sqlalchemy_store as sql
import mlflow.tracking._tracking_service.client as service
import mlflow.tracking.client as clients
import numpy
import pandas
from answers import Answers
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.tracking import fluent

import bridge_mlflow.runs as native
from bridge_mlflow.tracked_workspace import TrackedWorkspace

START = 1_700_000_000_000
ID = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
NAME = re.compile(r"\b[a-z]+-[a-z]+-\d{1,3}\b")
"""A name that a store has generated."""
TIME = re.compile(r"\b1[78]\d{11}\b")
FOLDER = re.compile(rf"{re.escape(tempfile.gettempdir())}/(?!<)[^ '\"]*/")
JOURNEYS: dict[str, Callable[[Journey], None]] = {}


class Journey(Answers):
    """One script on one store: it makes calls, and records the answer of each call under a name."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri, self.folder = uri, folder
        self.client = MlflowClient(uri)
        self.store = self.client._tracking_client.store
        root = getattr(self.store, "artifact_root_uri", "mlflow-artifacts:")  # a client of a server has no root
        joined = root.replace("bridge:///", "bridge:/")  # MLflow's URI join drops the slashes
        super().__init__({root: "<root>", joined: "<root>", uri: "<store>", str(folder): "<folder>"})
        self.seen: dict[str, Any] = {}
        self.ids: dict[str, str] = {}
        self.generated: dict[str, str] = {}
        self.elsewhere = "mlflow-artifacts:/elsewhere" if uri.startswith("http") else f"file://{folder}/elsewhere"
        """A location of artifacts outside those of the store, which a server accepts too."""
        self.before = {one.experiment_id for one in self._experiments()}
        self.runs_before = {run.info.run_id for run in self._runs("0")}

    def see(self, name: str, call: Callable[[], Any]) -> Any:
        """Record what a call returns or raises; return the answer, or None if the call raised."""
        assert name not in self.seen, name
        given = []
        self.seen[name] = self.of(lambda: given.append(call()) or given[0])
        return given[0] if given else None

    def file(self, path: str, text: str = "text") -> Path:
        """Write a file in the folder of this journey, and return its path."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def keep(self) -> None:
        """Record everything that the store has of this journey."""
        runs = [run for run in self._runs("0") if run.info.run_id not in self.runs_before]
        for experiment in self._experiments():
            if experiment.experiment_id not in self.before:
                self.seen[f"kept: experiment {experiment.name}"] = self.plain(experiment)
                runs += self._runs(experiment.experiment_id)
        named: Counter[str] = Counter()
        for run in sorted(runs, key=lambda run: (self.text(run.info.run_name), run.info.start_time)):
            name, run_id = self.text(run.info.run_name[:30]), run.info.run_id
            kept = f"kept: run {name!r}" + (f" {named[name]}" if named[name] else "")
            named[name] += 1
            self.seen[f"{kept} as found"] = self.plain(run)
            self.seen[kept] = self.plain(self.client.get_run(run_id))
            for key in run.data.metrics:
                self.seen[f"{kept}, {key}"] = self.plain(self.client.get_metric_history(run_id, key))
            self.seen[f"{kept}, files"] = self.plain(self.files(run_id))

    def files(self, run_id: str, path: str | None = None) -> dict[str, Any]:
        """Return all artifacts of a run and their contents."""
        found: dict[str, Any] = {}
        for one in self.client.list_artifacts(run_id, path):
            if one.is_dir:
                found |= {one.path: one.file_size} | self.files(run_id, one.path)
            else:
                content = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=one.path)).read_bytes()
                found[one.path] = [one.file_size, content.decode(errors="replace")]
        return found

    def plain(self, value: Any) -> Any:
        """Return a plain value, also for tables, arrays and pictures of the fluent interface."""
        if isinstance(value, pandas.DataFrame):
            # The database returns the columns of params, metrics and tags in no fixed order.
            return {"columns": sorted(self.plain(list(value))), "rows": self.plain(value.to_dict("records"))}
        if isinstance(value, (pandas.Timestamp, type(pandas.NaT))):
            return "<never>" if value is pandas.NaT else "<now>"
        if isinstance(value, numpy.ndarray):
            return self.plain(value.tolist())
        if isinstance(value, mlflow.ActiveRun):
            return {"active": super().plain(Run(value.info, value.data, value.inputs, value.outputs))}
        if isinstance(value, Path):
            return self.text(str(value))
        return super().plain(value)

    def text(self, value: str) -> str:
        value = super().text(value)
        value = ID.sub(lambda found: self.ids.setdefault(found[0], f"<id {len(self.ids)}>"), value)
        value = NAME.sub(lambda found: self.generated.setdefault(found[0], f"<name {len(self.generated)}>"), value)
        return FOLDER.sub("<elsewhere>/", TIME.sub("<now>", value))

    def number(self, value: int) -> Any:
        return "<now>" if TIME.fullmatch(str(value)) else value

    def _experiments(self) -> list[Any]:
        return list(self.client.search_experiments(ViewType.ALL, 50_000, order_by=["experiment_id"]))

    def _runs(self, experiment_id: str) -> list[Run]:
        return list(self.client.search_runs([experiment_id], "", ViewType.ALL, 50_000))


def journey(script: Callable[[Journey], None]) -> Callable[[Journey], None]:
    """Register a script under its name."""
    JOURNEYS[script.__name__] = script
    return script


def travel(name: str, uri: str, folder: Path) -> dict[str, Any]:
    """Run a journey on a store, and return its records."""
    folder.mkdir()
    with fluent_on(uri), same_chance(START + 1_000_000 * list(JOURNEYS).index(name)):
        mine = Journey(uri, folder)
        JOURNEYS[name](mine)
        while mlflow.active_run():
            mlflow.end_run()
        mine.keep()
    return mine.seen


@contextmanager
def fluent_on(uri: str) -> Iterator[None]:
    """Use MLflow's fluent interface on a store as in a new process, and reset it afterwards."""
    before = mlflow.get_tracking_uri()
    with mock.patch.dict(os.environ):
        mlflow.set_tracking_uri(uri)
        fluent._last_active_run_id.set(None)
        try:
            yield
        finally:
            while mlflow.active_run():
                mlflow.end_run()
            fluent._active_experiment_id = None
            mlflow.set_tracking_uri(before)


@contextmanager
def same_chance(start: int) -> Iterator[None]:
    """Use a clock without equal readings, and the same run names on both stores."""
    clock, names = itertools.count(start), itertools.count()
    with ExitStack() as chance:
        for module in (sql, service, clients, fluent):
            chance.enter_context(mock.patch.object(module, "get_current_time_millis", lambda: next(clock)))
        chance.enter_context(mock.patch.object(TrackedWorkspace, "now", staticmethod(lambda: next(clock))))
        for module, name in ((sql, "_generate_random_name"), (native, "new_display_name")):
            chance.enter_context(mock.patch.object(module, name, lambda: f"some-name-{next(names)}"))
        yield
