"""Printing: JSON for programs, tables for people, and tab-separated lines for pipes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge.cli.texts import escaped


def is_terminal() -> bool:
    """Return whether a person reads the output in a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def print_json(record: Mapping[str, Any]) -> None:
    """Print a record as one line of JSON."""
    print(json_line(record))


def json_line(record: Mapping[str, Any]) -> str:
    """Return a record as JSON on one line. NaN and ±inf are the texts `NaN`, `Infinity` and `-Infinity`."""
    text = json.dumps(plain(record), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


_CONTROLS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Control characters that JSON does not escape."""


def plain(value: Any) -> Any:
    """Return a value in which NaN and ±inf are texts, because JSON has no such numbers."""
    if isinstance(value, float):
        if value != value:
            return "NaN"
        return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (), has_headers: bool = True
) -> None:
    """Print rows: in a terminal as a table that fits its width, in a pipe as tab-separated lines with a first line.

    Args:
        headers: the names of the columns.
        rows: a text for each column. Control characters are escaped.
        right: the columns whose texts are aligned to the right.
        has_headers: print the names of the columns.
    """
    shown = [[escaped(cell) for cell in row] for row in rows]
    names = [escaped(header) for header in headers]
    if is_terminal():
        from bridge.cli.terminal import print_rich_table

        print_rich_table(names, shown, [escaped(header) for header in right])
        return
    for row in [names, *shown] if has_headers else shown:
        print("\t".join(row))


def notice(text: str) -> None:
    """Tell a person something that is not part of the output. In a pipe, nothing is printed."""
    if sys.stderr.isatty():
        print(escaped(text), file=sys.stderr)
