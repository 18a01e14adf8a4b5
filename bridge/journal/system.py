"""Makes system calls, and distinguishes their errors from exceptions that signal handlers raise."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


class CallFailed(Exception):
    """A system call failed. Signal handlers never raise this error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reason = error.strerror or str(error)
        self.errno = error.errno


OURS = frozenset({"bridge", "bridge_azureml", "bridge_mlflow", "numpy"})
"""If a system call fails, the traceback of the error has only functions of these packages and of the standard library.

NumPy is one of the packages, because importing it raises such an error if the process cannot open any more files.
"""


def is_of_handler(error: BaseException) -> bool:
    """Return whether a caught exception comes from a signal handler of the user.

    If so, its traceback has a function that belongs neither to a package in `OURS` nor to the standard library. The
    type and the error number of the exception prove nothing, because a signal handler may raise any exception.
    """
    trace = error.__traceback__
    while trace is not None:
        name, _, _ = trace.tb_frame.f_globals.get("__name__", "").partition(".")
        if name not in OURS and name not in sys.stdlib_module_names:
            return True
        trace = trace.tb_next
    return False


class Ignoring:
    """A context manager that suppresses errors of the given types, unless a signal handler has raised them."""

    def __init__(self, *types: type[OSError]) -> None:
        self._types = types

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, self._types) and not is_of_handler(error)


def was_raised_deeper(error: BaseException) -> bool:
    """Return whether a caught exception was raised in a function that the `try` block called, such as a signal handler.

    The type of the exception proves nothing. For example, signal handlers for time limits raise `TimeoutError`, which
    is an `OSError`.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def system(call: Callable[..., Answer], *arguments: object, **options: object) -> Answer:
    """Make a system call. The function must be written in C.

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
    """Return the error to raise after a system call has written only a part of the data."""
    return CallFailed(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


_KEEP_SIZE, _PUNCH_HOLE = 1, 2
"""Flags of the system call `fallocate`. Source: linux/falloc.h."""


def free_space(fd: int, start: int, size: int) -> None:
    """Give the space of a part of a file back to the disk. The part then reads as zeros, and the file keeps its size.

    Raises:
        CallFailed: the operating system or the file system cannot do this.
    """
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if call is None:
        raise CallFailed(OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)))
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if call(fd, _PUNCH_HOLE | _KEEP_SIZE, start, size):
        number = ctypes.get_errno()
        raise CallFailed(OSError(number, os.strerror(number)))
