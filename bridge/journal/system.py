"""Calls of the system whose own failure is told apart from an exception that a signal handler raised meanwhile."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


class CallFailed(Exception):
    """A call of the system failed; no signal handler raises this error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reason = error.strerror or str(error)
        self.errno = error.errno


OURS = frozenset({"bridge", "bridge_azureml", "bridge_mlflow", "numpy"})
"""Packages that pass on failures of the system; NumPy does so while it is loaded, where no file can be opened."""


def is_of_handler(error: BaseException) -> bool:
    """Return whether a caught exception passed a function that is neither ours nor of the standard library.

    The system's own failures do not; those of a signal handler do, whatever their type and number are.
    """
    trace = error.__traceback__
    while trace is not None:
        name, _, _ = trace.tb_frame.f_globals.get("__name__", "").partition(".")
        if name not in OURS and name not in sys.stdlib_module_names:
            return True
        trace = trace.tb_next
    return False


class Ignoring:
    """A `with` that errors of some types end without a word, unless a signal handler has raised them."""

    def __init__(self, *types: type[OSError]) -> None:
        self._types = types

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, self._types) and not is_of_handler(error)


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
