"""One experiment: its facts, its note and its tags."""

from __future__ import annotations

from starlette.responses import Response

from bridge.records.search import RunQuery
from bridge.records.views import Column
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.home import experiment_json


def get_experiment(ask: Ask) -> Response:
    """Answer with an experiment, its note and tags, the cursor of now, and the number of its runs by status."""
    cursor = ask.served.cursor()
    record = ask.experiment()
    counts = ask.views.count_runs(RunQuery((record.id,)), Column("attribute", "status"))
    deleted = ask.views.count_runs(RunQuery((record.id,), view="deleted"))[0][1]
    return json_answer(
        ask,
        {
            **experiment_json(record),
            "cursor": cursor,
            "runs": sum(count for _, count in counts),
            "by_status": dict(counts),
            "deleted": deleted,
        },
    )
