"""Large answers that are in memory until their clients have read them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Send

from bridge.errors import TooManyRequests
from bridge.server.roles import Caller

PIECE_BYTES = 4 << 20
"""A larger answer is sent in pieces of this size. The next piece is sent when the client has read most of the last."""

HELD_BYTES, HELD_BYTES_OF_ALL = 128 << 20, 512 << 20
"""The greatest size of large answers to one sender, and to all, at which a further read is started."""


class Held:
    """Counts the bytes of large answers that are being sent. It may be used in any thread."""

    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def check(self, caller: Caller | None) -> None:
        """Check that a further answer may be read. It is called in the thread that reads.

        Raises:
            TooManyRequests: the clients have not read enough of the answers before.
        """
        with self._lock:
            own, all = self._bytes[_sender(caller)], sum(self._bytes.values())
        if own >= HELD_BYTES or all >= HELD_BYTES_OF_ALL:
            whose = "your requests" if own >= HELD_BYTES else "all clients"
            raise TooManyRequests("The server", f"large answers to {whose} are not received yet; receive them first")

    async def send(self, message: Message, send: Send, caller: Caller | None) -> None:
        """Send a part of an answer, which is counted until it is sent."""
        body = memoryview(message.get("body", b""))
        if len(body) <= PIECE_BYTES:
            await send(message)
            return
        with self._counted(_sender(caller), len(body)):
            for start in range(0, len(body), PIECE_BYTES):
                is_last = start + PIECE_BYTES >= len(body)
                piece = {**message, "body": bytes(body[start : start + PIECE_BYTES])}
                await send({**piece, "more_body": message.get("more_body", False) or not is_last})
            # The last piece is small compared with the answer, so it is not counted until the client has read it.

    @contextmanager
    def _counted(self, sender: str, size: int) -> Iterator[None]:
        with self._lock:
            self._bytes[sender] += size
        try:
            yield
        finally:
            with self._lock:
                self._bytes[sender] -= size
                if not self._bytes[sender]:
                    del self._bytes[sender]


def _sender(caller: Caller | None) -> str:
    return (caller.sender if caller else None) or ""


HELD = Held()
"""The answers of all servers of this process."""
