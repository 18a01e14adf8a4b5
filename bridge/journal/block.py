"""A `with` block that is written as a generator, and that the exception of a signal handler cannot leave half done."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar

Given = TypeVar("Given")
Parameters = ParamSpec("Parameters")


class Block(Generic[Given]):
    """The context manager of a generator that yields once: its code before the `yield` runs first, the rest at the end.

    `contextlib.contextmanager` enters and leaves the generator from Python functions.
    Python runs signal handlers where a Python function is entered. So the exception of a handler can leave such an
    `__exit__` before it has done anything, and a lock stays taken.
    Here C resumes the generator. The exception of a handler is raised within the generator, where `with` and `finally`
    release what they have, or within the block, or after the end of both.

    An exception of the block is raised at the `yield`, and always leaves the `with`. The generator may replace it by
    another exception.
    """

    # `with` looks these up in the class, and finds its slots, which return the values of this object.
    __slots__ = ("__enter__", "__exit__")

    def __init__(self, steps: Generator[Given, None, None]) -> None:
        turns = _take(steps)
        self.__enter__: Callable[[], Given] = turns.__next__
        # `with` calls `__exit__(kind, error, trace)`. `min` is written in C and calls its key with each of its
        # arguments, so this sends None, kind, error and trace to `_take`. All keys are 0, so `min` returns its first
        # argument, None: an exception of the block is not swallowed.
        self.__exit__: Callable[..., None] = partial(min, None, key=turns.send)


def _take(steps: Generator[Given, None, None]) -> Generator[Any, Any, None]:
    """Run the generator of a block; this generator is resumed by C itself."""
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
    yield 0  # if the generator ended here, StopIteration would be raised


def block(function: Callable[Parameters, Generator[Given, None, None]]) -> Callable[Parameters, Block[Given]]:
    """Decorate a generator function so that it returns a `Block`.

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
