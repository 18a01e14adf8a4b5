"""The comparators of the search grammar, as functions of a value and an operand."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Any

FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)
"""ILIKE ignores the case of ASCII letters only."""

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda value, operand: value in operand,
    "NOT IN": lambda value, operand: value not in operand,
    "LIKE": lambda value, operand: _is_like(value, operand),
    "ILIKE": lambda value, operand: _is_like(value.translate(FOLDED), operand.translate(FOLDED)),
}
"""Each comparator except IS NULL and IS NOT NULL. A value that is missing or NULL meets none of these."""


def _is_like(value: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in text), re.DOTALL)
