"""Figures about a server, in the text format of Prometheus."""

from __future__ import annotations

import resource
import sys
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bridge.server.connections import Connections
from bridge.server.folding import FoldedWorkspace

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the buckets of durations, in seconds."""

Labels = Mapping[str, str | int]


class Measured:
    """Counts requests. Its labels are methods, templates of routes, statuses and names of workspaces, so they are few.

    Args:
        connections: the connections of the server.
        folded: the workspaces that the server folds.
    """

    def __init__(self, connections: Connections, folded: Iterable[FoldedWorkspace] = ()) -> None:
        self._connections, self._folded = connections, folded
        self._started = time.time()
        self._in_progress, self._bytes, self._seconds = 0, 0, 0.0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._by_route: defaultdict[str, float] = defaultdict(float)
        self._buckets = [0] * (len(BOUNDS) + 1)

    def begin(self) -> None:
        """Count a request whose answer begins."""
        self._in_progress += 1

    def end(self, method: str, route: str, status: int, seconds: float, size: int) -> None:
        """Count an answered request.

        Args:
            method: the method.
            route: the template of the route; empty if no route matches.
            status: the status; 0 if there was no answer.
            seconds: the time until the end of the answer.
            size: the bytes of the answer's body.
        """
        self._in_progress -= 1
        known = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "other"
        self._requests[known, route, status] += 1
        self._by_route[route] += seconds
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._bytes += size
        self._seconds += seconds

    def text(self) -> str:
        """Return all figures."""
        return "\n".join((*self._of_requests(), *self._of_workspaces(), *self._of_process(), ""))

    def _of_requests(self) -> Iterator[str]:
        counted: list[tuple[Labels, float]] = [
            ({"method": method, "route": route, "status": status}, number)
            for (method, route, status), number in sorted(self._requests.items())
        ]
        yield from _family("runbridge_requests_total", "counter", "Answered requests.", counted)
        seconds = [({"route": route}, value) for route, value in sorted(self._by_route.items())]
        yield from _family("runbridge_route_seconds_total", "counter", "Time of requests by route.", seconds)
        yield "# HELP runbridge_request_seconds Time of requests."
        yield "# TYPE runbridge_request_seconds histogram"
        total = 0
        for bound, number in zip((*BOUNDS, "+Inf"), self._buckets, strict=True):
            total += number
            yield f'runbridge_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"runbridge_request_seconds_sum {self._seconds}"
        yield f"runbridge_request_seconds_count {total}"
        yield from _one("runbridge_answer_bytes_total", "counter", "Bytes of answers.", self._bytes)
        yield from _one(
            "runbridge_requests_in_progress", "gauge", "Requests without a complete answer.", self._in_progress
        )
        opened = self._connections
        yield from _one("runbridge_connections", "gauge", "Open connections.", opened.open)
        yield from _one("runbridge_connections_total", "counter", "Accepted connections.", opened.accepted)
        yield from _one("runbridge_connections_refused_total", "counter", "Connections over a limit.", opened.refused)

    def _of_workspaces(self) -> Iterator[str]:
        folded = [(one, {"workspace": one.name}) for one in self._folded]
        backlog = [(labels, one.backlog_bytes) for one, labels in folded]
        yield from _family("runbridge_backlog_bytes", "gauge", "Bytes of points that are not folded.", backlog)
        folds = [(labels, one.folds) for one, labels in folded]
        yield from _family("runbridge_folds_total", "counter", "Folds.", folds)
        longest = [(labels, one.longest_seconds) for one, labels in folded]
        yield from _family("runbridge_fold_seconds_max", "gauge", "The longest fold.", longest)
        ready = [(labels, int(not one.why_not_ready())) for one, labels in folded]
        yield from _family("runbridge_ready", "gauge", "Whether the workspace can be read and written.", ready)

    def _of_process(self) -> Iterator[str]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime
        yield from _family("runbridge_info", "gauge", "The version.", [({"version": _version()}, 1)])
        yield from _one("process_cpu_seconds_total", "counter", "Time of processors.", cpu)
        yield from _one("process_start_time_seconds", "gauge", "Start of the process, since 1970.", self._started)
        yield from _one("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes())


def resident_bytes() -> int:
    """Return the resident memory of this process; where the system does not tell, the greatest one so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * resource.getpagesize()


def _version() -> str:
    try:
        return version("runbridge")
    except PackageNotFoundError:
        return ""


def _one(name: str, kind: str, meaning: str, value: float) -> Iterator[str]:
    return _family(name, kind, meaning, [({}, value)])


def _family(name: str, kind: str, meaning: str, values: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values:
        written = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
        yield f"{name}{{{written}}} {value}" if written else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
