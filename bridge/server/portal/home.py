"""The home page: all experiments with the numbers and times of their runs, and the runs that are running."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy
from starlette.responses import Response

from bridge.records.experiment import ExperimentRecord
from bridge.records.run import OPEN_STATUSES
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery, View
from bridge.records.views import Column, Numbers, RunColumns, Texts
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask

if TYPE_CHECKING:
    from bridge.records.views import Array

NOTE = "mlflow.note.content"
"""The tag of an experiment that contains its note. MLflow's page shows and edits the same tag."""

DAYS, DAY_MS = 30, 86_400_000
MOST_RUNNING = 20
COLUMNS = tuple(Column("attribute", key) for key in ("experiment_id", "status", "start_time", "end_time"))


def get_home(ask: Ask) -> Response:
    """Answer with the experiments, newest activity first, and with the newest running runs.

    `days` is the number of runs that started on each of the last 30 days, the last of them today, in UTC.
    """
    view: View = "all" if ask.query.get("view") == "all" else "active"
    experiments = ask.tracking.search_experiments(ExperimentQuery(view=view)).items
    now = time.time_ns() // 1_000_000
    facts = _facts(ask.views.get_columns(RunQuery(tuple(one.id for one in experiments)), COLUMNS), now)
    listed = [{**_experiment(one), **facts.get(one.id, NO_RUNS)} for one in experiments]
    listed.sort(key=lambda one: -max(one["last_activity"] or 0, one["created"]))
    return json_answer(
        ask, {"cursor": ask.served.cursor(), "experiments": listed, "running": _running(ask, experiments), "time": now}
    )


NO_RUNS: dict[str, Any] = {"runs": 0, "by_status": {}, "last_activity": None, "days": [0] * DAYS}


def experiment_json(record: ExperimentRecord) -> dict[str, Any]:
    """Return an experiment as JSON, with its note and its other tags."""
    tags = {key: value for key, value in record.tags.items() if key != NOTE}
    return {**_experiment(record), "note": record.tags.get(NOTE) or "", "tags": list(tags.items())}


def _experiment(record: ExperimentRecord) -> dict[str, Any]:
    note = record.tags.get(NOTE) or ""
    return {
        "id": record.id,
        "name": record.name,
        "stage": record.lifecycle_stage,
        "created": record.creation_time,
        "first_line": next((line.strip() for line in note.splitlines() if line.strip()), "")[:300],
        "local_files": record.artifact_location is None,
    }


def _facts(found: RunColumns, now: int) -> dict[str, dict[str, Any]]:
    """Return the facts about the runs of each experiment, by id."""
    experiment, status, start, end = found.columns
    assert isinstance(experiment, Texts) and isinstance(status, Texts)
    assert isinstance(start, Numbers) and isinstance(end, Numbers)
    latest = numpy.fmax(start.values, end.values)
    facts: dict[str, dict[str, Any]] = {}
    for code, id in enumerate(experiment.words):
        rows = numpy.flatnonzero(experiment.codes == code)
        if len(rows):
            facts[str(id)] = {
                "runs": len(rows),
                "by_status": _counts(status, rows),
                "last_activity": _greatest(latest[rows]),
                "days": _days(start.values[rows], now),
            }
    return facts


def _counts(status: Texts, rows: Array) -> dict[str, int]:
    counts = numpy.bincount(status.codes[rows], minlength=len(status.words))
    return {str(word): int(count) for word, count in zip(status.words, counts, strict=False) if count}


def _greatest(times: Array) -> int | None:
    greatest = float(numpy.fmax.reduce(times))
    return None if numpy.isnan(greatest) else int(greatest)


def _days(starts: Array, now: int) -> list[int]:
    """Return the number of starts on each of the last days."""
    days = now // DAY_MS - starts[~numpy.isnan(starts)] // DAY_MS
    days = days[(days >= 0) & (days < DAYS)].astype(numpy.int64)
    return [int(count) for count in numpy.bincount(days, minlength=DAYS)[::-1]]


def _running(ask: Ask, experiments: tuple[ExperimentRecord, ...]) -> list[dict[str, Any]]:
    query = RunQuery(
        tuple(one.id for one in experiments),
        (Comparison("attribute", "status", "IN", OPEN_STATUSES),),
        (Ordering("attribute", "start_time", False),),
        max_results=MOST_RUNNING,
    )
    return [
        {
            "id": run.id,
            "name": run.display_name,
            "number": run.number,
            "status": run.status,
            "experiment_id": run.experiment_id,
            "start_time": run.start_time,
            "tags": {key: value for key, value in run.tags.items() if "progress" in key or "total" in key},
            "latest": [
                {"key": key, "value": at.value, "step": at.step}
                for key, at in list(run.latest.items())[:50]
                if not key.startswith("system/")
            ],
        }
        for run in ask.tracking.search_runs(query).items
    ]
