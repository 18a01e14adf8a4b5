"""The runs of the workspace in which the tests of the command work."""

from __future__ import annotations

from bridge import Experiment, Run, Workspace
from bridge.maintenance.backup import back_up
from bridge.records.search import RunQuery
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant
from bridge.server.settings import server_home

DIGITS = "digits"
LOG = b"first line\n\x1b[31mred\x1b[0m\nthird line\nno line end"
"""The log of the runs that have ended."""
SCRIPT = """\
import sys, time
print("arguments", sys.argv[1:], flush=True)
while "--wait" in sys.argv:
    time.sleep(0.1)
sys.exit(sys.argv.count("--fail"))
"""
"""A script that prints its arguments. With `--wait` it never ends, and with `--fail` it fails."""


def prepare(workspace: Workspace, subcommand: str) -> None:
    """Create what the documented lines of a subcommand need beside the workspace."""
    if subcommand == "restore":
        back_up(workspace.path, workspace.path.parent / "backups")
    elif subcommand == "token":
        with ServerDatabase(server_home()) as database:
            TokenStore(database).create_token("ann", [Grant("reader")])


def run_named(workspace: Workspace, name: str) -> Run:
    """Return the run with a display name."""
    return next(run for run in Experiment(workspace, DIGITS).get_runs() if run.display_name == name)


def is_deleted(workspace: Workspace, name: str) -> bool:
    """Return whether the run with a name is deleted. It must exist."""
    experiment = Experiment(workspace, DIGITS)
    runs = workspace.stores.tracking.search_runs(RunQuery((experiment.id,), view="all")).items
    return next(run.lifecycle_stage for run in runs if run.display_name == name) == "deleted"
