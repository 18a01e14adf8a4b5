"""Several runs side by side: their params, latest values, environments and sources."""

from __future__ import annotations

from starlette.responses import Response

from bridge.errors import InvalidValue
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.runs import recorded_environment, run_json
from bridge.server.portal.source import hashes_of

MOST_COMPARED, MOST_SOURCES = 500, 50


def get_compare(ask: Ask) -> Response:
    """Answer with everything about several runs of any experiments, in the order of `runs`.

    `source` of a run is a list of the paths and hashes of its source files, or null. If many runs are compared, only
    the first of them have it. `recorded` is the recorded environment, or null. Runs that do not exist are absent.
    """
    ids = ask.words("runs", MOST_COMPARED)
    if not ids:
        raise InvalidValue("runs", "", "must have at least one run id")
    records = ask.tracking.get_runs(ids)
    experiments = {record.experiment_id: "" for record in records.values()}
    for id in experiments:
        experiments[id] = ask.tracking.get_experiment(id).name
    return json_answer(
        ask,
        {
            "runs": [
                {
                    **run_json(record),
                    "experiment": {"id": record.experiment_id, "name": experiments[record.experiment_id]},
                    "recorded": recorded_environment(ask, record),
                    "source": hashes_of(ask, record) if number < MOST_SOURCES else None,
                }
                for number, record in enumerate(records.values())
            ]
        },
    )
