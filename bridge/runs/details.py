"""The details of a run, as a dict with the keys of the Azure ML SDK v1."""

from __future__ import annotations

import json
from typing import Any

from bridge.errors import NotFound
from bridge.records.run import DatasetInput, RunRecord
from bridge.records.script import EnvironmentDefinition, ScriptDefinition
from bridge.records.times import utc
from bridge.runs.logs import log_texts, log_urls
from bridge.store.run_place import RunPlace

OPTIONAL = ("startTimeUtc", "endTimeUtc", "services", "runDefinition", "error", "warnings")
"""The keys that are omitted if they have no value."""


def run_details(place: RunPlace) -> dict[str, Any]:
    """Return the details of a run; see `Run.get_details`."""
    record = place.record()
    found = {**_facts(record), "logFiles": log_urls(place)}
    return {key: value for key, value in found.items() if value or key not in OPTIONAL}


def run_details_with_logs(place: RunPlace) -> dict[str, Any]:
    """Return the details of a run with the text of each log; see `Run.get_details_with_logs`."""
    return {**run_details(place), "logFiles": log_texts(place)}


def run_environment(place: RunPlace) -> EnvironmentDefinition:
    """Return the environment of a submitted script; see `Run.get_environment`."""
    definition = place.record().definition
    if definition is None:
        raise NotFound("environment", place.run_id, "only the run of a submitted script has an environment")
    return ScriptDefinition.from_text(definition).environment


def _facts(record: RunRecord) -> dict[str, Any]:
    definition = ScriptDefinition.from_text(record.definition)
    return {
        "runId": record.id,
        "target": definition.target,
        "status": record.status,
        "startTimeUtc": _utc(record.start_time),
        "endTimeUtc": _utc(record.end_time),
        "services": {},
        "properties": dict(record.properties),
        "inputDatasets": [_dataset(each) for each in record.dataset_inputs],
        "outputDatasets": [],
        "runDefinition": definition.to_json(),
        "logFiles": {},
        "submittedBy": record.user,
        "error": {"error": json.loads(record.error)} if record.error and record.status == "Failed" else None,
        "warnings": [{"source": "runbridge", "message": warning} for warning in record.warnings],
    }


def _utc(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    second, rest = utc(milliseconds)
    return f"{second}.{rest:03d}000Z"


def _dataset(used: DatasetInput) -> dict[str, Any]:
    return {"dataset": {"name": used.dataset.name, "digest": used.dataset.digest}, "tags": dict(used.tags)}
