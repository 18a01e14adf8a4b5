"""The subcommand `runbridge export`: the runs of an experiment as a file."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.local_file import LocalFile
from bridge.cli.options import columns_option, experiment_argument, sort_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("export")
@experiment_argument
@click.argument("file", metavar="[FILE]", required=False, type=LocalFile())
@click.option("--csv", is_flag=True, help="Write CSV, which is the default.")
@click.option("--json", is_flag=True, help="Write JSON, one object in each line.")
@click.option("--filter", default="", metavar="FILTER", help="Write only runs that match, as in `runbridge search`.")
@sort_option
@columns_option
@click.option(
    "--spreadsheet", is_flag=True, help="Write CSV for spreadsheets: texts that begin like a formula get an apostrophe."
)
@workspace_option
def command(
    experiment: str,
    file: Path | None,
    csv: bool,
    json: bool,
    filter: str,
    sort: str,
    columns: str | None,
    spreadsheet: bool,
    workspace: str | None,
) -> None:
    """Export the runs of an experiment: a row for each run, with its params, latest metrics and tags.

    Without FILE, the rows are printed. A FILE that exists is replaced when the new one is complete. Times and durations
    are in milliseconds.

    \b
    Examples:
      runbridge export digits --csv runs.csv
      runbridge export digits --filter "metrics.loss < 0.3" --columns name,metrics.loss:min
      runbridge export digits --json runs.jsonl
    """
    from bridge.cli.export import export
    from bridge.cli.find_workspace import opened
    from bridge.cli.names import find_experiment
    from bridge.cli.run_search import new_search

    if json and (csv or columns or spreadsheet):
        raise click.UsageError("--json cannot be combined with --csv, --columns or --spreadsheet.")
    with opened(workspace) as stores:
        search = new_search(stores, find_experiment(stores, experiment), filter, sort, "active", None)
        export(search, file, columns, json, spreadsheet)
