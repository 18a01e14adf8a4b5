"""The search over everything: runs, experiments, keys and files whose names contain a text."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from bridge.records.comparators import FOLDED
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.text import is_encodable
from bridge.records.views import KeyRecord
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.store.views import RunViews

MOST_FOUND, MOST_KEYS, MOST_TEXT = 20, 5_000, 200

SEARCHED_RUNS = 100
"""The number of newest runs whose files are searched."""

KEYS_SECONDS, SEARCH_SECONDS = 30.0, 0.3
"""How long the keys of an experiment are kept, and how long one request may search keys, and files."""

NEWEST = (Ordering("attribute", "start_time", False),)


class KnownKeys:
    """The keys of experiments, read at most every 30 seconds: a person searches with every letter that they type."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[KeyRecord, ...]]] = {}
        self._lock = threading.Lock()

    def of(self, views: RunViews, experiment_id: str) -> tuple[KeyRecord, ...]:
        """Return the keys that runs of an experiment have."""
        now = time.monotonic()
        with self._lock:
            read, keys = self._known.get(experiment_id, (0.0, ()))
            if not read or now - read > KEYS_SECONDS:
                keys = views.list_keys([experiment_id], limit=MOST_KEYS).items
                self._known[experiment_id] = (now, keys)
            return keys


def get_search(ask: Ask) -> Response:
    """Answer with at most 20 runs, experiments, keys and files each. The case of ASCII letters is ignored.

    Only the files of the newest runs are searched.
    """
    text = ask.query.get("text", "").strip()[:MOST_TEXT]
    if not text or not is_encodable(text):
        return json_answer(ask, {"runs": [], "experiments": [], "keys": [], "files": []})
    names = {one.id: one.name for one in ask.tracking.search_experiments(ExperimentQuery()).items}
    if not names:
        return json_answer(ask, {"runs": [], "experiments": [], "keys": [], "files": []})
    wanted = text.translate(FOLDED)
    experiments = [(id, name) for id, name in names.items() if wanted in name.translate(FOLDED)]
    return json_answer(
        ask,
        {
            "runs": _runs(ask, text, names),
            "experiments": [{"id": id, "name": name} for id, name in experiments[:MOST_FOUND]],
            "keys": _keys(ask, wanted, names),
            "files": _files(ask, wanted, names),
        },
    )


def _runs(ask: Ask, text: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    clause = Comparison("attribute", "display_name", "ILIKE", f"%{text}%")
    query = RunQuery(tuple(names), (clause,), NEWEST, max_results=MOST_FOUND)
    exactly = RunQuery(tuple(names), (Comparison("attribute", "run_id", "=", text),))
    ids = list(ask.tracking.search_run_ids(exactly).items)
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


def _keys(ask: Ask, wanted: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the keys that contain a text, each with the experiments that have it."""
    known: KnownKeys = ask.served.kept("keys", KnownKeys)
    until = time.monotonic() + SEARCH_SECONDS
    found: list[dict[str, Any]] = []
    for id, name in names.items():
        for key in known.of(ask.views, id):
            if wanted in key.key.translate(FOLDED):
                about = {"entity": key.entity, "key": key.key, "column": key.column, "runs": key.runs}
                found.append({**about, "experiment_id": id, "experiment": name})
                if len(found) == MOST_FOUND:
                    return found
        if time.monotonic() > until:
            break
    return found


def _files(ask: Ask, wanted: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the files of the newest runs whose paths contain a text."""
    query = RunQuery(tuple(names), (), NEWEST, max_results=SEARCHED_RUNS)
    until = time.monotonic() + SEARCH_SECONDS
    found: list[dict[str, Any]] = []
    newest = ask.tracking.get_runs(ask.tracking.search_run_ids(query).items, latest=False)
    for run in newest.values():
        for file in ask.artifacts.list(run.artifact_root, recursive=True):
            if wanted in file.path.translate(FOLDED):
                found.append({"path": file.path, "size": file.size_bytes, "run_id": run.id, "run": run.display_name})
                if len(found) == MOST_FOUND:
                    return found
        if time.monotonic() > until:
            break
    return found
