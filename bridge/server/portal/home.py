"""The home page: all experiments with the numbers and times of their runs, and the runs that are running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from bridge.records.experiment import ExperimentRecord
from bridge.records.run import OPEN_STATUSES
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.times import now_ms
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.home_rows import NO_RUNS, HomeRows
from bridge.server.portal.saved import NAMED, SHORT

NOTE = "mlflow.note.content"
"""The tag of an experiment that contains its note. MLflow's page shows and edits the same tag."""

MOST_RUNNING = 20


def get_home(ask: Ask) -> Response:
    """Answer with the experiments, newest activity first, and with the newest running runs.

    `days` is the number of runs that started on each of the last 30 days, the last of them today, in UTC.
    """
    cursor, now = ask.served.cursor(), now_ms()
    tracking = ask.served.stores.tracking  # all senders share the facts, which each sees for its experiments
    everything = tracking.search_experiments(ExperimentQuery(view="all")).items
    rows: HomeRows = ask.served.kept("home", HomeRows)
    facts = rows.facts(tracking.views, [one.id for one in everything], now)
    seen = [one for one in everything if ask.sees(one.id)]
    shown = [one for one in seen if one.lifecycle_stage == "active" or ask.query.get("view") == "all"]
    listed = [{**_experiment(one), **facts.get(one.id, NO_RUNS)} for one in shown]
    listed.sort(key=lambda one: -max(one["last_activity"] or 0, one["created"]))
    return json_answer(ask, {"cursor": cursor, "experiments": listed, "running": _running(ask, shown), "time": now})


def experiment_json(record: ExperimentRecord) -> dict[str, Any]:
    """Return an experiment as JSON, with its note and its other tags, except those that contain saved views."""
    tags = {key: value for key, value in record.tags.items() if key != NOTE and not key.startswith((NAMED, SHORT))}
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


def _running(ask: Ask, experiments: Sequence[ExperimentRecord]) -> list[dict[str, Any]]:
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
