"""The comparison that `runbridge compare` prints: what differs between runs, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bridge.cli.output import is_terminal, notice, print_json, print_table
from bridge.cli.run_facts import Facts, facts_of
from bridge.cli.texts import ID_LENGTH, number_text, plural
from bridge.errors import InvalidValue

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

SECTIONS = ("run", "params", "metrics", "tags", "environment", "packages", "source")
MOST_RUNS = 100
KEY_WIDTH, RUN_WIDTH = 24, 14
"""The least widths of the columns in a terminal. Runs that have no room are in a table below."""


class Row(NamedTuple):
    """A key, and its value in each run. None means that the run has no value."""

    section: str
    key: str
    values: tuple[str | float | None, ...]

    @property
    def is_different(self) -> bool:
        """Whether the runs have different values. NaN is equal to itself."""
        return len({repr(value) for value in self.values}) > 1


def compare(stores: WorkspaceStores, runs: Sequence[RunRecord], has_equal: bool, json: bool) -> None:
    """Print what differs between runs.

    Args:
        stores: the workspace.
        runs: the records of the runs, with the latest values of their metrics. A run that is named twice counts once.
        has_equal: print also what is equal.
        json: print a JSON object for each row.

    Raises:
        InvalidValue: fewer than two or very many runs are given.
    """
    distinct = list({run.id: run for run in runs}.values())
    if not 2 <= len(distinct) <= MOST_RUNS:
        raise InvalidValue("runs", len(distinct), f"must be 2 to {MOST_RUNS} different runs")
    rows = list(_rows([facts_of(stores, run) for run in distinct]))
    shown = [row for row in rows if has_equal or row.is_different]
    if json:
        _print_json(distinct, shown)
    elif is_terminal():
        _print_tables(distinct, shown)
    else:
        _print_lines(distinct, shown)
    if len(shown) < len(rows):
        notice(f"{plural(len(rows) - len(shown), 'equal row')} not shown. `--all` shows everything.")


def _rows(facts: Sequence[Facts]) -> Iterator[Row]:
    """Yield the rows by section. Params, metrics and tags have the order of the runs, the rest that of its names."""
    keys = list(dict.fromkeys(key for own in facts for key in own))
    for section in SECTIONS:
        names = [name for own, name in keys if own == section]
        for name in sorted(names) if section in ("packages", "source") else names:
            yield Row(section, name, tuple(own.get((section, name)) for own in facts))


def _print_json(runs: Sequence[RunRecord], rows: Sequence[Row]) -> None:
    ids = [run.id for run in runs]
    for row in rows:
        about = {"kind": "comparison", "section": row.section, "key": row.key, "different": row.is_different}
        print_json({**about, "values": dict(zip(ids, row.values, strict=True))})


def _print_lines(runs: Sequence[RunRecord], rows: Sequence[Row]) -> None:
    lines = [(row.section, row.key, *("" if value is None else str(value) for value in row.values)) for row in rows]
    print_table(("SECTION", "KEY", *(run.id for run in runs)), lines)


def _print_tables(runs: Sequence[RunRecord], rows: Sequence[Row]) -> None:
    """Print tables of as many runs as the terminal has room for."""
    from bridge.cli.terminal import console

    room = max(1, (console().width - KEY_WIDTH - 2) // (RUN_WIDTH + 2))
    for at in range(0, len(runs), room):
        part = slice(at, at + room)
        lines = [
            ("", *(run.id[:ID_LENGTH] for run in runs[part])),
            *_lines(rows, part),
        ]
        print_table(("", *(run.display_name for run in runs[part])), lines)
        if at + room < len(runs):
            print()


def _lines(rows: Sequence[Row], part: slice) -> Iterator[tuple[str, ...]]:
    """Yield the texts of a part of each row, with a line before each section."""
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            yield (section.upper(), *("" for _ in row.values[part]))
        yield (f"  {row.key}", *_texts(row)[part])


def _texts(row: Row) -> list[str]:
    """Return the texts of the values. Numbers are rounded, unless different numbers would then look equal."""
    numbers = {value for value in row.values if isinstance(value, float)}
    is_exact = len({number_text(value) for value in numbers}) < len({repr(value) for value in numbers})
    text = repr if is_exact else number_text
    return [text(value) if isinstance(value, float) else str(value or "") for value in row.values]
