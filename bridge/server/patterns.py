"""The limit of the patterns of a search. A long pattern takes seconds for each long text that it is compared with."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.records.search import Comparison

MOST_CHARACTERS = 500
"""The greatest length of all patterns of a filter together."""


def pattern_length(clauses: Iterable[Comparison]) -> int:
    """Return the length of the patterns of the clauses with LIKE and ILIKE, in characters."""
    operands = (clause.operand for clause in clauses if clause.comparator in ("LIKE", "ILIKE"))
    return sum(len(operand) for operand in operands if isinstance(operand, str))
