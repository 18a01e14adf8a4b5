"""One run: everything about it, its metrics, and the values of one metric."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from bridge.errors import NotAllowed, NotFound
from bridge.records.failure import stored_json
from bridge.records.run import RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import DESCRIPTION, SCALAR
from bridge.runs.metric_values import KIND_NAMES, logged_metric
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, read_environment

if TYPE_CHECKING:
    from bridge.records.series import Latest
    from bridge.records.views import SeriesSummary

MOST_PARENTS = 100
MOST_ROWS = 100_000
KEPT_ENVIRONMENTS = 200


def get_run(ask: Ask) -> Response:
    """Answer with everything that is stored about a run, except the points of its series."""
    record = ask.run(latest=True)
    experiment = ask.tracking.get_experiment(record.experiment_id)
    children = ask.views.count_runs(RunQuery((), below=record.id))[0][1]
    return json_answer(
        ask,
        {
            **run_json(record),
            "experiment": {"id": experiment.id, "name": experiment.name, "stage": experiment.lifecycle_stage},
            "parents": [{"id": parent.id, "name": parent.display_name} for parent in _parents(ask, record)],
            "children": children,
            "snapshot": record.properties.get(SNAPSHOT_PROPERTY),
            "recorded": recorded_environment(ask, record),
            "owner": _owner(ask, record),
            "local_files": experiment.artifact_location is None,
        },
    )


def recorded_environment(ask: Ask, record: RunRecord) -> dict[str, Any] | None:
    """Return the recorded environment of a run, or None if there is none. Many runs have the same one."""
    id = record.properties.get(ENVIRONMENT_PROPERTY)
    if id is None:
        return None
    known: dict[str, dict[str, Any]] = ask.served.kept("environments", dict)
    found = known.get(id)  # another thread may clear `known` at any time
    if found is None:
        if len(known) >= KEPT_ENVIRONMENTS:
            known.clear()
        with suppress(NotFound):
            known[id] = found = read_environment(ask.served.stores.artifacts, id)
    return found


def run_json(record: RunRecord) -> dict[str, Any]:
    """Return a run as JSON.

    Params, tags and properties are lists of pairs in the order in which they were first set.
    """
    return {
        "id": record.id,
        "experiment_id": record.experiment_id,
        "name": record.display_name,
        "number": record.number,
        "status": record.status,
        "stage": record.lifecycle_stage,
        "start_time": record.start_time,
        "end_time": record.end_time,
        "deletion_time": record.deletion_time,
        "description": record.description,
        "user": record.user,
        "parent_id": record.parent_id,
        "type": record.type,
        "error": stored_json(record.error),
        "definition": stored_json(record.definition),
        "params": list(record.params.items()),
        "tags": list(record.tags.items()),
        "properties": list(record.properties.items()),
        "latest": [{"key": key, "column": "", **_point(at)} for key, at in record.latest.items()]
        + [{"key": key, "column": column, **_point(at)} for (key, column), at in record.latest_columns.items()],
        "latest_texts": list(record.latest_texts.items()),
        "inputs": [
            {
                "name": used.dataset.name,
                "digest": used.dataset.digest,
                "source_type": used.dataset.source_type,
                "source": used.dataset.source,
                "tags": used.tags,
            }
            for used in record.dataset_inputs
        ],
        "model_inputs": record.model_inputs,
        "model_outputs": [{"id": output.model_id, "step": output.step} for output in record.model_outputs],
        "warnings": record.warnings,
    }


def get_metrics(ask: Ask) -> Response:
    """Answer with the keys of a run's series, in the order in which they were first logged.

    Each has its kinds, its columns and its description. Each number series has its latest, least and greatest value.
    No points are read.
    """
    by_key: dict[str, list[SeriesSummary]] = {}
    for one in ask.views.list_series(ask.run().id):
        by_key.setdefault(one.key, []).append(one)
    return json_answer(ask, {"metrics": [_metric(key, own) for key, own in by_key.items()]})


def get_values(ask: Ask) -> Response:
    """Answer with everything that was logged under one key: points, rows of a table, and paths of images and charts.

    Only the last rows are returned if there are very many; `first` is the number of those before.
    """
    record = ask.run()
    key = ask.path["key"]
    found = logged_metric(key, ask.tracking.get_series_of([record.id], [key])[record.id])
    limit = ask.number("limit", 10_000, 1, MOST_ROWS)
    points, table = found.points, found.table
    return json_answer(
        ask,
        {
            "key": key,
            "kinds": found.kinds,
            "description": found.description,
            "points": {
                "first": max(0, len(points.steps) - limit),
                "steps": points.steps[-limit:].tolist(),
                "timestamps": points.timestamps[-limit:].tolist(),
                "values": points.values[-limit:].tolist(),
            },
            "table": table
            and {
                "first": max(0, len(table.steps) - limit),
                "columns": {name: cells[-limit:] for name, cells in table.columns.items()},
                "steps": table.steps[-limit:],
                "timestamps": table.timestamps[-limit:],
            },
            "files": [
                {"kind": file.kind, "path": file.path, "step": file.step, "timestamp": file.timestamp}
                for file in found.files[-limit:]
            ],
        },
    )


def _metric(key: str, series: Sequence[SeriesSummary]) -> dict[str, Any]:
    kinds = list(dict.fromkeys(KIND_NAMES[one.kind] for one in series if one.kind in KIND_NAMES))
    descriptions = [one.last for one in series if one.kind == DESCRIPTION]
    return {
        "key": key,
        "kinds": kinds,
        "description": descriptions[-1] if descriptions else None,
        "series": [_series(one) for one in series if one.kind in KIND_NAMES],
    }


def _series(one: SeriesSummary) -> dict[str, Any]:
    about = {"kind": KIND_NAMES[one.kind], "column": one.column, "type": one.value_type, "points": one.points}
    if one.value_type == "text":
        return {**about, "last": one.last if one.kind == SCALAR else None}
    return {
        **about,
        "last": one.last,
        "step": one.step,
        "timestamp": one.timestamp,
        "minimum": one.minimum,
        "maximum": one.maximum,
    }


def _point(latest: Latest) -> dict[str, Any]:
    return {"value": latest.value, "timestamp": latest.timestamp, "step": latest.step}


def _parents(ask: Ask, record: RunRecord) -> list[RunRecord]:
    """Return the runs above a run, from the outermost one."""
    found: dict[str, RunRecord] = {}
    above = record.parent_id
    while above and above not in found and above != record.id and len(found) < MOST_PARENTS:
        try:
            found[above] = ask.run_of(above)
        except (NotFound, NotAllowed):  # it was removed, or is in an experiment that the sender may not see
            break
        above = found[above].parent_id
    return list(found.values())[::-1]


def _owner(ask: Ask, record: RunRecord) -> dict[str, Any] | None:
    """Return who owns the lease of a run, and when the lease was last renewed; None if no process does."""
    lease = next((lease for lease in ask.tracking.get_leases() if lease.run_id == record.id), None)
    return lease and {"journal": lease.journal_id, "renewed": lease.time}
