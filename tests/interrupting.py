"""Exceptions raised where a signal handler may raise them, at each such place of a call in turn."""

from __future__ import annotations

import contextlib
import dis
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import bridge

PLACES = str(Path(bridge.__file__).parent), contextlib.__file__
"""Whose places may count: a `with` of ours may be left by a function of `contextlib`."""


class Own(Exception):
    """An exception that only a handler knows."""


EXCEPTIONS: tuple[type[BaseException], ...] = (KeyboardInterrupt, TimeoutError, Own)


@cache
def _names(code: CodeType) -> dict[int, str]:
    return {instruction.offset: instruction.opname for instruction in dis.get_instructions(code)}


@cache
def _entries(code: CodeType) -> frozenset[int]:
    """Where Python runs handlers as it enters a function or resumes a generator.

    It runs none where an exception is thrown into a generator, nor where it comes back within `yield from`.
    """
    resumed = (one.offset for one in dis.get_instructions(code) if one.opname == "RESUME" and (one.arg or 0) & 3 < 2)
    return frozenset({-1, *resumed})  # -1: as Python 3.10 enters a function


class Interrupts:
    """A trace function that counts the places of some files where Python runs signal handlers, and raises at one.

    These are where a function is entered or a generator resumed, where a call has returned, and where a loop jumps
    back.
    Lines would be too coarse to find a point that is written twice.
    Between any two instructions would be too fine: there not even `with lock` is safe, and no handler runs.
    Nor does one run where a call has raised: an exception there would leave the interpreter's own state in disorder.

    Args:
        files: parts of the paths of the files whose places count.
        at: the number of the place at which to raise; None only counts.
        error: what to raise.
    """

    def __init__(self, files: tuple[str, ...], at: int | None, error: type[BaseException] = Own) -> None:
        self.files, self.at, self.error = files, at, error
        self.count = 0
        self.where = ""
        self._last: dict[int, str] = {}

    def __enter__(self) -> Interrupts:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        if not name.startswith(PLACES) or not any(part in name for part in self.files):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self._last[id(frame)] = ""
        if event == "call" and frame.f_lasti in _entries(frame.f_code):
            self._place(frame)  # before anything of the function, such as a `try`, has begun
        return self._trace_frame

    def _trace_frame(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event != "opcode":
            return self._trace_frame
        name = _names(frame.f_code).get(frame.f_lasti, "")
        last = self._last.get(id(frame), "")
        self._last[id(frame)] = name
        returned = last.startswith("CALL") and not last.startswith("CALL_INTRINSIC") and name != "PUSH_EXC_INFO"
        if returned or name.startswith("JUMP_BACKWARD"):
            self._place(frame)
        return self._trace_frame

    def _place(self, frame: FrameType) -> None:
        self.count += 1
        if self.count - 1 == self.at:
            self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} in {frame.f_code.co_name}"
            sys.settrace(None)
            raise self.error(self.where)


def places(files: tuple[str, ...], call: Callable[[], object]) -> int:
    """How many places a call has."""
    with Interrupts(files, None) as interrupts:
        call()
    return interrupts.count


def each_place(count: int, step: int = 1) -> Iterator[tuple[int, type[BaseException]]]:
    """Every place with one of the exceptions, in turn; with `step` 1 each with all of them."""
    for error_number, error in enumerate(EXCEPTIONS):
        for at in range(error_number % step, count, step):
            yield at, error
