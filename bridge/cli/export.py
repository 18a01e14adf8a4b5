"""The file that `runbridge export` writes: runs with their params, metrics and tags."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bridge.cli.cells import AnyColumn, Cell, columns_named, values_of
from bridge.cli.json_records import run_json
from bridge.cli.output import json_line, notice, plain
from bridge.cli.progress import Advance, count_progress, is_shown
from bridge.cli.texts import plural
from bridge.records.labels import native_tags
from bridge.records.views import Column, KeyEntity
from bridge.runs.spreadsheets import MARK, guarded

if TYPE_CHECKING:
    from bridge.cli.run_search import Search
    from bridge.records.views import KeyRecord

USUAL = "id,name,number,status,user,start_time,end_time,duration"
ENTITIES: dict[str, KeyEntity] = {"params": "param", "metrics": "metric", "tags": "tag"}
PAGE = 1_000


def export(search: Search, file: Path | None, columns: str | None, is_json: bool, is_for_spreadsheets: bool) -> None:
    """Write the runs that a search finds, a batch at a time, and show the progress.

    Args:
        search: the search.
        file: the file; None means the standard output. It has its name only when it is complete.
        columns: the names of the columns of CSV; None means all attributes, params, latest metrics and tags.
        is_json: write a JSON object for each run instead of CSV.
        is_for_spreadsheets: mark the file as UTF-8, and guard texts that a spreadsheet would calculate.
    """
    chosen = columns_named(columns) if columns else {}
    total = 0
    with opened_file(file) as output, _bar(search, file) as advance:
        lines = _json(search, output) if is_json else _csv(search, output, chosen, is_for_spreadsheets)
        for count in lines:
            total += count
            advance(count)
    if file is not None:
        notice(f"{plural(total, 'run')} written to {file}.")


def _json(search: Search, output: TextIO) -> Iterator[int]:
    """Write batches of runs as JSON, and yield the number of runs in each."""
    for runs in search.runs():
        output.writelines(f"{json_line(run_json(run, search.experiment.name))}\n" for run in runs)
        yield len(runs)


def _csv(search: Search, output: TextIO, chosen: Mapping[str, AnyColumn], is_guarded: bool) -> Iterator[int]:
    """Write a line of names and batches of runs as CSV, and yield the number of runs in each batch."""
    columns = chosen or _all_columns(search)
    writer = csv.writer(output, lineterminator="\n")
    output.write(MARK if is_guarded else "")
    writer.writerow([guarded(name) if is_guarded else name for name in columns])
    for runs in search.runs():
        rows = values_of(search.stores, runs, list(columns.values()))
        writer.writerows([[_text(value, is_guarded) for value in row] for row in rows])
        yield len(runs)


def _text(value: Cell, is_guarded: bool) -> Cell:
    """Return a value as CSV shows it. NaN and ±inf are the same texts as in JSON."""
    if isinstance(value, float):
        return value if isfinite(value) else str(plain(value))
    return guarded(value) if is_guarded else value


def _all_columns(search: Search) -> dict[str, AnyColumn]:
    """Return attributes, and all params, metrics and tags that runs of the experiment have."""
    columns = columns_named(USUAL)
    for prefix, entity in ENTITIES.items():
        for key in _keys(search, entity):
            name = f"{key.key}.{key.column}" if key.column else key.key
            is_shown = key.value_type != "text" if entity == "metric" else bool(native_tags({name: None}))
            if is_shown:
                columns[f"{prefix}.{name}"] = Column(entity, name)
    return columns


def _keys(search: Search, entity: KeyEntity) -> Iterator[KeyRecord]:
    views, token = search.stores.tracking.views, None
    while True:
        page = views.list_keys([search.experiment.id], entity, "", PAGE, token)
        yield from page.items
        token = page.next_token
        if token is None:
            return


def _bar(search: Search, file: Path | None) -> AbstractContextManager[Advance]:
    """Show the progress, unless a person sees the output itself in the same terminal."""
    if not is_shown() or (file is None and sys.stdout.isatty()):
        return nullcontext(lambda count: None)
    total = search.stores.tracking.views.count_runs(search.query)[0][1]
    return count_progress("Exporting runs", total)


@contextmanager
def opened_file(file: Path | None) -> Iterator[TextIO]:
    """Open a file for writing. If the block fails, a file with this name is unchanged, and no part is left."""
    if file is None:
        yield sys.stdout
        return
    if file.exists() and not file.is_file():  # a pipe or a device cannot be replaced
        with open(file, "w", encoding="utf-8", errors="replace", newline="") as output:
            yield output
        return
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8", errors="replace", newline="") as output:
            yield output
        os.replace(part, file)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
