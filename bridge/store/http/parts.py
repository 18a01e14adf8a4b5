"""Reads from a server in parts, if one answer would be too large for the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from bridge.errors import InvalidValue
from bridge.records.limits import ANSWER

if TYPE_CHECKING:
    from bridge.records.page import Page
    from bridge.records.run import RunRecord
    from bridge.records.search import RunQuery
    from bridge.records.series import Series

RUNS, POINTS = 1_000, 1_000_000
"""The number of runs and of points of a page, if all of them are too many for one answer."""

Wanted = TypeVar("Wanted")
Key = TypeVar("Key")
Value = TypeVar("Value")


def in_parts(wanted: Sequence[Wanted], read: Callable[[Sequence[Wanted]], dict[Key, Value]]) -> dict[Key, Value]:
    """Return what is read for runs or series. If the server refuses an answer as too large, each half is read.

    Raises:
        InvalidValue: the answer for one of them is too large.
    """
    try:
        return read(wanted)
    except InvalidValue as error:
        if error.key != ANSWER or len(wanted) < 2:
            raise
    half = len(wanted) // 2
    return {**in_parts(wanted[:half], read), **in_parts(wanted[half:], read)}


def in_pages(query: RunQuery, read: Callable[[RunQuery], Page[RunRecord]]) -> Page[RunRecord]:
    """Return the runs of a search. If the server refuses all runs in one answer as too large, pages are read.

    Raises:
        InvalidValue: one page is too large.
    """
    try:
        return read(query)
    except InvalidValue as error:
        if error.key != ANSWER or query.max_results is not None:
            raise
    page = read(replace(query, max_results=RUNS))
    items = list(page.items)
    while page.next_token:
        page = read(replace(query, max_results=RUNS, page_token=page.next_token))
        items += page.items
    return replace(page, items=tuple(items))


def history_in_pages(offset: int, limit: int | None, read: Callable[[int, int | None], Series]) -> Series:
    """Return points of a history, given a function that reads those from an offset on, up to a limit.

    If the server refuses all points in one answer as too large, pages are read.
    """
    try:
        return read(offset, limit)
    except InvalidValue as error:
        if error.key != ANSWER or (limit is not None and limit <= POINTS):
            raise
    import numpy

    end = None if limit is None else offset + limit
    pages: list[Series] = []
    while not pages or (len(pages[-1].steps) == POINTS and (end is None or offset < end)):
        pages.append(read(offset, POINTS if end is None else min(POINTS, end - offset)))
        offset += POINTS
    return type(pages[0])(*(numpy.concatenate(columns) for columns in zip(*pages, strict=True)))
