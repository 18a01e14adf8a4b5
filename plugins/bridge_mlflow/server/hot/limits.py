"""The limits of searches through the server, and the tokens of their pages.

A filter that is larger than a person writes would take the time of other users.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from bridge.records.search import ExperimentQuery, RunQuery
from bridge.server.patterns import MOST_CHARACTERS, pattern_length
from bridge_mlflow.queries import start_of, token_text
from bridge_mlflow.translate.refusals import Refusal

Query = TypeVar("Query", RunQuery, ExperimentQuery)

FILTER_BYTES = 16_384
CLAUSES, VALUES, ORDER_KEYS = 64, 1_000, 8
MARK_BYTES = 12


def check_search(filter_text: str, order: Sequence[str]) -> None:
    """Check the size of a search before it is parsed.

    Raises:
        Refusal: it is too large.
    """
    if len(filter_text.encode()) > FILTER_BYTES:
        raise Refusal(f"The filter is too long: it may have at most {FILTER_BYTES} bytes.")
    if len(order) > ORDER_KEYS:
        raise Refusal(f"The search has {len(order)} order_by clauses: it may have at most {ORDER_KEYS}.")


def check_query(query: RunQuery | ExperimentQuery) -> None:
    """Check the size of a search after it was parsed.

    Raises:
        Refusal: it is too large.
    """
    if len(query.filter) > CLAUSES:
        raise Refusal(f"The filter has {len(query.filter)} clauses: it may have at most {CLAUSES}.")
    values = sum(len(clause.operand) for clause in query.filter if isinstance(clause.operand, tuple))
    if values > VALUES:
        raise Refusal(f"The filter lists {values} values: it may list at most {VALUES}.")
    if (length := pattern_length(query.filter)) > MOST_CHARACTERS:
        raise Refusal(f"The filter's patterns have {length} characters: they may have at most {MOST_CHARACTERS}.")


class PageTokens:
    """The page tokens of one search. Each has a mark, so that a client cannot pass it to another search.

    Args:
        workspace_id: the id of the workspace.
        search: what determines the results of the search.
    """

    def __init__(self, workspace_id: str, *search: object) -> None:
        self._key, self._search = workspace_id.encode(), repr(search).encode()

    def marked(self, token: str | bytes | None) -> str | None:
        """Return the token of a page with its mark."""
        if not token:
            return None
        text = token.decode() if isinstance(token, bytes) else token
        return f"{text}.{self._mark(text)}"

    def page(self, query: Query, token: str | None) -> Query:
        """Return a query for the page of a token that a client has sent. MLflow reads the token last, too.

        Raises:
            Refusal: as for `plain`.
        """
        plain = self.plain(token)
        return replace(query, page_token=token_text(plain)) if plain else query

    def plain(self, token: str | None) -> str | None:
        """Return the token that a client has sent, without its mark.

        Raises:
            Refusal: the token is not valid, or belongs to another search.
        """
        if not token:
            return None
        text, _, mark = token.rpartition(".")
        if text and mark == self._mark(text):
            return text
        start_of(text or token)  # raises MLflow's error if MLflow refuses the token, too
        raise Refusal("Invalid page token: it belongs to another search. Pass the token that a page has returned.")

    def _mark(self, text: str) -> str:
        content = self._search + b"\0" + text.encode()
        return hashlib.blake2b(content, key=self._key[:64], digest_size=MARK_BYTES).hexdigest()
