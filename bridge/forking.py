"""The steps that a process takes before and after a fork, and their order.

A forked child has a copy of its parent's memory, but only the thread that forked.
In the child, a lock that another thread held during the fork is never released.
A file or connection that the child inherited still belongs to the parent.
So each module that has locks, files or connections calls `on_fork` when it is imported.
The module passes its step, which is one row of this table:

| step | before the fork | in the parent | in the child | reason for the position of the step |
|---|---|---|---|---|
| PROCESS | | | forget the id of the process | other steps use this id |
| FILES | wait for files to be opened | allow it again | close journals and files of locks | stores open such files |
| DATABASES | close them to all threads | open them again | forget who uses them | stores use them |
| BACKGROUND | wait for imports of its thread | allow imports | forget its thread | this thread folds the stores |
| STORES | | | drop journals and connections | they need all above |
| WORKSPACES | | | renew the lock of their list | their stores are usable again |
| PLUGINS | | | drop the host's connections | a plugin uses stores |
| OUTPUT | | | stop capturing printed text | its log is a file of a store |
| CONTEXT | | | renew the lock of the current run | handles are the highest layer |

After the fork, the steps run from the top of the table to its bottom, in the parent and in the child. The lowest layers
come first, so each layer can use the layers that it depends on.
Before the fork, the steps run from the bottom to the top. BACKGROUND can wait for a long time, and runs before
DATABASES. So the databases are closed to other threads only for a short time.
The order does not depend on the order of imports: PLUGINS runs before OUTPUT even if a plugin is imported last.
No other module registers hooks for forks.
"""

from __future__ import annotations

# `logging` and `threading` register fork hooks too. These modules are imported first, so that their hooks run in a
# child before the steps. A step may log, or call `threading.current_thread`.
import logging  # noqa: F401  # for its hooks
import os
import threading  # noqa: F401  # for its hooks
from collections import deque
from collections.abc import Callable
from enum import IntEnum, auto
from functools import partial
from itertools import chain

Function = Callable[[], object]

TRIES = 100
"""How many times a function that raises is called before it is skipped."""


class Step(IntEnum):
    """The steps around a fork, in the order of the table above."""

    PROCESS = auto()
    FILES = auto()
    DATABASES = auto()
    BACKGROUND = auto()
    STORES = auto()
    WORKSPACES = auto()
    PLUGINS = auto()
    OUTPUT = auto()
    CONTEXT = auto()


# All keys exist from the start, because a dict must not grow while `_call_all` iterates over it. Another thread can
# register a function during the iteration.
_before: dict[Step, list[Function]] = {step: [] for step in reversed(Step)}
_in_parent: dict[Step, list[Function]] = {step: [] for step in Step}
_in_child: dict[Step, list[Function]] = {step: [] for step in Step}


def on_fork(
    step: Step,
    *,
    before: Function | None = None,
    in_parent: Function | None = None,
    in_child: Function | None = None,
) -> None:
    """Register functions that are called before and after each later fork of this process.

    A signal handler can raise an error while a function runs. Python forks in spite of this error. Therefore a function
    that raised is called again, and must be idempotent. A function that still raises after `TRIES` calls is skipped.
    Python reports the last error through `sys.unraisablehook`.

    Args:
        step: the position of the functions in the order of calls. Functions of the same step are called in the order of
            registration.
        before: called in the parent before the fork.
        in_parent: called in the parent after the fork.
        in_child: called in the child after the fork.
    """
    for functions, function in ((_before, before), (_in_parent, in_parent), (_in_child, in_child)):
        if function is not None:
            functions[step].append(function)


def _call_all(functions: dict[Step, list[Function]]) -> None:
    """Call each function, even if a signal handler raises in between; raise the last error at the end."""
    left: deque[Function] | None = None
    failed, remaining, raised = 0, 0, None
    while left is None or left:
        try:
            left = left or deque(chain.from_iterable(functions.values()))
            _call_in_turn(left)
        except BaseException as error:
            raised = error
            failed = failed + 1 if left and len(left) == remaining else 1
            remaining = len(left or ())
            if left and failed == TRIES:
                left.popleft()
    if raised is not None:
        raise raised


def _call_in_turn(left: deque[Function]) -> None:
    """Call each function and remove it.

    A signal handler can raise at the end of a loop. This loop has a function of its own because of Python 3.13: it does
    not catch such an exception if the loop is directly in a `try` block, here that of `_call_all`.
    """
    while left:
        left[0]()
        # A signal handler can raise here. The function is then called again, although its first call succeeded.
        left.popleft()


# `partial` is written in C, so no signal handler runs between the fork and `_call_all`. See "Signal handlers" in
# docs/architecture.md.
os.register_at_fork(
    before=partial(_call_all, _before),
    after_in_parent=partial(_call_all, _in_parent),
    after_in_child=partial(_call_all, _in_child),
)
