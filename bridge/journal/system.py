"""Calls of the system whose own failure is told apart from an exception that a signal handler raised meanwhile."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


class CallFailed(Exception):
    """A call of the system failed; no signal handler raises this error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reason = error.strerror or str(error)
        self.errno = error.errno


def was_raised_deeper(error: BaseException) -> bool:
    """Return whether a caught exception left a function that the `try` block called, such as a signal handler.

    The usual handler of a time limit raises `TimeoutError`, which is an `OSError`: its type says nothing.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def system(call: Callable[..., Answer], *arguments: object, **options: object) -> Answer:
    """Make a call of the system, given as a function of C.

    Raises:
        CallFailed: the call itself failed.
    """
    try:
        return call(*arguments, **options)
    except OSError as error:
        if was_raised_deeper(error):
            raise
        raise CallFailed(error) from error


def disk_full() -> CallFailed:
    """Return what a short write means."""
    return CallFailed(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
