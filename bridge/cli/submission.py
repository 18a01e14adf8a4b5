"""Submits the script of `runbridge run`, and follows its run."""

from __future__ import annotations

import json as json_text
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bridge.address import check_local_path
from bridge.cli.changed import print_runs
from bridge.cli.folder_names import allowed_name
from bridge.cli.output import notice
from bridge.cli.progress import waiting
from bridge.cli.run_labels import pairs_of
from bridge.cli.texts import ID_LENGTH
from bridge.errors import InvalidValue, SubmitFailed
from bridge.handles.experiment import Experiment
from bridge.handles.workspace import Workspace
from bridge.launch.definition import script_definition
from bridge.launch.script import ScriptRunConfig
from bridge.records.labels import param_values, run_tag_values
from bridge.records.text import check_text_or_none
from bridge.runs.submit import submit_script

if TYPE_CHECKING:
    from bridge.records.run import Status
    from bridge.store.run_place import RunPlace
    from bridge.store.workspace_stores import WorkspaceStores


FOLLOW = {"--follow", "-f"}


class Submission(NamedTuple):
    """The arguments of `runbridge run`."""

    script: str
    arguments: tuple[str, ...]
    experiment: str | None
    source_directory: str | None
    name: str | None
    tags: tuple[str, ...]
    params: tuple[str, ...]


def submit(stores: WorkspaceStores, given: Submission, quiet: bool, json: bool) -> RunPlace:
    """Start the run of a script, and print its id.

    Args:
        stores: the workspace.
        given: the arguments of the command.
        quiet: print the id for a person only, because the logs of the run are printed.
        json: print the record of the run instead. With `quiet`, it is printed later.
    """
    folder = check_local_path("--source-directory", given.source_directory or ".")
    if FOLLOW & {*given.arguments} and not quiet:
        notice("The script gets --follow, because it is after SCRIPT. Options of this command are before SCRIPT.")
    config = ScriptRunConfig(folder, script=script_in(folder, given.script), arguments=list(given.arguments))
    tags, params = run_tag_values(pairs_of(given.tags)), param_values(params_of(given.params))
    name = check_text_or_none("name", given.name)
    script_definition(config)  # refuses mistakes before an experiment is created
    experiment = Experiment(Workspace.wrap(stores), given.experiment or allowed_name(folder, "experiment"))
    with waiting(f"Submitting {given.script}"):
        place = submit_script(stores, experiment.id, config, tags, params=params, display_name=name)
    _report(place, quiet, json)
    return place


def script_in(folder: Path, script: str) -> str:
    """Return the path of a script relative to the source folder.

    The path is that of a file below the source folder, as seen from the working folder, or else from the source folder.

    Raises:
        InvalidValue: the script exists, but is not below the source folder.
    """
    path, below = check_local_path("script", script), folder.resolve()
    path = path.parent.resolve() / path.name  # the script may be a link
    if path.is_file() and path.is_relative_to(below):
        return path.relative_to(below).as_posix()
    if path.is_file() and not (below / script).is_file():
        raise InvalidValue("script", script, f"must be below the source folder {below}; see --source-directory")
    return script


def params_of(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the keys and values of texts such as `rate=0.1`."""
    found = {}
    for text in texts:
        key, sign, found[key] = text.partition("=")
        if not sign:
            raise InvalidValue("param", text, "must have the form KEY=VALUE")
    return found


def _report(place: RunPlace, quiet: bool, json: bool) -> None:
    run = place.record()
    if quiet:
        notice(f"Run {run.display_name} {run.id}")
    elif json:
        print_runs(place.stores, [run.id])
    else:
        print(run.id, flush=True)
    if run.status == "Failed":
        error = json_text.loads(run.error or "{}")
        raise SubmitFailed(f"Run {run.id}", None, str(error.get("message", "no reason is known")))
    if not quiet:
        notice(f"Started {run.display_name}. `runbridge logs --follow {run.id[:ID_LENGTH]}` prints its log.")


def follow_run(place: RunPlace, json: bool) -> Status:
    """Print the logs of a run until it ends, and return its status.

    With `json`, the logs are printed to the standard error, and the record of the run at the end to the output.
    """
    from bridge.cli.log_output import follow_logs

    try:
        with redirect_stdout(sys.stderr if json else sys.stdout):
            status = follow_logs(place, None)
    except KeyboardInterrupt:
        notice(f"The run continues. `runbridge cancel {place.run_id}` stops it.")
        raise
    if json:
        print_runs(place.stores, [place.run_id])
    notice(f"The run is {status}.")
    return status
