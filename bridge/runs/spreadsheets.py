"""Texts in CSV files that are opened with a spreadsheet."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The starts of texts that a spreadsheet takes as formulas."""

MARK = "\ufeff"
"""The mark at the start of a file by which a spreadsheet recognises UTF-8."""


def guarded(value: T) -> T | str:
    """Return a value that a spreadsheet does not calculate: a text that begins like a formula gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
