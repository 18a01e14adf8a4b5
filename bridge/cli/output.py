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
    """Print a record as one line of JSON. NaN and ±inf are the texts `NaN`, `Infinity` and `-Infinity`."""
    text = json.dumps(_plain(record), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    print(text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode())


_CONTROLS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Control characters that JSON does not escape."""


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            return "NaN"
        return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print rows: in a terminal as a table that fits its width, in a pipe as tab-separated lines with a first line.

    Args:
        headers: the names of the columns.
        rows: a text for each column. Control characters are escaped.
        right: the columns whose texts are aligned to the right.
    """
    shown = [[escaped(cell) for cell in row] for row in rows]
    if is_terminal():
        from bridge.cli.terminal import print_rich_table

        print_rich_table(headers, shown, right)
        return
    print("\n".join("\t".join(row) for row in [list(headers), *shown]))


def notice(text: str) -> None:
    """Tell a person something that is not part of the output. In a pipe, nothing is printed."""
    if sys.stderr.isatty():
        print(escaped(text), file=sys.stderr)
