"""Points that wait in memory because they cannot be written."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from bridge.journal.format import NUMBER_SIZE
from bridge.records.limits import UNWRITTEN_BYTES
from bridge.records.series import Point


class Item(NamedTuple):
    """A point, or the cells of a row, that is to be written."""

    run_id: str
    time_ns: int
    points: list[Point]
    door: int

    @property
    def size_bytes(self) -> int:
        texts = (point.value.encode() for point in self.points if isinstance(point.value, str))
        return NUMBER_SIZE * len(self.points) + sum(map(len, texts))


class Backlog:
    """Items in log order, up to a number of bytes; what exceeds it is dropped and counted.

    `dropped` counts points.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._size_bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def points(self) -> int:
        """How many points wait."""
        return sum(len(item.points) for item in self._items)

    def add(self, item: Item) -> bool:
        """Take an item; return False if it had to be dropped."""
        size_bytes = item.size_bytes
        if self._size_bytes + size_bytes > UNWRITTEN_BYTES:
            self.dropped += len(item.points)
            return False
        self._items.append(item)
        self._size_bytes += size_bytes
        return True

    def first(self, count: int) -> list[Item]:
        """Return up to so many of the oldest items, which stay."""
        return list(islice(self._items, count))

    def remove(self, written: Sequence[Item]) -> None:
        """Remove the items of a sequence that are the oldest here; idempotent."""
        known = set(map(id, written))
        while self._items and id(self._items[0]) in known:
            self._size_bytes -= self._items.popleft().size_bytes
        if not self._items:
            self._size_bytes = 0  # an interrupt may have come between the two
