"""Every line with `runbridge` in the README and in the documents runs in a workspace."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_workspace import prepare
from terminal import in_pipe, in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
UNTIL_INTERRUPTED = {"server": "until Ctrl-C", "ui": "until Ctrl-C", "watch": "Ctrl-C ends this"}
"""The subcommands that run until Ctrl-C, and what they print first."""


def documented_lines() -> list[str]:
    """Return the lines that run the command, each once."""
    found = []
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in BLOCK.findall(document.read_text(encoding="utf-8")):
            found += re.findall(r"\brunbridge( [^\n#|)>&]*)", block)
    return list(dict.fromkeys(line.strip() for line in found))


@pytest.mark.parametrize("line", documented_lines())
def test_a_documented_line_runs(workspace: Workspace, line: str) -> None:
    arguments = [part.replace("./demo", ".") for part in shlex.split(line)]
    if arguments[0] not in UNTIL_INTERRUPTED:
        prepare(workspace, arguments[0])
        done = in_pipe(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return
    with in_terminal(*arguments) as terminal:
        terminal.wait_for(UNTIL_INTERRUPTED[arguments[0]])
        terminal.type("\x03")
        assert terminal.end() == 0
