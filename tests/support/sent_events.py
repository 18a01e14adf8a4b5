"""Reads the stream of changes in a test, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from portal_calls import Api, scope_of

WAIT_SECONDS = 20.0


class Events:
    """A stream of changes that is being read."""

    def __init__(self) -> None:
        self.text, self.status = "", 0
        self.grown = asyncio.Event()
        self.gone = asyncio.Event()

    async def send(self, message: Any) -> None:
        """Take a message of the application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.text += message.get("body", b"").decode()
        self.grown.set()

    async def receive(self) -> Any:
        """Give the application the empty body, and later the end of the connection."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def read(self) -> list[dict[str, Any]]:
        """The events so far."""
        blocks = self.text.split("\n\n")[:-1]
        lines = [line for block in blocks for line in block.split("\n") if line.startswith("data: ")]
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    async def until(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until something holds for the events."""
        async with limit():
            while not holds(self.read):
                self.grown.clear()
                await self.grown.wait()
        return self.read


@asynccontextmanager
async def limit() -> AsyncIterator[None]:
    """Cancel the test if the block takes too long."""
    task = asyncio.current_task()
    assert task is not None
    timer = asyncio.get_running_loop().call_later(WAIT_SECONDS, task.cancel)
    yield
    timer.cancel()


@asynccontextmanager
async def listening(api: Api, query: str = "", headers: Mapping[str, str] | None = None) -> AsyncIterator[Events]:
    """Read the stream during the block."""
    events = Events()
    scope = scope_of("GET", "/changes", query, headers)
    task = asyncio.create_task(api.app(scope, events.receive, events.send))
    try:
        await events.until(lambda read: len(read) > 0 or events.status not in (0, 200))
        yield events
    finally:
        events.gone.set()
        await task
