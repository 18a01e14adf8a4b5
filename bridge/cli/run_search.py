"""The search of `runbridge search`: runs of an experiment that match a filter, with chosen columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.cli.cells import AnyColumn, cell_text, columns_named, headers_of, is_right, values_of
from bridge.cli.json_records import run_json
from bridge.cli.output import is_terminal, notice, print_json, print_table
from bridge.cli.texts import plural
from bridge.records.search import RunQuery, View
from bridge.records.search_grammar import parse_run_filter
from bridge.records.views import Column
from bridge.runs.columns import Sort, column_of, parts_of, sorts_of

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

BATCH = 1_000
"""The number of runs that are read and printed together."""

ID = Column("attribute", "run_id")
USUAL = "name,status,start_time,duration"
KINDS = {"metric": "metrics", "param": "params", "tag": "tags", "property": "properties"}


@dataclass(frozen=True)
class Search:
    """A search for runs of an experiment.

    Args:
        query: the filter, and the part of the order that a store knows.
        sorts: the whole order.
        sort_columns: the columns of the order, by the names that were given.
        limit: the greatest number of runs; None means all.
    """

    stores: WorkspaceStores
    experiment: ExperimentRecord
    query: RunQuery
    sorts: Sequence[Sort]
    sort_columns: Mapping[str, AnyColumn]
    limit: int | None

    def ids(self) -> Iterator[Sequence[str]]:
        """Yield the ids of the runs that were found, in batches. A notice follows if the limit skips runs."""
        found = self._stored_ids() if all(sort.ordering for sort in self.sorts) else self._sorted_ids()
        left = self.limit
        for ids in found:
            if left is not None and len(ids) > left:
                yield ids[:left]
                notice(f"More than {plural(left, 'run')} match. `--limit` or `--all` shows more.")
                return
            yield ids
            left = None if left is None else left - len(ids)

    def runs(self) -> Iterator[list[RunRecord]]:
        """Yield the records of the runs that were found, in batches, with the latest values of their metrics."""
        for ids in self.ids():
            records = self.stores.tracking.get_runs(ids)
            yield [records[id] for id in ids if id in records]

    def _stored_ids(self) -> Iterator[Sequence[str]]:
        """Yield the ids in an order that a store knows, up to one more than the limit."""
        left, token = self.limit, None
        while True:
            size = BATCH if left is None else min(BATCH, left + 1)
            page = self.stores.tracking.search_run_ids(replace(self.query, max_results=size, page_token=token))
            yield page.items
            left, token = None if left is None else left - len(page.items), page.next_token
            if token is None or (left is not None and left < 0):
                return

    def _sorted_ids(self) -> Iterator[Sequence[str]]:
        """Yield the ids in an order that a store does not know. For this, all runs that match are compared."""
        from bridge.runs.table_rows import read_rows

        most = 2**31 if self.limit is None else self.limit + 1
        found = read_rows(self.stores.tracking.views, self.query, self.sorts, (), 0, most).ids
        for at in range(0, max(1, len(found)), BATCH):
            yield found[at : at + BATCH]


def new_search(
    stores: WorkspaceStores, experiment: ExperimentRecord, filter: str, sort: str, view: View, limit: int | None
) -> Search:
    """Return a search.

    Args:
        stores: the workspace.
        experiment: the experiment.
        filter: a filter in MLflow's grammar. An empty text matches all runs.
        sort: names of columns, such as `-metrics.loss,name`; `-` means descending. `metrics.loss DESC`, as in MLflow,
            is the same.
        view: whether active or deleted runs are found.
        limit: the greatest number of runs; None means all.

    Raises:
        InvalidValue: the filter or the order is not valid.
    """
    sort = _with_signs(sort)
    sorts = sorts_of(sort)
    names = [name.removeprefix("-") for name in parts_of(sort)]
    order = tuple(sort.ordering for sort in sorts if sort.ordering)
    query = RunQuery((experiment.id,), parse_run_filter(filter), order, view)
    return Search(stores, experiment, query, sorts, {name: column_of(name) for name in names}, limit)


def _with_signs(sort: str) -> str:
    """Return an order with `-` in place of MLflow's `DESC`."""
    signed = re.sub(r"(^|,)\s*-?([^,]+?)\s+DESC\s*(?=,|$)", r"\1-\2", sort, flags=re.IGNORECASE)
    return re.sub(r",\s+", ",", re.sub(r"\s+ASC\s*(?=,|$)", "", signed, flags=re.IGNORECASE))


def print_search(search: Search, columns: str | None, json: bool, quiet: bool) -> None:
    """Print the runs that a search finds.

    Args:
        search: the search.
        columns: the names of the columns. None means the usual ones, and those of the filter and of the order.
        json: print JSON. Its field `columns` has the given columns.
        quiet: print only ids.
    """
    given = columns_named(columns) if columns else {}
    if quiet:
        for ids in search.ids():
            print("".join(f"{id}\n" for id in ids), end="")
        return
    is_first = True
    for runs in search.runs():
        if json:
            _print_json(search, runs, given)
        else:
            _print_rows(search, runs, given or _usual_columns(search), is_first)
        is_first = False


def _print_json(search: Search, runs: Sequence[RunRecord], columns: Mapping[str, AnyColumn]) -> None:
    rows = values_of(search.stores, runs, list(columns.values()))
    for run, row in zip(runs, rows, strict=True):
        print_json({**run_json(run, search.experiment.name), "columns": dict(zip(columns, row, strict=True))})


def _print_rows(search: Search, runs: Sequence[RunRecord], columns: Mapping[str, AnyColumn], is_first: bool) -> None:
    """Print a batch of runs. In a pipe, only the first batch has the names of the columns."""
    shown = {"run_id": ID, **columns}
    is_short = is_terminal()
    rows = [
        [cell_text(value, column, run, is_short) for value, column in zip(row, shown.values(), strict=True)]
        for run, row in zip(runs, values_of(search.stores, runs, list(shown.values())), strict=True)
    ]
    headers = headers_of(shown, is_short)
    right = [header for header, column in zip(headers, shown.values(), strict=True) if is_right(column)]
    print_table(headers, rows, right, has_headers=is_first or is_short)
    if is_first and not runs:
        notice("No runs match.")


def _usual_columns(search: Search) -> dict[str, AnyColumn]:
    """Return the usual columns, and those that the filter and the order name."""
    columns = columns_named(USUAL)
    for clause in search.query.filter:
        if clause.entity in KINDS:
            column = Column(clause.entity, clause.key)  # type: ignore[arg-type]  # it is not a data set
            columns.setdefault(f"{KINDS[clause.entity]}.{clause.key}", column)
    more = {name: column for name, column in search.sort_columns.items() if column not in (*columns.values(), ID)}
    return {**columns, **more}
