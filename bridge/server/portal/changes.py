"""Changes of runs and experiments: names, notes, tags, the archive, and permanent removal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from bridge.errors import InvalidValue
from bridge.records.labels import run_tag_values, tag_values
from bridge.records.run import RunChanges
from bridge.records.text import check_text_or_none
from bridge.records.times import now_ms
from bridge.runs.purge import remove_runs
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.home import NOTE, experiment_json
from bridge.server.portal.series import texts

MOST_RUNS = 10_000
RUN_CHANGES = ("name", "description", "tags", "remove_tags")
EXPERIMENT_CHANGES = ("name", "note", "tags", "remove_tags")


def patch_runs(ask: Ask) -> Response:
    """Apply the same changes to several runs: `name`, `description`, `tags` (an object) and `remove_tags`.

    Tags that a run does not have are not removed from it. All other changes are made in one transaction.
    """
    runs, changes = _runs(ask), _changes(ask.json().get("changes"), RUN_CHANGES)
    tags, removed = _tags(changes), texts(changes, "remove_tags", 1_000)
    name = check_text_or_none("name", changes.get("name"))
    if name is not None and not name.strip():
        raise InvalidValue("name", name, "must not be empty")
    description = check_text_or_none("description", changes.get("description"))
    for own, some in _by_tags(ask, runs, removed).items():
        ask.tracking.update_runs(
            some, RunChanges(display_name=name, description=description, tags=run_tag_values(tags), removed_tags=own)
        )
    return _done(ask, runs)


def post_archive(ask: Ask) -> Response:
    """Mark runs as deleted. They stay in the workspace, and can be restored."""
    runs = _runs(ask)
    ask.tracking.delete_runs(runs, now_ms())
    return _done(ask, runs)


def post_restore(ask: Ask) -> Response:
    """Mark runs as active again."""
    runs = _runs(ask)
    ask.tracking.restore_runs(runs)
    return _done(ask, runs)


def post_purge(ask: Ask) -> Response:
    """Remove runs permanently, with their points and files. `confirm` must be the number of runs."""
    runs = _runs(ask)
    confirm = ask.json().get("confirm")
    if type(confirm) is not int or confirm != len(runs):
        raise InvalidValue("confirm", confirm, f"must be {len(runs)}, the number of runs to remove")
    ask.tracking.get_runs(runs, latest=False)  # refuses runs that the sender may not change
    remove_runs(ask.served.stores, runs)
    return _done(ask, runs)


def patch_experiment(ask: Ask) -> Response:
    """Change the `name`, the `note`, or `tags` and `remove_tags` of an experiment, and answer with it."""
    record, changes = ask.experiment(), _changes(ask.json(), EXPERIMENT_CHANGES)
    tags: dict[str, str | None] = dict(tag_values(_tags(changes)))
    removed = [key for key in texts(changes, "remove_tags", 1_000) if key in record.tags]
    note = check_text_or_none("note", changes.get("note"))
    if note:
        tags[NOTE] = note
    elif note is not None and NOTE in record.tags:
        removed.append(NOTE)
    name = changes.get("name")
    if name is not None and name != record.name:
        ask.tracking.rename_experiment(record.id, name, now_ms())
    if tags or removed:
        ask.tracking.set_experiment_tags(record.id, tags, removed)
    return json_answer(ask, experiment_json(ask.experiment()))


def _runs(ask: Ask) -> list[str]:
    runs = texts(ask.json(), "runs", MOST_RUNS)
    if not runs:
        raise InvalidValue("runs", runs, "must have at least one run id")
    return runs


def _changes(given: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(given, dict) or not given:
        raise InvalidValue("changes", given, f"must be an object with some of {', '.join(known)}")
    for name in given:
        if name not in known:
            raise InvalidValue("changes", name, f"must be one of {', '.join(known)}")
    return given


def _tags(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    tags = changes.get("tags", {})
    if not isinstance(tags, dict) or not all(value is None or isinstance(value, str) for value in tags.values()):
        raise InvalidValue("tags", tags, "must be an object of keys and texts")
    return tags


def _by_tags(ask: Ask, runs: list[str], removed: list[str]) -> dict[tuple[str, ...], list[str]]:
    """Return the runs by those of the removed tags that they have."""
    if not removed:
        return {(): runs}
    found: dict[tuple[str, ...], list[str]] = {}
    for id, record in ask.tracking.get_runs(runs, latest=False).items():
        found.setdefault(tuple(key for key in removed if key in record.tags), []).append(id)
    return found


def _done(ask: Ask, runs: list[str]) -> Response:
    return json_answer(ask, {"runs": len(runs), "cursor": ask.served.cursor()})
