"""The check of a filter while a person types it."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response

from bridge.errors import InvalidValue
from bridge.records.search_grammar import parse_run_filter
from bridge.records.search_tokens import Token, tokens_of
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import FILTER_BYTES, Ask, filter_of


def get_check(ask: Ask) -> Response:
    """Answer with the clauses of a filter, or with the first mistake and its position.

    A position is a pair of offsets in the filter, in characters, from the start of the faulty part to its end.
    """
    text = ask.query.get("q", "")
    try:
        clauses = filter_of(text)
    except InvalidValue as error:
        start, end, rule = _mistake(text, error.rule)
        return json_answer(ask, {"clauses": [], "error": {"sentence": rule, "start": start, "end": end}})
    return json_answer(
        ask,
        {
            "clauses": [
                {"entity": one.entity, "key": one.key, "comparator": one.comparator, "operand": one.operand}
                for one in clauses
            ],
            "error": None,
        },
    )


def _mistake(text: str, rule: str) -> tuple[int, int, str]:
    """Return the position of the first part of a filter that is not valid alone, and the rule that it breaks."""
    if len(text.encode(errors="replace")) <= FILTER_BYTES:
        for part in _parts(tokens_of(text)):
            start, end = part[0].start, part[-1].end
            try:
                parse_run_filter(text[start:end])
            except InvalidValue as error:
                return start, end, error.rule
    return 0, len(text), rule


def _parts(tokens: list[Token]) -> Iterator[list[Token]]:
    """Yield the parts of a filter between its ANDs."""
    part: list[Token] = []
    for token in tokens:
        if not token.is_keyword("AND"):
            part.append(token)
        elif part:
            yield part
            part = []
    if part:
        yield part
