"""The help of `runbridge` names every subcommand, and every example in it runs."""

from __future__ import annotations

import re
import shlex

import pytest
from command_workspace import prepare
from terminal import in_pipe, in_terminal, output_of

from bridge import Workspace
from bridge.cli.subcommands import SECTIONS

pytestmark = pytest.mark.slow

NAMES = [name for names in SECTIONS.values() for name in names]
UNTIL_INTERRUPTED = {"server": "until Ctrl-C", "ui": "until Ctrl-C", "watch": "Ctrl-C ends this"}
"""The subcommands that run until Ctrl-C, and what they print first."""
EXAMPLE = re.compile(r"^ +(runbridge .*)$", re.MULTILINE)


def test_every_subcommand_is_in_the_help() -> None:
    text = output_of("--help")
    assert [name for name in NAMES if not re.search(rf"^  {name} +\S", text, re.MULTILINE)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_example_in_the_help_runs(workspace: Workspace, name: str) -> None:
    examples = EXAMPLE.findall(output_of(name, "--help"))
    assert examples
    for example in examples:
        arguments = [part.replace("./demo", ".") for part in shlex.split(example)[1:]]
        assert arguments[0] == name
        prepare(workspace, name)
        if name not in UNTIL_INTERRUPTED:
            done = in_pipe(*arguments)
            assert done.returncode == 0, (example, done.stderr)
            continue
        with in_terminal(*arguments) as terminal:
            terminal.wait_for(UNTIL_INTERRUPTED[name])
            terminal.type("\x03")
            assert terminal.end() == 0


def test_a_misspelt_subcommand_is_named_with_similar_ones() -> None:
    done = in_pipe("lst")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'list'" in done.stderr
    assert done.stderr.count("\n") == 1
