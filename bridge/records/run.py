"""The record of a run, its changes, its leases (which process owns the run), and the rules for run ids and times."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from bridge.errors import InvalidState, InvalidValue
from bridge.records.experiment import LifecycleStage
from bridge.records.limits import INT64_MAX, INT64_MIN, RUN_ID_LENGTH
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
"""The statuses of a run that waits for its launcher, the process that runs a submitted script."""

SCRIPT_RUN = "azureml.scriptrun"
"""The type of a run that a launcher owns. Only the launcher, or a user outside the script, ends such a run.

Source: Azure ML SDK v1, `azureml.core.ScriptRun.RUN_TYPE`.
"""
SOURCE_PROPERTY = "azureml.runsource"
"""The key of a property that a user may set to a type.

A search for runs of a type finds a run if this property or the field `type` of its record is the type.
"""

RUN_ID = re.compile(rf"[a-zA-Z0-9][\w\-]{{0,{RUN_ID_LENGTH - 1}}}")

RESERVED_RUN_IDS = frozenset({"models", "traces"})
"""The folders beside those of runs, in the artifacts of an experiment. MLflow's logged models and traces have them.

Source: MLflow 3.17.2, `SqlAlchemyStore.MODELS_FOLDER_NAME` and `TRACE_FOLDER_NAME`.
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that runs of an experiment use.

    In an experiment, the name and the digest identify a data set. If a run logs a data set with the same name and
    digest as an earlier one, the other fields of the earlier one are kept.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A data set that a run used. The tags describe this use of the data set."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A link from a run to a model that the run produced, and the step at which it produced the model."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything that is stored about a run, except the points of its series.

    `number` is the run number, counted from 1 in each experiment. It is 0 in the record of a run before it is stored.
    Times are in milliseconds since 1970 UTC.
    `params`, `tags` and `properties` are in the order in which their keys were first set.
    `latest` contains the latest point of each key with a number series.
    `latest_texts` contains the latest text of each key with a text series. It belongs to the point with the greatest
    (step, timestamp), or to the last logged of several such points.
    `latest` and `latest_texts` are in the order in which their keys were first logged.
    `latest_columns` contains the latest point of each number column of a table, by (key, column).
    `type` is `SCRIPT_RUN` if a launcher owns the run, and None for all other runs.
    `definition` is the JSON of a `ScriptDefinition`, if the run is that of a script.
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
        """The latest point of each metric, by the name that the metric has in MLflow's API.

        The name is the key, or `<key>.<column>` for a column of a table. If a key and a column have the same name, the
        point with the greater (step, timestamp, value) is used. If these are equal, the point of the key is used.
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
    """Changes of a run that are stored in one transaction. A field that is None or empty changes nothing.

    There is one exception: an empty text in `description` or `parent_id` removes the description or the parent.
    A param or property that is already set can be set again only to the same value.
    The tags in `removed_tags` must exist.
    `dataset_inputs`, `model_inputs` and `model_outputs` are added to those of the run. Existing ones are unchanged.
    If `expected` is not empty, the run must have one of these statuses. If it has another status, nothing is changed,
    and the store raises `InvalidState`.
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
    """A lease of a run that has not ended. The process that writes the journal `journal_id` owns the run.

    `time` determines which of several leases of a run is the newest. It is in milliseconds since 1970 UTC, and is never
    compared with a clock.
    `boot_time` is the time at which the process last wrote to its journal, in nanoseconds; 0 if it is unknown. The
    header of the journal identifies the boot-time clock with which this time was measured.
    `delivered` is 0 if the journal is in the folder of the workspace. If it is on the computer of a client, this is the
    time at which the server last received something from the process, in milliseconds since 1970 UTC by the clock of
    the server.
    """

    run_id: str
    journal_id: str
    time: int
    boot_time: int = 0
    delivered: int = 0


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
    """Return a random display name, `<adjective>-<noun>-<number>`, for a run without one."""
    first, second, *rest = os.urandom(4)
    adjective, noun = ADJECTIVES[first % len(ADJECTIVES)], NOUNS[second % len(NOUNS)]
    return f"{adjective}-{noun}-{int.from_bytes(bytes(rest), 'little') % 1000}"


def check_run_id(run_id: object) -> str:
    """Check a run id by MLflow's rule, and return it.

    Source: MLflow 3.17.2, `_RUN_ID_REGEX`.

    Raises:
        InvalidValue: the run id does not follow MLflow's rule.
    """
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        allowed = f"at most {RUN_ID_LENGTH} letters, digits, underscores and dashes"
        rule = f"must begin with a letter or digit and have {allowed}"
        raise InvalidValue("run id", run_id, rule)
    return run_id


def check_new_run_id(run_id: object) -> str:
    """Check the id of a new run, and return it.

    Raises:
        InvalidValue: the run id does not follow MLflow's rule, or the artifacts of an experiment have a folder of that
            name for something else.
    """
    checked = check_run_id(run_id)
    if checked.lower() in RESERVED_RUN_IDS:  # some disks do not distinguish upper and lower case
        rule = "is the name of the folder for the models or traces of an experiment: choose another id"
        raise InvalidValue("run id", run_id, rule)
    return checked


def check_run_time(what: str, value: Any) -> int:
    """Return the start time or end time of a run as an integer, in milliseconds since 1970 UTC.

    The value may be a number of Python or NumPy, whose fraction is cut off, or the text of an integer.

    Raises:
        InvalidValue: the value is anything else, NaN or infinite, or does not fit into 64 bits.
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
    """Check that a launcher may become the owner of a run.

    A run that has an end time cannot be claimed, even if an MLflow client has changed its status since its end.

    Raises:
        InvalidState: the run is not the run of a script, already has a launcher, or has ended.
    """
    if type != SCRIPT_RUN:
        raise InvalidState("run", run_id, "not the run of a script", "the run of a script")
    if status not in CLAIMABLE_STATUSES or end_time is not None:
        raise InvalidState("run", run_id, status, f"{' or '.join(CLAIMABLE_STATUSES)}, and not ended")


def changed_facts(changes: RunChanges) -> dict[str, str | int | None]:
    """Return the new values of the changed fields of a run, except those that are collections."""
    names = ("status", "start_time", "end_time", "display_name", "description", "parent_id", "error")
    facts = {name: value for name in names if (value := getattr(changes, name)) is not None}
    return {
        name: None if name in ("description", "parent_id") and not value else value for name, value in facts.items()
    }


def check_expected(run_id: str, status: Status, changes: RunChanges) -> None:
    """Check that a run has one of the statuses that the changes expect.

    Raises:
        InvalidState: the run has another status.
    """
    if changes.expected and status not in changes.expected:
        raise InvalidState("run", run_id, status, " or ".join(changes.expected))
