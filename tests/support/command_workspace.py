"""The runs of the workspace in which the tests of the command work."""

from __future__ import annotations

from bridge import Experiment, Run, Workspace

DIGITS = "digits"


def run_named(workspace: Workspace, name: str) -> Run:
    """Return the run with a display name."""
    return next(run for run in Experiment(workspace, DIGITS).get_runs() if run.display_name == name)
