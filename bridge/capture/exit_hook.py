"""Finds out whether `sys.exit` has ended this process. Exit handlers need this, and Python does not tell them."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any, NoReturn

_exit = sys.exit
_last: tuple[object, FrameType, object] | None = None
"""Facts about the last call of `sys.exit` in the main thread.

They are the exit status, the outermost frame of the thread, and the value of `sys.last_value` at the call.
`sys.last_value` is the uncaught exception that Python has printed last.
"""


def watch_exit() -> None:
    """Replace `sys.exit` with a function that also stores its exit status in `_last`."""
    if sys.exit is _exit:
        sys.exit = _remember_and_exit


def unwatch_exit() -> None:
    """Restore `sys.exit`, unless other code has replaced `sys.exit` since the call of `watch_exit`."""
    global _last
    _last = None
    if sys.exit is _remember_and_exit:
        sys.exit = _exit


def exit_error() -> SystemExit | None:
    """Return the SystemExit that ended the main program; None if the program ended in another way.

    Only an exit handler may call this.
    A program can catch the SystemExit of `sys.exit` and continue. This function then returns None. It recognises such
    a program in two cases. First, the program has ended normally: the last instruction of its outermost frame is a
    return, and not the call that raised the SystemExit. Second, another exception has ended the program:
    `sys.last_value` has changed since the call of `sys.exit`.
    """
    if _last is None or _last_printed() is not _last[2]:
        return None
    import opcode

    status, frame, _ = _last
    last_instruction = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    return None if last_instruction.startswith("RETURN") else _system_exit(status)


def _remember_and_exit(status: Any = None, /) -> NoReturn:
    global _last
    if threading.current_thread() is threading.main_thread():  # in any other thread, `sys.exit` ends only the thread
        _last = status, _outermost(sys._getframe(1)), _last_printed()
    raise _system_exit(status)


def _last_printed() -> object:
    return getattr(sys, "last_value", None)


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _system_exit(status: Any) -> SystemExit:
    """Return the exception that Python's own `sys.exit` raises for a status."""
    if isinstance(status, SystemExit):
        return status
    return SystemExit(*(() if status is None else status if isinstance(status, tuple) else (status,)))
