"""The exceptions that tests raise at places leave the interpreter as a signal handler's would."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from interrupting import EXCEPTIONS, Interrupts, each_place, places

from bridge.launch.process import _kill

FILES = ("/launch/process.py",)


def ask_for_two() -> None:
    """A call whose own call returns, and one whose own call raises what it handles."""
    assert _kill(os.kill, os.getpid(), 0)
    assert not _kill(os.kill, 2**31 - 1, 0)


def test_an_exception_of_a_handler_leaves_no_other_one_being_handled() -> None:
    count = places(FILES, ask_for_two)
    # Each call is entered, and one has a call that returns; Python 3.10 runs no handler before a `try`.
    assert count == (3 if sys.version_info >= (3, 11) else 1)
    for at, error in each_place(count):
        with suppress(*EXCEPTIONS), Interrupts(FILES, at, error):
            ask_for_two()
        assert sys.exc_info() == (None, None, None)
