"""The places of lines and of searched texts in large logs that grow."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

BLOCK_BYTES = 1 << 20
MOST_LOGS, MOST_SEARCHES = 32, 8
MOST_PLACES = 500_000
"""The greatest number of places that are kept for one searched text."""

SECONDS = 1.0
"""The time that one request may spend reading a log. The next request goes on where it ended."""

BEGIN_BYTES = 4096
"""The bytes at the start of a log by which a log that was replaced is recognised."""

Key = TypeVar("Key")
Kept = TypeVar("Kept")
Read = Callable[[int], Iterator[bytes]]
"""A function that returns the bytes of a log from an offset on, in pieces."""


class LineIndex:
    """The number of lines before every block of a log. A log of 1 GB needs 8 kB of memory.

    Only the blocks that are complete are counted, so that a log that grows is never read twice.
    """

    def __init__(self) -> None:
        self._lines = array("q", [0])
        self._lock = threading.Lock()

    @property
    def counted_bytes(self) -> int:
        """The offset up to which lines are counted."""
        return (len(self._lines) - 1) * BLOCK_BYTES

    def count(self, read: Read, size: int, seconds: float = SECONDS) -> bool:
        """Count the lines of the complete blocks of a log. Return whether all of them are counted."""
        with self._lock:
            until = time.monotonic() + seconds
            if size - self.counted_bytes >= BLOCK_BYTES:
                for block in blocks(read(self.counted_bytes)):
                    if len(block) < BLOCK_BYTES or self.counted_bytes + BLOCK_BYTES > size:
                        break
                    self._lines.append(self._lines[-1] + block.count(b"\n"))
                    if time.monotonic() > until:
                        break
            return size - self.counted_bytes < BLOCK_BYTES

    def line_at(self, read: Read, offset: int) -> int | None:
        """Return the number of the line at an offset, counted from 1; None if the lines before are not counted."""
        number = offset // BLOCK_BYTES
        if number >= len(self._lines):
            return None
        left, count = offset - number * BLOCK_BYTES, self._lines[number] + 1
        for piece in read(number * BLOCK_BYTES) if left else ():
            count += piece[:left].count(b"\n")
            left -= len(piece)
            if left <= 0:
                break
        return count

    def offset_of(self, read: Read, line: int) -> int:
        """Return the offset at which a line starts. Behind the last line, it is the end of the log."""
        number = max(0, bisect_left(self._lines, line - 1) - 1)
        offset, left = number * BLOCK_BYTES, line - 1 - self._lines[number]
        if left <= 0:
            return 0
        for piece in read(offset):
            count = piece.count(b"\n")
            if count >= left:
                at = -1
                for _ in range(left):
                    at = piece.index(b"\n", at + 1)
                return offset + at + 1
            left -= count
            offset += len(piece)
        return offset


class Found(NamedTuple):
    """The places of a text in a log, around an offset.

    Attributes:
        total: the number of places.
        at: the number of places before the offset.
        next: the first place at or after the offset.
        before: the last place before the offset.
        complete: whether the whole log was searched.
        more: whether there are more places than are kept.
    """

    total: int
    at: int
    next: int | None
    before: int | None
    complete: bool
    more: bool


class TextSearch:
    """The places of a text in a log, which do not overlap. Upper and lower case of ASCII letters are the same."""

    def __init__(self, text: bytes) -> None:
        self._text = text.lower()
        self._places = array("q")
        self._searched = self._end = 0
        self._lock = threading.Lock()

    def search(self, read: Read, size: int, around: int, seconds: float = SECONDS) -> Found:
        """Search the part of the log that was not searched yet, and return the places around an offset."""
        with self._lock:
            self._go_on(read, size, time.monotonic() + seconds)
            places = self._places
            at = bisect_left(places, around)
            return Found(
                total=len(places),
                at=at,
                next=places[at] if at < len(places) else None,
                before=places[at - 1] if at else None,
                complete=self._searched >= size - len(self._text) + 1 or len(places) >= MOST_PLACES,
                more=len(places) >= MOST_PLACES,
            )

    def _go_on(self, read: Read, size: int, until: float) -> None:
        overlap = len(self._text) - 1
        if size - self._searched <= overlap:
            return
        rest, offset = b"", self._searched
        for piece in read(offset):
            block = (rest + piece).lower()
            self._add(block, offset)
            rest = (rest + piece)[-overlap:] if overlap else b""
            offset += len(block) - len(rest)
            self._searched = offset
            if len(self._places) >= MOST_PLACES or time.monotonic() > until:
                return

    def _add(self, block: bytes, offset: int) -> None:
        at = block.find(self._text, max(0, self._end - offset))
        while at >= 0 and len(self._places) < MOST_PLACES:
            self._places.append(offset + at)
            # From the next byte on, a search for 900 equal letters would take seconds for each block of a log of them.
            at += len(self._text)
            self._end = offset + at
            at = block.find(self._text, at)


class LogIndexes:
    """The indexes of the logs that were read last."""

    def __init__(self) -> None:
        self._logs: OrderedDict[tuple[str, str, bytes], LineIndex] = OrderedDict()
        self._searches: OrderedDict[tuple[str, str, bytes, bytes], TextSearch] = OrderedDict()
        self._lock = threading.Lock()

    def lines(self, root: str, path: str, begin: bytes) -> LineIndex:
        """Return the index of the lines of a log.

        Args:
            root: the artifact root.
            path: the artifact path.
            begin: the first bytes of the log. A log that begins with others is another log.
        """
        with self._lock:
            return _recent(self._logs, (root, path, begin), LineIndex, MOST_LOGS)

    def search(self, root: str, path: str, begin: bytes, text: bytes) -> TextSearch:
        """Return the places of a text in a log; see `lines`."""
        with self._lock:
            return _recent(self._searches, (root, path, begin, text), lambda: TextSearch(text), MOST_SEARCHES)


def _recent(kept: OrderedDict[Key, Kept], key: Key, make: Callable[[], Kept], most: int) -> Kept:
    if key not in kept:
        kept[key] = make()
        while len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces of any size as blocks of `BLOCK_BYTES`; the last one may be shorter."""
    rest = b""
    for piece in pieces:
        rest = rest + piece if rest else piece
        while len(rest) >= BLOCK_BYTES:
            yield rest[:BLOCK_BYTES]
            rest = rest[BLOCK_BYTES:]
    if rest:
        yield rest
