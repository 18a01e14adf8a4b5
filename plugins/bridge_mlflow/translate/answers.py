"""Convert the results of calls to those of MLflow's tracking store: records to entities, and pages to lists."""

from __future__ import annotations

from mlflow.entities import Experiment, Metric, Run, RunInfo, _DatasetSummary
from mlflow.entities.metric import MetricWithRunId
from mlflow.store.entities.paged_list import PagedList

from bridge.records.experiment import ExperimentRecord
from bridge.records.page import Page
from bridge.records.run import RunRecord
from bridge.records.series import Series
from bridge_mlflow.called_workspace import CalledWorkspace
from bridge_mlflow.history import HistoryPage, RunPoints
from bridge_mlflow.translate import entities


def experiment(workspace: CalledWorkspace, record: ExperimentRecord | None) -> Experiment | None:
    """Return an experiment; None for None."""
    return None if record is None else entities.experiment_entity(record, workspace.artifact_root_uri)


def experiments(workspace: CalledWorkspace, page: Page[ExperimentRecord]) -> PagedList[Experiment]:
    """Return a page of experiments."""
    root = workspace.artifact_root_uri
    return PagedList([entities.experiment_entity(record, root) for record in page.items], _token(page))


def run(workspace: CalledWorkspace, record: RunRecord) -> Run:
    """Return a run."""
    return entities.run_entity(record, workspace.artifact_uri(record))


def new_run(workspace: CalledWorkspace, record: RunRecord) -> Run:
    """Return a run that was just created. MLflow's `create_run` returns no outputs, but `get_run` does."""
    made = run(workspace, record)
    return Run(made.info, made.data, made.inputs)


def run_info(workspace: CalledWorkspace, record: RunRecord) -> RunInfo:
    """Return the attributes of a run."""
    return entities.run_info(record, workspace.artifact_uri(record))


def runs(workspace: CalledWorkspace, page: Page[RunRecord]) -> tuple[list[Run], bytes | None]:
    """Return a page of runs, as MLflow's method `_search_runs` does."""
    found = zip(page.items, workspace.artifact_uris(page.items), strict=True)
    return [entities.run_entity(record, uri, with_model_inputs=False) for record, uri in found], _token(page)


def history(workspace: CalledWorkspace, page: HistoryPage) -> PagedList[Metric]:
    """Return a page of points."""
    return PagedList(_metrics(page.key, page.points), page.token)


def points(workspace: CalledWorkspace, parts: list[RunPoints]) -> list[MetricWithRunId]:
    """Return points of several runs."""
    return [MetricWithRunId(metric, part.run_id) for part in parts for metric in _metrics(part.key, part.points)]


def datasets(workspace: CalledWorkspace, found: list[tuple[str, str, str, str | None]]) -> list[_DatasetSummary]:
    """Return the data sets that runs used."""
    return [_DatasetSummary(*summary) for summary in found]


def _token(page: Page[ExperimentRecord] | Page[RunRecord]) -> bytes | None:
    """Return a page token as bytes, as MLflow's own store does."""
    return None if page.next_token is None else page.next_token.encode()


def _metrics(key: str, points: Series) -> list[Metric]:
    rows = zip(points.values.tolist(), points.timestamps.tolist(), points.steps.tolist(), strict=True)
    return [Metric(key, value, timestamp, step) for value, timestamp, step in rows]
