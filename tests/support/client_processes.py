"""Processes of `training_client`, and what they have noted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import training_client

Note = list[Any]


class ClientProcess:
    """A process of `training_client`.

    Attributes:
        name: its name.
        process: the process.

    Args:
        address: the address of the workspace.
        name: a name that no other client has.
        folder: the folder for its notes and its output.
        home: its `BRIDGE_HOME`. Clients with another one are like clients on another computer.
        yardstick: the folder of a workspace without a server.
    """

    def __init__(self, address: str, name: str, folder: Path, home: Path, yardstick: Path) -> None:
        self.name = name
        self._notes, self._output = folder / f"{name}.notes", folder / f"{name}.output"
        self._notes.touch()
        command = [sys.executable, training_client.__file__, address, str(self._notes), str(yardstick), name]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "BRIDGE_HOME": str(home)},
            )

    @property
    def count(self) -> int:
        """The number of points of each key that the process has logged; 0 if it has no run yet."""
        with self._notes.open("rb") as file:
            file.seek(max(0, self._notes.stat().st_size - 2_000))
            lines = file.read().split(b"\n")[1:-1]
        return max((json.loads(line)[1] for line in lines if line.startswith(b'["points"')), default=0)

    @property
    def notes(self) -> list[Note]:
        """All notes."""
        return [json.loads(line) for line in self._notes.read_bytes().split(b"\n") if line]

    @property
    def output(self) -> str:
        """The output of the process."""
        return self._output.read_text(errors="replace")

    def kill(self) -> None:
        """Kill the process as `kill -9` does."""
        self.process.kill()
        self.wait()

    def end(self) -> None:
        """Let the process end in order. It may wait for the server; see `wait`."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self, seconds: float = 60) -> int:
        """Wait for the end of the process, and return its exit code."""
        code = self.process.wait(seconds)
        if self.process.stdin is not None:
            self.process.stdin.close()
        return code
