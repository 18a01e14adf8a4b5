"""A server that stops in order at a signal, and immediately at a second one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

SIGNALS = (signal.SIGINT, signal.SIGTERM)

STREAM_SECONDS, TICK_SECONDS = 2.0, 0.05
"""How long a server that stops waits for the ends of event streams, and how often it looks."""


class StoppingServer(uvicorn.Server):
    """A server that ends open event streams before it waits for the end of all answers.

    After the first SIGINT or SIGTERM it ends in order, and `run` returns. After the second one, the process ends
    immediately: what was acknowledged is stored already.

    Args:
        config: the settings of uvicorn.
        beside: functions whose tasks run until all answers have ended.
        end_streams: lets event streams end.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
        end_streams: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._beside, self._end_streams = beside, end_streams
        self._tasks: list[asyncio.Future[None]] = []

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle the signals until the end of the block. uvicorn would raise them again at its end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order, or immediately at the second signal."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer requests, and what runs beside them."""
        await super().startup(sockets)
        self._tasks = [asyncio.ensure_future(run()) for run in self._beside]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end streams, and wait for the other answers."""
        for server in self.servers:
            server.close()
        self._end_streams()
        for _ in range(int(STREAM_SECONDS / TICK_SECONDS)):
            if not self._streams():
                break
            await asyncio.sleep(TICK_SECONDS)
        for connection in self._streams():
            connection.transport.close()  # as if the client had closed it
        await super().shutdown(sockets)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _streams(self) -> list[Any]:
        """Return the connections whose client receives a stream of events."""
        connections: list[Any] = list(self.server_state.connections)
        return [
            connection
            for connection in connections
            if connection.cycle is not None
            and not connection.cycle.response_complete
            and connection.cycle.scope["state"].get("is_stream")
        ]
