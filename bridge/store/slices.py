"""Slices: parts of journals in the form that a backend stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy

    from bridge.records.series import Definition


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of a journal: the points between two of its byte offsets, as columns in log order.

    All arrays have one entry for each point.
    `series` (uint32) indexes `definitions`.
    `times` (int64) are nanoseconds that may be compared between the slices of one `append`. They give the log order.
    `steps` (int64) is 0 where `has_step` (bool) is false.
    `values` (float64) is the value, or for a text series the index of the value in `texts`.
    `ints` (bool) is true for a value that was logged as an int. `apis` (uint8) is the API it came through, `NATIVE` or
    `MLFLOW`.
    `joined` (bool) is true for a further cell of the row of the point before it. The cells of a row have the same key,
    time, timestamp and step, and are all in one slice.
    `warnings` are pairs (run id, sentence), for example about damage. The sentences are stored with the runs.
    `leases` are the lease records in this stretch.
    `workspace_id` is the workspace that the journal belongs to; empty for any.
    `boot_time` is the time of the last write in this stretch, in nanoseconds by the process's boot clock; 0 if unknown.
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


class LeaseRecord(NamedTuple):
    """A record of a journal: after it, the process of the journal owns a run (`held`), or no longer owns it.

    `time` is milliseconds since 1970 UTC. A later "held" record moves the lease to its own journal. A "released" record
    counts only if it is of the journal that holds the lease.
    """

    run_id: str
    time: int
    held: bool
