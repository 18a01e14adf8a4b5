"""Measure several cases in turn, several times, so that the machine's load is the same for all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One case of a measurement.

    `call` is called `calls` times in each repeat. Its argument is the number of the call, which grows over all repeats.
    If `prepare` is given, it is called before each repeat, and `call` gets its result instead. Its time does not count.
    A slow case is measured in at most `most` repeats.
    """

    call: Callable[[Any], object]
    calls: int = 1
    prepare: Callable[[], Any] | None = None
    most: int | None = None


class Times(NamedTuple):
    """The seconds for one call in each repeat.

    `walls` are measured by the clock, `cpus` are CPU times of all threads of this process, and `threads` are CPU times
    of the thread that calls.
    """

    walls: list[float]
    cpus: list[float]
    threads: list[float]

    @property
    def wall(self) -> float:
        """The median by the clock."""
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        """The median of the CPU times of all threads."""
        return statistics.median(self.cpus)

    @property
    def thread(self) -> float:
        """The median of the CPU times of the calling thread."""
        return statistics.median(self.threads)


def measure(cases: Mapping[str, Case], repeats: int, warm_up: int = 1) -> dict[str, Times]:
    """Measure all cases in turn. Every other repeat begins with the last case.

    Args:
        cases: the cases by name.
        repeats: how often each case is measured.
        warm_up: how often each case runs before. These times are dropped.
    """
    times = {name: Times([], [], []) for name in cases}
    done = dict.fromkeys(cases, 0)
    for repeat in range(-warm_up, repeats):
        for name, case in list(cases.items())[:: -1 if repeat % 2 else 1]:
            if case.most is not None and repeat >= case.most:
                continue
            seconds = _once(case, done[name])
            done[name] += case.calls
            if repeat >= 0:
                for found, one in zip(times[name], seconds, strict=True):
                    found.append(one)
    return times


def _once(case: Case, first: int) -> tuple[float, ...]:
    call = case.call
    arguments = range(first, first + case.calls) if case.prepare is None else [case.prepare()] * case.calls
    before = time.perf_counter(), time.process_time(), time.thread_time()
    for argument in arguments:
        call(argument)
    after = time.perf_counter(), time.process_time(), time.thread_time()
    return tuple((end - begin) / case.calls for begin, end in zip(before, after, strict=True))


def seconds_of_each(call: Callable[[int], object], calls: int) -> list[float]:
    """Return the seconds of each single call. The clock itself adds some 50 ns to each."""
    clock = time.perf_counter
    moments = [clock()]
    for number in range(calls):
        call(number)
        moments.append(clock())
    return [after - before for before, after in zip(moments, moments[1:], strict=False)]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that the given share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
