"""Logs the value of `runbridge log`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from bridge.cli.names import find_run
from bridge.cli.output import notice, print_json
from bridge.records.times import now_ms
from bridge.store.layout import JOURNAL

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores

INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)

MOST_JOURNALS = 16
"""How many journals may wait for the next reader."""


def log_value(stores: WorkspaceStores, name: str, key: str, text: str, step: int | None, json: bool) -> None:
    """Append one point to a run. This process does not own the run, so the run does not end with it."""
    run = find_run(stores, name, "active", latest=False)
    value, time = value_of(text), now_ms()
    stores.tracking.log(run.id, key, value, time, step)
    stores.tracking.flush(run.id)
    _fold_many(stores, run.id)
    if json:
        print_json({"kind": "point", "run": run.id, "key": key, "value": value, "step": step, "timestamp": time})
    else:
        notice(f"Logged {key} = {text} for {run.display_name}.")


def _fold_many(stores: WorkspaceStores, run_id: str) -> None:
    """Fold if many journals wait. Each command writes a journal, and a fold of many takes a time that grows faster."""
    if stores.folder is not None and len(os.listdir(stores.folder / JOURNAL)) > MOST_JOURNALS:
        stores.tracking.get_runs([run_id], latest=True)


def value_of(text: str) -> int | float | str:
    """Return the number that a text is, or the text."""
    if INTEGER.fullmatch(text) and len(text) < 1_000:
        return int(text)
    return float(text) if NUMBER.fullmatch(text) else text
