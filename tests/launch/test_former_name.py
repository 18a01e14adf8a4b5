"""A process that was started before an upgrade, such as a notebook, can start launchers by their former name."""

from __future__ import annotations

import subprocess
import sys

import pytest
from both_places import address_of
from submitting import Submit, log_of, queued

from bridge import Workspace
from bridge.launch import start

pytestmark = pytest.mark.processes

FORMER_CODE = (
    "import os, sys\n"
    "os.fork() and os._exit(0)\n"
    "sys.path[:] = [folder for folder in sys.path if folder] + [sys.argv[4]]\n"
    "from bridge.submit.launch import main\n"
    "sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))"
)
"""The code that version 0.1.0 passes to the interpreter of a launcher."""


def test_a_process_of_the_previous_version_starts_a_launcher(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "CODE", FORMER_CODE)
    run = submit("print('hello')")
    run.wait_for_completion()
    assert (run.status, log_of(run)) == ("Completed", "hello\n")


def test_a_scheduler_can_start_a_launcher_by_its_former_name(submit: Submit, workspace: Workspace) -> None:
    run = queued(submit, workspace, "print('hello')")
    command = [sys.executable, "-m", "bridge.submit.launch", address_of(workspace), run.id]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
    assert (run.status, log_of(run)) == ("Completed", "hello\n")
