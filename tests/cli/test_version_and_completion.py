"""`runbridge version` prints versions, and `runbridge completion` a script that a shell can run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from command_workspace import run_named
from terminal import in_pipe, in_terminal, output_of, shown_in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow


def test_versions_are_printed_in_a_pipe_and_in_a_terminal() -> None:
    for text in (output_of("version"), shown_in_terminal("version")):
        assert f"python {platform.python_version()}\n" in text
        assert "runbridge 0." in text
    assert output_of("--version").startswith("runbridge 0.")
    assert json.loads(output_of("version", "--json"))["python"] == platform.python_version()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_in_a_pipe_and_in_a_terminal(shell: str) -> None:
    script = output_of("completion", shell)
    assert "_RUNBRIDGE_COMPLETE" in script
    assert shown_in_terminal("completion", shell, columns=200).split() == script.split()


def test_bash_completes_runs_with_the_script(workspace: Workspace, tmp_path: Path) -> None:
    command = tmp_path / "runbridge"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m bridge "$@"\n')
    command.chmod(0o755)
    asked = (
        'eval "$(runbridge completion bash)"; COMP_WORDS=(runbridge show brave); COMP_CWORD=2;'
        ' _runbridge_completion runbridge; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", asked], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=True
    )
    assert done.stdout.split() == ["brave-fox"]
    assert run_named(workspace, "brave-fox").status == "Completed"


def test_an_unknown_shell_is_refused() -> None:
    done = in_pipe("completion", "csh")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_page_is_shown_in_a_terminal_until_ctrl_c(workspace: Workspace) -> None:
    with in_terminal("ui", "--port", "0", "--no-browser") as terminal:
        terminal.wait_for("http://127.0.0.1:")
        terminal.type("\x03")
        assert terminal.end() == 0
