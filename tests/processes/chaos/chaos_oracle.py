"""Compare the content of a workspace after chaos with the notes of the victims, and list the differences."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos_victims import SHARED, Call, Place, call_of, values_of

from bridge import Workspace
from bridge.records.run import TERMINAL_STATUSES
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.records.series import COLUMN, SCALAR

ENDS_SECONDS = 60.0


@dataclass
class Told:
    """The results of calls that victims noted, and their other notes."""

    calls: list[tuple[str, Call, bool]] = field(default_factory=list)
    """The victim, the call, and whether it returned."""
    statuses: dict[str, set[str]] = field(default_factory=dict)
    """The statuses that each run may have at the end."""
    started: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    maybe_deleted: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    slow: list[tuple[str, float, float, str]] = field(default_factory=list)
    unavailable: list[tuple[str, float, float, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def read_notes(place: Place) -> Told:
    told = Told()
    for path in sorted(place.notes.iterdir()):
        _read_victim(path, told, place.lightning)
    return told


def _read_victim(path: Path, told: Told, lightning: bool) -> None:
    name, run_id, open_call = path.name, "", -1
    lightning &= name.startswith("writer")
    for line in path.read_text().splitlines():
        word, *rest = line.split(" ")
        told.counts[word] += 1
        if word == "on":
            run_id = rest[0]
        elif word == "call":
            open_call = int(rest[0])
        elif word in ("done", "maybe"):
            told.calls.append((name, call_of(name, int(rest[0]), run_id, lightning), word == "done"))
            open_call = -1
        elif word == "started":
            told.started.add(rest[0])
            told.statuses[rest[0]] = set(TERMINAL_STATUSES) if rest[0].startswith("script") else {"Failed"}
        elif word == "end":
            told.statuses[rest[0]].add(rest[1])
        elif word == "ended":
            told.statuses[rest[0]] = {rest[1]}
        elif word == "read":
            told.reads.append(float(rest[0]))
        elif word == "delete":
            told.maybe_deleted.add(rest[0])
        elif word == "deleted":
            told.deleted.add(rest[0])
        elif word in ("slow", "unavailable"):
            kept = told.slow if word == "slow" else told.unavailable
            kept.append((name, float(rest[0]), float(rest[1]), " ".join(rest[2:])))
        elif word == "fault":
            told.faults.append(f"{name}: {' '.join(rest)}")
    if open_call >= 0:
        told.calls.append((name, call_of(name, open_call, run_id, lightning), False))
        told.counts["cut"] += 1


class Oracle:
    """A comparison of a workspace with the notes of the victims; `faults` has a sentence for each difference.

    `ends_seconds` is the longest time from the last kill to the end of a run.
    """

    def __init__(self, place: Place, ends_seconds: float = ENDS_SECONDS) -> None:
        self.place = place
        self.ends_seconds = ends_seconds
        self.told = read_notes(place)
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.counts: Counter[str] = Counter()

    def check(self) -> None:
        workspace = Workspace.open(self.place.workspace)
        tracking: Any = workspace.stores.tracking
        self._check_statuses(tracking)
        runs = defaultdict(list)
        for name, call, done in self.told.calls:
            runs[call.run_id].append((name, call, done))
        ids = list(runs)
        there = {run.id for run in self._runs(tracking)}
        for first in range(0, len(ids), 200):
            chunk = [run_id for run_id in ids[first : first + 200] if run_id in there]
            found = tracking.get_series_of(chunk)
            for run_id in ids[first : first + 200]:
                self._check_run(run_id, runs[run_id], found.get(run_id, []))
        self._check_leftovers(workspace)
        with tracking.inner.database.read() as c:
            self.counts["sealed"] = c.execute("SELECT coalesce(sum(points), 0) FROM chunk").fetchone()[0]
        for one in self.told.faults:
            kind = one.split(": ")[1].split(" ")[0]
            self.faults[kind if kind in ("swallowed", "turned", "unseen", "unraisable") else "raised"].append(one)

    @staticmethod
    def _runs(tracking: Any) -> list[Any]:
        experiments = tracking.search_experiments(ExperimentQuery(view="all")).items
        return list(tracking.search_runs(RunQuery(tuple(one.id for one in experiments), view="all")).items)

    def _check_statuses(self, tracking: Any) -> None:
        end = time.monotonic() + self.ends_seconds
        while True:
            runs = self._runs(tracking)
            running = [run for run in runs if run.status not in TERMINAL_STATUSES]
            if not running or time.monotonic() > end:
                break
            time.sleep(0.2)
        self.counts["runs"] = len(runs)
        self.faults["running"] += [f"{run.id} is {run.status}" for run in running]
        by_id = {run.id: run for run in runs}
        for run_id, statuses in self.told.statuses.items():
            if run_id not in by_id:
                self.faults["lost runs"].append(run_id)
            elif by_id[run_id].status not in statuses:
                found = by_id[run_id]
                self.faults["statuses"].append(f"{run_id} is {found.status}, not {sorted(statuses)}: {found.error}")
        self.faults["deleted"] += [f"{run_id} is there again" for run_id in self.told.deleted & by_id.keys()]
        for run in runs:
            for warning in run.warnings:
                self.faults["warnings"].append(f"{run.id}: {warning}")

    def _check_run(self, run_id: str, calls: list[tuple[str, Call, bool]], records: list[Any]) -> None:
        series: dict[tuple[str, str], list[int]] = defaultdict(list)
        for record in records:
            if record.kind in (SCALAR, COLUMN):
                series[record.key, record.column] += values_of(record)
        by_key: dict[str, list[tuple[Call, bool]]] = defaultdict(list)
        for _, call, done in calls:
            by_key[call.key].append((call, done))
        for key, own in by_key.items():
            columns = ("number", "text") if own[0][0].way in ("row", "table") else ("",)
            found = [series.pop((key, column), []) for column in columns]
            if any(one != found[0] for one in found):
                self.faults["torn rows"].append(f"{run_id} {key}: {found[0][-5:]} and {found[1][-5:]}")
            self._check_series(run_id, key, own, found[0])
        others = [key for key, _ in series if not key.startswith("system/")]  # system metrics of a launcher
        if run_id != SHARED:
            self.faults["invented"] += [f"{run_id} {key}" for key in others]

    def _check_series(self, run_id: str, key: str, calls: list[tuple[Call, bool]], found: list[int]) -> None:
        there, what = Counter(found), f"{run_id} {key}"
        self.counts["points"] += len(found)
        for call, done in calls:
            have = [value for value in call.values if there[value]]
            if done:
                self.counts["acknowledged"] += len(call.values)
                if len(have) < len(call.values):
                    self.faults["lost"].append(f"{what}: {len(call.values) - len(have)} points of call {call.number}")
            else:
                self.counts["maybe"] += 1
                self.counts["maybe there"] += bool(have)
                if have != call.values[: len(have)]:
                    self.faults["lost"].append(f"{what}: call {call.number} is there in part, not its beginning")
        known = {value for call, _ in calls for value in call.values}
        if twice := sorted(value for value, count in there.items() if count > 1):
            self.faults["doubled"].append(f"{what}: {len(twice)} values, the first {twice[0]}")
        if foreign := sorted(there.keys() - known):
            self.faults["invented"].append(f"{what}: {foreign[:5]}")
        if list(there) != sorted(there):
            late = next(b for a, b in zip(list(there), list(there)[1:], strict=False) if b < a)
            self.faults["reordered"].append(f"{what}: {late} comes late")

    def _check_leftovers(self, workspace: Workspace) -> None:
        """Check that no journal remains after a read, because all writers are dead."""
        end = time.monotonic() + self.ends_seconds
        journals = workspace.path / "journal"
        while list(journals.glob("*.log")) and time.monotonic() < end:
            workspace.stores.tracking.get_leases()
            time.sleep(0.2)
        left = [path.name for path in journals.iterdir() if path.suffix in (".log", ".damaged")]
        self.faults["journals"] += sorted(left)
        self.counts["parts left"] = sum(path.suffix == ".part" for path in journals.iterdir())
