"""A `with` that a generator describes, and that no signal handler can leave half done."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar

Given = TypeVar("Given")
Parameters = ParamSpec("Parameters")


class Block(Generic[Given]):
    """A `with` around which a generator runs: up to its only `yield` before the block, and on from there after it.

    It differs from `contextlib.contextmanager` in who enters and leaves the generator.
    Python runs signal handlers where a Python function is entered, so the exception of a handler can leave an
    `__exit__` that is written in Python before that has done anything: a lock then stays taken.
    Here C resumes the generator. An exception of a handler is raised within the generator, where its `with` and
    `finally` release what they have, or within the block, or after the end of both.

    An exception of the block is raised at the `yield`, and always leaves the `with`: the generator may replace it by
    another one.
    """

    # `with` finds these in the object through the slots of its class.
    __slots__ = ("__enter__", "__exit__")

    def __init__(self, steps: Generator[Given, None, None]) -> None:
        turns = _take(steps)
        self.__enter__: Callable[[], Given] = turns.__next__
        # `with` calls `__exit__(kind, error, trace)`. `min` is written in C and calls its key with each of its
        # arguments, so this sends None, kind, error and trace to `_take`. All keys are 0, so `min` answers its first
        # argument, None: the exception of the block, if there is one, goes on.
        self.__exit__: Callable[..., None] = partial(min, None, key=turns.send)


def _take(steps: Generator[Given, None, None]) -> Generator[Any, Any, None]:
    """Take the steps of a block's generator; this one is itself resumed by C."""
    error = trace = None
    try:
        yield next(steps)  # None is sent when the block ends
        yield 0
        error = yield 0
        trace = yield 0
        if error is None:
            next(steps, None)
        else:
            steps.throw(error)
    except BaseException as found:
        if found is not error:
            steps.close()
            raise
        error.__traceback__ = trace
    yield 0  # a generator that ended here would raise StopIteration


def block(function: Callable[Parameters, Generator[Given, None, None]]) -> Callable[Parameters, Block[Given]]:
    """Make a generator function return a `Block`; a decorator.

    Example:
        >>> @block
        ... def turn(self):
        ...     with self._lock:
        ...         yield self._connection
    """

    @wraps(function)
    def make(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Block[Given]:
        return Block(function(*args, **kwargs))

    return make
