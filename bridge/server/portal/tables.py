"""Tables of runs: chosen columns, the rows that match a filter, groups, and the keys that runs have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast, get_args

import numpy
from starlette.responses import Response

from bridge.errors import InvalidValue
from bridge.records.views import Column, KeyEntity, KeyRecord, Numbers, RunGroup, Texts
from bridge.runs.columns import columns_of, sorts_of, stored_columns_of
from bridge.runs.metric_values import KIND_NAMES
from bridge.runs.table_rows import read_rows
from bridge.server.portal.answers import frame_answer, json_answer
from bridge.server.portal.ask import Ask
from bridge.store.frames import Frame

DEFAULT_COLUMNS = "name,status,start_time,duration"
MOST_GROUPS, MOST_KEYS = 1_000, 500
SPREAD = ("count", "mean", "deviation", "minimum", "maximum", "median")
PRESENT = "#present"


def get_table(ask: Ask) -> Response:
    """Answer with columns of runs as a frame.

    The first columns are `#id` and `#number`. `total` and `cursor` are in the head. A number that is missing is NaN. If
    a run logged NaN in a column, a second column `<name>#present` has a 1 for each run that has a value.
    """
    cursor = ask.served.cursor()
    columns = columns_of(ask.query.get("cols") or DEFAULT_COLUMNS)
    sorts = sorts_of(ask.query.get("sort", ""))
    offset, limit = ask.number("offset", 0), ask.number("limit", 2**31)
    query = ask.runs_query([sort.ordering for sort in sorts if sort.ordering])
    found = read_rows(ask.views, query, sorts, tuple(columns.values()), offset, limit)
    frame = Frame(total=found.total, offset=offset, cursor=cursor)
    frame.add_texts("#id", numpy.arange(len(found.ids)), found.ids)
    frame.add("#number", "u4", found.numbers)
    for name, column in zip(columns, found.columns, strict=True):
        _add(frame, name, column)
    return frame_answer(frame)


def get_match(ask: Ask) -> Response:
    """Answer with the run numbers that match a filter, in the order of the filter, as the frame column `#number`."""
    cursor = ask.served.cursor()
    sorts = sorts_of(ask.query.get("sort", ""))
    query = ask.runs_query([sort.ordering for sort in sorts if sort.ordering])
    if all(sort.ordering for sort in sorts):
        numbers = ask.views.match(query).numbers
    else:
        numbers = read_rows(ask.views, query, sorts, ()).numbers
    frame = Frame(total=len(numbers), cursor=cursor)
    frame.add("#number", "u4", numbers)
    return frame_answer(frame)


def get_keys(ask: Ask) -> Response:
    """Answer with the keys that runs of an experiment have."""
    entity = ask.query.get("entity") or None
    if entity is not None and entity not in get_args(KeyEntity):
        raise InvalidValue("entity", entity, f"must be one of {', '.join(get_args(KeyEntity))}")
    limit = ask.number("limit", MOST_KEYS, 1, 20_000)
    page = ask.views.list_keys(
        [ask.experiment().id],
        cast("KeyEntity | None", entity),
        ask.query.get("prefix", ""),
        limit,
        ask.query.get("page"),
    )
    return json_answer(ask, {"keys": [key_json(key) for key in page.items], "next": page.next_token})


def key_json(key: KeyRecord) -> dict[str, Any]:
    """Return a key as JSON. The kind is a word, such as "scalar", "table", "image" or "description"."""
    return {
        "entity": key.entity,
        "key": key.key,
        "column": key.column,
        "kind": KIND_NAMES.get(key.kind, "description") if key.entity == "metric" else "",
        "type": key.value_type,
        "runs": key.runs,
        "minimum": key.minimum,
        "maximum": key.maximum,
        "words": key.words,
    }


def get_groups(ask: Ask) -> Response:
    """Answer with groups of runs as a frame.

    Each column of `by` is a column of the frame. `#runs` is the number of runs. For each column of `of`, there are the
    columns `<name>#count`, `#mean`, `#deviation`, `#minimum`, `#maximum` and `#median`. `ids` in the head are the ids
    of the first runs of each group.
    """
    by, of = stored_columns_of(ask.query.get("by", "")), stored_columns_of(ask.query.get("of", ""))
    limit = ask.number("limit", MOST_GROUPS, 1, MOST_GROUPS)
    groups = ask.views.group_runs(ask.runs_query(), tuple(by.values()), tuple(of.values()), limit)
    frame = Frame(ids=[group.ids for group in groups])
    frame.add("#runs", "u4", [group.runs for group in groups])
    for at, (name, column) in enumerate(by.items()):
        _add_values(frame, name, column, [group.values[at] for group in groups])
    for at, name in enumerate(of):
        _add_spread(frame, name, groups, at)
    return frame_answer(frame)


def _add(frame: Frame, name: str, column: Numbers | Texts) -> None:
    if isinstance(column, Texts):
        # Runs without a value have the word null, and so has a tag without a value: the store orders both as missing.
        null = column.words.index(None) if None in column.words else len(column.words)
        frame.add_texts(name, numpy.where(column.present, column.codes, null), dict.fromkeys((*column.words, None)))
        return
    frame.add(name, "f8", column.values)
    if bool((numpy.isnan(column.values) & column.present).any()):
        frame.add(name + PRESENT, "u1", column.present)


def _add_values(frame: Frame, name: str, column: Column, values: Sequence[str | float | None]) -> None:
    if column.is_number:
        frame.add(name, "f8", [numpy.nan if value is None else float(value) for value in values])
        return
    words = list(dict.fromkeys(None if value is None else str(value) for value in values))
    codes = {word: code for code, word in enumerate(words)}
    frame.add_texts(name, [codes[None if value is None else str(value)] for value in values], words)


def _add_spread(frame: Frame, name: str, groups: Sequence[RunGroup], at: int) -> None:
    for statistic in SPREAD:
        frame.add(f"{name}#{statistic}", "f8", [getattr(group.spreads[at], statistic) for group in groups])
