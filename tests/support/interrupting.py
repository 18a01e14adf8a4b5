"""Raise exceptions where a signal handler can raise them, at each such place of a call in turn."""

from __future__ import annotations

import contextlib
import dis
import gc
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, NamedTuple

import bridge

PLACES = str(Path(bridge.__file__).parent), contextlib.__file__
"""Files whose places can count. `contextlib` is one of them because its functions end our `with` blocks."""


class Own(Exception):
    """An exception that only a handler raises."""


EXCEPTIONS: tuple[type[BaseException], ...] = (KeyboardInterrupt, TimeoutError, Own)


_monitoring: Any = getattr(sys, "monitoring", None)
HAS_RESUME = sys.version_info >= (3, 11)
"""Since Python 3.11 an instruction enters a function, and runs handlers."""

MONITORED = sys.version_info >= (3, 12)
"""Since Python 3.12 a trace function misses instructions of a frame that it has not seen from the start."""


class Instruction(NamedTuple):
    """An instruction of a function: its name, the offset of the next one, and whether a handler can run in it."""

    name: str
    following: int
    is_entry: bool
    """A function is entered, or a generator is resumed, but not within `yield from`."""


NOTHING, ENTRY = Instruction("", -1, False), Instruction("", -1, True)
"""A placeholder for the instruction before the first traced one."""


@cache
def _instructions(code: CodeType) -> dict[int, Instruction]:
    """Return the instructions by offset; an EXTENDED_ARG counts as the instruction that it extends."""
    found: dict[int, Instruction] = {}
    following, now = -1, NOTHING
    for one in reversed(list(dis.get_instructions(code))):
        if one.opname != "EXTENDED_ARG":
            now = Instruction(one.opname, following, one.opname == "RESUME" and (one.arg or 0) & 3 < 2)
        found[one.offset] = now
        following = one.offset
    return found


def _runs_handlers(before: Instruction, now: Instruction, at: int) -> bool:
    """Return whether Python runs signal handlers before the instruction at `offset`, after the previous instruction."""
    if before is ENTRY or (before.name in CALLS and at == before.following):
        return now.name not in SKIPPING
    if HAS_RESUME:
        return now.name in JUMPS
    return before.name in JUMPS and at != before.following and now.name not in SKIPPING


CALLS = {"CALL", "CALL_KW", "CALL_FUNCTION", "CALL_FUNCTION_EX", "CALL_FUNCTION_KW", "CALL_METHOD"}
if HAS_RESUME:  # the instruction itself runs handlers
    JUMPS = {"JUMP_BACKWARD", *(f"POP_JUMP_BACKWARD_IF_{on}" for on in ("TRUE", "FALSE", "NONE", "NOT_NONE"))}
    SKIPPING = set()
else:  # the target of a jump does, unless it starts a `try` or a `with`
    JUMPS = {"JUMP_ABSOLUTE", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE"}
    SKIPPING = {"SETUP_FINALLY", "SETUP_WITH", "BEFORE_ASYNC_WITH", "YIELD_FROM"}


class Interrupts:
    """A watch over a call: it counts the places in some files where Python runs signal handlers, and raises at one.

    The places are the entry of a function, the resumption of a generator, the return of a call, and the backward jump
    of a loop.
    Lines would be too coarse to find a point that is written twice. All instructions would be too many: no handler runs
    between most of them, where not even `with lock` would be safe. No handler runs after a call that has raised, where
    an exception would corrupt the state of the interpreter.

    Args:
        files: parts of the paths of the files whose places count.
        at: the number of the place in the code where it raises. None: only count.
        error: the exception to raise.
    """

    def __init__(self, files: tuple[str, ...], at: int | None, error: Callable[[str], BaseException] = Own) -> None:
        self.files, self.at, self.error = files, at, error
        self.count = 0
        self.where = ""
        self.instructions: list[tuple[CodeType, int]] = []
        """The instruction at each place, if it only counts."""
        self._collects = True
        self._last: dict[int, Instruction] = {}
        self._watch: _Tracing | _Monitoring = _Monitoring(self) if MONITORED else _Tracing(self)

    def __enter__(self) -> Interrupts:
        # A collection would finalize what earlier tests left, and Python ignores exceptions in finalizers.
        self._collects = gc.isenabled()
        gc.disable()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.stop()
        if self._collects:
            gc.enable()

    def is_of_files(self, code: CodeType) -> bool:
        """Return whether the places of a function count."""
        name = code.co_filename
        return name.startswith(PLACES) and any(part in name for part in self.files)

    def enter(self, frame: FrameType, at: int) -> None:
        """Handle the entry of a function or the resumption of a generator."""
        self._last[id(frame)] = NOTHING if HAS_RESUME else ENTRY
        if _instructions(frame.f_code).get(at, NOTHING).is_entry:
            self._place(frame)

    def step(self, frame: FrameType, at: int) -> None:
        """Handle the start of an instruction."""
        now = _instructions(frame.f_code)[at]
        before = self._last.get(id(frame), NOTHING)
        self._last[id(frame)] = now
        if _runs_handlers(before, now, at):
            self._place(frame)

    def _place(self, frame: FrameType) -> None:
        self.count += 1
        if self.at is None:
            self.instructions.append((frame.f_code, frame.f_lasti))
        if self.count - 1 == self.at:
            self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} in {frame.f_code.co_name}"
            self._watch.end()
            self.handle()

    def handle(self) -> None:
        """Act as the signal handler: raise."""
        raise self.error(self.where)


class _Tracing:
    """A watch that gets each instruction of this thread from a trace function."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def start(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def end(self) -> None:
        sys.settrace(None)

    def stop(self) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if not self._interrupts.is_of_files(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "call":
            self._interrupts.enter(frame, frame.f_lasti)
        return self._trace_frame

    def _trace_frame(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "opcode":
            self._interrupts.step(frame, frame.f_lasti)
        return self._trace_frame


class _Monitoring:
    """A watch that gets each instruction of this thread from `sys.monitoring`."""

    TOOL = 4

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._codes: set[CodeType] = set()
        self._is_on = False

    def start(self) -> None:
        self._thread = get_ident()
        monitoring, events = _monitoring, _monitoring.events
        monitoring.use_tool_id(self.TOOL, "interrupts")
        for event in (events.PY_START, events.PY_RESUME):
            monitoring.register_callback(self.TOOL, event, self._enter)
        monitoring.register_callback(self.TOOL, events.INSTRUCTION, self._step)
        monitoring.set_events(self.TOOL, events.PY_START | events.PY_RESUME)
        monitoring.restart_events()
        self._is_on = True

    def end(self) -> None:
        self._is_on = False

    def stop(self) -> None:
        self._is_on = False
        monitoring = _monitoring
        monitoring.set_events(self.TOOL, 0)
        for code in self._codes:
            monitoring.set_local_events(self.TOOL, code, 0)
        monitoring.free_tool_id(self.TOOL)

    def _enter(self, code: CodeType, at: int) -> object:
        if not self._interrupts.is_of_files(code):
            return _monitoring.DISABLE
        if self._is_on and get_ident() == self._thread:
            self._codes.add(code)
            _monitoring.set_local_events(self.TOOL, code, _monitoring.events.INSTRUCTION)
            self._interrupts.enter(sys._getframe(1), at)
        return None

    def _step(self, code: CodeType, at: int) -> None:
        if self._is_on and get_ident() == self._thread:
            self._interrupts.step(sys._getframe(1), at)


def places(files: tuple[str, ...], call: Callable[[], object]) -> int:
    """Return the number of places of a call."""
    with Interrupts(files, None) as interrupts:
        call()
    return interrupts.count


def ends_of_places(files: tuple[str, ...], call: Callable[[], object]) -> list[int]:
    """Return the numbers of the places of a call, without those between the first and the last of an instruction."""
    with Interrupts(files, None) as interrupts:
        call()
    last = {instruction: number for number, instruction in enumerate(interrupts.instructions)}
    first = {instruction: number for number, instruction in reversed(list(enumerate(interrupts.instructions)))}
    return sorted({*first.values(), *last.values()})


def each_place(count: int, step: int = 1) -> Iterator[tuple[int, type[BaseException]]]:
    """Yield every place with one of the exceptions in turn, or with each of them if `step` is 1."""
    for error_number, error in enumerate(EXCEPTIONS):
        for at in range(error_number % step, count, step):
            yield at, error


def each_interrupt(
    files: tuple[str, ...], call: Callable[[], object], error: type[Exception] = Own, step: int = 1
) -> Iterator[tuple[str, Exception | None]]:
    """Interrupt a call at each place of some files in turn, until a call comes to its end.

    Yield each place, and the exception that left the call, which is None if the call swallowed it.
    """
    for at in count(0, step):
        left = None
        interrupts = Interrupts(files, at, error)
        try:
            with interrupts:
                call()
        except Exception as raised:
            if not interrupts.where:
                raise
            # Its traceback would keep objects, for example open files, until the garbage collector finds them.
            left = raised.with_traceback(None)
        if not interrupts.where:
            return
        yield interrupts.where, left
