"""A queue of bytes. The queue is in memory up to a limit. Further bytes are in temporary files."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from io import FileIO
from pathlib import Path

from bridge.journal.system import is_of_handler

MEMORY_BYTES = 64 << 20
"""The greatest number of bytes in memory. Further bytes wait in files."""
MEMORY_PART_BYTES, FILE_PART_BYTES = 8 << 20, 64 << 20
"""The queue consists of parts. The two values are the greatest size of a part in memory and of a part in a file.

The memory or disk space of a part is freed when all its bytes have been taken.
"""
TAKE_BYTES = 8 << 20
"""The greatest number of bytes that one call of `take` returns."""


class Spool:
    """A queue of bytes that threads fill and one thread empties.

    Args:
        folder: the folder for the files; None is the system's temporary folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        # The lock is reentrant: a signal handler may print, and so call `add`, while its thread holds the lock.
        self._lock = threading.RLock()
        self._parts: deque[_MemoryPart | _FilePart] = deque()
        self._returned: deque[bytes] = deque()
        self._taken = 0

    def add(self, data: bytes) -> bool:
        """Add bytes at the end. Return False if neither memory nor the disk has room for them."""
        with self._lock:
            last = self._parts[-1] if self._parts else None
            if last is not None and last.add(data):
                return True
            new = self._new_part()
            if not new.add(data):
                new.close()
                return False
            self._parts.append(new)
            return True

    def take(self) -> bytes:
        """Remove and return the first bytes; `b""` if the queue is empty."""
        with self._lock:
            if self._returned:
                return self._returned.popleft()
            if not self._parts:
                return b""
            part = self._parts[0]
            data = part.read(self._taken)
            self._taken += len(data)
            if self._taken >= part.size_bytes:
                self._parts.popleft().close()
                self._taken = 0
            return data

    def put_back(self, data: bytes) -> None:
        """Insert bytes that `take` returned, before all other bytes."""
        with self._lock:
            self._returned.appendleft(data)

    def close(self) -> None:
        """Drop all bytes."""
        with self._lock:
            self._returned.clear()
            for part in self._parts:
                part.close()
            self._parts.clear()
            self._taken = 0

    @property
    def size_bytes(self) -> int:
        """The number of bytes in the queue."""
        with self._lock:
            return sum(part.size_bytes for part in self._parts) - self._taken + sum(map(len, self._returned))

    def _new_part(self) -> _MemoryPart | _FilePart:
        in_memory = sum(isinstance(part, _MemoryPart) for part in self._parts)
        if in_memory * MEMORY_PART_BYTES < MEMORY_BYTES:
            return _MemoryPart()
        return _FilePart(self._folder)


class _MemoryPart:
    """Bytes in memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> bool:
        if self._data and len(self._data) + len(data) > MEMORY_PART_BYTES:
            return False
        self._data += data
        return True

    def read(self, start: int) -> bytes:
        return bytes(memoryview(self._data)[start : start + TAKE_BYTES])

    def close(self) -> None:
        self._data = bytearray()


class _FilePart:
    """Bytes in a temporary file without a name. The file disappears when it is closed or the process ends."""

    def __init__(self, folder: Path | None) -> None:
        self.size_bytes = 0
        self._file: FileIO | None
        try:
            self._file = tempfile.TemporaryFile(buffering=0, dir=folder)
        except OSError as error:
            if is_of_handler(error):
                raise
            self._file = None

    def add(self, data: bytes) -> bool:
        if self._file is None or (self.size_bytes and self.size_bytes + len(data) > FILE_PART_BYTES):
            return False
        try:
            _write_at(self._file.fileno(), self.size_bytes, data)
        except OSError as error:
            # The first bytes of `data` can be in the file. `size_bytes` does not include them, so the next call
            # overwrites them.
            if is_of_handler(error):
                raise
            return False
        self.size_bytes += len(data)
        return True

    def read(self, start: int) -> bytes:
        assert self._file is not None
        return os.pread(self._file.fileno(), min(TAKE_BYTES, self.size_bytes - start), start)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _write_at(fd: int, offset: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], offset + written)
