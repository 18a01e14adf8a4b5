"""MLflow's commands, called in this process, and which of them ask a store."""

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
"""Commands that are called on both stores, and must say the same."""

ELSEWHERE = {
    "demo": "test_servers.py",
    "models serve": "test_commands.py",
    "run": "test_projects.py",
    "server": "test_servers.py",
}
"""Commands that run on until they are stopped, or do more than they say, and where they are tested."""

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
"""Commands, or all of a group, that ask no store, or fail before they do."""

CHANGING = (
    (r"\x1b\[\d+m", ""),
    (r"(Run name: ).*", r"\1<chance>"),
    (r"(/\w+)+/tmp\w{8}\b", "<new folder>"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00| UTC|Z)?", "<time>"),
    (r"\b\d{13}(\d{6})?\b", "<time>"),
    (r'("execution_duration_ms": )\d+', r"\1<time>"),
    (r'("(digest|trace_id|span_id)": )"[^"<]+"', r'\1"<chance>"'),
    (r"[ -]{2,}", "  "),  # how wide a table is
    (r" +\n", "\n"),
)
ID = re.compile(r"\b(tr-|a-|m-|d-)?[0-9a-f]{32}\b")


class Said(NamedTuple):
    """What a command was, how it ended, what it printed, and the last line of what it complained of."""

    command: str
    exit_code: int
    printed: str
    complaint: str


def command_line() -> click.Group:
    """MLflow's command, which warns about type hints of its own when it is loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.cli import cli
    return cli


def every_command(command: click.Command | None = None, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command; of a group too that is one by itself."""
    command = command or command_line()
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from every_command(command.commands[name], (*above, name))
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield above


def in_order_of_columns(table: str) -> str:
    """A table of runs with its columns in order: MLflow's stand as its database gives a run's tags, which have none."""
    rows = list(csv.reader(table.splitlines()))
    return "\n".join(",".join(cells) for cells in zip(*sorted(zip(*rows, strict=True)), strict=True))


class CommandLine:
    """A person at a terminal whose MLflow is pointed at one store.

    Args:
        uri: the store.
        folder: where the person is; made if it is not there.
        names: texts that are this store's own, and what stands for them.

    Attributes:
        seen: what each call said.
        called: which of the commands that are compared were called.
    """

    def __init__(self, uri: str, folder: Path, names: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.uri, self.folder = uri, folder
        self.seen: list[Said] = []
        self.called: set[str] = set()
        self._names = sorted((names | {str(folder): "<folder>", uri: "<uri>"}).items(), key=lambda one: -len(one[0]))
        self._ids: dict[str, str] = {}

    def __call__(self, *words: str, **environment: str | None) -> str:
        """Call a command as a process of its own would be called; what it printed."""
        with self.at_work():
            done = CliRunner().invoke(command_line(), list(words), env=environment)
        complaint = done.stderr.strip().rpartition("\n")[2] if done.exit_code else ""
        if (error := done.exception) and not isinstance(error, SystemExit):
            complaint = f"{type(error).__module__}.{type(error).__name__}: " + str(error).split(" Error: ")[0]
        printed = self.plain(done.stdout)
        if words[:2] == ("runs", "list"):  # in the order of the seconds in which they began
            printed = "\n".join(sorted(printed.splitlines()))
        if words[:2] == ("experiments", "csv"):
            printed = in_order_of_columns(printed)
        self.seen.append(Said(self.plain(" ".join(words)), done.exit_code, printed, self.plain(complaint)))
        self.called |= {" ".join(words[:length]) for length in (1, 2)} & COMPARED
        return done.stdout

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """This process as if it were a new one of that person; what it leaves in the environment goes."""
        here = os.getcwd()
        os.chdir(self.folder)
        try:
            with mock.patch.dict(os.environ), _use_tracking_uri(self.uri):
                yield
        finally:
            os.chdir(here)
            mlflow.tracking.fluent._active_experiment_id = None

    def note(self, what: str, found: object) -> None:
        """Keep what is to be the same besides."""
        self.seen.append(Said(what, 0, self.plain(str(found)), ""))

    def plain(self, text: str) -> str:
        """A text without what differs from store to store and from time to time."""
        for name, placeholder in self._names:
            text = text.replace(name, placeholder)
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(text), indent=1, sort_keys=True)  # the order of tags is no promise
        for pattern, placeholder in CHANGING:
            text = re.sub(pattern, placeholder, text)
        text = ID.sub(lambda found: self._ids.setdefault(found[0], f"<{found[1] or ''}{len(self._ids)}>"), text)
        return text.strip()
