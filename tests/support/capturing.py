"""Functions that read the captured files of a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from bridge import Run


def content(run: Run, name: str) -> str:
    """Return the content of a run's file."""
    return b"".join(run.place.stores.artifacts.get(run.place.root(), name)).decode()


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)
