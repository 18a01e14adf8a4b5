"""The subcommand `runbridge watch`: the running runs of an experiment, live."""

from __future__ import annotations

from bridge.cli.options import columns_option, experiment_argument, json_option, workspace_option
from bridge.cli.subcommands import subcommand


@subcommand("watch")
@experiment_argument
@columns_option
@json_option
@workspace_option
def command(experiment: str, columns: str | None, json: bool, workspace: str | None) -> None:
    """Watch the running runs of an experiment until Ctrl-C, which is no error: the exit code is 0.

    Runs that end remain in the table. In a pipe, a line is printed for each change.

    \b
    Examples:
      runbridge watch digits
      runbridge watch digits --columns name,status,metrics.loss:min
    """
    from bridge.cli.find_workspace import opened
    from bridge.cli.names import find_experiment
    from bridge.cli.watching import watch

    with opened(workspace) as stores:
        watch(stores, find_experiment(stores, experiment), columns, json)
