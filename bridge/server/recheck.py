"""Ends long answers whose sender has lost the right to them, for example because the token was revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

CHECK_SECONDS = 4.0
"""How often the sender is checked while its request is being answered. An answer ends within five seconds."""


class Recheck:
    """Checks one sender while its request is answered, in the task that answers it.

    Attributes:
        has_ended: whether the answer was ended because the sender has lost the right to it.

    Args:
        is_allowed: returns whether the sender still has the right.
    """

    def __init__(self, is_allowed: Callable[[], bool]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._is_allowed, self._task = is_allowed, task
        self._loop = asyncio.get_running_loop()
        self.has_ended = False
        self._next = self._loop.call_later(CHECK_SECONDS, self._check)

    def _check(self) -> None:
        if self._is_allowed():
            self._next = self._loop.call_later(CHECK_SECONDS, self._check)
        else:
            self.has_ended = True
            self._task.cancel()

    def stop(self) -> None:
        """Stop checking."""
        self._next.cancel()
