"""The exceptions that the tests inject leave the interpreter in the same state as those of a signal handler."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from interrupting import EXCEPTIONS, Interrupts, each_place, places

from bridge.launch.process import _kill

FILES = ("/launch/process.py",)


def ask_for_two() -> None:
    """Make a call that returns, and one that raises an exception, which is handled."""
    assert _kill(os.kill, os.getpid(), 0)
    assert not _kill(os.kill, 2**31 - 1, 0)


def test_an_injected_exception_leaves_no_other_exception_being_handled() -> None:
    count = places(FILES, ask_for_two)
    # Each call is entered, and one makes a call that returns. Python 3.10 runs no handler before a `try`.
    assert count == (3 if sys.version_info >= (3, 11) else 1)
    for at, error in each_place(count):
        with suppress(*EXCEPTIONS), Interrupts(FILES, at, error):
            ask_for_two()
        assert sys.exc_info() == (None, None, None)
