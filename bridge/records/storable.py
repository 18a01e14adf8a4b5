"""Checks that a run or an experiment can be stored: UTF-8 can encode its texts, and its times fit into 64 bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.errors import InvalidValue, Problem
from bridge.records.run import DatasetInput, ModelOutput, RunChanges, RunRecord
from bridge.records.series import check_int64
from bridge.records.text import RULE, escaped, is_encodable

Texts = Iterator[tuple[str, object]]

RUN_TEXTS = ("display_name", "status", "description", "user", "parent_id", "error", "type", "definition")
CHANGED_TEXTS = ("display_name", "status", "description", "parent_id", "error")
DATASET_TEXTS = ("name", "digest", "source_type", "source", "schema", "profile")


def check_run(record: RunRecord) -> RunRecord:
    """Check the record of a new run, and return it with numpy integers replaced by ints.

    Raises:
        InvalidValue: UTF-8 cannot encode a text, or a number is not an integer of 64 bits. The start and end times are
            checked, and the step in each link from the run to a model. The error names all mistakes.
    """
    problems = _problems((*_facts(record, RUN_TEXTS), *_details(record)))
    times = _times(record, ("start_time", "end_time"), problems)
    _raise(problems)
    return replace(record, **times) if times else record


def check_changes(changes: RunChanges) -> RunChanges:
    """Check changes of a run, and return them with numpy integers replaced by ints.

    Characters of warnings that UTF-8 cannot encode are replaced by escape sequences.

    Raises:
        InvalidValue: as for `check_run`.
    """
    removed = ((f"tag {key!r}", key) for key in changes.removed_tags)
    problems = _problems((*_facts(changes, CHANGED_TEXTS), *_details(changes), *removed))
    changed = _times(changes, ("start_time", "end_time"), problems)
    _raise(problems)
    if not is_encodable(*changes.warnings):
        # Runbridge writes the warnings itself, and a warning may contain a file name. A file name that is not UTF-8
        # must not prevent the end of a run.
        changed["warnings"] = tuple(map(escaped, changes.warnings))
    return replace(changes, **changed) if changed else changes


def check_experiment(
    creation_time: object = 0,
    artifact_location: str | None = None,
    tags: Mapping[str, str | None] | None = None,
    removed: Sequence[str] = (),
) -> None:
    """Check fields of an experiment.

    Raises:
        InvalidValue: UTF-8 cannot encode a text, or the creation time is not an integer of 64 bits.
    """
    location = ("artifact location", artifact_location)
    problems = _problems((location, *_labels("tag", tags or {}), *((f"tag {key!r}", key) for key in removed)))
    _raise(problems)
    check_int64("creation time", creation_time)


def _facts(of: RunRecord | RunChanges, names: Sequence[str]) -> Texts:
    return ((name.replace("_", " "), getattr(of, name)) for name in names)


def _labels(what: str, labels: Mapping[str, Any]) -> Texts:
    for key, value in labels.items():
        yield f"{what} key", key
        yield f"{what} {key!r}", value


def _details(of: RunRecord | RunChanges) -> Texts:
    for what, labels in (("param", of.params), ("tag", of.tags), ("property", of.properties)):
        yield from _labels(what, labels)
    for used in of.dataset_inputs:
        yield from _dataset(used)
    yield from (("model id", model_id) for model_id in of.model_inputs)
    yield from (("model id", output.model_id) for output in of.model_outputs)


def _dataset(used: DatasetInput) -> Texts:
    yield from ((f"data set {name}", getattr(used.dataset, name)) for name in DATASET_TEXTS)
    yield from _labels("tag", used.tags)


def _problems(texts: Sequence[tuple[str, object]]) -> list[Problem]:
    if is_encodable(*(text for _, text in texts if isinstance(text, str))):
        return []
    return [Problem(what, text, RULE) for what, text in texts if isinstance(text, str) and not is_encodable(text)]


def _times(of: RunRecord | RunChanges, names: Sequence[str], problems: list[Problem]) -> dict[str, Any]:
    """Return the ints that must replace numpy integers, by the name of their field.

    If a time is not an integer of 64 bits, a problem is added to `problems`. The same applies to the step in each link
    to a model.
    """
    changed: dict[str, Any] = {}
    numbers = [(name.replace("_", " "), name, getattr(of, name)) for name in names]
    for what, name, value in numbers:
        if value is None:
            continue
        try:
            plain = check_int64(what, value)
        except InvalidValue as error:
            problems += error.problems
        else:
            if type(value) is not int:
                changed[name] = plain
    problems += (
        Problem("step of a model", output.step, "must be an integer of 64 bits")
        for output in of.model_outputs
        if not _is_int64(output)
    )
    return changed


def _is_int64(output: ModelOutput) -> bool:
    try:
        check_int64("step", output.step)
    except InvalidValue:
        return False
    return True


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidValue(*problems[0], others=tuple(problems[1:]))
