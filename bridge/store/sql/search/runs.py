"""Searches for runs. A search returns keys or ids of runs; it reads no points."""

from __future__ import annotations

import logging
import sqlite3
from typing import NamedTuple

from bridge.records.limits import INT64_MAX
from bridge.records.search import RunQuery
from bridge.store.sql.search import tokens
from bridge.store.sql.search.limits import LIMITS, Limits
from bridge.store.sql.search.plan import Search

logger = logging.getLogger("bridge")


class Answer(NamedTuple):
    """The runs that a search has found.

    Attributes:
        keys: the integer keys of the runs in the database, in the query's order.
        ids: the ids of the runs.
        next_token: the token of the next page, or None.
        plan: the name of the plan that was taken.
        looked_at: the number of runs for which the exact conditions were evaluated.
    """

    keys: list[int]
    ids: list[str]
    next_token: str | None
    plan: str
    looked_at: int


def search_run_keys(connection: sqlite3.Connection, query: RunQuery) -> tuple[list[int], str | None]:
    """Return the keys of the runs that match a query, in the query's order, and the token of the next page."""
    answer = answer_of(connection, query)
    return answer.keys, answer.next_token


def search_run_ids(connection: sqlite3.Connection, query: RunQuery) -> tuple[list[str], str | None]:
    """Return the ids of the runs that match a query, in the query's order, and the token of the next page."""
    answer = answer_of(connection, query)
    return answer.ids, answer.next_token


def answer_of(connection: sqlite3.Connection, query: RunQuery, limits: Limits = LIMITS) -> Answer:
    """Return the runs that match a query, and the plan that was taken."""
    search = Search(connection, query, limits)
    skipped, last = tokens.decode(query.page_token, len(search.order))
    if skipped > INT64_MAX:
        return Answer([], [], None, search.plan, 0)
    wanted = None if query.max_results is None else min(skipped + query.max_results + 1, INT64_MAX)
    rows = search.rows(wanted, last)[skipped:]
    page = rows if query.max_results is None else rows[: query.max_results]
    logger.debug("A search by the plan '%s' looked at %d runs to find %d.", search.plan, search.looked_at, len(page))
    token = tokens.encode(page[-1][1:]) if len(rows) > len(page) else None
    return Answer([row[0] for row in page], [row[-1] for row in page], token, search.plan, search.looked_at)
