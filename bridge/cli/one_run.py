"""The text and the JSON that `runbridge show` prints of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bridge.cli.json_records import run_json
from bridge.cli.output import is_terminal, print_json, print_table
from bridge.cli.run_rows import lasted
from bridge.cli.texts import escaped, number_text, size_text, time_text
from bridge.errors import NotAllowed
from bridge.records.failure import stored_json
from bridge.records.labels import native_tags
from bridge.records.series import SCALAR
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.records.run import RunRecord
    from bridge.records.views import SeriesSummary
    from bridge.store.workspace_stores import WorkspaceStores

TRACE = "debug_stack_trace"
"""The key of the traceback in a stored error."""

FILES = 50
"""The greatest number of files that are shown."""


def print_run_json(stores: WorkspaceStores, run: RunRecord) -> None:
    """Print everything about a run as one line of JSON."""
    print_json(
        {
            **run_json(run, _experiment(stores, run)),
            "series": [_series_json(one) for one in stores.tracking.views.list_series(run.id)],
            "files": [{"path": file.path, "size_bytes": file.size_bytes} for file in _files(stores, run)],
            "error": stored_json(run.error),
            "warnings": list(run.warnings),
            "properties": dict(run.properties),
        }
    )


def print_run(stores: WorkspaceStores, run: RunRecord) -> None:
    """Print everything about a run for a person."""
    print(f"{escaped(run.display_name)}  {run.id}")
    _print_facts(stores, run)
    _print_pairs("Params", run.params.items())
    _print_metrics(stores, run)
    _print_pairs("Tags", ((key, value or "") for key, value in native_tags(run.tags).items()))
    _print_files(_files(stores, run))
    _print_lines("Warnings", run.warnings)
    _print_error(run)


def _experiment(stores: WorkspaceStores, run: RunRecord) -> str:
    return stores.tracking.get_experiment(run.experiment_id).name


def _print_facts(stores: WorkspaceStores, run: RunRecord) -> None:
    facts = {
        "experiment": _experiment(stores, run),
        "status": run.status,
        "started": time_text(run.start_time),
        "duration": lasted(run),
        "user": run.user,
        "parent": run.parent_id,
        "stage": None if run.lifecycle_stage == "active" else run.lifecycle_stage,
        "note": run.description,
    }
    for name, value in facts.items():
        if value:
            print(f"{name:<11}{escaped(value)}")


def _print_pairs(title: str, pairs: Iterable[tuple[str, str]]) -> None:
    _print_lines(title, [f"{key} = {value}" for key, value in pairs])


def _print_lines(title: str, lines: Iterable[str]) -> None:
    shown = [f"  {escaped(line)}" for line in lines]
    if shown:
        print("\n".join(["", title, *shown]))


def _print_metrics(stores: WorkspaceStores, run: RunRecord) -> None:
    series = [one for one in stores.tracking.views.list_series(run.id) if one.kind == SCALAR]
    if not series:
        return
    print("\nMetrics")
    numbers = [one.key for one in series if one.value_type != "text"]
    courses = _courses(stores, run, numbers) if is_terminal() and numbers else {}
    rows = [(f"  {one.key}", _value(one.last), *_extremes(one), courses.get(one.key, "")) for one in series]
    headers = (
        ("  KEY", "LATEST", "LEAST", "GREATEST", "COURSE") if courses else ("  KEY", "LATEST", "LEAST", "GREATEST")
    )
    print_table(headers, [row[: len(headers)] for row in rows], right=("LATEST", "LEAST", "GREATEST"))


def _courses(stores: WorkspaceStores, run: RunRecord, keys: list[str]) -> dict[str, str]:
    from bridge.cli.sparkline import sparklines

    return sparklines(stores, run.id, keys)


def _extremes(one: SeriesSummary) -> tuple[str, str]:
    return ("", "") if one.value_type == "text" else (number_text(one.minimum), number_text(one.maximum))


def _value(value: Any) -> str:
    return number_text(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _files(stores: WorkspaceStores, run: RunRecord) -> list[ArtifactRecord]:
    """Return the files of a run. If only MLflow's clients can read them, the list is empty."""
    try:
        root = RunPlace(stores, run.experiment_id, run.id).root()
    except NotAllowed:
        return []
    return list(stores.artifacts.list(root, "", recursive=True))


def _print_files(files: list[ArtifactRecord]) -> None:
    lines = [f"{file.path}  {size_text(file.size_bytes)}" for file in files[:FILES]]
    if len(files) > FILES:
        lines.append(f"and {len(files) - FILES:,} more")
    _print_lines("Files", lines)


def _print_error(run: RunRecord) -> None:
    """Print the error of a run, and its traceback on several lines."""
    error = stored_json(run.error)
    if error is None:
        return
    if not isinstance(error, dict):
        error = {"message": str(error)}
    code, message, trace = (str(error.get(name) or "") for name in ("code", "message", TRACE))
    _print_lines("Error", [" ".join(part for part in (code and f"{code}:", message) if part)])
    if trace:
        print("\n".join(f"  {escaped(line)}" for line in trace.splitlines()))


def _series_json(one: SeriesSummary) -> dict[str, Any]:
    return {
        "key": one.key,
        "column": one.column,
        "points": one.points,
        "latest": one.last,
        "step": one.step,
        "timestamp": one.timestamp,
        "minimum": None if one.value_type == "text" else one.minimum,
        "maximum": None if one.value_type == "text" else one.maximum,
    }
