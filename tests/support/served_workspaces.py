"""A server of workspaces in a process of its own, as `runbridge server` starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class ServedBySubprocess(NamedTuple):
    """A running server.

    Attributes:
        address: the address without a slash at the end.
        process: its process.
        log: the file with its output.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def at(self, workspace: str) -> str:
        """Return the address of a workspace."""
        return f"{self.address}/w/{workspace}"


@contextmanager
def served(
    workspaces: Mapping[str, Path],
    log: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "bridge"),
    tokens: bool = False,
    python: str | Path = sys.executable,
) -> Iterator[ServedBySubprocess]:
    """Serve workspaces on a free port.

    Args:
        workspaces: the folders of the workspaces by their names.
        log: the file to which the output of the server is appended.
        options: more options of the command.
        environment: variables in addition to those of this process.
        program: how Python runs the command.
        tokens: whether a client needs a token.
        python: the interpreter.
    """
    options = options if tokens else ("--no-token", *options)
    names = [f"{name}={folder}" for name, folder in workspaces.items()]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(python), *program, "server", *names, "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=output,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
    try:
        yield ServedBySubprocess(_address(process, log), process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address that the server prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(rb"http://[\d.]+:\d+", line):
            return found[0].decode()
    raise AssertionError(log.read_text())
