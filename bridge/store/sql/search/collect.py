"""Collects the first runs of a search from the steps of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Set

from bridge.store.sql.search.checks import Check, Row
from bridge.store.sql.search.walks import Step

MOST_PARTS = 8
"""The number of sorted parts of a group that are kept. More are merged, and only the first runs of them are kept."""


class Collector:
    """A collector of the first matching runs.

    The value index may have old values of the runs in the table `waiting`. So these runs are skipped in all steps. They
    are checked separately, and merged by their current values.

    Args:
        check: the exact conditions and the order.
        waiting: the keys of the waiting runs.
        wanted: the number of runs to collect; None for all.

    Attributes:
        looked_at: the number of runs for which the exact conditions were evaluated.
    """

    def __init__(self, check: Check, waiting: Set[int], wanted: int | None) -> None:
        self._check, self._waiting, self._wanted = check, waiting, wanted
        self._beside = check.rows(waiting, most=wanted)
        self.looked_at = len(waiting)

    def collect(self, steps: Iterable[Step], budget: int | None = None) -> list[Row] | None:
        """Return the first matching runs of steps.

        Args:
            steps: the steps.
            budget: the number of runs to look at, or None for any number. If it does not suffice, None is returned.
                If the runs found so far show that it will not, None is returned earlier.
        """
        found: list[Row] = []
        group: list[list[Row]] = []
        beside, before = list(self._beside), self.looked_at
        for step in steps:
            self._add(group, step, self._missing(found))
            if step.is_last:
                found += self._merged(group, beside)
                group = []
            if self._missing(found) == 0:
                break
            if budget is not None and self._is_hopeless(budget, self.looked_at - before, len(found)):
                return None
        return (found + beside)[: self._wanted]

    def _is_hopeless(self, budget: int, looked_at: int, found: int) -> bool:
        """Return whether a budget is spent, or would have to be more than twice as large at the rate so far."""
        if looked_at >= budget:
            return True
        return looked_at > budget // 8 and 2 * budget * found < (self._wanted or 0) * looked_at

    def _missing(self, found: list[Row]) -> int | None:
        return None if self._wanted is None else max(0, self._wanted - len(found))

    def _add(self, group: list[list[Row]], step: Step, most: int | None) -> None:
        """Add the first runs of a step to a group. Drop runs that are not among the first `most` of the group."""
        keys = [key for key in step.keys if key not in self._waiting] if self._waiting else step.keys
        self.looked_at += len(keys)
        rows = self._check.rows(keys, step.only, most)
        if rows:
            group.append(rows)
        if most is not None and len(group) > MOST_PARTS:
            group[:] = [self._sorted(group)[:most]]

    def _sorted(self, group: list[list[Row]]) -> list[Row]:
        rows = [row for part in group for row in part]
        if len(group) > 1:
            self._check.sort(rows)
        return rows

    def _merged(self, group: list[list[Row]], beside: list[Row]) -> list[Row]:
        """Return a group in order, with the waiting runs that come before its end. They are removed from `beside`."""
        if not beside or not group:
            return self._sorted(group)
        keys = {row[0] for part in group for row in part}
        rows = self._sorted([*group, beside])
        end = max(at for at, row in enumerate(rows) if row[0] in keys) + 1
        beside[:] = rows[end:]
        return rows[:end]
