"""Stores the body of a request as a file, piece by piece and within the limits of the server."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO, cast

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from bridge.errors import BridgeError, QuotaExceeded, StoreUnavailable
from bridge.records.artifact import ArtifactRecord
from bridge.server.dispatch import CLOSE
from bridge.server.files.body import Body, is_dropped, pump
from bridge.server.files.usage import Usage
from bridge.server.hosts import values_of
from bridge.server.routes import Call
from bridge.server.workspaces import ServedWorkspace

THREADS = 64
"""The greatest number of uploads at the same time. Each one has a thread, because its sender can be slow."""

ADVICE = "delete old files, or ask the operator of the server"

Store = Callable[[BinaryIO], ArtifactRecord]


class Uploads:
    """The uploads to one workspace."""

    def __init__(self, workspace: ServedWorkspace) -> None:
        self._rules, self._address = workspace.file_rules, workspace.stores.address
        self.usage = Usage(workspace.stores.artifacts)
        self._threads = ThreadPoolExecutor(THREADS, "uploads")
        self._running: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, workspace: ServedWorkspace) -> Uploads:
        """Return the uploads to a workspace."""
        found: Uploads = workspace.served.kept("uploads", lambda: cls(workspace))
        return found

    async def receive(self, call: Call, store: Store, more_bytes: int = 0) -> ArtifactRecord:
        """Store the body of a request, and return the record of the file.

        Args:
            call: the request.
            store: is called in a thread with a stream of the body, which it must read to its end. If the sender goes
                away before the end of the body, or if the body is too long, reading the stream raises.
            more_bytes: the number of bytes of the body that are not part of the file.

        Raises:
            ClientDisconnect: the sender has gone.
            QuotaExceeded: the file is too large.
            StoreUnavailable: the disk is full, or too many uploads are under way.
        """
        loop = asyncio.get_running_loop()
        with self._counted(call.caller.sender):
            too_long = await loop.run_in_executor(self._threads, self.check_space, _length(call) - more_bytes)
            most_bytes = too_long.most_bytes + more_bytes if too_long else None
            body = Body(loop)
            storing = loop.run_in_executor(self._threads, store, cast(BinaryIO, body))
            receiving = asyncio.ensure_future(pump(call, body, most_bytes, too_long or ClientDisconnect()))
            try:
                await asyncio.wait((storing, receiving), return_when=asyncio.FIRST_COMPLETED)
                record = await storing
            finally:
                receiving.cancel()
                body.fail(ClientDisconnect())  # so that the thread ends if this task is cancelled
        self.usage.add(record.size_bytes or 0)
        return record

    @contextmanager
    def _counted(self, sender: str | None) -> Iterator[None]:
        with self._lock:
            if self._running[sender] >= self._rules.uploads_at_once or sum(self._running.values()) >= THREADS:
                raise StoreUnavailable("The server", "too many uploads are under way, so send this file again later")
            self._running[sender] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[sender] -= 1
                if not self._running[sender]:
                    del self._running[sender]

    def check_space(self, size_bytes: int) -> QuotaExceeded | None:
        """Check that a file of a known size may be stored. Return the error for a file that is too large, or None.

        Args:
            size_bytes: the size of the file; less than 0 if it is not known yet.

        Raises:
            QuotaExceeded: the file is too large.
            StoreUnavailable: the disk has not enough space.
        """
        limits = []
        if self._rules.upload_bytes is not None:
            limits.append(QuotaExceeded("one file", self._rules.upload_bytes, ADVICE))
        if self._rules.workspace_bytes is not None:
            left = max(0, self._rules.workspace_bytes - self.usage.total())
            limits.append(QuotaExceeded("more files of this workspace", left, ADVICE))
        least = min(limits, key=lambda limit: limit.most_bytes, default=None)
        if least is not None and (size_bytes > least.most_bytes or least.most_bytes == 0):
            raise least
        if shutil.disk_usage(self._address).free < max(size_bytes, 0) + self._rules.free_bytes:
            raise StoreUnavailable("The server's disk", "it is almost full, so tell the operator of the server")
        return least


async def answered(call: Call, work: Awaitable[Response], answer: Callable[[BridgeError], Response]) -> Response:
    """Return the answer to an upload, or the answer to its error. The sender of a refused upload sees the answer.

    Args:
        call: the request.
        work: answers the request.
        answer: returns the answer that reports an error.
    """
    try:
        return await work
    except BridgeError as error:
        refused = answer(error)
        if not await is_dropped(call):
            refused.headers.update(CLOSE)
        return refused


def _length(call: Call) -> int:
    lengths = values_of(call.scope["headers"], b"content-length")
    return int(lengths[0]) if lengths else -1
