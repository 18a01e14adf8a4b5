"""A wall clock that a test steps while a process runs: the process reads the step from a file."""

from __future__ import annotations

import time
from pathlib import Path

SUPPORT = Path(__file__).parent


def follow(file: str) -> None:
    """Add the seconds in a file to the wall clock of this process. Call this before other modules are imported."""
    wall, wall_ns = time.time, time.time_ns
    time.time = lambda: wall() + float(Path(file).read_text())
    time.time_ns = lambda: wall_ns() + int(Path(file).read_text()) * 1_000_000_000


def following(file: Path) -> str:
    """Return the first lines of a program whose clock follows a file."""
    return (
        f"import sys\nsys.path.insert(0, {str(SUPPORT)!r})\nfrom stepped_clock import follow\nfollow({str(file)!r})\n"
    )


def command(file: Path) -> tuple[str, str]:
    """Return how Python runs the command `runbridge` with a clock that follows a file."""
    return "-c", following(file) + "from bridge.cli.command import main\nmain()\n"
