"""Requests of the page, about an experiment and one of its runs."""

from __future__ import annotations

import json
from typing import Any

from bridge.server.portal.routes import Entry

CHANGED = {"changes": {"tags": {"a": "b"}}}

QUERIES = {
    "/compare": "?runs={run}",
    "/images": "?runs={run}&key=loss-{run}",
    "/search": "?text={run}",
    "/changes": "?experiment={experiment}",
    "/experiments/{experiment}/groups": "?by=status",
    "/runs/{run}/source/difference": "?to={run}",
}
BODIES: dict[str, Any] = {
    "/series": {"runs": ["{run}"], "keys": ["loss-{run}"]},
    "/tail": {"series": [["{run}", "loss-{run}", -1]]},
    "/runs": {"runs": ["{run}"], **CHANGED},
    "/runs/archive": {"runs": ["{run}"]},
    "/runs/restore": {"runs": ["{run}"]},
    "/runs/purge": {"runs": ["{run}"], "confirm": 1},
    "/experiments/{experiment}": {"note": "changed"},
    "/experiments/{experiment}/views/{name:path}": {"state": "q=z"},
    "/views": {"state": "q=z", "experiment": "{experiment}"},
}


def request_of(entry: Entry, experiment: str, run: str) -> tuple[str, Any]:
    """Return the path and the body of a request to a route about an experiment and its run."""
    values = {"{experiment}": experiment, "{run}": run, "{id}": run, "{name:path}": "view", "{key:path}": f"loss-{run}"}
    values["{path:path}"] = f"logs/{run}.txt" if "/logs/" in entry.path else f"x-{run}.txt"
    path = entry.path + QUERIES.get(entry.path, "")
    body = json.dumps(BODIES.get(entry.path))
    for name, value in values.items():
        path, body = path.replace(name, value), body.replace(name, value)
    return path, None if entry.method == "GET" else json.loads(body)
