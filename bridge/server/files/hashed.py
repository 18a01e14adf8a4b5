"""A body that ends with the SHA-256 of the file before it."""

from __future__ import annotations

from typing import BinaryIO, cast

from bridge.errors import InvalidValue

DIGEST_BYTES = 32


class Hashed:
    """A stream of the file without its hash.

    Args:
        body: the stream of the file and its hash.
    """

    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._held = b""
        self._is_at_end = False

    def read(self, size: int) -> bytes:
        """Return the next bytes of the file; empty at its end. The stream determines how many bytes are returned."""
        while not self._is_at_end:
            piece = self._body.read(size)
            self._is_at_end = not piece
            joined = self._held + piece
            self._held = joined[-DIGEST_BYTES:]
            if len(joined) > DIGEST_BYTES:
                return joined[:-DIGEST_BYTES]
        return b""

    @property
    def stream(self) -> BinaryIO:
        """This object as a stream that an artifact store can read."""
        return cast(BinaryIO, self)

    @property
    def sha256(self) -> str:
        """The hash at the end of the body. It is known after the last bytes of the file were read."""
        return self._held.hex()

    def check(self, size_bytes: int, sha256: str) -> None:
        """Check that the hash at the end of the body is that of the file.

        Raises:
            InvalidValue: it is another one.
        """
        if self.sha256 != sha256:
            rule = "must end with the SHA-256 of the file; send the file again"
            raise InvalidValue("body", f"{size_bytes} bytes", rule)
