"""System calls whose own failure is distinguished from an exception that a signal handler raised during the call."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


class CallFailed(Exception):
    """A system call failed; no signal handler raises this error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reason = error.strerror or str(error)
        self.errno = error.errno


OURS = frozenset({"bridge", "bridge_azureml", "bridge_mlflow", "numpy"})
"""Packages through which failures of the system pass; NumPy's import raises them if no file can be opened."""


def is_of_handler(error: BaseException) -> bool:
    """Return whether a caught exception comes from a signal handler of the user.

    Its traceback then has a function that is neither ours nor of the standard library. The type and the error number
    say nothing, because a handler may raise any exception.
    """
    trace = error.__traceback__
    while trace is not None:
        name, _, _ = trace.tb_frame.f_globals.get("__name__", "").partition(".")
        if name not in OURS and name not in sys.stdlib_module_names:
            return True
        trace = trace.tb_next
    return False


class Ignoring:
    """A `with` that swallows errors of the given types, unless a signal handler has raised them."""

    def __init__(self, *types: type[OSError]) -> None:
        self._types = types

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, self._types) and not is_of_handler(error)


def was_raised_deeper(error: BaseException) -> bool:
    """Return whether a caught exception was raised in a function that the `try` block called, such as a signal handler.

    The type of the exception says nothing: the usual handler of a time limit raises `TimeoutError`, an `OSError`.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def system(call: Callable[..., Answer], *arguments: object, **options: object) -> Answer:
    """Make a system call, which is given as a function of C.

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
    """Return the error that a short write stands for."""
    return CallFailed(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
