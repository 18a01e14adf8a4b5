"""Any arguments of `runbridge` end with an exit code and at most one sentence, never with a traceback."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator

import click
import pytest
from longer import LONG, SCALE

from bridge import Workspace
from bridge.cli import command
from bridge.cli.command import main, runbridge

pytestmark = pytest.mark.slow

ENDLESS = ("ui", "server", "watch", "run", "completion")
"""Subcommands that go on until Ctrl-C, or start a process; `completion` prints what click has made."""
CODES = {0, 1, 2, 3, 130}
WORDS = (
    "", " ", "-", "--", "-1", "0", "7", "1e999", "nan", "é", "\udcff", "a\x00b", "\x1b[31m", "a" * 5000, "%", "_", "'",
    '"', "@latest", "@running", "@nothing", "brave-fox", "calm-owl", "quick-elk", "digits", "Default", "0", "1",
    "99999999999999999999", "loss", "Category", "outputs", "outputs/model.bin", "../outside", "outputs/../..",
    "metrics.loss < 0.5", "metrics.", "key=value", "=", "key=", "metrics.loss", "params.model DESC", "30d",
    "no-such-file", ".", "new",
)  # fmt: skip


def drawn(seed: int) -> Iterator[list[str]]:
    """Yield arguments: a subcommand with any of its options and any words."""
    pick = random.Random(seed)
    context = click.Context(runbridge)
    names = [name for name in runbridge.list_commands(context) if name not in ENDLESS]
    while True:
        name = pick.choice([*names, "", "lst", "--debugg"])
        found = runbridge.get_command(context, name)
        options = [option for one in found.params for option in one.opts if option.startswith("-")] if found else []
        options = [option for option in options if option not in ("--follow", "-f", "--edit")]
        words = [
            pick.choice(WORDS if not options or pick.random() < 0.6 else options) for _ in range(pick.randrange(5))
        ]
        yield [name, *words]


@pytest.mark.timeout(300 * SCALE)
@pytest.mark.parametrize("seed", range(3))
def test_any_arguments_end_with_one_sentence(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    monkeypatch.setattr(command.Shown, "traceback", False)
    below = workspace.path / "a" / "b" / "c"  # so that `..` stays in the test's folder
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("BRIDGE_WORKSPACE", str(workspace.path))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    all_arguments = drawn(random.randrange(2**32) if LONG else seed)
    for _ in range(150 * SCALE):
        arguments = next(all_arguments)
        monkeypatch.setattr(sys, "argv", ["runbridge", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code in CODES, arguments
        assert "Traceback" not in shown.err, (arguments, shown.err)
        assert not shown.err.startswith("runbridge: unexpected"), (arguments, shown.err)
        if ended.value.code in (1, 2):
            assert shown.err.startswith("runbridge: "), (arguments, shown.err)
            assert shown.err.count("\n") == 1, (arguments, shown.err)


def test_debug_shows_the_traceback(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["runbridge", "--debug", "show", "no-such-run"])
    with pytest.raises(LookupError):
        main()
    monkeypatch.setattr(command.Shown, "traceback", False)
