"""Whether this process ends because `sys.exit` was called: Python tells nobody once its last frame is gone."""

from __future__ import annotations

import sys
import threading
from typing import Any, NoReturn

_exit = sys.exit
_left_by: SystemExit | None = None


class _Leaving(SystemExit):
    """What `sys.exit` raises while it is watched."""

    def __del__(self) -> None:
        # One that was caught goes within a frame, one that ends the process after the last frame of its main thread.
        if threading.get_ident() == threading.main_thread().ident and not _has_caller():
            global _left_by
            _left_by = SystemExit(*self.args)


_Leaving.__name__ = _Leaving.__qualname__ = "SystemExit"


def watch_exit() -> None:
    """Notice from here on when `sys.exit` ends the process."""
    if sys.exit is _exit:
        sys.exit = _leave


def unwatch_exit() -> None:
    """Give `sys.exit` back, unless somebody else has replaced it meanwhile."""
    if sys.exit is _leave:
        sys.exit = _exit


def left_by() -> SystemExit | None:
    """The exception by which `sys.exit` has ended this process; None before, or if it ends another way."""
    return _left_by


def _leave(status: Any = None, /) -> NoReturn:
    if isinstance(status, SystemExit):
        raise status
    arguments = () if status is None else status if isinstance(status, tuple) else (status,)
    raise _Leaving(*arguments)


def _has_caller() -> bool:
    try:
        sys._getframe(2)
    except ValueError:
        return False
    return True
