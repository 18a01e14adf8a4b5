"""Changes of a database since a value of its counter of changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bridge.errors import InvalidValue
from bridge.records.views import Changes
from bridge.store.sql.connection import Connection
from bridge.store.sql.experiments import number_of
from bridge.store.sql.statements import in_chunks

NOW = "SELECT value, coalesce((SELECT value FROM workspace WHERE name = 'id'), '') FROM change"
CURSOR = re.compile(r"([0-9]{1,18})@(.*)", re.ASCII)
REMOVALS = "SELECT changed, experiment, run_id FROM removal WHERE changed > ?"
OLDEST_REMOVAL = "SELECT id, changed FROM removal ORDER BY id LIMIT 1"
RUNS = "SELECT id, created, files FROM run WHERE changed > ? AND experiment IN ({})"
ONE_RUN = "SELECT id, created, files FROM run WHERE changed > ? AND experiment >= 0 AND id IN ({})"
ALL_EXPERIMENTS = "SELECT id FROM experiment WHERE id >= 0"
EXPERIMENTS = "SELECT id FROM experiment WHERE changed > ? AND id >= 0"


class _Scope(NamedTuple):
    """The experiments and runs whose changes are returned. `everything` means all of them."""

    experiments: frozenset[int]
    runs: frozenset[str]
    everything: bool

    def has(self, experiment: int, run_id: str = "") -> bool:
        return self.everything or experiment in self.experiments or run_id in self.runs


def changes_since(c: Connection, cursor: str | None, experiment_ids: Sequence[str], run_ids: Sequence[str]) -> Changes:
    """Return the changes since a cursor. See `RunViews.get_changes`."""
    value, workspace = c.execute(NOW).fetchone()
    now = f"{value}@{workspace}"
    if cursor is None or cursor == now:
        return Changes(now)
    since, of_workspace = _decode(cursor)
    removals = c.execute(REMOVALS, (since,)).fetchall()
    if of_workspace != workspace or since > value or _has_forgotten(c, since):
        return Changes(now, is_complete=False)
    known = (number_of(experiment_id) for experiment_id in experiment_ids)
    scope = _Scope(
        frozenset(number for number in known if number is not None),
        frozenset(run_ids),
        not experiment_ids and not run_ids,
    )
    return _read(c, now, since, scope, removals)


def _read(c: Connection, now: str, since: int, scope: _Scope, removals: Sequence[tuple[Any, ...]]) -> Changes:
    runs = _changed_runs(c, since, scope)
    new = {run_id for run_id, (created, _) in runs.items() if created > since}
    removed = {run_id for _, experiment, run_id in removals if run_id and scope.has(experiment, run_id)}
    files = {run_id for run_id, (_, changed) in runs.items() if changed > since}
    experiments = [row[0] for row in c.execute(EXPERIMENTS, (since,)).fetchall()]
    experiments += [experiment for _, experiment, run_id in removals if not run_id]
    return Changes(
        now,
        True,
        _sorted(runs.keys() - new),
        _sorted(new),
        _sorted(removed),
        _sorted(files),
        _sorted({str(experiment) for experiment in experiments if scope.has(experiment)}),
    )


def _changed_runs(c: Connection, since: int, scope: _Scope) -> dict[str, tuple[int, int]]:
    """Return the creation and the last change of files of the runs that have changed, by run id."""
    experiments: Sequence[int] = list(scope.experiments)
    if scope.everything:
        experiments = [row[0] for row in c.execute(ALL_EXPERIMENTS).fetchall()]
    rows = [*in_chunks(c, RUNS, experiments, (since,)), *in_chunks(c, ONE_RUN, list(scope.runs), (since,))]
    return {run_id: (created, files) for run_id, created, files in rows}


def _has_forgotten(c: Connection, since: int) -> bool:
    """Return whether removals after a change are no longer listed. Only the newest removals are."""
    oldest = c.execute(OLDEST_REMOVAL).fetchone()
    return oldest is not None and oldest[0] > 1 and since < oldest[1]


def _decode(cursor: str) -> tuple[int, str]:
    matched = CURSOR.fullmatch(cursor)
    if matched is None:
        raise InvalidValue("cursor", cursor, "must be the `cursor` of an earlier answer")
    return int(matched[1]), matched[2]


def _sorted(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))
