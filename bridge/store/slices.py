"""Stretches of journals, as a store takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy

    from bridge.records.series import Definition


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of a journal: the points that lie between two of its byte offsets, as columns in the order logged.

    All arrays have one entry a point.
    `series` (uint32) indexes `definitions`.
    `times` (int64) are nanoseconds that may be compared between the slices of one `append`: the log order.
    `steps` (int64) holds 0 where `has_step` (bool) is false.
    `values` (float64) holds the value, or for a text series the index of its value in `texts`.
    `ints` (bool) says that the value was logged as an int; `doors` (uint8) through which door it came.
    `joined` (bool) says that a point is a further cell of the row of the point before it: the cells of a row have one
    key, time, timestamp and step, and no row lies in two slices.
    `warnings` are (run id, sentence): damage in this stretch, to be kept on the run.
    `leases` say for which runs the journal's process speaks.
    `workspace_id` is the workspace that the journal belongs to; empty if any.
    `boot_time` is when the process last wrote in this stretch, in nanoseconds by its own boot clock; 0: not known.
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
    doors: numpy.ndarray[Any, Any]
    joined: numpy.ndarray[Any, Any]
    texts: Sequence[str | bool | None] = ()
    warnings: tuple[tuple[str, str], ...] = field(default=())
    leases: tuple[LeaseRecord, ...] = field(default=())
    boot_time: int = 0
    workspace_id: str = ""


class LeaseRecord(NamedTuple):
    """What a journal says of a run: its process speaks for it (`held`), or does so no longer.

    `time` is milliseconds since 1970 UTC; a later record takes a lease over, and only who has it lets it go.
    """

    run_id: str
    time: int
    held: bool
