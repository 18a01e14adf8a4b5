"""Count the steps of a function over columns. Unlike time, the count is the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

import numpy
import pytest


class Steps:
    """The count: elements of arrays read or written, texts compared, and lines of this project run."""

    def __init__(self) -> None:
        self.count = 0

    def text(self, text: str) -> str:
        """Return a text that counts its comparisons."""
        steps = self

        class Counted(str):
            __hash__ = str.__hash__

            def __eq__(self, other: object) -> bool:
                steps.count += 1
                return str.__eq__(self, other) is True

        return Counted(text)

    def array(self, found: Any) -> Any:
        """Return an array that counts its operations, a tuple of such arrays, or any other object unchanged."""
        if isinstance(found, tuple):
            return tuple(map(self.array, found))
        if not isinstance(found, numpy.ndarray):
            return found
        self.count += found.size
        counted = found.view(_CountedArray)
        counted.steps = self
        return counted

    def trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if not frame.f_globals.get("__name__", "").startswith("bridge."):
            return None
        self.count += event == "line"
        return self.trace


class _CountedArray(numpy.ndarray[Any, Any]):
    steps: Steps

    def __array_finalize__(self, of: Any) -> None:
        if isinstance(of, _CountedArray):  # a part, a copy, or of another type
            self.steps = of.steps
            self.steps.count += self.size

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        self.steps.count += _elements(inputs)
        plain = {name: _plain(value) for name, value in options.items()}
        found = getattr(ufunc, method)(*_plain(inputs), **plain)
        return inputs[0] if "out" in options else self.steps.array(found)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        self.steps.count += _elements(arguments)
        plain = {name: _plain(value) for name, value in options.items()}
        return self.steps.array(function(*_plain(arguments), **plain))

    def __getitem__(self, index: Any) -> Any:
        self.steps.count += _elements(index)
        return self.steps.array(_plain(self)[_plain(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.steps.count += _elements(index) + _elements(value)
        _plain(self)[_plain(index)] = _plain(value)

    def tolist(self) -> Any:
        self.steps.count += self.size
        return super().tolist()


def _plain(value: Any) -> Any:
    """Return arrays as numpy's own, also those within tuples and lists."""
    if isinstance(value, (tuple, list)) and any(isinstance(one, (numpy.ndarray, tuple, list)) for one in value):
        return type(value)(map(_plain, value))
    return value.view(numpy.ndarray) if isinstance(value, numpy.ndarray) else value


def _elements(value: Any) -> int:
    """Return the number of elements of all arrays in a value."""
    if isinstance(value, (tuple, list)):
        return sum(map(_elements, value)) if value and not isinstance(value[0], (int, float, str)) else len(value)
    return int(value.size) if isinstance(value, numpy.ndarray) else 1


class _CountingNumpy(ModuleType):
    """A numpy whose functions return arrays that are counted."""

    def __init__(self, steps: Steps) -> None:
        super().__init__("numpy")
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(numpy, name)
        if isinstance(found, (type, numpy.ufunc)) or not callable(found):
            return found
        return lambda *arguments, **options: self._steps.array(found(*arguments, **options))


def steps_of(steps: Steps, monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> int:
    """Return the number of steps of a call that imports numpy itself."""
    before, tracing = steps.count, sys.gettrace()
    with monkeypatch.context() as within:
        within.setitem(sys.modules, "numpy", _CountingNumpy(steps))
        sys.settrace(steps.trace)
        try:
            call()
        finally:
            sys.settrace(tracing)
    return steps.count - before
