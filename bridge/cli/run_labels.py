"""Changes the tags and the name of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.cli.changed import print_runs, report
from bridge.cli.names import find_run
from bridge.cli.output import print_table
from bridge.errors import InvalidValue
from bridge.records.labels import check_keys, native_tags, run_tag_values
from bridge.records.run import RunChanges

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


def tag_run(stores: WorkspaceStores, name: str, tags: Sequence[str], removed: Sequence[str], json: bool) -> None:
    """Set and remove tags of a run in one transaction."""
    run = find_run(stores, name, "active")
    values = run_tag_values(pairs_of(tags))
    for key in removed:
        if key in values:
            raise InvalidValue("tag", key, "must not be set and removed by the same command")
    stores.tracking.update_runs([run.id], RunChanges(tags=values, removed_tags=check_keys("tag key", list(removed))))
    done = [f"set {', '.join(values)}"] if values else []
    done += [f"removed {', '.join(removed)}"] if removed else []
    report(stores, [run], f"Tags of {{}}: {' and '.join(done).replace('{', '{{').replace('}', '}}')}.", json)


def pairs_of(texts: Sequence[str]) -> dict[str, str | None]:
    """Return the keys and values of texts such as `team=vision`. A text without `=` is a key without a value."""
    found: dict[str, str | None] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        found[key] = value if sign else None
    return found


def print_tags(stores: WorkspaceStores, name: str, json: bool) -> None:
    """Print the tags of a run, without those of MLflow."""
    run = find_run(stores, name)
    if json:
        print_runs(stores, [run.id])
        return
    print_table(("KEY", "VALUE"), [(key, value or "") for key, value in native_tags(run.tags).items()])


def rename_run(stores: WorkspaceStores, name: str, new: str, json: bool) -> None:
    """Give a run another name."""
    if not new.strip():
        raise InvalidValue("name", new, "must not be empty")
    run = find_run(stores, name, "active")
    stores.tracking.update_runs([run.id], RunChanges(display_name=new))
    report(stores, [run], "Renamed {} to " + new.replace("{", "{{").replace("}", "}}") + ".", json)
