"""Pieces of SQL for searches, and the conditions that searches of runs and of experiments share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any, NamedTuple

from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.search import Comparison

FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)
GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


class Sql(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


NEVER = Sql("1 = 0")


def joined(separator: str, parts: Sequence[Sql]) -> Sql:
    """Return pieces as one piece, with a separator between them."""
    return Sql(separator.join(part.text for part in parts), tuple(value for part in parts for value in part.values))


def among(column: str, numbers: Sequence[int], negated: bool = False) -> Sql:
    """Return the condition that a column is one of some numbers, or none of them.

    The numbers are written into the statement, because SQLite limits the number of question marks.
    """
    if not numbers:
        return Sql("1 = 1") if negated else NEVER
    return Sql(f"{column} {'NOT ' if negated else ''}IN ({', '.join(map(str, numbers))})")


def column_clause(column: str, clause: Comparison) -> Sql:
    """Compile a condition on a column."""
    if clause.operand is None:
        return Sql(f"{column} {clause.comparator}")
    return compared(Sql(column), clause)


def labelled(clause: Comparison, value: Sql, places: Sequence[Sql]) -> Sql:
    """Compile a condition on a label: a tag, property, param or logged text.

    The conditions IS NULL and IS NOT NULL ask whether the label exists. A label without a value also exists.

    Args:
        clause: the condition.
        value: the SQL of the label's value.
        places: the SQL of each table that may contain the label, beginning with FROM.
    """
    if clause.operand is not None:
        return compared(value, clause)
    there = joined(" OR ", [exists(place) for place in places])
    return Sql(f"{'NOT ' if clause.comparator == 'IS NULL' else ''}({there.text})", there.values)


def exists(place: Sql) -> Sql:
    """Return the condition that a query has a row. `place` is the query from FROM on."""
    return Sql(f"EXISTS (SELECT 1 {place.text})", place.values)


def compared(value: Sql, clause: Comparison) -> Sql:
    """Return the condition that a value meets a clause with an operand."""
    operand = clause.operand
    if isinstance(operand, tuple):
        if not operand:
            return NEVER if clause.comparator == "IN" else Sql(f"({value.text}) IS NOT NULL", value.values)
        marks = ", ".join("?" * len(operand))
        return Sql(f"{value.text} {clause.comparator} ({marks})", (*value.values, *operand))
    if isinstance(operand, str):
        return _compared_text(value, clause.comparator, operand)
    if operand is None or operand != operand:  # the operand is NaN, which SQLite would treat as NULL
        return NEVER if clause.comparator != "!=" else Sql(f"({value.text}) IS NOT NULL", value.values)
    return Sql(f"{value.text} {clause.comparator} ?", (*value.values, _within_int64(operand)))


def _compared_text(value: Sql, comparator: str, operand: str) -> Sql:
    # LIKE of a query distinguishes upper and lower case. LIKE of SQLite does not, so GLOB is used.
    if comparator == "LIKE":
        return Sql(f"{value.text} GLOB ?", (*value.values, operand.translate(GLOB)))
    if comparator == "ILIKE":
        return Sql(f"lower({value.text}) GLOB ?", (*value.values, operand.translate(FOLDED).translate(GLOB)))
    return Sql(f"{value.text} {comparator} ?", (*value.values, operand))


def _within_int64(number: float | int) -> float | int:
    """Return a number that SQLite accepts: infinity for an integer of more than 64 bits."""
    if isinstance(number, int) and not INT64_MIN <= number <= INT64_MAX:
        return math.inf if number > 0 else -math.inf
    return number


def direction(ascending: bool) -> str:
    """Return the SQL of an order's direction. Rows without a value come last in both directions."""
    return "ASC NULLS LAST" if ascending else "DESC NULLS LAST"
