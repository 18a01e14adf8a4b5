"""A file of a run that is read while it grows."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.errors import NotAllowed
from bridge.store.run_place import RunPlace

BLOCK_BYTES = 1 << 16


class GrowingFile:
    """A file of a run that is read while it grows. Each read continues where the last one ended.

    Args:
        place: the run.
        path: the artifact path of the file, which may not exist yet.
    """

    def __init__(self, place: RunPlace, path: str) -> None:
        self.path = path
        self.read_bytes = 0
        self._place = place

    @property
    def size_bytes(self) -> int:
        """The present size. It is 0 if the file does not exist, or if only MLflow's clients can read it."""
        try:
            record = self._place.stores.artifacts.stat(self._place.root(), self.path)
        except NotAllowed:
            return 0
        return 0 if record is None else record.size_bytes or 0

    def new_pieces(self) -> Iterator[bytes]:
        """Yield the bytes that were added since the last call."""
        if self.size_bytes <= self.read_bytes:
            return
        for piece in self._place.stores.artifacts.get(self._place.root(), self.path, self.read_bytes):
            self.read_bytes += len(piece)
            yield piece

    def skip_to_last_lines(self, count: int) -> None:
        """Skip everything before the last lines. Only the end of the file is read.

        A line without a line end counts if it is the last one.
        """
        end = size = self.size_bytes
        self.read_bytes = size if count == 0 else 0
        while end > 0 and count > 0:
            start = max(0, end - BLOCK_BYTES)
            block = self._block(start, end)
            at = len(block) - 1 if end == size and block.endswith(b"\n") else len(block)
            while count > 0 and (at := block.rfind(b"\n", 0, at)) >= 0:
                count -= 1
            if at >= 0:
                self.read_bytes = start + at + 1
            end = start

    def _block(self, start: int, end: int) -> bytes:
        """Return the bytes from one offset to another. The pieces of a store may be larger."""
        block = b""
        for piece in self._place.stores.artifacts.get(self._place.root(), self.path, start):
            block += piece
            if len(block) >= end - start:
                break
        return block[: end - start]
