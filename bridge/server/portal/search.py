"""The search over everything: runs, experiments and keys whose names contain a text."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bridge.records.comparators import FOLDED
from bridge.records.search import PATTERN_LENGTH, Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.text import is_encodable
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask

MOST_FOUND, MOST_KEYS = 20, 5_000
MOST_TEXT = 200


def get_search(ask: Ask) -> Response:
    """Answer with at most 20 runs, experiments and keys each. Upper and lower case of ASCII letters are the same."""
    text = ask.query.get("text", "").strip()[:MOST_TEXT]
    if not text or not is_encodable(text) or len(text) > PATTERN_LENGTH:
        return json_answer(ask, {"runs": [], "experiments": [], "keys": [], "files": []})
    names = {one.id: one.name for one in ask.tracking.search_experiments(ExperimentQuery()).items}
    wanted = text.translate(FOLDED)
    experiments = [(id, name) for id, name in names.items() if wanted in name.translate(FOLDED)]
    return json_answer(
        ask,
        {
            "runs": _runs(ask, text, names),
            "experiments": [{"id": id, "name": name} for id, name in experiments[:MOST_FOUND]],
            "keys": _keys(ask, wanted, names),
            "files": [],
        },
    )


def _runs(ask: Ask, text: str, names: dict[str, str]) -> list[dict[str, Any]]:
    order = (Ordering("attribute", "start_time", False),)
    clause = Comparison("attribute", "display_name", "ILIKE", f"%{text}%")
    query = RunQuery(tuple(names), (clause,), order, max_results=MOST_FOUND)
    ids = [id for id in ask.tracking.get_active_runs([text]) if id == text]
    ids += [id for id in ask.tracking.search_run_ids(query).items if id not in ids]
    return [
        {
            "id": run.id,
            "name": run.display_name,
            "number": run.number,
            "status": run.status,
            "start_time": run.start_time,
            "experiment_id": run.experiment_id,
            "experiment": names.get(run.experiment_id, ""),
        }
        for run in ask.tracking.get_runs(ids[:MOST_FOUND], latest=False).values()
    ]


def _keys(ask: Ask, wanted: str, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the keys that contain a text, each with the newest experiment that has it."""
    found: list[dict[str, Any]] = []
    for id, name in names.items():
        for key in ask.views.list_keys([id], limit=MOST_KEYS).items:
            if wanted in key.key.translate(FOLDED):
                about = {"entity": key.entity, "key": key.key, "column": key.column, "runs": key.runs}
                found.append({**about, "experiment_id": id, "experiment": name})
                if len(found) == MOST_FOUND:
                    return found
    return found
