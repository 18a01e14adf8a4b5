"""Count the steps of SQLite. Unlike time, the count is the same on every machine."""

from __future__ import annotations

from collections.abc import Callable

from bridge.store.sql.backend import SqlBackend


def steps_of(store: SqlBackend, call: Callable[[], object]) -> int:
    """Return how many hundreds of instructions SQLite runs in a call of this thread."""
    count = 0

    def progress() -> None:
        nonlocal count
        count += 1

    with store.database.read() as connection:
        connection.set_progress_handler(progress, 100)
    call()
    with store.database.read() as connection:
        connection.set_progress_handler(None, 0)
    return count
