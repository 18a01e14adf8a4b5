"""The plan of a search for runs: which runs are looked at, and in which order.

SQLite's own planner chooses plans that are 10 to 100 times slower. So the plan is chosen here, and each statement names
its index. The exact conditions are evaluated for each run that a plan finds, so a plan decides only about the speed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.store.sql.experiments import number_of
from bridge.store.sql.names import PARAM, PROPERTY, TAG
from bridge.store.sql.search import candidates
from bridge.store.sql.search.checks import Check, Row
from bridge.store.sql.search.collect import Collector
from bridge.store.sql.search.conditions import condition, nan_rank, order_keys, scope_conditions
from bridge.store.sql.search.limits import Limits
from bridge.store.sql.search.names import Named, Names
from bridge.store.sql.search.pieces import among
from bridge.store.sql.search.ranges import LABELS, NUMBERS, Index, Part, Ranges, all_ranges, count
from bridge.store.sql.search.walks import After, Step, ValueWalk, by_start

NEWEST_FIRST = Ordering("attribute", "start_time", ascending=False)


class Search:
    """One search for runs.

    Args:
        c: a connection in a transaction.
        query: the query. Its page token and its number of results are ignored.
        limits: the numbers that decide between plans.

    Attributes:
        order: the keys of the order.
        plan: the name of the plan that was taken.
        looked_at: the number of runs for which the exact conditions were evaluated.
    """

    def __init__(self, c: sqlite3.Connection, query: RunQuery, limits: Limits) -> None:
        self._c, self._query, self._limits = c, query, limits
        self._experiments = _experiments(c, query)
        self._names = Names(c, self._experiments)
        self.order = order_keys(query, self._names)
        self.plan = "nothing"
        self.looked_at = 0

    def rows(self, wanted: int | None, last: Sequence[Any] | None) -> list[Row]:
        """Return the first matching runs.

        Args:
            wanted: the number of runs to return; None for all.
            last: the values of a run in the order: only runs that come after it are returned. None for the first runs.
        """
        if not self._experiments:
            return []
        where = scope_conditions(self._query, self._experiments, self._names)
        where += [condition(clause, self._names) for clause in sorted(self._query.filter, key=_keeps_many)]
        collector = Collector(Check(self._c, where, self.order, last), self._waiting(), wanted)
        found = self._collected(collector, wanted, last)
        self.looked_at = collector.looked_at
        return found

    def _collected(self, collector: Collector, wanted: int | None, last: Sequence[Any] | None) -> list[Row]:
        parts = self._parts() if len(self._parts()) <= self._limits.parts else []
        ranges, steps = all_ranges(self._query, self._names, parts), self._walk(last, self._limits)
        if not ranges:
            self.plan = "all runs" if steps is None else "order"
            return collector.collect(self._all() if steps is None else steps) or []
        if steps is not None and not self._is_narrow(ranges, wanted):
            self.plan = "order"
            found = collector.collect(steps, self._limits.budget)
            if found is not None:
                return found
        return collector.collect(self._within(ranges, wanted, last)) or []

    def _is_narrow(self, ranges: Sequence[Ranges], wanted: int | None) -> bool:
        """Return whether a walk along the order would look at more runs than the narrowest range has, or its budget."""
        if wanted is None:
            return True
        narrow = self._limits.narrow
        if any(count(self._c, one, narrow + 1) <= narrow for one in ranges):
            return True
        most = self._runs() * wanted // self._limits.budget
        return most > narrow and any(count(self._c, one, most + 1) <= most for one in ranges)

    def _within(self, ranges: Sequence[Ranges], wanted: int | None, last: Sequence[Any] | None) -> Iterator[Step]:
        """Return steps with the runs in all ranges."""
        found = candidates.within(self._c, self._limits, ranges)
        # Looking up the first values of all runs is worth it only if it saves the checks of most of them.
        if wanted is None or len(found) <= 2 * max(wanted, self._limits.first):
            self.plan = "ranges"
            return candidates.as_one_group(self._limits, found)
        steps = self._walk(last, self._limits._replace(longest=self._limits.most))
        if steps is not None and len(found) * self._limits.lookup > self._runs():
            self.plan = "order within ranges"
            return (step._replace(keys=[key for key in step.keys if key in found]) for step in steps)
        self.plan = "sorted ranges"
        return candidates.in_order(self._limits, found, wanted, self.order[0].ascending, last, self._first_values())

    def _first_values(self) -> candidates.Values:
        first = self._first
        if first.entity == "metric":
            named = self._names.numbers(first.key)
            if named.is_one and len(named.ids) <= self._limits.parts:
                return partial(candidates.metric_values, self._c, named, nan_rank(first.ascending))
        return partial(candidates.order_values, self._c, self.order[0])

    def _walk(self, last: Sequence[Any] | None, limits: Limits) -> Iterator[Step] | None:
        """Return a walk along the order, or None if no index has the order."""
        parts, first = self._parts(), self._first
        if len(parts) > limits.parts:
            return None
        if first.entity == "attribute":
            if first.key != "start_time" or first.ranks or len(self.order) > 2:
                return None
            after = None if last is None else After(*last)
            return map(Step, by_start(self._c, limits, parts, first.ascending, after))
        index, named = self._index(first)
        if named is None or not named.is_one or len(named.ids) > limits.parts:
            return None
        is_simple = self._query.order[1:] in ((), (NEWEST_FIRST,))
        return ValueWalk(self._c, limits, index, named.ids, parts, first.ascending, is_simple).steps(last)

    def _index(self, first: Ordering) -> tuple[Index, Named | None]:
        """Return the index of the values of an order and their names, or None if several indexes have the values."""
        if first.entity == "metric":
            return NUMBERS, self._names.numbers(first.key)
        if first.entity != "tag":
            return LABELS, self._names.labels(PARAM if first.entity == "param" else PROPERTY, first.key)
        named = [self._names.labels(entity, first.key) for entity in (TAG, PROPERTY)]
        used = [one for one in named if one.ids] or named[:1]
        is_label = len(used) == 1 and not self._names.texts(first.key).ids
        return LABELS, used[0] if is_label else None

    def _all(self) -> Iterator[Step]:
        """Yield steps with all runs of the experiments."""
        limits = self._limits._replace(longest=self._limits.most)
        for part in self._parts():
            yield from (Step(keys, is_last=False) for keys in by_start(self._c, limits, [part]))
        yield Step(())

    @property
    def _first(self) -> Ordering:
        return (*self._query.order, NEWEST_FIRST)[0]

    def _parts(self) -> list[Part]:
        stages = ("active", "deleted") if self._query.view == "all" else (self._query.view,)
        return [Part(experiment, stage) for experiment in self._experiments for stage in stages]

    def _runs(self) -> int:
        """Return about the number of runs in the experiments."""
        within = among("id", self._experiments).text
        return int(self._c.execute(f"SELECT sum(runs) FROM experiment WHERE {within}").fetchone()[0] or 0)

    def _waiting(self) -> set[int]:
        """Return the runs whose values in the index of metrics may be old, if the search uses this index."""
        if self._first.entity == "metric" or any(clause.entity == "metric" for clause in self._query.filter):
            return {row[0] for row in self._c.execute("SELECT run FROM waiting").fetchall()}
        return set()


def _keeps_many(clause: Comparison) -> bool:
    """Return whether a clause usually keeps more runs than one that asks for a text."""
    return clause.comparator != "=" or clause.entity not in ("param", "tag", "property")


def _experiments(c: sqlite3.Connection, query: RunQuery) -> list[int]:
    """Return the ids of the experiments in which a query searches: of all, if it asks for the runs below a run."""
    if query.below is not None and not query.experiment_ids:
        return [row[0] for row in c.execute("SELECT id FROM experiment").fetchall()]
    return sorted({number for number in map(number_of, query.experiment_ids) if number is not None})
