"""Removes what was deleted, permanently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from bridge.cli.json_records import experiment_json, run_json
from bridge.cli.output import is_terminal, notice, print_json, print_table
from bridge.cli.progress import count_progress
from bridge.cli.question import ask
from bridge.cli.run_rows import RUN_HEADERS, RUN_NUMBERS, run_row
from bridge.cli.texts import plural, size_text
from bridge.errors import InvalidValue
from bridge.records.times import now_ms
from bridge.runs.purge import deleted_experiments, deleted_runs, has_runs, remove_runs

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

AGE = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
UNITS_MS = (86_400_000, 3_600_000, 60_000, 1_000)

AT_ONCE = 100
"""The number of runs that are removed between two steps of the progress bar."""

SHOWN = 20
"""The greatest number of runs that are listed before the question."""


class Freed(NamedTuple):
    """The number of removed runs, and the size of their files."""

    runs: int
    size_bytes: int


def remove_deleted(stores: WorkspaceStores, older_than: str, dry_run: bool, yes: bool, json: bool) -> None:
    """Remove what was deleted long enough ago, after a question; see `bridge.cli.commands.gc`."""
    age = age_ms(older_than)
    if not dry_run:
        stores.tracking.resume_purge()  # completes what a killed process has started to remove
    runs = deleted_runs(stores, now_ms() - age)
    experiments = deleted_experiments(stores, now_ms() - age, runs)
    if not runs and not experiments:
        notice(f"Nothing was deleted{' that long ago' if age else ''}.")
        return
    what = " and ".join(_counts(runs, experiments))
    if not json and (dry_run or (is_terminal() and not yes)):
        _print_runs(stores, runs)
    if not dry_run:
        ask("remove", f"{what} permanently", yes=yes)
    if json:
        _print_json(stores, runs, experiments)
    if dry_run:
        notice(f"{what} would be removed permanently.")
    else:
        _remove_all(stores, runs, experiments, json)


def _remove_all(
    stores: WorkspaceStores, runs: Sequence[str], experiments: Sequence[ExperimentRecord], json: bool
) -> None:
    freed, emptied = _remove(stores, runs), _remove_experiments(stores, experiments)
    if not json:
        done = " and ".join(_counts(range(freed.runs), range(emptied)))
        notice(f"Removed {done or 'nothing'}. This freed {size_text(freed.size_bytes)} of files.")


def age_ms(text: str, option: str = "--older-than") -> int:
    """Return an age such as `30d` or `1d12h` in milliseconds. A number without a unit is refused, except 0."""
    found = AGE.fullmatch("0s" if text == "0" else text)
    if not text or found is None or len(text) > 20:
        raise InvalidValue(option, text, "must be an age with units, such as 30d, 12h or 1d12h")
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), UNITS_MS, strict=True))


def _counts(runs: Sequence[object], experiments: Sequence[object]) -> list[str]:
    counts = ((runs, "run"), (experiments, "experiment"))
    return [plural(len(found), noun) for found, noun in counts if found]


def _print_runs(stores: WorkspaceStores, runs: Sequence[str]) -> None:
    """Print the oldest runs for a person, and all of them in a pipe."""
    shown = runs[:SHOWN] if is_terminal() else runs
    found = stores.tracking.get_runs(shown, latest=False).values()
    print_table(RUN_HEADERS, [run_row(run, is_terminal()) for run in found], RUN_NUMBERS)
    if len(shown) < len(runs):
        notice(f"These are the oldest {len(shown)} of {plural(len(runs), 'run')}.")


def _print_json(stores: WorkspaceStores, runs: Sequence[str], experiments: Sequence[ExperimentRecord]) -> None:
    """Print what is removed, one line of JSON for each run and experiment."""
    for start in range(0, len(runs), AT_ONCE):
        for run in stores.tracking.get_runs(runs[start : start + AT_ONCE]).values():
            print_json(run_json(run, stores.tracking.get_experiment(run.experiment_id).name))
    for experiment in experiments:
        print_json(experiment_json(experiment, 0))


def _remove(stores: WorkspaceStores, runs: Sequence[str]) -> Freed:
    """Remove runs that are still deleted."""
    removed = size_bytes = 0
    with count_progress("Removing runs", len(runs)) as advance:
        for start in range(0, len(runs), AT_ONCE):
            some = runs[start : start + AT_ONCE]
            records = stores.tracking.get_runs(some, latest=False).values()
            found = [run for run in records if run.lifecycle_stage == "deleted"]
            size_bytes += sum(_size_bytes(stores, run) for run in found)
            remove_runs(stores, [run.id for run in found])
            removed += len(found)
            advance(len(some))
    return Freed(removed, size_bytes)


def _size_bytes(stores: WorkspaceStores, run: RunRecord) -> int:
    return sum(file.size_bytes or 0 for file in stores.artifacts.list(run.artifact_root, recursive=True))


def _remove_experiments(stores: WorkspaceStores, experiments: Sequence[ExperimentRecord]) -> int:
    """Remove deleted experiments without runs, and return their number. A run can have been restored concurrently."""
    empty = [each for each in experiments if not has_runs(stores, each.id)]
    for experiment in empty:
        stores.tracking.purge_experiment(experiment.id)
    return len(empty)
