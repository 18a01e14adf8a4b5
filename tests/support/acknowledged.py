"""Compares a workspace with what the clients of `training_client` have noted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
from client_processes import ClientProcess
from training_client import EXPERIMENT, POINTS_OF_CHILD, TEXT_EACH, content_of, value_of

from bridge import Run, Workspace
from bridge.errors import NotFound
from bridge.records.run import TERMINAL_STATUSES

SENTENCE = re.compile(r".+ is not available: [^\n]+\.")
Times = numpy.ndarray[Any, Any]


@dataclass
class Change:
    """A change that a client has asked for. `outcome` is `asked` if the client was killed before it knew it."""

    kind: str
    name: str
    value: str
    outcome: str


@dataclass
class Noted:
    """The notes of a client.

    Attributes:
        count: the number of points of each key that were logged.
        times: for each point, the nanoseconds of its log call: by the clock and of the processor on the server, and
            the same in the folder.
        errors: the errors of changes that failed.
    """

    name: str
    changes: list[Change] = field(default_factory=list)
    count: int = 0
    times: list[list[int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def find(self, *kinds: str) -> list[Change]:
        """Return the changes of some kinds, in their order."""
        return [change for change in self.changes if change.kind in kinds]


def read_notes(client: ClientProcess) -> Noted:
    """Return what a client has noted, which must not contain a fault."""
    noted, asked = Noted(client.name), dict[tuple[str, str], Change]()
    for word, *rest in client.notes:
        if word == "points":
            noted.count = rest[0]
            noted.times.append([*rest[1], *rest[2]])
        elif word == "waited":
            assert rest[0] == 0, f"{client.name}: a log call has sent a request after {rest[0]} points"
        elif word == "broken":
            raise AssertionError(f"{client.name}: {rest[0]}")
        else:
            kind, name, value = rest[:3]
            change = asked.setdefault((kind, name), Change(kind, name, value, word))
            change.outcome, change.value = word, value
            noted.errors += rest[3:]
    noted.changes = list(asked.values())
    return noted


class Comparison:
    """Compares a workspace with notes. Each method raises an AssertionError if something was lost or stored twice.

    Attributes:
        acknowledged: the number of acknowledged points and changes of each kind.
        interrupted: the places of files whose upload was not acknowledged.

    Args:
        workspace: the workspace.
        clients: the notes of all clients.
    """

    def __init__(self, workspace: Workspace, clients: Sequence[Noted]) -> None:
        self._workspace, self._clients = workspace, clients
        self._runs: dict[str, Run] = {}
        names = Counter[str]()
        for run in workspace.experiments[EXPERIMENT].get_runs(include_children=True):
            self._runs[run.display_name] = run
            names[run.display_name] += 1
            assert run.status in TERMINAL_STATUSES, f"run {run.display_name} is {run.status}"
        assert max(names.values()) == 1, f"runs exist twice: {names.most_common(3)}"
        self.acknowledged, self.interrupted = Counter[str](), set[str]()

    def compare(self) -> None:
        """Compare everything."""
        for client in self._clients:
            for error in client.errors:
                assert SENTENCE.fullmatch(error), error
            self.acknowledged += Counter(change.kind for change in client.changes if change.outcome == "done")
            for change in client.find("run", "child"):
                self._compare_run(client, change)
            for change in client.find("experiment"):
                exists = f"{client.name}-{change.name}" in self._workspace.experiments
                assert exists or change.outcome != "done", f"{client.name} has lost the experiment {change.name}"

    def _compare_run(self, client: Noted, change: Change) -> None:
        run = self._runs.get(change.name if change.kind == "run" else f"{client.name}-{change.name}")
        if change.outcome != "done":
            return
        assert run is not None, f"{client.name} has lost the {change.kind} {change.name}"
        assert run.id == change.value
        (ended,) = [one.outcome for one in client.find("end") if one.name == run.id] or [""]
        allowed = {"": ["Failed"], "asked": ["Failed", "Completed"]}.get(ended, ["Completed"])
        assert run.status in allowed, f"{client.name}: {change.name} is {run.status}, and its end is {ended}"
        if change.kind == "child":
            assert run.parent is not None
            self._compare_series(client, run, "loss", [value_of(number) for number in range(POINTS_OF_CHILD)], 0)
        else:
            self._compare_points(client, run, is_ended=bool(ended))
            self._compare_texts(client, run)
            self._compare_files(client, run)

    def _compare_points(self, client: Noted, run: Run, is_ended: bool) -> None:
        """Compare all points of a run. The last call of a killed client may have been stored without a note."""
        more = 0 if is_ended else 1
        numbers = range(client.count + more)
        texts = [number for number in numbers if number % TEXT_EACH == 0]
        spare = len(texts) - len([number for number in texts if number < client.count])
        self._compare_series(client, run, "loss", [value_of(number) for number in numbers], more)
        steps = self._compare_series(client, run, "stepped", list(numbers), more)
        assert steps == [3 * number for number in range(len(steps))]
        self._compare_series(client, run, "word", [f"word {number}" for number in texts], spare)
        rows = run.get_metrics("row").get("row", {"a": [], "b": []})
        for column, expected in (("a", texts), ("b", [f"row {number}" for number in texts])):
            _is_start(client, f"row {column}", _as_list(rows[column]), expected, spare)
        assert run.get_metrics().keys() <= {"loss", "stepped", "row", "word"}

    def _compare_series(self, client: Noted, run: Run, key: str, expected: Sequence[object], spare: int) -> list[int]:
        """Compare the values of a key, and return the steps."""
        try:
            series = run.get_series(key)
        except NotFound:
            assert len(expected) <= spare, f"{client.name} has lost all points of {key}"
            return []
        _is_start(client, key, series.values.tolist(), expected, spare)
        self.acknowledged["points"] += len(expected) - spare
        return list(series.steps.tolist())

    def _compare_texts(self, client: Noted, run: Run) -> None:
        tags, params = run.tags, run.params
        for kind, stored in (("tag", tags), ("param", params)):
            for change in client.find(kind):
                allowed = {change.value} if change.outcome == "done" else {change.value, None}
                assert stored.get(change.name) in allowed, f"{client.name} has lost the {kind} {change.name}"
        last = client.find("last")
        done = [change.value for change in last if change.outcome == "done"]
        # A request that was given up may still be on its way, and arrive after a later one.
        allowed = {*done[-1:], *(change.value for change in last if change.outcome != "done")}
        assert tags.get("last") in (allowed if done else {*allowed, None}), f"{client.name} has lost the last tag"
        assert tags.keys() <= {"last", *(change.name for change in client.find("tag"))}
        assert params.keys() <= {change.name for change in client.find("param")}

    def _compare_files(self, client: Noted, run: Run) -> None:
        stored = set(run.get_file_names())
        for change in client.find("file"):
            path = f"files/{change.name}"
            if path in stored:
                content = b"".join(self._workspace.stores.artifacts.get(run.place.root(), path))
                assert content == content_of(f"{client.name}-{change.name}"), f"{client.name}: {path} has other bytes"
            else:
                assert change.outcome != "done", f"{client.name} has lost the file {path}"
                self.interrupted.add(f"{run.place.root()}/{path}")
        assert stored <= {f"files/{change.name}" for change in client.find("file")}


def _as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _is_start(client: Noted, key: str, stored: Sequence[object], expected: Sequence[object], spare: int) -> None:
    """Raise an AssertionError unless the values are the expected ones, without at most `spare` at the end."""
    at = next((n for n, pair in enumerate(zip(stored, expected)) if repr(pair[0]) != repr(pair[1])), None)  # noqa: B905
    assert at is None, f"{client.name}: {key} has {stored[at]!r} as point {at}, not {expected[at]!r}"
    missing = len(expected) - len(stored)
    assert 0 <= missing <= spare, f"{client.name}: {key} has {len(stored)} points, not {len(expected)}"


def times_of(clients: Iterable[Noted]) -> Times:
    """Return the times of all log calls: four columns, as in `Noted.times`."""
    return numpy.array([times for client in clients for times in client.times[1:]], dtype=numpy.int64)
