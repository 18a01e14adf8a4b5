"""The children of a run: their records, how they start, and the run's parent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from bridge.address import check_folder
from bridge.capture.session import RunSession
from bridge.errors import InvalidValue, NotFound
from bridge.records.run import RunRecord, check_new_run_id
from bridge.records.series import check_key
from bridge.records.text import check_text_or_none
from bridge.store.one_run import get_run
from bridge.store.run_place import RunPlace, new_run

BATCH_TAG = "azureml.batch_child_number"
"""The tag that contains the number of a child if `Run.create_children` was called with a count."""


def start_child(
    place: RunPlace, name: str | None, run_id: str | None, outputs: bool | str | os.PathLike[str] | None
) -> RunSession:
    """Start one run inside a run; see `Run.child_run`."""
    check_folder("outputs", outputs)
    checked = None if run_id is None else check_new_run_id(run_id)
    name = check_text_or_none("name", name)
    record = new_run(place.experiment_id, run_id=checked, display_name=name, parent_id=place.run_id)
    (session,) = _start(place, [record])
    if outputs:
        session.capture_folders(outputs)
    return session


def start_children(
    place: RunPlace, count: int | None, tag_key: str | None, tag_values: Sequence[object] | None
) -> list[RunSession]:
    """Start runs inside a run in one transaction; see `Run.create_children`."""
    tags = _tags_of_children(count, tag_key, tag_values)
    return _start(place, [new_run(place.experiment_id, parent_id=place.run_id, tags=one) for one in tags])


def _tags_of_children(
    count: int | None, tag_key: str | None, tag_values: Sequence[object] | None
) -> list[Mapping[str, object]]:
    if count is not None and tag_key is None and tag_values is None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise InvalidValue("count", count, "must be an int that is not negative")
        return [{BATCH_TAG: str(number)} for number in range(count)]
    if count is None and tag_key is not None and isinstance(tag_values, Iterable) and not _is_text(tag_values):
        return [{check_key(tag_key, "tag key"): value} for value in tag_values]
    given = {"count": count, "tag_key": tag_key, "tag_values": tag_values}
    raise InvalidValue("children", given, "pass either a count, or a tag_key and a list of tag_values")


def _is_text(values: object) -> bool:
    return isinstance(values, (str, bytes))


def _start(place: RunPlace, records: list[RunRecord]) -> list[RunSession]:
    place.stores.tracking.begin_runs(records)
    sessions = [RunSession(RunPlace(place.stores, record.experiment_id, record.id)) for record in records]
    for session in sessions:
        session.own()
    return sessions


def find_parent(place: RunPlace) -> RunRecord | None:
    """Return the record of a run's parent. Return None if the run has no parent, or the parent does not exist."""
    parent_id = place.record().parent_id
    try:
        return get_run(place.stores.tracking, parent_id, latest=False) if parent_id else None
    except NotFound:  # MLflow's clients may set a parent id that does not exist
        return None
