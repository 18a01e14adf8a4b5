"""Tables and styles for a terminal, with rich."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bridge.cli.texts import ID_LENGTH

STATUS_STYLES = {
    "Completed": "green",
    "Failed": "red",
    "Canceled": "yellow",
    "Running": "bold cyan",
    "NotResponding": "magenta",
    "Finalizing": "cyan",
}


@cache
def console() -> Console:
    """Return the console of the standard output. It obeys `NO_COLOR` and `COLUMNS`."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)


def styled(text: str) -> Text:
    """Return a text, in the colour of a status if it is one."""
    return Text(text, style=STATUS_STYLES.get(text, ""))


def table_of(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> Table:
    """Return a table without lines. Long texts end with an ellipsis, except the ids of runs, which name them."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    widest = max((len(row[0]) for row in rows), default=0)
    for header in headers:
        side: JustifyMethod = "right" if header in right else "left"
        least = min(widest, ID_LENGTH) if header == "ID" else None
        table.add_column(header, justify=side, no_wrap=True, overflow="ellipsis", min_width=least)
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    return table


def print_rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table that fits the width of the terminal."""
    console().print(table_of(headers, rows, right))
