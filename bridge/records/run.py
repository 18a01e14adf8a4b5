"""Runs: their records, changes and leases, and the rules of their ids and times."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from bridge.errors import InvalidState, InvalidValue
from bridge.records.experiment import LifecycleStage
from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.series import Latest, later

Status = Literal[
    "NotStarted",
    "Queued",
    "Preparing",
    "Provisioning",
    "Starting",
    "Unapproved",
    "Running",
    "NotResponding",
    "Pausing",
    "Paused",
    "CancelRequested",
    "Finalizing",
    "Completed",
    "Failed",
    "Canceled",
]
"""Source: Azure ML SDK v1, `azureml.core.run.RunStatus`."""

TERMINAL_STATUSES: frozenset[str] = frozenset({"Completed", "Failed", "Canceled"})
OPEN_STATUSES: tuple[Status, ...] = tuple(status for status in get_args(Status) if status not in TERMINAL_STATUSES)

CLAIMABLE_STATUSES: tuple[Status, ...] = ("NotStarted", "Queued", "Provisioning", "Starting")
"""The statuses of a run that waits for the launcher that will execute it."""

SCRIPT_RUN = "azureml.scriptrun"
"""The type of a run that a launcher owns. Only the launcher, or a user outside the script, ends such a run.

Source: Azure ML SDK v1, `azureml.core.ScriptRun.RUN_TYPE`.
"""
SOURCE_PROPERTY = "azureml.runsource"
"""A property that names the type of a run, as its `type` does."""

RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that runs of one experiment use; (name, digest) identifies it there, and the first one stays."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A data set that a run used, with the tags of that use."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A link from a run to a model that it produced, with the step at which it did."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: everything that is stored about it, except the points of its series.

    `number` counts the runs of one experiment from 1; it is 0 in a record that is to be created.
    Times are milliseconds since 1970 UTC.
    `params`, `tags` and `properties` are in the order in which keys were first set.
    `latest` has the latest point of each number series.
    `latest_texts` has the latest value of each text series: the one with the greatest (step, timestamp), and of equals
    the last logged. Both are in the order in which keys were first logged.
    `latest_columns` has the latest point of each number column of a table, by (key, column).
    `type` is `SCRIPT_RUN` for a run that a launcher owns, and None for one that its own process or a logger owns.
    `definition` is the JSON of the script that a launcher runs.
    `deletion_time` is None while the run is active.
    """

    id: str
    experiment_id: str
    display_name: str = ""
    number: int = 0
    status: Status = "NotStarted"
    lifecycle_stage: LifecycleStage = "active"
    start_time: int | None = None
    end_time: int | None = None
    deletion_time: int | None = None
    description: str | None = None
    user: str = ""
    parent_id: str | None = None
    error: str | None = None
    type: str | None = None
    definition: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[str, Latest] = field(default_factory=dict)
    latest_texts: Mapping[str, str | bool | None] = field(default_factory=dict)
    latest_columns: Mapping[tuple[str, str], Latest] = field(default_factory=dict)
    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[str, ...] = ()
    model_outputs: tuple[ModelOutput, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def latest_metrics(self) -> Mapping[str, Latest]:
        """The latest point of each metric by its name in MLflow's API: a key, or `<key>.<column>` of a table.

        Of several points with one name it is the greatest, and of equals that of the key.
        """
        found = dict(self.latest)
        for (key, column), latest in self.latest_columns.items():
            name = f"{key}.{column}"
            if later(latest, found.get(name)):
                found[name] = latest
        return found

    @property
    def artifact_root(self) -> str:
        """The folder of the run's artifacts, relative to the workspace's `artifacts` folder."""
        return f"{self.experiment_id}/{self.id}/artifacts"


@dataclass(frozen=True, slots=True)
class RunChanges:
    """The changes of a run in one transaction; a field that is None or empty changes nothing.

    But an empty text as description or parent removes the one that the run has.
    A param or property that is already set may only be set again to the same value.
    `removed_tags` must exist.
    `dataset_inputs`, `model_inputs` and `model_outputs` are added; those that already exist are unchanged.
    With `expected` the run must have one of these statuses; otherwise nothing changes (`InvalidState`).
    """

    status: Status | None = None
    expected: tuple[Status, ...] = ()
    start_time: int | None = None
    end_time: int | None = None
    display_name: str | None = None
    description: str | None = None
    parent_id: str | None = None
    error: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str | None] = field(default_factory=dict)
    removed_tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[str, ...] = ()
    model_outputs: tuple[ModelOutput, ...] = ()
    warnings: tuple[str, ...] = ()


class Lease(NamedTuple):
    """A lease of a run that has not ended: the process that writes the journal owns the run.

    `time` orders the leases of a run, in milliseconds since 1970 UTC; it is never compared with a clock.
    `boot_time` is when the process last wrote to its journal, in nanoseconds by the boot clock that the journal's
    header names; 0 if that is unknown.
    """

    run_id: str
    journal_id: str
    time: int
    boot_time: int = 0


def new_run_id() -> str:
    """Return a new run id: 32 random hex digits."""
    return os.urandom(16).hex()


ADJECTIVES = (
    "able bold brave bright calm clever eager fair fleet gentle glad keen kind lively merry noble quick steady".split()
)
NOUNS = (
    "arch bay beam bow cable crane deck ferry gate harbor keel lock mast pier quay rail river span tower truss".split()
)


def new_display_name() -> str:
    """Return a random display name, `<adjective>-<noun>-<number>`, for a run that was given none."""
    first, second, *rest = os.urandom(4)
    adjective, noun = ADJECTIVES[first % len(ADJECTIVES)], NOUNS[second % len(NOUNS)]
    return f"{adjective}-{noun}-{int.from_bytes(bytes(rest), 'little') % 1000}"


def check_run_id(run_id: object) -> str:
    """Return a run id.

    Source: MLflow 3.17.2, `_RUN_ID_REGEX`.

    Raises:
        InvalidValue: it does not follow MLflow's rule.
    """
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        rule = "must begin with a letter or digit and have at most 256 letters, digits, underscores and dashes"
        raise InvalidValue("run id", run_id, rule)
    return run_id


def check_run_time(what: str, value: Any) -> int:
    """Return the start or end time of a run, in whole milliseconds since 1970 UTC.

    Any number is accepted, also of NumPy, and its fraction is cut off. So is the text of a whole number.

    Raises:
        InvalidValue: the value is anything else, NaN, infinite, or beyond 64 bits.
    """
    from numbers import Number

    may_be_one = isinstance(value, (Number, str))
    try:
        number = int(value) if may_be_one else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not INT64_MIN <= number <= INT64_MAX:
        raise InvalidValue(what, value, "must be a whole number of milliseconds since 1970, of at most 64 bits")
    return int(number)


def check_claimable(run_id: str, type: str | None, status: Status, end_time: int | None) -> None:
    """Check that a run may be given to a launcher.

    A run that has ended is never given to another launcher, even if a logger has changed its status since.

    Raises:
        InvalidState: the run is not the run of a script, already has a launcher, or has ended.
    """
    if type != SCRIPT_RUN:
        raise InvalidState("run", run_id, "no run of a script", "one")
    if status not in CLAIMABLE_STATUSES or end_time is not None:
        raise InvalidState("run", run_id, status, f"{' or '.join(CLAIMABLE_STATUSES)}, and not ended")


def changed_facts(changes: RunChanges) -> dict[str, str | int | None]:
    """Return the fields of a run, other than collections, that are changed, with their new values."""
    names = ("status", "start_time", "end_time", "display_name", "description", "parent_id", "error")
    facts = {name: value for name in names if (value := getattr(changes, name)) is not None}
    return {
        name: None if name in ("description", "parent_id") and not value else value for name, value in facts.items()
    }


def check_expected(run_id: str, status: Status, changes: RunChanges) -> None:
    """Check that a run has a status that the changes expect.

    Raises:
        InvalidState: it has another one.
    """
    if changes.expected and status not in changes.expected:
        raise InvalidState("run", run_id, status, " or ".join(changes.expected))
