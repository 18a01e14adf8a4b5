"""The contents of a view as JSON: the head, the latest values, and the table of runs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from bridge.records.run import TERMINAL_STATUSES
from bridge.records.times import now_ms

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge_jupyter.subject import Subject

TABLE_METRICS = 8
"""The greatest number of metrics in the table of runs."""

TEXT_LENGTH = 300
"""The greatest length of a text in a view, in characters. Longer texts are cut."""

LABELS = 60
"""The greatest number of params, and of values, that a view lists."""


def contents_of(subject: Subject) -> dict[str, Any]:
    """Return what a view shows besides its charts, from the records that the subject has read."""
    run = subject.run
    return {
        "kind": "state",
        "subject": subject.kind,
        "experiment": _cut(subject.experiment_name),
        "now": now_ms(),
        "open": subject.is_open,
        "link": portal_link(subject),
        "run": None if run is None else {**_head(run), **_facts(run)},
        "keys": subject.keys(),
        "others": [list(chart) for chart in subject.others],
        "moreKeys": subject.more_keys,
        "charted": [{"id": one.id, "number": one.number, "name": _cut(one.display_name)} for one in subject.charted],
        "total": subject.total,
        **_table(subject),
    }


def number_text(value: float) -> float | str:
    """Return a number as JSON can contain it. NaN and ±inf become texts, because JSON has no such numbers."""
    return value if math.isfinite(value) else repr(float(value)).replace("inf", "Infinity").replace("nan", "NaN")


def portal_link(subject: Subject) -> str:
    """Return the address of the page of the subject, or the command that opens it; empty for a list of runs."""
    get_portal_url = getattr(subject.target, "get_portal_url", None)
    return str(get_portal_url()) if get_portal_url is not None else ""


def _head(run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "name": _cut(run.display_name),
        "status": run.status,
        "ended": run.status in TERMINAL_STATUSES,
        "start": run.start_time,
        "end": run.end_time,
    }


def _facts(run: RunRecord) -> dict[str, Any]:
    texts = [(key, _cut(_text(value))) for key, value in run.latest_texts.items()]
    numbers = [(key, number_text(latest.value)) for key, latest in run.latest_metrics.items()]
    return {
        "error": _cut(_error_message(run.error)) if run.status == "Failed" else "",
        "note": _cut(run.description or ""),
        "params": [[_cut(key), _cut(value)] for key, value in list(run.params.items())[:LABELS]],
        "values": [[_cut(key), value] for key, value in (*numbers, *texts)[:LABELS]],
        "warnings": [_cut(warning) for warning in run.warnings[:LABELS]],
    }


def _table(subject: Subject) -> dict[str, Any]:
    """Return the rows of the table, and the metrics that are its columns: those that the most runs have."""
    counts: dict[str, int] = {}
    for record in subject.listed:
        for name in record.latest_metrics:
            counts[name] = counts.get(name, 0) + 1
    columns = sorted(counts, key=lambda name: -counts[name])[:TABLE_METRICS]
    rows = []
    for record in subject.listed:
        found = record.latest_metrics
        values = [number_text(found[name].value) if name in found else None for name in columns]
        rows.append({**_head(record), "values": values})
    return {"columns": columns, "rows": rows}


def _error_message(error: str | None) -> str:
    """Return the message of the error that a run has stored as JSON."""
    try:
        stored = json.loads(error or "{}")
    except ValueError:
        return error or ""
    return str(stored.get("message") or "") if isinstance(stored, dict) else str(stored)


def _text(value: str | bool | None) -> str:
    return "None" if value is None else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 1]}…"
