"""A server that stops in order at a signal, and immediately at a second one."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppingServer(uvicorn.Server):
    """A server that ends open event streams before it waits for the end of all answers.

    After the first SIGINT or SIGTERM it ends in order, and `run` returns. After the second one, the process ends
    immediately: what was acknowledged is stored already.
    """

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

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end streams, and wait for the other answers."""
        connections: list[Any] = list(self.server_state.connections)
        for connection in connections:
            if connection.cycle is not None and connection.cycle.scope["state"].get("is_stream"):
                connection.transport.close()  # as if the client had closed it
        await super().shutdown(sockets)
