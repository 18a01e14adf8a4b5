"""What is known about a run, and what may be changed of it."""

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
"""The type of a run that a launcher owns: only it, or somebody outside the script, ends the run.

Source: Azure ML SDK v1, `azureml.core.ScriptRun.RUN_TYPE`.
"""
SOURCE_PROPERTY = "azureml.runsource"
"""A property that names the type of a run, as its `type` does."""

RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that runs of one experiment use; (name, digest) names it there, and the first logged stays."""

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
    """A link from a run to a model it made, with the step at which it did."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution, and the short part of what it logged; long series are read with `get_series`.

    `number` counts the runs of one experiment from 1, and is 0 in a record that is to be created.
    Times are milliseconds since 1970 UTC.
    `params`, `tags` and `properties` keep the order in which keys were first set.
    `latest` has the latest point of each number series and `latest_texts` the latest value of each text series, the
    one with the greatest (step, timestamp), and of equals the last logged;
    both are in the order in which keys were first logged.
    `latest_columns` has the latest point of each number column of a table, by (key, column).
    `type` is `SCRIPT_RUN` for a run that a launcher owns, None for one that its own process or a logger owns.
    `definition` is the JSON of what a launcher runs.
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
        """The latest point of each metric by the name that MLflow knows: a key, or `<key>.<column>` of a table.

        Where several have one name it is the greatest of them, and of equals the first here.
        """
        found = dict(self.latest)
        for (key, column), latest in self.latest_columns.items():
            name = f"{key}.{column}"
            if later(latest, found.get(name)):
                found[name] = latest
        return found

    @property
    def artifact_root(self) -> str:
        """Where the run's artifacts lie, relative to the workspace's `artifacts` folder."""
        return f"{self.experiment_id}/{self.id}/artifacts"


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What one transaction changes of a run; what is None or empty stays as it is.

    But an empty description or parent takes away the one that the run has.
    A param that is set already may come again with the same value only; a property likewise.
    `removed_tags` must be there.
    `dataset_inputs`, `model_inputs` and `model_outputs` that are there already stay as they are.
    With `expected` the run must have one of these statuses, else nothing changes (`InvalidState`).
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
    """A claim of the process that writes a journal: it owns a run that is under way.

    `time` orders the leases of a run, in milliseconds since 1970 UTC; it is not compared with a clock.
    `boot_time` is when the process last wrote to its journal, in nanoseconds by the boot clock that the journal's
    header names; 0 if that is not known.
    """

    run_id: str
    journal_id: str
    time: int
    boot_time: int = 0


def new_run_id() -> str:
    """A fresh run id: 32 hex digits."""
    return os.urandom(16).hex()


ADJECTIVES = (
    "able bold brave bright calm clever eager fair fleet gentle glad keen kind lively merry noble quick steady".split()
)
NOUNS = (
    "arch bay beam bow cable crane deck ferry gate harbor keel lock mast pier quay rail river span tower truss".split()
)


def new_display_name() -> str:
    """A name for a run that was given none: `<adjective>-<noun>-<number>`."""
    first, second, *rest = os.urandom(4)
    adjective, noun = ADJECTIVES[first % len(ADJECTIVES)], NOUNS[second % len(NOUNS)]
    return f"{adjective}-{noun}-{int.from_bytes(bytes(rest), 'little') % 1000}"


def check_run_id(run_id: object) -> str:
    """The id, if a run may have it.

    Source: MLflow 3.17.2, `_RUN_ID_REGEX`.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        rule = "must begin with a letter or digit and have at most 256 letters, digits, underscores and dashes"
        raise InvalidValue("run id", run_id, rule)
    return run_id


def check_run_time(what: str, value: Any) -> int:
    """Return a time at which a run starts or ends, in whole milliseconds since 1970 UTC.

    Any number is taken, of NumPy too, and what it has behind the point is cut; a text that spells a whole number is
    that number.

    Raises:
        InvalidValue: it is something else, NaN, infinite, or beyond 64 bits.
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
    """Refuse to give a run to a launcher, unless it is a run of a script that waits for one.

    A run that has ended once is not given again, whatever status a logger has given it since.

    Raises:
        InvalidState: the run is another one, has a launcher, or has ended.
    """
    if type != SCRIPT_RUN:
        raise InvalidState("run", run_id, "no run of a script", "one")
    if status not in CLAIMABLE_STATUSES or end_time is not None:
        raise InvalidState("run", run_id, status, f"{' or '.join(CLAIMABLE_STATUSES)}, and not ended")


def changed_facts(changes: RunChanges) -> dict[str, str | int | None]:
    """The single facts of a run that are to be changed, with what they become."""
    names = ("status", "start_time", "end_time", "display_name", "description", "parent_id", "error")
    facts = {name: value for name in names if (value := getattr(changes, name)) is not None}
    return {
        name: None if name in ("description", "parent_id") and not value else value for name, value in facts.items()
    }


def check_expected(run_id: str, status: Status, changes: RunChanges) -> None:
    """Refuse changes of a run that expect another status.

    Raises:
        InvalidState: the run does not have it.
    """
    if changes.expected and status not in changes.expected:
        raise InvalidState("run", run_id, status, " or ".join(changes.expected))
