"""MLflow's commands, called in this process, and the list of those that use a store."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import click
import mlflow
from click.testing import CliRunner
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

COMPARED = set(
    """artifacts download|artifacts list|artifacts log-artifact|artifacts log-artifacts
    crypto rotate-kek|datasets list|doctor|gc
    experiments create|experiments csv|experiments delete|experiments get|experiments rename|experiments restore
    experiments search|experiments update
    models generate-dockerfile|models predict|models prepare-env|models update-pip-requirements
    runs create|runs delete|runs describe|runs link-traces|runs list|runs restore
    scorers list|scorers register-llm-judge
    traces delete|traces delete-assessment|traces delete-tag|traces evaluate|traces get|traces get-assessment
    traces log-expectation|traces log-feedback|traces search|traces set-tag|traces update-assessment""".replace(
        "\n    ", "|"
    ).split("|")
)
"""Commands that are called on both stores, and must print the same."""

ELSEWHERE = {
    "demo": "test_servers.py",
    "models serve": "test_commands.py",
    "run": "test_projects.py",
    "server": "test_servers.py",
}
"""Commands that run until they are stopped, or have effects beyond their output, and the tests of them."""

WITHOUT_A_STORE = {
    "agent": "writes the settings of an assistant",
    "ai-commands": "prints texts of MLflow's own",
    "assistant": "writes the settings of an assistant",
    "autolog claude": "writes the settings of an assistant",
    "db": "hands the URI to SQLAlchemy before any plugin is asked",
    "deployments": "hands what it is given to the plugin of its target",
    "mcp": "needs fastmcp, and offers the commands that are compared",
    "migrate-filestore": "makes a SQLite file, and takes nothing else",
    "models build-docker": "needs Docker, after what `models generate-dockerfile` does",
    "sagemaker": "needs AWS",
    "skills": "prints texts of MLflow's own",
}
"""Commands, or groups of commands, that use no store, or fail before they use it."""

CHANGING = (
    (r"\x1b\[\d+m", ""),
    (r"(Run name: ).*", r"\1<chance>"),
    (r"(/\w+)+/tmp\w{8}\b", "<new folder>"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00| UTC|Z)?", "<time>"),
    (r"\b\d{13}(\d{6})?\b", "<time>"),
    (r'("execution_duration_ms": )\d+', r"\1<time>"),
    (r'("(digest|trace_id|span_id)": )"[^"<]+"', r'\1"<chance>"'),
    (r"[ -]{2,}", "  "),  # the width of a table
    (r" +\n", "\n"),
)
ID = re.compile(r"\b(tr-|a-|m-|d-)?[0-9a-f]{32}\b")


class Said(NamedTuple):
    """A command, its exit code, its output, and the last line of its error output."""

    command: str
    exit_code: int
    printed: str
    complaint: str


def command_line() -> click.Group:
    """Import MLflow's command, which warns about its own type hints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.cli import cli
    return cli


def every_command(command: click.Command | None = None, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, and of each group that is also a command."""
    command = command or command_line()
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from every_command(command.commands[name], (*above, name))
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield above


def in_order_of_columns(table: str) -> str:
    """Return a table of runs with sorted columns. MLflow's columns have the order of its database, which varies."""
    rows = list(csv.reader(table.splitlines()))
    return "\n".join(",".join(cells) for cells in zip(*sorted(zip(*rows, strict=True)), strict=True))


class CommandLine:
    """A person at a terminal whose MLflow uses one store.

    Args:
        uri: the store.
        folder: the working folder; created if it does not exist.
        names: texts of this store only, and their replacements.

    Attributes:
        seen: the result of each call.
        called: the compared commands that were called.
    """

    def __init__(self, uri: str, folder: Path, names: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.uri, self.folder = uri, folder
        self.seen: list[Said] = []
        self.called: set[str] = set()
        self._names = sorted((names | {str(folder): "<folder>", uri: "<uri>"}).items(), key=lambda one: -len(one[0]))
        self._ids: dict[str, str] = {}

    def __call__(self, *words: str, **environment: str | None) -> str:
        """Call a command as if in a process of its own, and return its output."""
        with self.at_work():
            done = CliRunner().invoke(command_line(), list(words), env=environment)
        complaint = done.stderr.strip().rpartition("\n")[2] if done.exit_code else ""
        if (error := done.exception) and not isinstance(error, SystemExit):
            complaint = f"{type(error).__module__}.{type(error).__name__}: " + str(error).split(" Error: ")[0]
        printed = self.plain(done.stdout)
        if words[:2] == ("runs", "list"):  # MLflow orders them by the second of their start
            printed = "\n".join(sorted(printed.splitlines()))
        if words[:2] == ("experiments", "csv"):
            printed = in_order_of_columns(printed)
        self.seen.append(Said(self.plain(" ".join(words)), done.exit_code, printed, self.plain(complaint)))
        self.called |= {" ".join(words[:length]) for length in (1, 2)} & COMPARED
        return done.stdout

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Make this process act as a new process of that person, and restore its environment afterwards."""
        here = os.getcwd()
        os.chdir(self.folder)
        try:
            with mock.patch.dict(os.environ), _use_tracking_uri(self.uri):
                yield
        finally:
            os.chdir(here)
            mlflow.tracking.fluent._active_experiment_id = None

    def note(self, what: str, found: object) -> None:
        """Record a further value that must be equal on both stores."""
        self.seen.append(Said(what, 0, self.plain(str(found)), ""))

    def plain(self, text: str) -> str:
        """Return a text without parts that differ between stores or runs."""
        for name, placeholder in self._names:
            text = text.replace(name, placeholder)
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(text), indent=1, sort_keys=True)  # the order of tags is not specified
        for pattern, placeholder in CHANGING:
            text = re.sub(pattern, placeholder, text)
        text = ID.sub(lambda found: self._ids.setdefault(found[0], f"<{found[1] or ''}{len(self._ids)}>"), text)
        return text.strip()
