"""Each plan of a search finds the same runs, and looks at few of them. Pages follow each other by their last runs."""

from __future__ import annotations

import base64
import json
import logging
import math
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from search_database import assert_pages, filled, make_wait

from bridge.errors import InvalidValue
from bridge.records.page import encode_token
from bridge.records.run import RunRecord
from bridge.records.search import RunQuery
from bridge.records.search_grammar import parse_run_filter, parse_run_order
from bridge.records.series import Latest
from bridge.store.sql.search.limits import LIMITS, Limits
from bridge.store.sql.search.runs import Answer, answer_of

TINY = Limits(narrow=2, budget=8, lookup=2, worth=30, first=2, longest=4, most=4, ties=3, parts=4)


@cache
def records(count: int = 60) -> list[RunRecord]:
    """Return runs of experiment 1, and four runs of experiment 2 with the same keys."""
    return [
        RunRecord(
            f"{number * 7919 % 1000:032x}", "1" if number < count else "2", start_time=number // 2 or None,
            display_name=f"name {number}",
            params={"model": f"m{number % 6}", "kind": "ab"[number % 2], "rare": f"r{number // 5}"},
            tags={"team": None if number % 11 == 0 else f"t{number % 4}", "long": "x" * 70 + str(number % 3)},
            properties={"team": "p"} if number % 7 == 0 and number < count else {},
            latest={
                "loss": Latest(math.nan if number % 9 == 0 else number % 10 / 10, 0, 0),
                "tied": Latest(number % 2, 0, 0),
                "last": Latest(float(number % 6 == 3), 0, 0),
            } | ({"few": Latest(1.0 * number, 0, 0)} if number % 8 == 0 else {}),
        )
        for number in range(count + 4)
    ]  # fmt: skip


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection, _ = filled(records())
    yield connection
    connection.close()


def query(text: str, *order: str, size: int | None = 3) -> RunQuery:
    return RunQuery(("1",), parse_run_filter(text), parse_run_order(order), max_results=size)


FILTERS = (
    "", "params.rare = 'r3'", "params.model = 'no'", "params.kind = 'a' and metrics.loss < 0.5", "metrics.loss != 0.1",
    "tags.team = 'p'", "tags.team IS NULL", "tags.long LIKE 'xx%'",
    "start_time >= 5 and start_time < 20", "run_name LIKE 'name 1%'", "run_name = 'name 3'",
)  # fmt: skip
ORDERS = (
    "metrics.loss", "metrics.tied", "metrics.few", "metrics.no", "params.kind", "tags.team", "tags.long", "start_time",
    "status",
)  # fmt: skip
WAYS = tuple(product((TINY, TINY._replace(budget=1000), LIMITS), ("", " DESC"), (1, 7, None)))
"""The limits of plans, the direction of the order, and the size of a page."""


@pytest.mark.parametrize("text", FILTERS)
def test_every_plan_finds_the_same_runs(connection: sqlite3.Connection, text: str) -> None:
    for order, (limits, up, size) in zip(ORDERS, WAYS[FILTERS.index(text) % 9 :], strict=False):
        assert_pages(connection, query(text, order + up, size=size), records(), limits)


@pytest.mark.slow
@pytest.mark.parametrize("text", FILTERS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_plan_finds_the_same_runs_in_each_way(connection: sqlite3.Connection, text: str, order: str) -> None:
    for limits, up, size in WAYS:
        assert_pages(connection, query(text, order + up, size=size), records(), limits)


@pytest.mark.parametrize(("text", "order", "limits", "plan"), [
    ("params.rare = 'r3'", "metrics.loss", LIMITS, "ranges"),
    ("start_time > 25", "metrics.loss", LIMITS, "ranges"),
    ("run_name = 'name 3'", "metrics.loss", LIMITS, "ranges"),
    ("run_name LIKE 'name 2%'", "status", LIMITS, "ranges"),
    ("run_id LIKE '0000%'", "status", LIMITS, "ranges"),
    ("params.kind = 'a'", "metrics.loss", LIMITS._replace(narrow=0), "order"),
    ("", "metrics.loss", LIMITS, "order"),
    ("", "status", LIMITS, "all runs"),
    ("params.kind = 'b'", "status", TINY, "sorted ranges"),
    ("params.model = 'm3'", "metrics.last", TINY._replace(lookup=0), "sorted ranges"),
    ("params.kind = 'b' and params.model = 'm3'", "metrics.last", TINY._replace(lookup=100), "order within ranges"),
])  # fmt: skip
def test_the_plan_depends_on_the_numbers_of_runs_in_ranges(
    connection: sqlite3.Connection, text: str, order: str, limits: Limits, plan: str
) -> None:
    assert answer_of(connection, query(text, order), limits).plan == plan


@pytest.mark.parametrize(("text", "order"), [
    ("params.model = 'm1'", "metrics.loss"), ("params.rare = 'r3'", "metrics.loss"), ("params.model = 'no'", "status"),
    ("", "metrics.tied"), ("", "start_time"), ("", "metrics.few"), ("metrics.loss > 5", "params.kind"),
    ("run_name = 'name 7'", "metrics.loss"), ("run_name LIKE 'name 5_'", "start_time"),
    (f"run_id LIKE '{7919 % 1000:032x}%'", "start_time"),
])  # fmt: skip
def test_a_search_looks_at_few_runs_however_many_there_are(text: str, order: str) -> None:
    for count in 60, 300:
        connection, _ = filled(records(count))
        assert answer_of(connection, query(text, order), TINY._replace(budget=40)).looked_at <= 40
        connection.close()


def test_each_statement_checks_few_runs_so_that_ctrl_c_ends_a_search_soon(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    for text, order in product(FILTERS[3:6], ORDERS[:6]):
        answer_of(connection, query(text, order, size=7), TINY)
    listed = [json.loads(found) for one in statements for found in re.findall(r"json_each\('(.*?)'\)", one)]
    assert len(listed) > 100
    assert max(map(len, listed)) == TINY.most


def test_waiting_runs_are_found_by_their_latest_values(connection: sqlite3.Connection) -> None:
    made = records()
    make_wait(connection, {made[3].id: 0.9, made[4].id: None, made[27].id: math.inf, made[62].id: 0.0})
    for limits in TINY, LIMITS:
        for order in "metrics.loss", "metrics.loss DESC", "metrics.tied", "start_time":
            for text in "metrics.loss <= 0.4", "", "params.kind = 'a' and metrics.tied = 1":
                assert_pages(connection, query(text, order), made, limits)


@pytest.mark.parametrize("limits", [TINY, LIMITS], ids=["tiny", "usual"])
def test_texts_that_begin_alike_are_ordered_by_their_whole_values(limits: Limits) -> None:
    texts = ["", "a", "a\0", "a\0b", "a\1", "x" * 64, "x" * 64 + "b", "x" * 64 + "a", "\U0010ffff", "\ud7ff", "\ue000"]
    made = [
        RunRecord(f"{number:032x}", "1", params={"p": text}, latest_texts={"t": text}, start_time=number % 3)
        for number, text in enumerate(texts * 5)
    ]
    connection, _ = filled(made)
    for order in "params.p", "params.p DESC":
        assert_pages(connection, query("", order), made, limits)
        for text in texts:
            assert_pages(connection, query(f"params.p = '{text}'", order), made, limits)
            assert_pages(connection, query(f"tags.t = '{text}'", order), made, limits)
        for prefix in "", "x" * 65, "\ud7ff", "\U0010ffff":
            assert_pages(connection, query(f"params.p LIKE '{prefix}%'", order), made, limits)
    connection.close()


def after(answer: Answer, asked: RunQuery) -> RunQuery:
    return replace(asked, page_token=answer.next_token)


def test_a_page_starts_after_the_last_run_of_the_page_before(
    connection: sqlite3.Connection,
) -> None:
    asked = query("params.kind = 'a'", "metrics.few", size=4)
    first = answer_of(connection, asked)
    expected = answer_of(connection, after(first, asked)).ids
    connection.execute("UPDATE run SET experiment = -1 WHERE key = ?", (first.keys[-1],))
    assert answer_of(connection, after(first, asked)).ids == expected
    connection.execute("DELETE FROM series WHERE run = ?", (first.keys[-1],))
    connection.execute("DELETE FROM name WHERE key = 'few'")
    assert not set(answer_of(connection, after(first, asked)).ids) & set(first.ids)


def test_a_token_of_an_earlier_version_skips_as_many_runs_as_it_says(connection: sqlite3.Connection) -> None:
    asked = query("", "metrics.loss", size=None)
    whole = answer_of(connection, asked).ids
    page = answer_of(connection, replace(asked, max_results=5, page_token=encode_token(7)))
    assert page.ids == whole[7:12]
    assert answer_of(connection, replace(after(page, asked), max_results=5)).ids == whole[12:17]
    assert answer_of(connection, replace(asked, page_token=encode_token(2**70))).ids == []


def test_a_time_that_an_earlier_version_stored_as_bytes_is_a_place_in_the_order(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE run SET start_time = ? WHERE key IN (5, 6)", (b"\x01\xff",))
    asked = query("", "start_time DESC", size=1)
    first = answer_of(connection, asked)
    second = answer_of(connection, after(first, asked))
    assert sorted(first.keys + second.keys) == [5, 6]
    assert len(answer_of(connection, replace(after(second, asked), max_results=None)).ids) == 58


def token(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps({"after": list(values)}).encode()).decode()


@pytest.mark.parametrize("values", [
    (), ("id",), (1, 2, 3), (1, 2, 3, "id"), (True, 2, "id"), ([], 2, "id"), (math.nan, 2, "id"), (2**63, 2, "id"),
    ("\ud800", 2, "id"), ({"bytes": "x"}, 2, "id"), ({"bytes": 1}, 2, "id"), ({}, 2, "id"),
])  # fmt: skip
def test_a_token_of_another_order_is_refused(connection: sqlite3.Connection, values: Sequence[object]) -> None:
    with pytest.raises(InvalidValue):
        answer_of(connection, replace(query("", "metrics.loss"), page_token=token(*values)))


def test_an_object_in_place_of_values_is_refused(connection: sqlite3.Connection) -> None:
    text = base64.urlsafe_b64encode(b'{"after": {"a": 1}}').decode()
    with pytest.raises(InvalidValue):
        answer_of(connection, replace(query(""), page_token=text))


def test_the_plan_is_logged(connection: sqlite3.Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "bridge"):
        answer_of(connection, query("params.rare = 'r3'"))
    assert "A search by the plan 'ranges' looked at 5 runs to find 3." in caplog.messages


def test_if_all_runs_in_the_ranges_match_only_the_wanted_ones_are_checked(connection: sqlite3.Connection) -> None:
    limits = LIMITS._replace(narrow=0, budget=1, first=10, lookup=1, worth=0)
    found = answer_of(connection, query("metrics.loss >= 0 and params.kind = 'a'", "metrics.loss", size=4), limits)
    assert (found.plan, len(found.ids), found.looked_at) == ("sorted ranges", 4, 5)
