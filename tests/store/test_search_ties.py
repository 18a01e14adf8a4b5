"""Searches of runs of which most have equal values find the same runs as the evaluation of records.

The limits of the plans are small, so that few runs are many ties, and few runs of a range are too many to be read."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from longer import LONG, SCALE
from search_database import assert_pages, filled, make_wait

from bridge.records.run import RunRecord
from bridge.records.search import Comparison, Ordering, RunQuery
from bridge.records.series import Latest
from bridge.store.sql.search.limits import LIMITS, Limits

PLANS = {"all runs", "order", "order within ranges", "ranges", "sorted ranges"}
LONG_TEXTS = "x" * 64, "x" * 64 + "a", "x" * 64 + "b", "x\0", "x"


def runs_of(random: Random) -> list[RunRecord]:
    """Return runs that have few different values, or none."""
    numbers = random.choice(((0.0, 1.0), (0.0,), (1.0, math.nan, -math.inf)))
    words = random.choice((("a", "b"), ("a",), LONG_TEXTS))
    times = random.choice(((None, 0), (1,), (1, 2, 3)))
    rare = random.choice((0.05, 0.2))

    def some(values: Any) -> dict[str, Any]:
        return {key: random.choice(values) for key in "abc" if random.random() < (rare if key == "c" else 0.9)}

    return [
        RunRecord(
            f"{number:032x}",
            random.choice("112"),
            status=random.choice(("Running", "Completed")),
            lifecycle_stage="deleted" if random.random() < 0.1 else "active",
            start_time=random.choice(times),
            params=some(words),
            tags=some((*words, None)),
            latest={key: Latest(value, 0, 0) for key, value in some(numbers).items()},
        )
        for number in random.sample(range(1000), random.randint(20, 40))
    ]


def clause_of(random: Random) -> Comparison:
    entity: Any = random.choice(("metric", "metric", "param", "tag", "attribute"))
    comparator: Any
    if entity == "attribute":
        return Comparison(entity, "start_time", random.choice((">=", "<=", "=")), random.choice((0, 1, 2)))
    if entity == "metric":
        comparator = random.choice((">=", "<=", "<", "=", "!="))
        return Comparison(entity, random.choice("abc"), comparator, random.choice((0.0, 1.0)))
    comparator, operand = random.choice(
        (("=", "a"), ("!=", "a"), ("LIKE", "x%"), ("IN", ("a", "b")), ("IN", LONG_TEXTS))
    )
    return Comparison(entity, random.choice("abc"), comparator, operand)


def order_of(random: Random) -> Ordering:
    entity: Any = random.choice(("metric", "metric", "param", "tag", "attribute"))
    key = random.choice(("start_time", "start_time", "status", "run_id") if entity == "attribute" else "abc")
    return Ordering(entity, key, random.random() < 0.5)


def orders_of(random: Random) -> tuple[Ordering, ...]:
    """Return an order. About half of the orders begin like the usual one: by a value, then newest first."""
    newest_first = Ordering("attribute", "start_time", ascending=False)
    count = random.choice((0, 1, 2, 3, 3))
    orders = [order_of(random) for _ in range(count)]
    if count > 1 and random.random() < 0.5:
        orders[1] = newest_first
    return tuple(orders)


def query_of(random: Random) -> RunQuery:
    return RunQuery(
        random.choice((("1",), ("1", "2"))),
        tuple(clause_of(random) for _ in range(random.choice((0, 1, 2, 2, 3)))),
        orders_of(random),
        random.choice(("active", "all")),
        random.choice((1, 3, 7, None)),
    )


def limits_of(random: Random) -> Limits:
    return Limits(
        narrow=random.choice((0, 0, 2, 8)),
        budget=random.choice((1, 8, 30, 1000)),
        lookup=random.choice((0, 1, 12, 1000)),
        worth=random.choice((0, 1, 2, 30)),
        first=random.choice((1, 2, 5)),
        longest=random.choice((1, 4, 1000)),
        most=random.choice((1, 3, 1000)),
        ties=random.choice((0, 1, 3, 1000)),
        parts=random.choice((1, 50)),
    )


def compare(seed: int) -> set[str]:
    """Compare the pages of several random searches. Return the plans."""
    random, plans = Random(seed), set()
    records = runs_of(random)
    connection, _ = filled(records)
    waiting = random.sample(records, random.choice((0, 0, 3)))
    make_wait(connection, {record.id: random.choice((None, 0.0, 1.0, math.inf)) for record in waiting})
    for _ in range(10):
        limits = limits_of(random) if random.random() < 0.9 else LIMITS
        plans |= assert_pages(connection, query_of(random), records, limits)
    connection.close()
    return plans


def test_searches_of_many_equal_values_find_the_same_runs() -> None:
    for seed in range(3):
        compare(seed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_searches_of_many_equal_values_find_the_same_runs() -> None:
    start, plans = Random().randrange(10**9) if LONG else 3, set[str]()
    for seed in range(start, start + 100 * SCALE):
        try:
            plans |= compare(seed)
        except AssertionError as error:
            raise AssertionError(f"The comparison fails for the seed {seed}.") from error
    assert plans == PLANS
