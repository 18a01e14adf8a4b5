"""The code with which this process ends: Python does not tell exit handlers that `sys.exit` ended it."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any, NoReturn

_exit = sys.exit
_last: tuple[object, FrameType, object] | None = None
"""The last status that the main thread gave to `sys.exit`, the outermost frame of that thread, and the exception that
Python had printed last."""


def watch_exit() -> None:
    """Start to remember the status of each `sys.exit`."""
    if sys.exit is _exit:
        sys.exit = _remember_and_exit


def unwatch_exit() -> None:
    """Restore `sys.exit`, unless other code has replaced it since."""
    global _last
    _last = None
    if sys.exit is _remember_and_exit:
        sys.exit = _exit


def exit_error() -> SystemExit | None:
    """Return the SystemExit that ended the main program, from an exit handler; None if it ended in another way.

    A program that caught its SystemExit ends by returning from its outermost frame.
    The frame's last instruction shows which of the two happened.
    Python has printed another exception since then if that one ended the program.
    """
    if _last is None or _last_printed() is not _last[2]:
        return None
    import opcode

    status, frame, _ = _last
    last_instruction = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    return None if last_instruction.startswith("RETURN") else _system_exit(status)


def _remember_and_exit(status: Any = None, /) -> NoReturn:
    global _last
    if threading.current_thread() is threading.main_thread():  # in another thread it ends the thread only
        _last = status, _outermost(sys._getframe(1)), _last_printed()  # a public function with an underscore
    raise _system_exit(status)


def _last_printed() -> object:
    return getattr(sys, "last_value", None)


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _system_exit(status: Any) -> SystemExit:
    """Return what Python's own `sys.exit` raises."""
    if isinstance(status, SystemExit):
        return status
    return SystemExit(*(() if status is None else status if isinstance(status, tuple) else (status,)))
