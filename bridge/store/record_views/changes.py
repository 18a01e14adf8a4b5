"""Changes of a store, found by a comparison with a checksum of everything. A cursor contains these checksums."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bridge.errors import InvalidValue
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.records.views import Changes

if TYPE_CHECKING:
    from bridge.store.backend import Backend


class _Run(NamedTuple):
    """The state of a run: its experiment, its run number, and checksums of its data and of its index of files."""

    experiment: str
    number: int
    data: str
    files: str


class _State(NamedTuple):
    """The state of a store: a checksum of each experiment, and the state of each run, by id."""

    experiments: Mapping[str, str]
    runs: Mapping[str, _Run]


def changes_between(
    cursor: str | None, store: Backend, experiment_ids: Sequence[str], run_ids: Sequence[str]
) -> Changes:
    """Return the changes of a store since a cursor. See `RunViews.get_changes`."""
    new = _read(store)
    token = _encode(new)
    if cursor is None:
        return Changes(token)
    old = _decode(cursor)
    wanted, wanted_runs = set(experiment_ids), set(run_ids)
    everything = not wanted and not wanted_runs

    def ids(found: Iterable[str]) -> tuple[str, ...]:
        runs = {id: new.runs.get(id) or old.runs[id] for id in found}
        return tuple(
            sorted(id for id, run in runs.items() if everything or run.experiment in wanted or id in wanted_runs)
        )

    same = {id for id, run in new.runs.items() if id in old.runs and old.runs[id][:2] == run[:2]}
    changed = {id for id in same if old.runs[id] != new.runs[id]}
    experiments = {id for id, _ in set(old.experiments.items()) ^ set(new.experiments.items())}
    no_files = _digest([])
    before = {id: old.runs[id].files if id in same else no_files for id in new.runs}
    return Changes(
        token,
        True,
        ids(changed),
        ids(new.runs.keys() - same),
        ids(old.runs.keys() - same),
        ids(id for id, run in new.runs.items() if run.files != before[id]),
        tuple(sorted(id for id in experiments if everything or id in wanted)),
    )


def _read(store: Backend) -> _State:
    experiments = {record.id: record for record in store.search_experiments(ExperimentQuery(view="all")).items}
    records = store.search_runs(RunQuery(tuple(experiments), view="all")).items
    series = store.get_series_of([record.id for record in records])
    runs = {}
    for record in records:
        points = [(one.key, one.column, one.kind, one.value_type, len(one.positions)) for one in series[record.id]]
        files = store.list_artifacts(record.artifact_root, recursive=True)
        runs[record.id] = _Run(record.experiment_id, record.number, _digest([record, points]), _digest(files))
    return _State({id: _digest(record) for id, record in experiments.items()}, runs)


def _digest(value: object) -> str:
    return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()


def _encode(state: _State) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(state).encode())).decode()


def _decode(cursor: str) -> _State:
    try:
        experiments, runs = json.loads(zlib.decompress(base64.urlsafe_b64decode(cursor)))
        return _State(dict(experiments), {id: _Run(*run) for id, run in runs.items()})
    except (binascii.Error, zlib.error, ValueError, TypeError, AttributeError) as error:
        raise InvalidValue("cursor", cursor, "must be the `cursor` of an earlier answer") from error
