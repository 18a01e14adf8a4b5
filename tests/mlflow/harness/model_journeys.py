"""Journeys with models: the models that are logged, registered and loaded, and all stored files are compared."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import random
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy
from answers import check_same
from click.testing import CliRunner
from journeys import START, Journey, fluent_on, same_chance
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, ViewType
from mlflow.models import Model, ModelSignature

CHANGING = re.compile(
    r"\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?"  # times
    r"|(?<=some-name-)\d+"  # of child runs that several threads create
    r"|(?<=pip install -r )[^']+"  # the location of a model
    r"|(?<=sk-container-id-)\d+|(?<=sk-estimator-id-)\d+"  # how many of them scikit-learn has drawn
    r"|(?<=model_size_bytes: )\d+"  # torch's pickles differ in length
)
CHANGING_MEMBERS = ("schema.json", "data.pkl", "serialization_id")
LOADED = "registered_model_meta"
"""The file that MLflow writes beside a model that it loads, sometimes in the store itself."""


class ModelJourney(Journey):
    """A journey in which only expected calls fail, and that records every message of MLflow's."""

    def __init__(self, uri: str, folder: Path, name: str) -> None:
        super().__init__(uri, folder)
        self.name = name
        self.client = MlflowClient(uri, uri)
        self.said: list[str] = []

    def see(self, name: str, call: Any) -> Any:
        """Record an answer, or the answer of a call, and return it."""
        answer = call() if callable(call) else call
        self.note(name, lambda: answer)
        return answer

    def refused(self, name: str, call: Callable[[], Any]) -> None:
        """Record the error that a call raises."""
        self.note(name, call)
        assert "error" in (self.seen[name] or ()), f"{name}: {self.seen[name]}"

    def note(self, name: str, call: Callable[[], Any]) -> None:
        """Record what a call returns or raises, and MLflow's messages since the last call."""
        super().see(name, call)
        if self.said:
            self.seen[f"said before {name}"] = self.plain(self.said)
            self.said.clear()

    def keep(self) -> None:
        experiments = [one for one in self._experiments() if one.experiment_id not in self.before]
        ids = [one.experiment_id for one in experiments]
        found = self.client.search_runs(ids, run_view_type=ViewType.ALL)
        runs = self._ordered([self.client.get_run(run.info.run_id) for run in found], self._run)
        models = self._ordered(self.client.search_logged_models(ids), self._model)
        # The order of a run's models is random, so all get their numbers here.
        self.see("kept: experiments", experiments)
        self.see("kept: ids", [[run.info.run_id for run in runs], [model.model_id for model in models]])
        for index, run in enumerate(runs):
            self.see(f"kept: run {index}", self._run(run))
        for index, model in enumerate(models):
            self.see(f"kept: model {index}", self._model(model))
        for one in self.client.search_registered_models(f"name LIKE '{self.name}%'", order_by=["name"]):
            versions = self.client.search_model_versions(f"name = '{one.name}'", order_by=["version_number"])
            self.see(f"kept: registered {one.name}", [one, list(versions)])

    def plain(self, value: Any) -> Any:
        if isinstance(value, (Model, ModelSignature)):
            return self.plain(value.to_dict())
        plain = self.plain(value.item()) if isinstance(value, numpy.generic) else super().plain(value)
        if isinstance(value, LoggedModel) and value.metrics:
            plain["metrics"].sort(key=json.dumps)  # they have no order in MLflow
        return plain

    def text(self, value: str) -> str:
        return super().text(CHANGING.sub("<changing>", value))

    def _ordered(self, found: list[Any], shown: Callable[[Any], Any]) -> list[Any]:
        """Sort by the contents without ids, which are the same on both stores."""
        numbers, self.ids = self.ids, _Unnumbered()
        found = sorted(found, key=lambda one: json.dumps(shown(one), sort_keys=True))
        self.ids = numbers
        return found

    def _run(self, run: Any) -> Any:
        history = {key: self.client.get_metric_history(run.info.run_id, key) for key in sorted(run.data.metrics)}
        return self.plain([run, history, self._contents(run.info.artifact_uri)])

    def _model(self, model: Any) -> Any:
        return self.plain([model, self._contents(model.artifact_location)])

    def _contents(self, uri: str) -> dict[str, Any]:
        """Return the files below a folder, and their contents."""
        if not mlflow.artifacts.list_artifacts(uri):
            return {}
        with tempfile.TemporaryDirectory() as local:
            mlflow.artifacts.download_artifacts(uri, dst_path=local)
            there = sorted(path for path in Path(local).rglob("*") if path.is_file() and path.name != LOADED)
            return {path.relative_to(local).as_posix(): self._content(path) for path in there}

    def _content(self, path: Path) -> Any:
        if zipfile.is_zipfile(path):
            # The members of a skops file are named by memory addresses; torch pickles paths.
            with zipfile.ZipFile(path) as packed:
                return sorted(one.CRC for one in packed.infolist() if not one.filename.endswith(CHANGING_MEMBERS))
        content = path.read_bytes()
        try:
            return self.plain(content.decode())
        except UnicodeDecodeError:
            return hashlib.md5(content).hexdigest()


class _Unnumbered(dict[str, str]):
    def setdefault(self, key: str, default: str = "") -> str:
        return "<id>"


class Both:
    """MLflow's own store and a workspace, for journeys."""

    def __init__(self, folder: Path, theirs: str, ours: str) -> None:
        importlib.import_module("mlflow.pyfunc.model")  # an older MLflow logs a message when it is first loaded

        self.folder = folder
        self.uris = (theirs, ours)
        MlflowClient(self.uris[0]).get_experiment("0")  # now, because artifacts go below the working folder

    def answer_the_same(self, script: Callable[[ModelJourney], None]) -> None:
        """Run a journey on both stores; only lines of its table in deviations.toml may differ."""
        theirs, ours = (self._noted(script, uri) for uri in self.uris)
        for uri, noted in zip(self.uris, (theirs, ours), strict=True):
            if isinstance(noted, Exception):
                raise AssertionError(f"The journey ended early on {uri}.") from noted
        check_same(script.__name__, theirs, ours)

    def _noted(self, script: Callable[[ModelJourney], None], uri: str) -> Any:
        place = uri.partition(":")[0]  # sqlite or bridge: equally long, so that files with paths are equally long too
        folder = self.folder / script.__name__ / place
        folder.mkdir(parents=True)
        os.chdir(folder)  # the next test leaves it
        with fluent_on(uri), same_chance(START):
            journey = ModelJourney(uri, folder, script.__name__)
            with _listening(journey.said):
                try:
                    random.seed(0)
                    numpy.random.seed(0)
                    mlflow.set_experiment(script.__name__)
                    script(journey)
                except Exception as error:  # raised after both journeys
                    mlflow.clear_active_model()
                    return error
                while mlflow.active_run():
                    mlflow.end_run()
            journey.keep()
            return journey.seen


def collect(uri: str, *options: str) -> list[str]:
    """Record the output and the error of `mlflow gc`."""
    import mlflow.cli

    found = CliRunner().invoke(mlflow.cli.gc, [*options, "--backend-store-uri", uri, "--tracking-uri", uri])
    return [*sorted(found.output.splitlines()), repr(found.exception)]


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    """Record MLflow's messages to its user, except that a version's number was taken by another thread."""

    def record_message(record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not message.startswith("Model Version creation error"):
            said.append(f"{record.levelname}: {message}")

    handler = logging.Handler()
    handler.emit = record_message  # type: ignore[method-assign]
    logging.getLogger("mlflow").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("mlflow").removeHandler(handler)
