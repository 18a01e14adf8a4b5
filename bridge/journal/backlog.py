"""Points that are buffered in memory because the journal cannot be written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bridge.errors import StoreUnavailable
from bridge.journal.column_record import RECORD_BYTES
from bridge.journal.format import CLOCK, NUMBER_SIZE
from bridge.records.limits import UNWRITTEN_BYTES
from bridge.records.point_columns import PointColumns
from bridge.records.series import Point

_boot_time = time.clock_gettime_ns


class Item(NamedTuple):
    """A point, or the cells of a table row, or columns of points. An item is written as a whole or not at all.

    `api` is the API through which the item was logged: `NATIVE` or `MLFLOW`.
    """

    run_id: str
    time_ns: int
    points: Sequence[Point]
    api: int

    @property
    def size_bytes(self) -> int:
        """The memory that the item needs, approximately."""
        if isinstance(self.points, PointColumns):
            return NUMBER_SIZE + len(self.points) * self.points.point_bytes
        texts = (point.value.encode() for point in self.points if isinstance(point.value, str))
        return NUMBER_SIZE * len(self.points) + sum(map(len, texts))


def portions_of(points: Sequence[Point]) -> Iterable[Sequence[Point]]:
    """Return the points in portions, each of which is appended with one write.

    Columns are divided so that each portion is one record. Other points are one portion.
    """
    return points.parts(max(1, RECORD_BYTES // points.point_bytes)) if isinstance(points, PointColumns) else (points,)


def items_of(run_id: str, points: Sequence[Point], api: int) -> list[Item]:
    """Return a portion of points as items. Their record time is now."""
    if isinstance(points, PointColumns):
        return [Item(run_id, _boot_time(CLOCK), points, api)]
    items: list[Item] = []
    cells: list[Point] = []  # the points of the last item
    for point in points:
        if point.joined:
            cells.append(point)
        else:
            cells = [point]
            items.append(Item(run_id, _boot_time(CLOCK), cells, api))
    return items


class Backlog:
    """A queue of items in log order, with a limit in bytes.

    An item that would exceed the limit is dropped. `dropped` is the number of points in dropped items.
    """

    def __init__(self, dropped: int = 0) -> None:
        self._items: deque[Item] = deque()
        self._size_bytes = 0
        self.dropped = dropped

    def __len__(self) -> int:
        return len(self._items)

    @property
    def points(self) -> int:
        """The number of points in the backlog."""
        return sum(len(item.points) for item in self._items)

    def add(self, item: Item) -> bool:
        """Add an item at the end. Return False if the item was dropped because of the limit.

        Columns are copied, because the caller of the log call may later change the arrays that they share memory with.
        """
        if isinstance(item.points, PointColumns):
            item = item._replace(points=item.points.copy())
        size_bytes = item.size_bytes
        if self._size_bytes + size_bytes > UNWRITTEN_BYTES:
            self.dropped += len(item.points)
            return False
        self._items.append(item)
        self._size_bytes += size_bytes
        return True

    def first(self, count: int) -> list[Item]:
        """Return the `count` oldest items, or all if there are fewer. The items stay in the backlog."""
        return list(islice(self._items, count))

    def remove(self, written: Sequence[Item]) -> None:
        """Remove items from the front as long as they are in `written`.

        Another call with the same items changes nothing.
        """
        known = set(map(id, written))
        while self._items and id(self._items[0]) in known:
            self._size_bytes -= self._items.popleft().size_bytes
        if not self._items:
            # The size is too large if a signal handler raised after an item was removed and before its size was
            # subtracted.
            self._size_bytes = 0


class Unwritten:
    """The points that a writer could not write yet, because the journal folder is not writable or the run is gone.

    `waiting` are items that are written as soon as the folder is writable.
    `orphans` are the ids of runs that do not exist in the workspace that is now at the path, for example because the
    folder was replaced. `homeless` are the items of these runs.
    `is_strict` is True if points that cannot be written are refused and not buffered.
    `warnings` maps the id of each run whose points were buffered or dropped to a sentence. A caller that has stored a
    sentence removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.waiting = Backlog()
        self.homeless = Backlog()
        self.orphans: set[str] = set()
        self.warnings: dict[str, str] = {}
        self.is_strict = False

    def add(self, items: Sequence[Item], backlog: Backlog) -> None:
        """Add items to `waiting` or `homeless`, and a warning for each of their runs.

        Raises:
            StoreUnavailable: `is_strict` is True. Nothing is added.
        """
        if self.is_strict:
            raise StoreUnavailable(str(self._folder), "new points cannot be written to the disk; try again later")
        for item in items:
            run_id = item.run_id
            sentence = f"Points were buffered in memory because {self._folder} could not be written."
            if not backlog.add(item):
                sentence = f"Points were dropped because {self._folder} could not be written for too long."
                self.warnings[run_id] = sentence
            self.warnings.setdefault(run_id, sentence)

    def sort(self, orphans: set[str]) -> None:
        """Set the orphans. Move the items of these runs to `homeless`, and all other items to `waiting`."""
        self.orphans = orphans
        homeless, waiting = Backlog(self.homeless.dropped), Backlog(self.waiting.dropped)
        for backlog in (self.waiting, self.homeless):
            for item in backlog.first(len(backlog)):
                (homeless if item.run_id in orphans else waiting).add(item)
        # Python runs no signal handler between these two assignments, so no item is lost or in both backlogs.
        self.homeless, self.waiting = homeless, waiting

    def describe(self, run_id: str | None, reason: str) -> list[str]:
        """Return sentences about points that are not written; an empty list if all points are written.

        Args:
            run_id: the run whose points are meant; None means all runs. The items of other runs in `waiting` are also
                counted, because the points of the run are written only after them.
            reason: why the most recent failed write failed; empty if no write has failed.
        """
        sentences, backlogs = [], [self.waiting]
        if run_id is None or run_id in self.orphans:
            backlogs.append(self.homeless)
        if run_id in self.orphans or (run_id is None and self.orphans):
            sentences.append(
                "points were logged to a run that does not exist in the workspace that is now in this folder"
            )
        waiting, dropped = sum(one.points for one in backlogs), sum(one.dropped for one in backlogs)
        if waiting or dropped:
            reason = reason or "the workspace of these runs was removed"
            sentences.append(f"{reason}; {waiting} points are not written and {dropped} were dropped")
        return sentences
