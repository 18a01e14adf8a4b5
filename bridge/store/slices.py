"""Slices: the parts of journals that a fold passes to a backend, which stores their points in its database.

A fold copies new points from the journals into the database. A slice also contains lease records, which state which
process owns which run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy

    from bridge.records.series import Definition


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a journal: the points between two byte offsets, as columns in log order.

    `start` and `end` are the byte offsets.
    All arrays have one entry for each point.
    `series` (uint32) has the number of the point's series, a key of `definitions`.
    `times` (int64) are in nanoseconds. They determine the order of the points of several slices. So all slices in one
    call of the backend's method `append` must use the same clock.
    `has_step` (bool) is true if the point was logged with a step. `steps` (int64) is that step, or 0.
    `values` (float64) is the value, or for a text series the index of the value in `texts`.
    `ints` (bool) is true if the value was logged as an int.
    `apis` (uint8) is the API through which the point was logged, `NATIVE` or `MLFLOW`.
    `joined` (bool) is true if the point is a cell of the same row as the point before it. The cells of a row have the
    same key, time, timestamp and step, and are all in one slice.
    `warnings` are pairs (run id, sentence), for example about damage. The sentences are stored with the runs.
    `leases` are the lease records in this part of the journal.
    `workspace_id` is the workspace that the journal belongs to. If it is empty, every backend accepts the slice.
    `boot_time` is the time at which the process last wrote to this part of the journal. It is measured in nanoseconds,
    with the boot-time clock of the process's host; 0 if unknown.
    `delivered` is the time at which a server received the slice from a client, in milliseconds since 1970 UTC by the
    clock of the server; 0 for a journal in the folder of the workspace.
    """

    journal_id: str
    start: int
    end: int
    definitions: Mapping[int, Definition]
    series: numpy.ndarray[Any, Any]
    times: numpy.ndarray[Any, Any]
    timestamps: numpy.ndarray[Any, Any]
    steps: numpy.ndarray[Any, Any]
    has_step: numpy.ndarray[Any, Any]
    values: numpy.ndarray[Any, Any]
    ints: numpy.ndarray[Any, Any]
    apis: numpy.ndarray[Any, Any]
    joined: numpy.ndarray[Any, Any]
    texts: Sequence[str | bool | None] = ()
    warnings: tuple[tuple[str, str], ...] = field(default=())
    leases: tuple[LeaseRecord, ...] = field(default=())
    boot_time: int = 0
    workspace_id: str = ""
    delivered: int = 0


class LeaseRecord(NamedTuple):
    """A journal record about the lease of a run. `held` states whether the process of the journal owns the run now.

    `time` is in milliseconds since 1970 UTC.
    If `held` is True, the process gets the lease, unless the stored lease has the same or a later time. If `held` is
    False, the record releases the lease, but only if the process has the lease.
    """

    run_id: str
    time: int
    held: bool
