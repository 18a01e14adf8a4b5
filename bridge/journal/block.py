"""Context managers that are written as generators, and that clean up even if a signal handler raises."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial, wraps
from typing import Any, Generic, ParamSpec, TypeVar

Given = TypeVar("Given")
Parameters = ParamSpec("Parameters")


class Block(Generic[Given]):
    """The context manager of a generator that yields once. The code before the `yield` runs first, the rest at the end.

    `contextlib.contextmanager` resumes the generator from `__enter__` and `__exit__` methods in Python.
    Python may run a signal handler when such a method starts. If the handler raises, `__exit__` ends before it has done
    anything, and a lock stays taken.
    A `Block` resumes the generator from C. An exception of a signal handler is then raised in the generator, in the
    block, or after both have ended. In the generator, `with` and `finally` release locks and files.

    An exception of the block is raised at the `yield`, and always leaves the `with` statement. The generator may
    replace this exception by another one.
    """

    # `with` looks up `__enter__` and `__exit__` in the class, not in the object. With `__slots__`, the class has two
    # attributes of these names. They return the values that `__init__` stores in the object.
    __slots__ = ("__enter__", "__exit__")

    def __init__(self, steps: Generator[Given, None, None]) -> None:
        turns = _take(steps)
        self.__enter__: Callable[[], Given] = turns.__next__
        # `with` calls `__exit__(kind, error, trace)`, and this calls `min(None, kind, error, trace, key=turns.send)`.
        # `min` is written in C. It calls `turns.send` with each of these four values, and so sends them to `_take`.
        # All keys are 0, so `min` returns its first argument, None: an exception of the block is not swallowed.
        self.__exit__: Callable[..., None] = partial(min, None, key=turns.send)


def _take(steps: Generator[Given, None, None]) -> Generator[Any, Any, None]:
    """Run the generator of a block. C code resumes this generator."""
    error = trace = None
    try:
        yield next(steps)  # `__exit__` sends None first, when the block ends
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
    yield 0  # without this `yield`, the end of the generator would raise StopIteration


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
